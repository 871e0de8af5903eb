// One part of a message: where it stands and what it is. What a field of it says is read when it is asked for.

import Octets

/// A part of a message, as ranges of the octets of the message.
public struct Part: Equatable, Sendable {
  /// The header section, without the blank line behind it.
  public internal(set) var header: Range<Int>
  /// The body as it was sent, without the line end that belongs to the boundary behind it.
  public internal(set) var body: Range<Int>
  /// What it is. A multipart whose boundary does not occur, or that is too deep, is text.
  public internal(set) var kind = MediaKind.textPlain
  /// How the body is encoded. That of a multipart is never (RFC 2045 §6.4).
  public internal(set) var encoding = TransferEncoding.identity
  public internal(set) var disposition = Disposition.none
  /// The part that contains it, an index of `Structure.parts`; nil for the message itself.
  public let parent: Int?
  /// Its place in its parent, from 1.
  public let position: Int

  /// What raw octets above ASCII are in the fields of the message if they are not UTF-8: the charset that its first text
  /// declares.
  public internal(set) var rawCharset = Charset.fallback

  // The values of fields, where there are such.
  var contentType: Range<Int>?
  var contentTransferEncoding: Range<Int>?
  var contentDisposition: Range<Int>?
  var contentID: Range<Int>?

  /// What Content-Disposition (RFC 2183) asks for.
  public enum Disposition: Equatable, Sendable {
    case none, inline
    /// Also any that is not known (RFC 2183 §2.8).
    case attachment
  }
}

extension Part {
  /// The media type in lower case, such as `text/plain`, without parameters. Not always what `kind` says: a
  /// multipart that is read as text still calls itself multipart.
  public func mediaType(in octets: Span<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    if let contentType, let type = MediaType(octets, contentType) {
      text.append(octets, type.type)
      text.append(UInt8(ascii: "/"))
      text.append(octets, type.subtype)
      text = text.lowercased()
    } else if kind == .message {
      text.append("message/rfc822")
    } else {
      text.append("text/plain")
    }
    return text
  }

  /// A parameter of Content-Type, `name` in lower case, decoded.
  public func parameter(_ name: StaticString, in octets: Span<UInt8>) -> [UInt8]? {
    contentType.flatMap { MIME.parameter(name, octets, $0, rawCharset: rawCharset) }
  }

  /// The charset that Content-Type names; nil if it names none that is known.
  func declaredCharset(in octets: Span<UInt8>) -> Charset? {
    contentType.flatMap { MIME.parameter("charset", octets, $0, isToken: true) }
      .flatMap { Charset(label: $0) }
  }

  /// The name of a file, decoded: `filename` of Content-Disposition, else `name` of Content-Type. It may hold
  /// anything, `/` included.
  public func fileName(in octets: Span<UInt8>) -> [UInt8]? {
    if let contentDisposition,
      let name = MIME.parameter("filename", octets, contentDisposition, rawCharset: rawCharset)
    {
      return name
    }
    return parameter("name", in: octets)
  }

  /// Content-ID without its brackets and comments; nil if there is none, or one of more than 1,000 octets.
  public func contentID(in octets: Span<UInt8>) -> [UInt8]? {
    guard let contentID else { return nil }
    let start = octets.behindComments(from: contentID.lowerBound, to: contentID.upperBound)
    var range = octets.trimmed(start..<contentID.upperBound)
    if !range.isEmpty, octets[range.lowerBound] == UInt8(ascii: "<") {
      let close = octets.firstIndex(
        of: UInt8(ascii: ">"), from: range.lowerBound, to: range.upperBound)
      range = range.lowerBound + 1..<close
    }
    guard range.count <= 1000 else { return nil }
    let identifier = octets.copy(range).filter { $0 > .space && $0 < 0x7F }
    return identifier.isEmpty ? nil : identifier
  }
}

// What is in the body.
extension Part {
  /// Octets that are decoded at once.
  private static var piece: Int { 32 * 1024 }

