// A message read for the index: its summary and its search text.

import MIME
import Octets
import SMTP

/// The bounds of what the index keeps of a message.
enum IndexLimit {
  /// Octets of a message that are read.
  static let message = 64 << 20
  /// Octets of its text in the search text, behind the fields of the header; the same of the text beside HTML.
  static let text = 4 << 20
  /// Octets of further fields of the header.
  static let header = 64 * 1024
  /// Octets of the targets of links, and of the names of attachments.
  static let links = 8 * 1024
  /// People of a field.
  static let people = 2000
  /// Identifiers of References, of which the first is kept and the last ones.
  static let references = 50
  /// Recipients of the envelope in a summary.
  static let recipients = 20
  static let tags = 20
  /// Tags that people give a message.
  static let markedTags = 100
}

struct IndexedMessage {
  var summary = Summary()
  var text: [UInt8] = []
  /// The thread: the first message that this one refers to, or itself.
  var thread: [UInt8] = []
  /// The values of X-Tags.
  var tags: [[UInt8]] = []

  /// Reads `octets`, which were sent to `recipients`.
  init(_ octets: Span<UInt8>, recipients: [[UInt8]]) {
    let message = Message(octets)
    summary.messageID = message.messageID ?? []
    summary.from = people(message.authors)
    summary.to = people(message.to)
    summary.cc = people(message.cc)
    summary.bcc = people(message.bcc)
    summary.replyTo = people(message.replyTo)
    summary.subject = message.subject
    summary.attachments = message.attachments.count
    summary.inlineParts = message.inlineParts.count
    summary.references = shortened(message.references)
    summary.inReplyTo = Array(message.inReplyTo.prefix(IndexLimit.references))
    summary.recipients = Array(recipients.prefix(IndexLimit.recipients))
    addHidden(recipients)
    thread = message.references.first ?? message.inReplyTo.first ?? summary.messageID

    var search = SearchText()
    for list in [
      summary.from, [.init(name: summary.subject, address: [])], summary.to, summary.cc,
      summary.bcc,
      summary.replyTo,
    ] {
      for person in list {
        search.append(person.name)
        search.append(person.address)
      }
    }
    readHeader(message, octets, &search)
    let html = message.html(in: octets)?.utf8
    let shown = html.map { plainText(ofHTML: $0.span, limit: IndexLimit.text) }
    let start = search.octets.count
    if let shown {
      summary.snippet = beginning(shown)
      search.append(shown, limit: start + IndexLimit.text)
    }
    if html == nil || !message.textParts.elementsEqual(message.htmlParts) {
      let plain = message.text(in: octets, limit: IndexLimit.text).utf8
      if html == nil { summary.snippet = beginning(plain) }
      // Mostly it says the same.
      let words = folded(plain)
      if !contains(words.span, in: search.octets.span.extracting(start...)) {
        search.append(plain, limit: search.octets.count + IndexLimit.text)
      }
    }
    if let html { appendLinks(html.span, &search) }
    let end = search.octets.count + IndexLimit.links
    for index in message.attachments + message.inlineParts {
      if let name = message.structure.parts[index].fileName(in: octets) {
        search.append(name, limit: end)
      }
    }
    text = search.octets
  }

  private func people(_ list: AddressList) -> [Summary.Person] {
    list.addresses.prefix(IndexLimit.people).map {
      Summary.Person(name: $0.name, address: $0.address)
    }
  }

  private func shortened(_ identifiers: [[UInt8]]) -> [[UInt8]] {
    guard identifiers.count > IndexLimit.references else { return identifiers }
    return identifiers.prefix(1) + identifiers.suffix(IndexLimit.references - 1)
  }

  /// Recipients of the envelope that no field names had a blind copy.
  private mutating func addHidden(_ recipients: [[UInt8]]) {
    var named: Set<[UInt8]> = []
    for person in summary.to + summary.cc + summary.bcc {
      named.insert(person.address.lowercased())
    }
    for recipient in recipients {
      guard summary.bcc.count < IndexLimit.people else { return }
      if named.insert(recipient.lowercased()).inserted {
        summary.bcc.append(.init(name: [], address: valid(recipient)))
      }
    }
  }

  private mutating func readHeader(
    _ message: Message, _ octets: Span<UInt8>, _ search: inout SearchText
  ) {
    let end = search.octets.count + IndexLimit.header
    let root = message.structure.parts[0]
    var reader = HeaderReader(octets, root.header)
    while let field = reader.next(octets) {
      if !Self.isElsewhere(field, octets) {
        search.append(field.text(in: octets, rawCharset: root.rawCharset), limit: end)
      }
      if field.isNamed("x-tags", in: octets) {
        for tag in field.text(in: octets).split(separator: UInt8(ascii: ",")) {
          if tags.count < IndexLimit.tags, let tag = Tag(Array(tag)) { tags.append(tag.octets) }
        }
      }
    }
  }

  /// Whether the search text has the value of a field already, or it is one that programs write for each other: every
  /// mail would be found by its words.
  private static func isElsewhere(_ field: HeaderField, _ octets: Span<UInt8>) -> Bool {
    for name in [
      "from", "to", "cc", "bcc", "reply-to", "subject", "received", "date", "mime-version",
      "content-type", "content-transfer-encoding", "dkim-signature", "arc-seal",
      "arc-message-signature",
    ] as [StaticString] where field.isNamed(name, in: octets) {
      return true
    }
    return false
  }

  /// Appends the targets of links, since people look for them, too.
  private func appendLinks(_ html: Span<UInt8>, _ search: inout SearchText) {
    let end = search.octets.count + IndexLimit.links
    var index = 0
    while index + 11 < html.count, search.octets.count < end {
      guard html.hasPrefix("href=", at: index) else {
        index += 1
        continue
      }
      index += 5
      let quote = html[index]
      let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
      if isQuoted { index += 1 }
      let start = index
      while index < html.count, index - start < 2048, html[index] > 0x20,
        isQuoted ? html[index] != quote : html[index] != UInt8(ascii: ">")
      {
        index += 1
      }
      if index - start > 4, html.hasPrefix("http", at: start) {
        search.append(html.extracting(start..<index), limit: end)
      }
    }
  }
}

/// The beginning of a text, as Mailpit shows it: at most 200 octets on one line.
private func beginning(_ text: [UInt8]) -> [UInt8] {
  var snippet = MIME.snippet(of: text.span, length: 201)
  guard snippet.count > 200 else { return snippet }
  var end = 200
  while snippet[end] & 0xC0 == 0x80 { end -= 1 }
  snippet.removeLast(snippet.count - end)
  return snippet + Array("...".utf8)
}

/// `octets` as valid UTF-8.
func valid(_ octets: [UInt8]) -> [UInt8] {
  octets.allSatisfy { $0 < 0x80 } ? octets : Array(String(decoding: octets, as: UTF8.self).utf8)
}
