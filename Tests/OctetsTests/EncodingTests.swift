import Octets
import Testing

private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

private func base64(_ octets: [UInt8]) -> [UInt8] {
  var text: [UInt8] = []
  text.append(base64: octets.span)
  return text
}

private func decoded(_ text: [UInt8], _ strictness: Base64Strictness) -> [UInt8]? {
  decodedBase64(text.span, strictness)
}

@Suite("base64")
struct Base64Tests {
  @Test(
    "the vectors of RFC 4648 §10",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func vectors(plain: String, text: String) {
    #expect(base64(octets(plain)) == octets(text))
    #expect(decoded(octets(text), .exact) == octets(plain))
    #expect(decoded(octets(text), .lines) == octets(plain))
  }

  @Test("every octet has the value that the alphabet gives it", arguments: UInt8.min...UInt8.max)
  func values(octet: UInt8) {
    let alphabet = octets("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    #expect(octet.base64Value.map { Int($0) } == alphabet.firstIndex(of: octet))
    let text = [octet] + octets("AAA")
    #expect((decoded(text, .exact) == nil) == (octet.base64Value == nil))
  }

  @Test("what is written is read, whatever its length and its octets")
  func roundTrips() {
    var plain: [UInt8] = []
    for length in 0..<300 {
      #expect(decoded(base64(plain), .exact) == plain)
      plain.append(UInt8(truncatingIfNeeded: length &* 151 &+ 7))
    }
  }

  @Test(
    "what is not base64",
    arguments: [
      "A", "AA", "AAA", "AAAAA", "A===", "=", "==", "====", "AA=", "AAA==", "AAAA=", "AAAA====",
      "AA==AAAA", "AA=A", "=AAA", "AA A", "A-_A", "AAA\u{0}", "AAAÄ",
    ])
  func malformed(text: String) {
    #expect(decoded(octets(text), .exact) == nil)
    #expect(decoded(octets(text), .lines) == nil)
  }

  @Test("line breaks and unused bits count where the strictness says so")
  func strictness() {
    for text in ["AB==", "AAB=", "Zm\r\n9v", "Zg=\n=", "\n"] {
      #expect(decoded(octets(text), .exact) == nil)
      #expect(decoded(octets(text), .lines) != nil)
    }
    #expect(decoded(octets("Zm\r\n9v\r\n"), .lines) == octets("foo"))
    #expect(decoded(octets("Zm 9v"), .lines) == nil)
  }

  @Test("what is decoded is allocated once", arguments: 0..<50)
  func allocation(length: Int) {
    let text = base64([UInt8](repeating: 7, count: length))
    // An array that had grown would have less room than this, at some of the lengths.
    #expect((decoded(text, .exact)?.capacity ?? 0) >= text.count / 4 * 3 + 3)
  }

  @Test("lines have 76 characters, in whatever pieces the octets come")
  func lines() {
    let plain = (0..<130).map { UInt8($0) }
    for cut in 0...plain.count {
      var (encoder, text): (Base64Encoder, [UInt8]) = (Base64Encoder(), [])
      encoder.encode(plain.span, 0..<cut, into: &text)
      encoder.encode(plain.span, cut..<plain.count, into: &text)
      encoder.finish(into: &text)
      let lines = text.split(separator: 10).map { $0.count - 1 }
      #expect(lines == [76, 76, 24])
      #expect(text.suffix(2) == [13, 10])
      #expect(decoded(text, .lines) == plain)
    }
  }
}

@Suite("percent-encoding and xtext")
struct EscapeTests {
  @Test(
    "percent-encoding",
    arguments: [
      ("a%20b", "a b", "a b"), ("%41%6a%6A", "Ajj", "Ajj"), ("", "", ""), ("%", "%", nil),
      ("%4", "%4", nil), ("%4g", "%4g", nil), ("a%%41", "a%A", nil), ("%+4", "%+4", nil),
      ("a+b", "a+b", "a+b"), ("ä%C3%A4", "ää", "ää"),
    ] as [(String, String, String?)])
  func percent(text: String, tolerant: String, strict: String?) {
    let text = octets(text)
    #expect(percentDecoded(text.span) == octets(tolerant))
    #expect(strictlyPercentDecoded(text.span) == strict.map(octets))
  }

  @Test("plus is a space in forms, and digits may have to be in upper case")
  func variants() {
    #expect(percentDecoded(octets("a+b%2B").span, plusIsSpace: true) == octets("a b+"))
    #expect(strictlyPercentDecoded(octets("%2F").span, .upper) == octets("/"))
    #expect(strictlyPercentDecoded(octets("%2f").span, .upper) == nil)
  }

  @Test("every octet survives xtext and a mark with two digits", arguments: UInt8.min...UInt8.max)
  func everyOctet(octet: UInt8) {
    let text = xtext([octet])
    #expect(text.count == ((33...126).contains(octet) && !"+=".utf8.contains(octet) ? 1 : 3))
    #expect(decodedXtext(text.span) == [octet])
    #expect(decodedXtext([octet].span) == (text.count == 1 ? [octet] : nil))
    var escaped: [UInt8] = []
    escaped.append(.percent, hex: octet)
    #expect(strictlyPercentDecoded(escaped.span, .upper) == [octet])
  }

  @Test(
    "what is xtext",
    arguments: [
      ("", ""), ("a+2Bb", "a+b"), ("+3D", "="), ("+", nil), ("+4", nil), ("+2b", nil), ("a b", nil),
      ("a=b", nil), ("a+2", nil), ("ä", nil), ("+FF", nil), ("a\u{7F}", nil),
    ] as [(String, String?)])
  func xtexts(text: String, plain: String?) {
    let decoded = decodedXtext(octets(text).span)
    if text == "+FF" { #expect(decoded == [255]) } else { #expect(decoded == plain.map(octets)) }
    #expect(isXtext(octets(text).span) == (decoded?.isEmpty == false))
  }
}

@Suite("UTF-8")
struct UTF8Tests {
  private static func isUTF8(_ octets: [UInt8]) -> Bool {
    String(validating: octets, as: UTF8.self) != nil
  }

  private static func length(_ octets: [UInt8]) -> Int { octets.span.characterLength(at: 0) }

  /// Whether it is whole characters, as the checker and as lengths have it.
  private static func agree(_ octets: [UInt8]) -> Bool {
    var index = 0
    while index < octets.count {
      let length = octets.span.characterLength(at: index)
      if length == 0 { break }
      index += length
    }
    return (index == octets.count) == isUTF8(octets)
  }

  @Test("every lead octet, with every second")
  func leads() {
    for lead in UInt8.min...UInt8.max {
      for second in UInt8.min...UInt8.max {
        for rest: [UInt8] in [[], [0x80], [0x80, 0xBF], [0xC0, 0x80]] {
          let text = [lead, second] + rest
          guard Self.agree(text) else {
            Issue.record("\(text)")
            continue
          }
        }
      }
      #expect(Self.agree([lead]))
    }
  }

  @Test("every character, written and read")
  func scalars() {
    for scalar in UInt32(0)...0x110100 {
      var text: [UInt8] = []
      text.append(scalar: scalar)
      let expected = UnicodeScalar(scalar) ?? "\u{FFFD}"
      guard text.elementsEqual(String(expected).utf8), Self.length(text) == text.count else {
        Issue.record("\(scalar)")
        continue
      }
    }
  }

  @Test(
    "octets one after the other",
    arguments: [
      "", "a", "ä€😀", "\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}",
    ])
  func checker(text: String) {
    var checker = UTF8Checker()
    for octet in text.utf8 { checker.take(octet) }
    #expect(checker.isUTF8)
    checker.take(0x80)
    #expect(!checker.isUTF8)
    checker.take(0x61)
    #expect(!checker.isUTF8)
  }

  @Test(
    "octets that are not UTF-8",
    arguments: [
      [0xC0, 0xAF], [0xE0, 0x9F, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3, 0x28], [0xE2, 0x82, 0x28], [0xFF],
    ] as [[UInt8]])
  func notUTF8(octets: [UInt8]) {
    var checker = UTF8Checker()
    for octet in octets { checker.take(octet) }
    #expect(!checker.isUTF8)
    #expect(Self.length(octets) == 0)
    #expect(Self.length(Array(octets.prefix(1))) == 0)
  }
}
