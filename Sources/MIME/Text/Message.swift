// A message as people see it: who wrote to whom and when, its text, and what is attached. Which part is what:
// Division.swift.

import Octets

/// What the header of a message says and which parts make it up. Texts are valid UTF-8.
public struct Message: Equatable, Sendable {
  public let structure: Structure

  // Where a field may stand only once, the first counts; all To fields are put together, all Cc and all Bcc.
  public private(set) var from = AddressList()
  /// The reverse-path, as the server that stored the message has written it down; empty if it was null.
  public private(set) var returnPath = AddressList()
  public private(set) var sender = AddressList()
  public private(set) var replyTo = AddressList()
  public private(set) var to = AddressList()
  public private(set) var cc = AddressList()
  public private(set) var bcc = AddressList()
  /// Decoded, on one line.
  public private(set) var subject: [UInt8] = []
  public private(set) var date: DateTime?
  /// Without brackets.
  public private(set) var messageID: [UInt8]?
  public private(set) var inReplyTo: [[UInt8]] = []
  public private(set) var references: [[UInt8]] = []

  /// The parts that are the text, indices of `structure.parts`: text/plain, or text/html where there is no other.
  public let textParts: [Int]
  /// The parts that are the HTML: text/html, and text/plain beside it. Empty if there is no HTML.
  public let htmlParts: [Int]
  /// Parts to be saved: what is neither text nor HTML nor shown by the HTML, and what asks to be saved. A part of a
  /// message that is attached belongs to that message.
  public let attachments: [Int]
  /// Pictures that the HTML shows, texts that are not chosen among alternatives, and texts with a file name.
  public let inlineParts: [Int]

  /// Who wrote the message: From, and where there is none whoever sent it.
  public var authors: AddressList { from.addresses.isEmpty ? returnPath : from }

  /// Reads the whole message `octets`.
  public init(_ octets: Span<UInt8>) {
    structure = Structure(octets)
    let division = Division(structure, octets)
    (textParts, htmlParts) = (division.textParts, division.htmlParts)
    (attachments, inlineParts) = (division.attachments, division.inlineParts)
    readHeader(octets)
  }

  private mutating func readHeader(_ octets: Span<UInt8>) {
    var reader = HeaderReader(octets, structure.parts[0].header)
    var seen: Set = []
    let charset = structure.parts[0].rawCharset
    while let field = reader.next(octets) {
      switch field.name.count {
      case 2 where field.isNamed("to", in: octets):
        field.appendAddresses(in: octets, rawCharset: charset, to: &to)
      case 2 where field.isNamed("cc", in: octets):
        field.appendAddresses(in: octets, rawCharset: charset, to: &cc)
      case 3 where field.isNamed("bcc", in: octets):
        field.appendAddresses(in: octets, rawCharset: charset, to: &bcc)
      case 4 where field.isNamed("from", in: octets):
        if seen.insert(.from) { from = field.addresses(in: octets, rawCharset: charset) }
      case 4 where field.isNamed("date", in: octets):
        if seen.insert(.date) { date = field.date(in: octets) }
      case 6 where field.isNamed("sender", in: octets):
        if seen.insert(.sender) { sender = field.addresses(in: octets, rawCharset: charset) }
      case 7 where field.isNamed("subject", in: octets):
        if seen.insert(.subject) { subject = field.text(in: octets, rawCharset: charset) }
      case 8 where field.isNamed("reply-to", in: octets):
        if seen.insert(.replyTo) { replyTo = field.addresses(in: octets, rawCharset: charset) }
      case 10 where field.isNamed("message-id", in: octets):
        if seen.insert(.messageID) { messageID = field.messageIDs(in: octets).first }
      case 10 where field.isNamed("references", in: octets):
        if seen.insert(.references) { references = field.messageIDs(in: octets) }
      case 11 where field.isNamed("return-path", in: octets):
        if seen.insert(.returnPath) { returnPath = field.addresses(in: octets) }
      case 11 where field.isNamed("in-reply-to", in: octets):
        if seen.insert(.inReplyTo) { inReplyTo = field.messageIDs(in: octets) }
      default: break
      }
    }
  }

