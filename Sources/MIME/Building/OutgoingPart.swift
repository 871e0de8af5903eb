// The parts of a message that is built, and how they are written (RFC 2045, RFC 2046).

import Octets

/// A file in a message.
public struct OutgoingFile: Equatable, Sendable {
  public var type: MediaTypeName
  /// Empty for none.
  public var fileName: FileName
  /// By which the HTML refers to it (RFC 2392).
  public var contentID: MessageIdentifier?
  public var content: [UInt8]

  public init(
    type: MediaTypeName, fileName: FileName, contentID: MessageIdentifier? = nil, content: [UInt8]
  ) {
    (self.type, self.fileName, self.contentID) = (type, fileName, contentID)
    self.content = content
  }
}

/// A part of a message that is built.
public indirect enum OutgoingPart: Equatable, Sendable {
  /// text/plain. Any line ends, which become CR LF.
  case text(BodyText)
  case html(BodyText)
  case file(OutgoingFile, isInline: Bool)
  /// A message as it is, or the header of one (text/rfc822-headers).
  case message([UInt8], isHeaderOnly: Bool)
  /// What a delivery report says to programs.
  case deliveryStatus(DeliveryStatus)
  case multipart(Multipart, [OutgoingPart])

  public enum Multipart: Equatable, Sendable {
    case mixed, alternative, related
    /// multipart/report; report-type=delivery-status (RFC 6522)
    case deliveryReport
  }

  /// `mixed(related(alternative(text, html), inline), attachments)`, each level only where it is needed.
  public static func body(
    text: BodyText?, html: BodyText?, inline: [OutgoingFile] = [],
    attachments: [OutgoingFile] = []
  ) -> OutgoingPart {
    var bodies: [OutgoingPart] = []
    if let text { bodies.append(.text(text)) }
    if let html { bodies.append(.html(html)) }
    if bodies.isEmpty, inline.isEmpty, attachments.isEmpty { bodies.append(.text(BodyText())) }
    var parts: [OutgoingPart] = bodies.count == 2 ? [.multipart(.alternative, bodies)] : bodies
    if !inline.isEmpty {
      for file in inline { parts.append(.file(file, isInline: true)) }
      if parts.count > 1 { parts = [.multipart(.related, parts)] }
    }
    for file in attachments { parts.append(.file(file, isInline: false)) }
    return parts.count == 1 ? parts[0] : .multipart(.mixed, parts)
  }
}

/// Text of a body, in any script: valid UTF-8 without NUL. Its lines end with CR LF, whatever they did before.
public struct BodyText: Equatable, Sendable {
  public let utf8: [UInt8]

  public init(_ utf8: [UInt8]) throws(BuildError) {
    guard utf8.span.isValidUTF8 else { throw .notText }
    var text: [UInt8] = []
    text.reserveCapacity(utf8.count + utf8.count / 32)
    for index in utf8.indices {
      let octet = utf8[index]
      switch octet {
      case 0: throw .notText
      case .lineFeed where index > 0 && utf8[index - 1] == .carriageReturn: break
      case .lineFeed, .carriageReturn:
        text.append(.carriageReturn)
        text.append(.lineFeed)
      default: text.append(octet)
      }
    }
    self.utf8 = text
  }

  init() { utf8 = [] }
}

/// Writes parts.
struct PartWriter {
  private var header: HeaderWriter
  /// What makes boundaries unlike anything in the parts.
  private let unique: [UInt8]
  private var boundaries = 0

  init(usesUTF8: Bool, unique: [UInt8]) {
    header = HeaderWriter(usesUTF8: usesUTF8)
    self.unique = unique
  }