  /// Appends the decoded body to `output`, up to about `limit` octets. (A body of any size is decoded in pieces
  /// by a `TransferDecoder`.)
  public func appendContent(
    in octets: Span<UInt8>, to output: inout [UInt8], limit: Int = .max
  ) {
    guard encoding != .identity else {
      output.append(octets, body.lowerBound..<body.lowerBound + min(body.count, limit))
      return
    }
    let start = output.count
    var decoder = TransferDecoder(encoding)
    var index = body.lowerBound
    while index < body.upperBound, output.count - start < limit {
      let next = min(index + Self.piece, body.upperBound)
      decoder.decode(octets, index..<next, into: &output)
      index = next
    }
    decoder.finish(into: &output)
    if output.count - start > limit { output.removeLast(output.count - start - limit) }
  }

  /// How many octets the decoded body has. Memory is that of a piece.
  public func contentSize(in octets: Span<UInt8>) -> Int {
    guard encoding != .identity else { return body.count }
    var decoder = TransferDecoder(encoding)
    var size = 0
    var output: [UInt8] = []
    var index = body.lowerBound
    while index < body.upperBound {
      let next = min(index + Self.piece, body.upperBound)
      output.removeAll(keepingCapacity: true)
      decoder.decode(octets, index..<next, into: &output)
      size += output.count
      index = next
    }
    output.removeAll(keepingCapacity: true)
    decoder.finish(into: &output)
    return size + output.count
  }

  /// Text of a body, as valid UTF-8 with the line ends it was sent with.
  public struct Text: Equatable, Sendable {
    public var utf8: [UInt8]
    /// The charset that was read; nil if none was declared or it is not known, so that it was guessed.
    public var charset: Charset?
    /// Whether there is more than was asked for.
    public var isCut: Bool
  }

  /// The body as text, of which at most `limit` decoded octets are read.
  public func text(in octets: Span<UInt8>, limit: Int = Limits.text) -> Text {
    var content: [UInt8] = []
    let limit = min(limit, .max - 1)
    appendContent(in: octets, to: &content, limit: limit + 1)
    let isCut = content.count > limit
    if isCut { content.removeLast() }
    var charset = declaredCharset(in: octets)
    if charset == .ascii { charset = nil }
    if charset == nil, kind == .textHTML { charset = metaCharset(content.span) }
    var text = Text(utf8: [], charset: charset, isCut: isCut)
    text.utf8.reserveCapacity(content.count + content.count / 8)
    if charset == nil, isCut {
      // A character that was cut does not make a text something else than UTF-8.
      var end = content.count
      while end > 0, content.count - end < 3, content[end - 1] & 0xC0 == 0x80 { end -= 1 }
      if end > 0, content[end - 1] >= 0xC0 { content.removeLast(content.count - end + 1) }
    }
    let span = content.span
    var decoder = CharsetDecoder(charset ?? (span.isValidUTF8 ? .utf8 : .fallback))
    decoder.decode(span, into: &text.utf8)
    if !isCut { decoder.finish(into: &text.utf8) }
    // A byte order mark is no text.
    if text.utf8.starts(with: [0xEF, 0xBB, 0xBF]) { text.utf8.removeFirst(3) }
    return text
  }
}

/// The charset that the front of an HTML text declares in a `meta` element.
private func metaCharset(_ octets: Span<UInt8>) -> Charset? {
  let end = min(octets.count, 1024)
  var index = 0
  while index < end {
    index = octets.firstIndex(of: .equals, from: index, to: end)
    if index < end, index >= 7, octets.hasPrefix("charset", at: index - 7) {
      var start = index + 1
      while start < end, octets[start].isWhite || octets[start] == .quote || octets[start] == 0x27 {
        start += 1
      }
      var stop = start
      while stop < end,
        octets[stop].isLetterOrDigit || octets[stop] == .hyphen
          || octets[stop] == UInt8(ascii: "_") || octets[stop] == .colon
      {
        stop += 1
      }
      if let charset = Charset(label: octets, start..<stop) {
        // It could be read, so it is not UTF-16 (WHATWG HTML §13.2.3.2).
        return charset == .utf16LittleEndian || charset == .utf16BigEndian ? .utf8 : charset
      }
    }
    index += 1
  }
  return nil
}
