// The header of a mail that came to a list: what the list must know of it, and what members get in its place.
//
// The author's fields and the body stay as they are, so that a signature of the author's (DKIM, RFC 6376) stays whole,
// unless the list has a prefix, a footer or `from=rewrite`. Fields that would make members' mail programs answer the
// wrong address, tell of earlier lists or let out a password are left out; the fields of RFC 2369 and RFC 2919 are put
// in front.

public import MIME
import Octets
import SMTP

public struct PostHeader: Sendable {
  /// The single author; nil if there is none, or more than one.
  public private(set) var author: NamedAddress?
  /// Whether a program sent it, or a list (RFC 3834 §5.2): it is not answered.
  public private(set) var isAutomatic = false
  public private(set) var subject: [UInt8] = []
  public private(set) var messageID: [UInt8]?
  /// The values of the List-Id fields, in lower case.
  private var listIDs: [[UInt8]] = []
  private var hasReplyTo = false

  /// The message as a part, if it is plain text as it stands: neither encoded nor made of parts.
  public let text: Part?
  /// Where the header ends and the body begins, behind the blank line if there is one.
  public let end: Int
  /// Whether there are more octets or fields than are read.
  public let isCut: Bool
  /// The octets of each field, with its line end.
  private var fields: [(field: HeaderField, range: Range<Int>)] = []

  /// Reads the header of `octets`, which begin with a message and hold all of its header, or `Limits.header` octets.
  public init(_ octets: Span<UInt8>) {
    let whole = Structure(octets).parts[0]
    end = whole.body.lowerBound
    text = whole.kind == .textPlain && whole.encoding == .identity ? whole : nil
    var reader = HeaderReader(octets, whole.header)
    var authors: [Address] = []
    while let field = reader.next(octets) {
      let next = octets.endOfLine(from: field.value.upperBound)
      fields.append((field, field.name.lowerBound..<next))
      if field.isNamed("from", in: octets) {
        authors += field.addresses(in: octets).addresses
      } else if field.isNamed("subject", in: octets) {
        subject = field.text(in: octets)
      } else if field.isNamed("message-id", in: octets) {
        messageID = field.messageIDs(in: octets).first
      } else if field.isNamed("reply-to", in: octets) {
        hasReplyTo = true
      } else if field.isNamed("list-id", in: octets) {
        listIDs.append(field.text(in: octets).lowercased())
      } else if field.isNamed("auto-submitted", in: octets) {
        let value = field.text(in: octets).lowercased()
        if !value.starts(with: "no".utf8) { isAutomatic = true }
      } else if field.isNamed("precedence", in: octets) {
        let value = field.text(in: octets).lowercased()
        let words = ["bulk", "junk", "list"]
        if words.contains(where: { value.elementsEqual($0.utf8) }) { isAutomatic = true }
      }
    }
    isCut = reader.isCut || octets.count >= Limits.header && end == octets.count
    if authors.count == 1, Mailbox(authors[0].address) != nil {
      author =
        (try? NamedAddress(authors[0])) ?? (try? NamedAddress(ofEnvelope: authors[0].address))
    }
  }

  /// Whether a field has this line, in any case.
  public func has(_ line: [UInt8], in octets: Span<UInt8>) -> Bool {
    let wanted = line.lowercased()
    return fields.contains { _, range in
      var other: [UInt8] = []
      for index in range where octets[index] >= 32 { other.append(octets[index].lowercased) }
      return other == wanted
    }
  }

  /// Whether the list has sent it before.
  public func comes(from id: [UInt8]) -> Bool {
    let mark = [UInt8(ascii: "<")] + id.lowercased() + [UInt8(ascii: ">")]
    return listIDs.contains { value in
      value.count >= mark.count
        && (0...(value.count - mark.count)).contains { value[$0...].starts(with: mark) }
    }
  }
}

/// What is put into the header of a post.
public struct ListFields: Sendable {
  public let list: ListName
  /// The domain of the list's addresses.
  public let domain: [UInt8]
  public let settings: ListSettings
  /// Whether the list stands in the From field.
  public var replacesAuthor = false

  public init(_ list: ListName, at domain: [UInt8], _ settings: ListSettings) {
    (self.list, self.domain, self.settings) = (list, domain, settings)
  }

  public func address(_ purpose: ListAddress.Purpose) -> [UInt8] {
    ListAddress(list, purpose).localPart + [UInt8(ascii: "@")] + domain
  }

  /// The id of RFC 2919, without brackets.
  public var id: [UInt8] { list.octets + [UInt8(ascii: ".")] + domain }

  /// `List-Unsubscribe` and `List-Unsubscribe-Post` for one member (RFC 8058).
  public func oneClick(_ url: [UInt8], token: [UInt8]) -> [UInt8] {
    let link = url + Array("/lists/".utf8) + list.octets + Array("/unsubscribe/".utf8) + token
    return Array("List-Unsubscribe: <".utf8) + link + Array(">,\r\n <mailto:".utf8)
      + address(.unsubscribe)
      + Array(">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".utf8)
  }