  /// The fields that were read already.
  private struct Set: OptionSet {
    var rawValue: UInt16
    static let from = Set(rawValue: 1)
    static let date = Set(rawValue: 2)
    static let sender = Set(rawValue: 4)
    static let subject = Set(rawValue: 8)
    static let replyTo = Set(rawValue: 16)
    static let messageID = Set(rawValue: 32)
    static let references = Set(rawValue: 64)
    static let inReplyTo = Set(rawValue: 128)
    static let returnPath = Set(rawValue: 256)

    mutating func insert(_ field: Set) -> Bool {
      guard !contains(field) else { return false }
      formUnion(field)
      return true
    }
  }
}

extension Message {
  /// The text, at most about `limit` octets of it: the text parts with a line `--` between them, format=flowed
  /// as it is, HTML as what it says.
  public func text(in octets: Span<UInt8>, limit: Int = Limits.text) -> Part.Text {
    joined(textParts, limit: limit, between: "\n--\n") { index, limit in
      let part = structure.parts[index]
      // What HTML says is shorter than the HTML.
      let isHTML = part.kind == .textHTML
      var text = part.text(in: octets, limit: isHTML ? max(limit, Limits.html) : limit)
      if isHTML {
        var isCut = text.isCut
        text.utf8 = plainText(ofHTML: text.utf8.span, limit: limit, isCut: &isCut)
        text.isCut = isCut
      }
      text.utf8.joinReturns()
      return text
    }
  }

  /// The HTML, at most about `limit` octets of it, with text parts as they are in `pre` elements; nil if there is none.
  public func html(in octets: Span<UInt8>, limit: Int = Limits.html) -> Part.Text? {
    guard !htmlParts.isEmpty else { return nil }
    return joined(htmlParts, limit: limit, between: "\n") { index, limit in
      let part = structure.parts[index]
      var text = part.text(in: octets, limit: limit)
      text.utf8.joinReturns()
      if part.kind != .textHTML { text.utf8 = preformatted(text.utf8) }
      return text
    }
  }

  private func joined(
    _ indices: [Int], limit: Int, between separator: StaticString,
    _ read: (_ index: Int, _ limit: Int) -> Part.Text
  ) -> Part.Text {
    guard let first = indices.first else { return Part.Text(utf8: [], charset: nil, isCut: false) }
    var text = read(first, limit)
    for index in indices.dropFirst() {
      guard text.utf8.count < limit else {
        text.isCut = true
        break
      }
      let next = read(index, limit - text.utf8.count)
      text.utf8.append(separator)
      text.utf8.append(octets: next.utf8)
      text.isCut = text.isCut || next.isCut
    }
    return text
  }

  /// The beginning of the text on one line, at most `length` characters.
  public func snippet(in octets: Span<UInt8>, length: Int = 250) -> [UInt8] {
    let text = text(in: octets, limit: 64 * 1024)
    return MIME.snippet(of: text.utf8.span, length: length)
  }
}

extension [UInt8] {
  /// Makes CR CR LF, which is the line end of some mail, CR LF.
  fileprivate mutating func joinReturns() {
    var (from, to) = (span.firstIndex(of: .carriageReturn, from: 0, to: count), 0)
    guard from < count else { return }
    to = from
    while from < count {
      if self[from] == .carriageReturn {
        var end = from
        while end < count, self[end] == .carriageReturn { end += 1 }
        if end < count, self[end] == .lineFeed { from = end - 1 }
        while from < end {
          self[to] = .carriageReturn
          (from, to) = (from + 1, to + 1)
        }
      } else {
        self[to] = self[from]
        (from, to) = (from + 1, to + 1)
      }
    }
    removeLast(count - to)
  }
}

/// Text as HTML that shows it as it is.
private func preformatted(_ text: [UInt8]) -> [UInt8] {
  var html: [UInt8] = []
  html.append("<pre style=\"white-space:pre-wrap\">\n")
  for octet in text {
    switch octet {
    case UInt8(ascii: "<"): html.append("&lt;")
    case UInt8(ascii: ">"): html.append("&gt;")
    case UInt8(ascii: "&"): html.append("&amp;")
    default: html.append(octet)
    }
  }
  html.append("</pre>")
  return html
}