  /// Appends the Content fields of a part, a blank line, and its body.
  mutating func append(_ part: OutgoingPart, to output: inout [UInt8]) {
    switch part {
    case .text(let text): append(text: text, "text/plain", to: &output)
    case .html(let text): append(text: text, "text/html", to: &output)
    case .file(let file, let isInline): append(file, isInline, to: &output)
    case .message(let octets, let isHeaderOnly): append(octets, isHeaderOnly, to: &output)
    case .deliveryStatus(let status):
      appendType(
        status.isASCII ? "message/delivery-status" : "message/global-delivery-status", to: &output)
      append(encoding: status.isASCII ? "7bit" : "8bit", to: &output)
      status.append(to: &output)
    case .multipart(let multipart, let parts): append(multipart, parts, to: &output)
    }
  }

  private mutating func append(text: BodyText, _ type: StaticString, to output: inout [UInt8]) {
    let octets = text.utf8.span
    let shape = TextShape(octets)
    let charset: StaticString = shape.isASCII ? "us-ascii" : "utf-8"
    appendType(type, [("charset", FieldText(charset).utf8)], to: &output)
    if shape.isASCII, shape.longestLine <= 998, !shape.mustEncode {
      append(encoding: "7bit", to: &output)
      output.append(octets, 0..<octets.count)
    } else if shape.quotedPrintableSize > octets.count / 3 * 4 + octets.count / 38 {
      append(encoding: "base64", to: &output)
      appendBase64(octets, to: &output)
    } else {
      append(encoding: "quoted-printable", to: &output)
      appendQuotedPrintable(octets, to: &output)
    }
  }

  private mutating func append(_ file: OutgoingFile, _ isInline: Bool, to output: inout [UInt8]) {
    // Types that have parts of their own must not be in base64 (RFC 2046 §5.1, §5.2.1).
    let span = file.type.octets.span
    let isComposite = span.hasPrefix("multipart/", at: 0) || span.hasPrefix("message/", at: 0)
    let type = isComposite ? MediaTypeName("application/octet-stream") : file.type
    header.append(FieldName("Content-Type"), value: type.octets, parameters: [], to: &output)
    let disposition: StaticString = isInline ? "inline" : "attachment"
    var parameters: [(name: StaticString, value: [UInt8])] = []
    if !file.fileName.utf8.isEmpty { parameters.append(("filename", file.fileName.utf8)) }
    header.append(
      FieldName("Content-Disposition"), value: FieldText(disposition).utf8, parameters: parameters,
      to: &output)
    if let contentID = file.contentID {
      header.append(FieldName("Content-ID"), messageIDs: [contentID], to: &output)
    }
    append(encoding: "base64", to: &output)
    appendBase64(file.content.span, to: &output)
  }

  private mutating func append(
    _ octets: [UInt8], _ isHeaderOnly: Bool, to output: inout [UInt8]
  ) {
    let span = octets.span
    let isASCII = span.firstNonASCII(from: 0, to: span.count) == span.count
    // RFC 6533 §6 and RFC 6532 §3.7 have types for header fields in UTF-8.
    let type: StaticString =
      if isHeaderOnly {
        isASCII ? "text/rfc822-headers" : "message/global-headers"
      } else {
        span.hasUTF8Header ? "message/global" : "message/rfc822"
      }
    appendType(type, to: &output)
    append(encoding: isASCII ? "7bit" : "8bit", to: &output)
    output.append(span, 0..<span.count)
  }

  private mutating func append(
    _ multipart: OutgoingPart.Multipart, _ parts: [OutgoingPart], to output: inout [UInt8]
  ) {
    // `=_` occurs in no base64 and no quoted-printable; other bodies are looked through.
    var boundary: [UInt8] = []
    repeat {
      boundaries += 1
      boundary.removeAll()
      boundary.append("=_")
      boundary.append(decimal: boundaries)
      boundary.append(UInt8(ascii: "_"))
      boundary.append(octets: unique)
    } while parts.contains { $0.contains(boundary) }
    var parameters: [(name: StaticString, value: [UInt8])] = [("boundary", boundary)]
    let type: StaticString
    switch multipart {
    case .mixed: type = "multipart/mixed"
    case .alternative: type = "multipart/alternative"
    case .related:
      type = "multipart/related"
      parameters.append(("type", parts.first?.rootType ?? []))
    case .deliveryReport:
      type = "multipart/report"
      parameters.append(("report-type", FieldText("delivery-status").utf8))
    }
    appendType(type, parameters, to: &output)
    output.append("\r\n")
    for part in parts {
      output.append("--")
      output.append(octets: boundary)
      output.append("\r\n")
      append(part, to: &output)
      output.append("\r\n")
    }
    output.append("--")
    output.append(octets: boundary)
    output.append("--\r\n")
  }