  /// The fields that all members get, each with its line end.
  func octets() -> [UInt8] {
    var output: [UInt8] = []
    if !settings.description.utf8.isEmpty, settings.description.utf8.count <= 200 {
      // A phrase in front of the id, written as the name in front of an address is.
      output += phrase(settings.description)
    } else {
      output += Array("List-Id:".utf8)
    }
    output += Array(" <".utf8) + id + Array(">\r\n".utf8)
    func field(_ name: String, _ purpose: ListAddress.Purpose) {
      output += Array("\(name): <mailto:".utf8) + address(purpose) + Array(">\r\n".utf8)
    }
    field("List-Post", .post)
    field("List-Help", .help)
    field("List-Subscribe", .subscribe)
    if settings.url == nil { field("List-Unsubscribe", .unsubscribe) }
    field("List-Owner", .owner)
    output += Array("Precedence: list\r\n".utf8)
    return output
  }

  /// `List-Id:` with a phrase, without its end.
  private func phrase(_ text: FieldText) -> [UInt8] {
    var header = HeaderWriter()
    var octets: [UInt8] = []
    guard let name = try? FieldName(Array("List-Id".utf8)),
      let placeholder = try? NamedAddress(name: text, address: Array("x@x".utf8))
    else { return Array("List-Id:".utf8) }
    header.append(name, addresses: [placeholder], to: &octets)
    // Without " <x@x>" and CR LF, or a fold in the place of the space.
    while octets.last != UInt8(ascii: "<") { octets.removeLast() }
    octets.removeLast()
    while let last = octets.last, last == 32 || last == 13 || last == 10 || last == 9 {
      octets.removeLast()
    }
    return octets
  }
}

// What members get.
extension PostHeader {
  private static let removed: [StaticString] = [
    "return-path", "delivered-to", "x-original-to", "disposition-notification-to",
    "return-receipt-to",
    "x-confirm-reading-to", "errors-to", "approved", "approve", "x-approved", "x-approve",
    "precedence",
  ]

  /// The header of the post for members, with the blank line that ends it.
  public func rewritten(_ octets: Span<UInt8>, _ list: ListFields) -> [UInt8] {
    var output = list.octets()
    for (field, range) in fields {
      if Self.removed.contains(where: { field.isNamed($0, in: octets) }) { continue }
      if octets.hasPrefix("list-", at: field.name.lowerBound) { continue }
      if list.replacesAuthor, let author, field.isNamed("from", in: octets) {
        appendAuthor(author, list, to: &output)
      } else if field.isNamed("subject", in: octets), mustPrefix(list.settings.prefix) {
        appendSubject(list.settings.prefix, to: &output)
      } else {
        for index in range { output.append(octets[index]) }
      }
    }
    output += [13, 10]
    return output
  }

  private func mustPrefix(_ prefix: FieldText) -> Bool {
    let prefix = prefix.utf8
    guard !prefix.isEmpty, prefix.count <= subject.count else { return !prefix.isEmpty }
    return !(0...(subject.count - prefix.count)).contains { subject[$0...].starts(with: prefix) }
  }

  private func appendSubject(_ prefix: FieldText, to output: inout [UInt8]) {
    var header = HeaderWriter()
    guard let name = try? FieldName(Array("Subject".utf8)),
      let text = try? FieldText(prefix.utf8 + [32] + subject)
    else { return }
    header.append(name, text: text, to: &output)
  }

  /// `From: Name via list <list@…>`, and the author as Reply-To unless there is one. A name that looks like an address is
  /// left out, since it would name one that the mail does not come from.
  private func appendAuthor(_ author: NamedAddress, _ list: ListFields, to output: inout [UInt8]) {
    let isName = !author.name.utf8.isEmpty && !author.name.utf8.contains(UInt8(ascii: "@"))
    let name = (isName ? author.name.utf8 + Array(" via ".utf8) : []) + list.list.octets
    var header = HeaderWriter()
    guard let from = try? FieldName(Array("From".utf8)),
      let replyTo = try? FieldName(Array("Reply-To".utf8)),
      let text = try? FieldText(name),
      let sender = try? NamedAddress(name: text, address: list.address(.post))
    else { return }
    header.append(from, addresses: [sender], to: &output)
    if !hasReplyTo { header.append(replyTo, addresses: [author], to: &output) }
  }
}

extension Span<UInt8> {
  /// Behind the line end that stands at `index` or later.
  fileprivate func endOfLine(from index: Int) -> Int {
    var index = index
    while index < count {
      index += 1
      if self[index - 1] == 10 { return index }
    }
    return count
  }
}
