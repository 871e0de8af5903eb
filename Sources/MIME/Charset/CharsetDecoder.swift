// Turns octets of a charset into UTF-8, a piece at a time: what is begun in one piece is ended in the next.
// What cannot be read becomes U+FFFD, one for each maximal subpart (Unicode §3.9, WHATWG Encoding Standard),
// and an ASCII octet in the place of a trail octet is never swallowed.

import Octets

/// A decoder for one text.
public struct CharsetDecoder {
  private var charset: Charset
  private var utf8 = UTF8Decoder()
  private var multibyte = MultibyteDecoder()
  private var utf16 = UTF16Decoder()
  private var utf7 = UTF7Decoder()

  public init(_ charset: Charset) {
    self.charset = charset
  }

  /// Appends what `piece` holds to `output`, as valid UTF-8.
  public mutating func decode(_ piece: Span<UInt8>, into output: inout [UInt8]) {
    switch charset {
    case .utf8: utf8.decode(piece, into: &output)
    // A piece does not say whether the whole text is UTF-8.
    case .ascii: decode(piece, .windows1252, into: &output)
    case .singleByte(let charset): decode(piece, charset, into: &output)
    case .utf16LittleEndian: utf16.decode(piece, isLittleEndian: true, into: &output)
    case .utf16BigEndian: utf16.decode(piece, isLittleEndian: false, into: &output)
    case .utf7: utf7.decode(piece, into: &output)
    case .iso2022JP, .shiftJIS, .eucJP, .eucKR, .gb18030, .big5:
      multibyte.decode(piece, charset, into: &output)
    }
  }

  /// Ends the text: what is begun and not ended is U+FFFD.
  public mutating func finish(into output: inout [UInt8]) {
    switch charset {
    case .utf8: utf8.finish(into: &output)
    case .singleByte, .ascii: break
    case .utf16LittleEndian, .utf16BigEndian: utf16.finish(into: &output)
    case .utf7: utf7.finish(into: &output)
    case .iso2022JP, .shiftJIS, .eucJP, .eucKR, .gb18030, .big5: multibyte.finish(into: &output)
    }
  }

  private func decode(
    _ piece: Span<UInt8>, _ charset: SingleByteCharset, into output: inout [UInt8]
  ) {
    let table = charset.table
    var index = 0
    while index < piece.count {
      let plain = piece.firstNonASCII(from: index, to: piece.count)
      output.append(piece, index..<plain)
      index = plain
      while index < piece.count, piece[index] >= 0x80 {
        output.append(scalar: table.cell(Int(piece[index]) - 128) ?? 0xFFFD)
        index += 1
      }
    }
  }
}

extension [UInt8] {
  /// Appends text of a charset; nil is text of which none is known: UTF-8 if it is valid, else windows-1252.
  mutating func append(_ octets: Span<UInt8>, charset: Charset?) {
    let charset = (charset ?? .ascii).resolved(for: octets)
    var decoder = CharsetDecoder(charset)
    decoder.decode(octets, into: &self)
    decoder.finish(into: &self)
  }
}
