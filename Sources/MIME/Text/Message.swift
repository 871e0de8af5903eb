// A message as people see it: who wrote to whom and when, its text, and what is attached. The division into
// text, HTML, inline parts and attachments is that of Mailpit (its reader is enmime), so that its clients find
// what they expect.

/// What the header of a message says and which parts make it up. Texts are valid UTF-8.
public struct Message: Equatable, Sendable {
  public let structure: Structure

  // Where a field may stand only once, the first counts; all To fields are put together, all Cc and all Bcc.
  public private(set) var from = AddressList()
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

  /// The text/plain parts that are the text, indices of `structure.parts`.
  public private(set) var textParts: [Int] = []
  /// The text/html part that is the text.
  public private(set) var htmlPart: Int?
  /// Parts to be saved: with disposition attachment, and those of type application/octet-stream. A part of a
  /// message that is attached belongs to that message.
  public private(set) var attachments: [Int] = []
  /// Parts that the text shows, and others that ask for no disposition. A body of the message is only among
  /// them if it has a file name.
  public private(set) var inlineParts: [Int] = []

  /// Reads the whole message `octets`.
  public init(_ octets: Span<UInt8>) {
    structure = Structure(octets)
    readHeader(octets)
    divide(octets)
  }

  private mutating func readHeader(_ octets: Span<UInt8>) {
    var reader = HeaderReader(octets, structure.parts[0].header)
    var seen: Set = []
    while let field = reader.next(octets) {
      switch field.name.count {
      case 2 where field.isNamed("to", in: octets): field.appendAddresses(in: octets, to: &to)
      case 2 where field.isNamed("cc", in: octets): field.appendAddresses(in: octets, to: &cc)
      case 3 where field.isNamed("bcc", in: octets): field.appendAddresses(in: octets, to: &bcc)
      case 4 where field.isNamed("from", in: octets):
        if seen.insert(.from) { from = field.addresses(in: octets) }
      case 4 where field.isNamed("date", in: octets):
        if seen.insert(.date) { date = field.date(in: octets) }
      case 6 where field.isNamed("sender", in: octets):
        if seen.insert(.sender) { sender = field.addresses(in: octets) }
      case 7 where field.isNamed("subject", in: octets):
        if seen.insert(.subject) { subject = field.text(in: octets) }
      case 8 where field.isNamed("reply-to", in: octets):
        if seen.insert(.replyTo) { replyTo = field.addresses(in: octets) }
      case 10 where field.isNamed("message-id", in: octets):
        if seen.insert(.messageID) { messageID = field.messageIDs(in: octets).first }
      case 10 where field.isNamed("references", in: octets):
        if seen.insert(.references) { references = field.messageIDs(in: octets) }
      case 11 where field.isNamed("in-reply-to", in: octets):
        if seen.insert(.inReplyTo) { inReplyTo = field.messageIDs(in: octets) }
      default: break
      }
    }
  }

  /// The fields that were read already.
  private struct Set: OptionSet {
    var rawValue: UInt8
    static let from = Set(rawValue: 1)
    static let date = Set(rawValue: 2)
    static let sender = Set(rawValue: 4)
    static let subject = Set(rawValue: 8)
    static let replyTo = Set(rawValue: 16)
    static let messageID = Set(rawValue: 32)
    static let references = Set(rawValue: 64)
    static let inReplyTo = Set(rawValue: 128)

    mutating func insert(_ field: Set) -> Bool {
      guard !contains(field) else { return false }
      formUnion(field)
      return true
    }
  }

  /// Sorts the leaves: text, HTML, inline parts, attachments.
  private mutating func divide(_ octets: Span<UInt8>) {
    let parts = structure.parts
    guard parts[0].kind.isMultipart else {
      if parts[0].kind.isText, parts[0].disposition != .attachment {
        if parts[0].kind == .textHTML { htmlPart = 0 } else { textParts = [0] }
      } else if parts[0].disposition == .inline {
        inlineParts = [0]
      } else {
        attachments = [0]
      }
      return
    }
    // Parts stand in front of what they contain, so that a part is known to be inside an attached message.
    var isInside = [Bool](repeating: false, count: parts.count)
    var depths = [Int](repeating: 0, count: parts.count)
    var textDepth = Int.max
    var htmlDepth = Int.max
    for index in parts.indices.dropFirst() {
      let part = parts[index]
      let parent = part.parent ?? 0
      isInside[index] = isInside[parent] || parts[parent].kind == .message
      depths[index] = depths[parent] + 1
      guard !isInside[index], !part.kind.isMultipart else { continue }
      if part.disposition == .attachment || isBinary(part, octets) {
        attachments.append(index)
        continue
      }
      switch part.kind {
      case .textPlain where parts[0].kind == .multipartAlternative:
        // The first, those nearest to the root in front.
        if depths[index] < textDepth { (textDepth, textParts) = (depths[index], [index]) }
      case .textPlain: textParts.append(index)
      case .textHTML:
        if depths[index] < htmlDepth { (htmlDepth, htmlPart) = (depths[index], index) }
      case .textOther, .multipartAlternative, .multipartRelated, .multipartDigest, .multipartOther,
        .message, .messageOther, .other:
        inlineParts.append(index)
        continue
      }
      if part.fileName(in: octets) != nil { inlineParts.append(index) }
    }
  }

  private func isBinary(_ part: Part, _ octets: Span<UInt8>) -> Bool {
    guard part.kind == .other, let value = part.contentType, let type = MediaType(octets, value)
    else {
      return false
    }
    return octets.matches("application", in: type.type)
      && octets.matches("octet-stream", in: type.subtype)
  }
}

extension Message {
  /// The text, at most about `limit` octets of it: the text parts with a line `--` between them, format=flowed
  /// as it is, or what the HTML says if there is no text part.
  public func text(in octets: Span<UInt8>, limit: Int = Limits.text) -> Part.Text {
    guard let first = textParts.first else {
      guard let htmlPart else { return Part.Text(utf8: [], charset: nil, isCut: false) }
      var html = structure.parts[htmlPart].text(in: octets, limit: limit)
      var isCut = html.isCut
      html.utf8 = plainText(ofHTML: html.utf8.span, limit: limit, isCut: &isCut)
      html.isCut = isCut
      return html
    }
    var text = structure.parts[first].text(in: octets, limit: limit)
    for index in textParts.dropFirst() {
      guard text.utf8.count < limit else {
        text.isCut = true
        break
      }
      let next = structure.parts[index].text(in: octets, limit: limit - text.utf8.count)
      text.utf8.append("\n--\n")
      text.utf8.append(octets: next.utf8)
      text.isCut = text.isCut || next.isCut
    }
    return text
  }

  /// The HTML, at most about `limit` octets of it; nil if there is none.
  public func html(in octets: Span<UInt8>, limit: Int = Limits.text) -> Part.Text? {
    htmlPart.map { structure.parts[$0].text(in: octets, limit: limit) }
  }

  /// The beginning of the text on one line, at most `length` characters.
  public func snippet(in octets: Span<UInt8>, length: Int = 250) -> [UInt8] {
    let text = text(in: octets, limit: 64 * 1024)
    return MIME.snippet(of: text.utf8.span, length: length)
  }
}
