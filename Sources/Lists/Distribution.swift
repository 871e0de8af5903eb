// What the members of a list get of a post: its header rewritten, its body, a footer, and what is different for each.

import Digest
import MIME
import Octets
public import SMTP

public struct Distribution: Sendable {
  public let reversePath: ReversePath
  /// What stands in the place of the post's header.
  public let header: [UInt8]
  /// Where the body begins in the post.
  public let bodyStart: Int
  /// What is put behind the body; may be empty.
  public let footer: [UInt8]
  public let isUTF8: Bool

  private let fields: ListFields
  private let key: ListKey
  private var known: Set<Fingerprint> = []

  init(of post: Post, to list: ListFields, _ key: ListKey) {
    reversePath = ReversePath(list.address(.bounces(token: key.reports(list.list)))) ?? .null
    header = post.header.rewritten(post.beginning.span, list)
    bodyStart = post.header.end
    footer = Self.footer(of: post, list.settings.footer)
    isUTF8 = post.isUTF8
    (fields, self.key) = (list, key)
  }

  /// What is put below a post that is plain text as it stands. A text that is encoded or has parts stays whole.
  private static func footer(of post: Post, _ footer: String) -> [UInt8] {
    guard !footer.isEmpty, let text = post.header.text else { return [] }
    if footer.utf8.contains(where: { $0 >= 0x80 }) {
      let charset = text.parameter("charset", in: post.beginning.span)
      guard charset?.matches("utf-8") == true else { return [] }
    }
    return Array("\r\n-- \r\n".utf8) + Array(footer.utf8) + [13, 10]
  }

  /// Where a post goes for one member, and what is different for that member.
  public struct Copy: Sendable {
    public let mailbox: Mailbox
    /// The reverse-path, where it is not that of all.
    public var reversePath: ReversePath?
    /// Header fields in front of the others.
    public var fields: [UInt8] = []
  }

  /// The copy for a line of the members' file; nil if the line causes none: a member gets one, and a suspended member none.
  public mutating func copy(for line: MemberLine, _ states: MemberStates) -> Copy? {
    guard case .member(let member) = line, known.insert(Fingerprint(member)).inserted,
      states.state(of: member) != .suspended
    else { return nil }
    var copy = Copy(mailbox: member.mailbox)
    let settings = fields.settings
    guard settings.usesVERP || settings.url != nil else { return copy }
    let id = MemberID(fields.list, member)
    if settings.usesVERP {
      let token = key.token(.bounces, fields.list, id)
      copy.reversePath = ReversePath(fields.address(.bounces(token: token)))
    }
    if let url = settings.url {
      copy.fields = fields.oneClick(url, token: key.token(.leave, fields.list, id))
    }
    return copy
  }
}

/// 128 bits of a digest: enough to tell members apart without keeping their addresses.
private struct Fingerprint: Hashable {
  private var high: UInt64 = 0
  private var low: UInt64 = 0

  init(_ member: Member) {
    var digest = SHA256()
    let identity = member.identity
    digest.update(identity.span)
    let octets = digest.finish()
    for octet in octets[..<8] { high = high << 8 | UInt64(octet) }
    for octet in octets[8..<16] { low = low << 8 | UInt64(octet) }
  }
}
