// Posts: to the members at once, or held until an owner lets them go out.

import Digest
import Jobs
import Lists
import MIME
import POSIX
import Queue
import Routing
import SMTP
import Storage

extension Reception {
  borrowing func receivePost() throws(Failure) {
    if isAutomatic { return ignore("sent by a program") }
    if header.comes(from: fields.id) { return ignore("the list has sent it before") }
    if let reason = try reasonToHold() { return try hold(reason) }
    try distribute(file, from: offset, beginning, header, id: mail.id.octets)
  }

  /// Why the post must wait; nil if it need not.
  private borrowing func reasonToHold() throws(Failure) -> ListMail.HoldReason? {
    guard let author = header.author.flatMap({ Mailbox($0.address) }) else {
      return .noSingleAuthor
    }
    switch settings.post {
    case .anyone: return nil
    case .moderated: return .moderated
    case .members:
      let isMember = try reading { () throws(Errno) in try lists.isMember(Member(author), of: list)
      }
      // From outside anybody can write as an owner.
      let identity = Member(author).identity
      let isOwner = mail.isOurs && owners.contains { Member($0).identity == identity }
      return isMember || isOwner ? nil : .authorIsNoMember
    }
  }

  private static let longestCopy = 50_000

  private borrowing func hold(_ reason: ListMail.HoldReason) throws(Failure) {
    data.dropOld(now: now)
    let isHeld = try Self.keeping { () throws(ListData.Failure) in
      try data.hold(list, id: mail.id.octets, from: file, offset: offset)
    }
    guard isHeld else { return ignore("too many posts are held") }
    let copy = try Self.read(file, from: offset, upTo: Self.longestCopy)
    let token = key.moderation(list, post: mail.id.octets)
    try outbox.send(
      ListMail(.heldPost(token: token, reason: reason, original: copy), of: fields),
      of: list.octets, to: owners)
    log.write(.info, "hold") { line in
      line.add("list", list.octets)
      line.add("post", mail.id.octets)
    }
  }

  /// An owner has answered: the post goes out.
  borrowing func approve(_ token: [UInt8]) throws(Failure) {
    if isAutomatic { return ignore("sent by a program") }
    guard let id = key.moderated(token, list) else { return ignore("the token is not ours") }
    let post = try Self.keeping { () throws(ListData.Failure) in try data.heldPost(list, id: id) }
    guard let post else { return ignore("the post is not held any more") }
    let beginning = try Self.read(post, from: 0, upTo: Limits.header)
    try distribute(post, from: 0, beginning, PostHeader(beginning.span), id: id)
    data.drop(list, id: id)
  }

  /// Queues a post for all members, each once.
  private borrowing func distribute(
    _ file: borrowing FileDescriptor, from offset: Int, _ beginning: [UInt8], _ header: PostHeader,
    id: [UInt8]
  ) throws(Failure) {
    if header.isCut { throw .permanent("5.3.4 the header of the post is too large") }
    var fields = fields
    fields.replacesAuthor = try replacesAuthor(header)
    let states = try reading { () throws(Errno) in try lists.states(of: list) }
    let key = key
    let reports = ListAddress.Purpose.bounces(token: key.reports(list))
    var count = 0
    try outbox.add(
      "post", for: list.octets, from: ReversePath(fields.address(reports)) ?? .null,
      isUTF8: beginning[..<header.end].contains { $0 >= 0x80 }
    ) { (entry: inout Outbox.Draft) throws(Failure) in
      try entry.append(header.rewritten(beginning.span, fields))
      try entry.append(file, from: offset + header.end)
      if let footer = self.footer(header, beginning) { try entry.append(footer) }
      var known: Set<Fingerprint> = []
      var failure: Failure?
      try reading { () throws(Errno) in
        try lists.readMembers(of: list) { line, _ in
          guard failure == nil, case .member(let member) = line,
            known.insert(Fingerprint(member)).inserted, states.state(of: member) != .suspended
          else { return }
          count += 1
          do throws(Failure) { try entry.add(addressee(member, fields)) } catch { failure = error }
        }
      }
      if let failure { throw failure }
    }
    log.write(.info, "distribute") { line in
      line.add("list", list.octets)
      line.add("post", id)
      line.add("members", count)
    }
  }

  /// A member with what is different for each.
  private borrowing func addressee(_ member: Member, _ fields: ListFields) -> Job.Addressee {
    var addressee = Job.Addressee(Recipient(mailbox: member.mailbox))
    guard settings.usesVERP || settings.url != nil else { return addressee }
    let id = MemberID(list, member)
    if settings.usesVERP {
      addressee.reversePath = ReversePath(
        fields.address(.bounces(token: key.token(.bounces, list, id))))
    }
    if let url = settings.url {
      addressee.fields = fields.oneClick(url, token: key.token(.leave, list, id))
    }
    return addressee
  }

  /// Whether the list stands in the From field in the author's place.
  private borrowing func replacesAuthor(_ header: PostHeader) throws(Failure) -> Bool {
    switch settings.from {
    case .keep: return false
    case .rewrite: return true
    case .auto:
      guard let author = header.author.flatMap({ Mailbox($0.address) }) else { return false }
      do throws(Resolver.Failure) { return try DMARC.asksToRefuse(author) } catch {
        throw .temporary("the DMARC policy of the author's domain could not be asked for")
      }
    }
  }

  /// What is put below a post that is plain text as it stands. A text that is encoded or has parts stays whole.
  private borrowing func footer(_ header: PostHeader, _ beginning: [UInt8]) -> [UInt8]? {
    guard !settings.footer.isEmpty, let text = header.text else { return nil }
    let footer = Array(settings.footer.utf8)
    if footer.contains(where: { $0 >= 0x80 }) {
      let charset = text.parameter("charset", in: beginning.span).map {
        String(decoding: $0, as: UTF8.self).lowercased()
      }
      guard charset == "utf-8" else { return nil }
    }
    return Array("\r\n-- \r\n".utf8) + footer + [13, 10]
  }

  borrowing func forwardToOwners() throws(Failure) {
    let mark = Array("Delivered-To: ".utf8) + fields.address(.owner)
    if header.has(mark, in: beginning.span) {
      throw .permanent("5.4.6 the mail has been here before")
    }
    let owners = owners
    try outbox.add(
      "owner", for: list.octets, from: mail.reversePath,
      isUTF8: beginning[..<header.end].contains { $0 >= 0x80 }
    ) { (entry: inout Outbox.Draft) throws(Failure) in
      try entry.append(mark + [13, 10])
      try entry.append(file, from: offset)
      for owner in owners { try entry.add(Job.Addressee(Recipient(mailbox: owner))) }
    }
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