  private mutating func appendType(
    _ type: StaticString, _ parameters: [(name: StaticString, value: [UInt8])] = [],
    to output: inout [UInt8]
  ) {
    header.append(
      FieldName("Content-Type"), value: FieldText(type).utf8, parameters: parameters, to: &output)
  }

  /// The last field of a part, and the blank line.
  private func append(encoding: StaticString, to output: inout [UInt8]) {
    output.append("Content-Transfer-Encoding: ")
    output.append(encoding)
    output.append("\r\n\r\n")
  }

  private func appendBase64(_ octets: Span<UInt8>, to output: inout [UInt8]) {
    var encoder = Base64Encoder()
    encoder.encode(octets, 0..<octets.count, into: &output)
    encoder.finish(into: &output)
  }
}

extension OutgoingPart {
  /// What the parameter `type` of a multipart/related says of its first part.
  fileprivate var rootType: [UInt8] {
    switch self {
    case .text: FieldText("text/plain").utf8
    case .html: FieldText("text/html").utf8
    case .file(let file, _): file.type.octets
    case .message, .deliveryStatus: FieldText("message/rfc822").utf8
    case .multipart: FieldText("multipart/alternative").utf8
    }
  }

  /// Whether a message inside has `boundary`; of other parts none can have it.
  fileprivate func contains(_ boundary: [UInt8]) -> Bool {
    switch self {
    case .text, .html, .file, .deliveryStatus: false
    case .message(let octets, _): octets.span.contains(boundary)
    case .multipart(_, let parts): parts.contains { $0.contains(boundary) }
    }
  }
}

/// What a text needs for sending.
private struct TextShape {
  var isASCII = true
  var longestLine = 0
  /// Whether a line could be one of our boundaries, or has control characters.
  var mustEncode = false
  /// About the octets of quoted-printable.
  var quotedPrintableSize = 0

  init(_ text: Span<UInt8>) {
    isASCII = text.firstNonASCII(from: 0, to: text.count) == text.count
    var start = 0
    while start < text.count {
      let feed = text.firstIndex(of: .lineFeed, from: start, to: text.count)
      longestLine = max(longestLine, feed - start)
      if text.hasPrefix("--=_", at: start) { mustEncode = true }
      start = feed + 1
    }
    for index in 0..<text.count {
      let octet = text[index]
      quotedPrintableSize += octet >= 0x7F || octet == .equals || octet < 0x09 ? 3 : 1
      if octet < 0x09 || octet == 0x7F { mustEncode = true }
    }
  }
}

extension Span<UInt8> {
  /// Whether the header section that this begins with has UTF-8 above ASCII.
  fileprivate var hasUTF8Header: Bool {
    let lineEnds = LineEnds.any
    var end = 0
    while end < count {
      let line = lineEnds.line(in: self, from: end, to: count)
      if line.content == end { break }
      end = line.next
    }
    return firstNonASCII(from: 0, to: end) < end && extracting(0..<end).isValidUTF8
  }

  fileprivate func contains(_ text: [UInt8]) -> Bool {
    var index = 0
    while index + text.count <= count {
      index = firstIndex(of: text[0], from: index, to: count)
      if index + text.count <= count, equals(text, in: index..<index + text.count) { return true }
      index += 1
    }
    return false
  }
}
