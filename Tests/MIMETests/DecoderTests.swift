// Decoders of bodies and of charsets: whole, octet by octet, and cut at every place.

import MIME
import Testing

@Suite struct DecoderTests {
  private func decode(_ encoding: TransferEncoding, _ pieces: [[UInt8]]) -> [UInt8] {
    var decoder = TransferDecoder(encoding)
    var output: [UInt8] = []
    for piece in pieces { decoder.decode(piece.span, 0..<piece.count, into: &output) }
    decoder.finish(into: &output)
    return output
  }

  private func decode(_ charset: Charset, _ pieces: [[UInt8]]) -> String {
    var decoder = CharsetDecoder(charset)
    var output: [UInt8] = []
    for piece in pieces { decoder.decode(piece.span, into: &output) }
    decoder.finish(into: &output)
    return string(output)
  }

  /// `octets` whole, in single octets, and in two pieces cut at every place.
  private func cuts(_ octets: [UInt8]) -> [[[UInt8]]] {
    [[octets], octets.map { [$0] }]
      + octets.indices.map { [Array(octets[..<$0]), Array(octets[$0...])] }
  }

  @Test(
    arguments: [
      (.base64, "aGVsbG8=", "hello"), (.base64, "aGVs\r\nbG8", "hello"),
      (.base64, "aGVsbG8*!=", "hello"),
      (.base64, "aGVsb", "hel"), (.base64, "YQ==YmM=", "abc"), (.base64, "=====", ""),
      (.quotedPrintable, "a=20b=\r\nc=\nd= \t\r\ne", "a bcde"),
      (.quotedPrintable, "=0D=0A=e9=", "\r\n\u{E9}"),
      (.quotedPrintable, "=XY =4", "=XY =4"), (.quotedPrintable, "==41= x=\r=4", "=A= x=\r=4"),
      (.uuencode, "junk\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nmore", "Cat"),
      (.uuencode, "begin 644 x\n%:&5L;&\\\n \nend\n", "hello"),
      (.identity, "=20 as it is", "=20 as it is"),
    ] as [(TransferEncoding, String, String)])
  func transferEncodings(_ encoding: TransferEncoding, _ encoded: String, _ expected: String) {
    let expected = expected.unicodeScalars.map { UInt8($0.value) }
    for pieces in cuts(Array(encoded.utf8)) {
      #expect(decode(encoding, pieces) == expected, "\(pieces)")
    }
  }

  /// A body of 50 MB, of which no more is ever in memory than a piece. Every piece begins elsewhere in a line.
  @Test func streams() {
    let lines = Array(
      repeating: Array("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj\r\n".utf8), count: 1300)
    let piece = Array(lines.joined().dropLast())
    var decoder = TransferDecoder(.base64)
    var output: [UInt8] = []
    var size = 0
    for _ in 0..<800 {
      decoder.decode(piece.span, 0..<piece.count, into: &output)
      #expect(output.count <= piece.count)
      size += output.count
      output.removeAll(keepingCapacity: true)
    }
    decoder.finish(into: &output)
    #expect(size + output.count == 800 * 1300 * 36)
  }

  @Test(
    arguments: [
      ("utf-8", [0xEF, 0xBB, 0xBF, 0xE6, 0x97, 0xA5, 0xF0, 0x9F, 0x98, 0x80], "\u{FEFF}日😀"),
      (
        "utf-8", [0xE2, 0x82, 0x41, 0xF0, 0x80, 0xC0, 0xED, 0xA0],
        "\u{FFFD}A\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"
      ),
      ("us-ascii", [0x41, 0x80, 0x9F, 0xE9], "A€Ÿé"), ("iso-8859-15", [0xA4], "€"),
      ("windows-1251", [0xCF, 0xF0, 0xE8], "При"), ("koi8-u", [0xA4], "є"),
      ("iso-8859-7", [0xE1], "α"),
      ("UTF-16", [0xFE, 0xFF, 0xD8, 0x3D, 0xDE, 0x00, 0xD8, 0x00], "😀\u{FFFD}"),
      ("utf-16le", [0x42, 0x30, 0x41], "あ\u{FFFD}"),
      (
        "iso-2022-jp",
        [0x1B, 0x24, 0x42, 0x46, 0x7C, 0x1B, 0x28, 0x42, 0x41, 0x1B, 0x28, 0x49, 0x31], "日Aｱ"
      ),
      ("shift_jis", [0x93, 0xFA, 0x96, 0x7B, 0xB1, 0x81, 0x20], "日本ｱ\u{FFFD} "),
      ("euc-jp", [0xC6, 0xFC, 0x8E, 0xB1, 0x8F, 0xB0, 0xA1, 0xC6, 0x41], "日ｱ丂\u{FFFD}A"),
      ("ks_c_5601-1987", [0xC7, 0xD1, 0xB1, 0xDB, 0x81, 0x41], "한글갂"),
      ("gb2312", [0xD6, 0xD0, 0x81, 0x30, 0x81, 0x30, 0x94, 0x39, 0xFC, 0x36], "中\u{80}😀"),
      ("gb18030", [0x81, 0x30, 0x41, 0x81, 0x30, 0x81], "\u{FFFD}0A\u{FFFD}"),
      ("big5", [0xA4, 0xA4, 0x88, 0x62, 0xA4, 0x20], "中Ê̄\u{FFFD} "),
    ] as [(String, [UInt8], String)])
  func charsets(_ label: String, _ octets: [UInt8], _ expected: String) throws {
    let charset = try #require(Charset(label: Array(label.utf8)))
    for pieces in cuts(octets) {
      let decoded = decode(charset, pieces)
      #expect(Array(decoded.unicodeScalars) == Array(expected.unicodeScalars), "\(pieces)")
    }
  }

  @Test func utf7() {
    for pieces in cuts(Array("Hi +ZeVnLIqe-, 1+-1 +2D3eAA!".utf8)) {
      #expect(decode(.utf7, pieces) == "Hi 日本語, 1+1 😀!")
    }
  }

  @Test func labels() {
    #expect(Charset(label: Array(" \"ISO-8859-1\" ".utf8)) == .singleByte(.windows1252))
    #expect(Charset(label: Array("iso-8859-9".utf8)) == .singleByte(.windows1254))
    #expect(Charset(label: Array("fakescii".utf8)) == nil)
    #expect(Charset(label: []) == nil)
  }

  @Test func textOfUnknownCharset() {
    func text(_ head: String, _ body: [UInt8]) -> Part.Text {
      let octets = Array("Content-Type: \(head)\r\n\r\n".utf8) + body
      return Structure(octets.span).parts[0].text(in: octets.span)
    }
    let latin = text("text/plain; charset=fakescii", [0xE9])
    #expect(string(latin.utf8) == "é" && latin.charset == nil)
    #expect(string(text("text/plain", Array("ä".utf8)).utf8) == "ä")
    let html = Array("<meta charset='koi8-r'>".utf8) + [0xF0]
    #expect(string(text("text/html", html).utf8) == "<meta charset='koi8-r'>П")
  }
}
