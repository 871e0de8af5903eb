import Octets
import Testing

@Suite("numbers")
struct NumberTests {
  @Test(
    "decimal digits are read, and nothing else",
    arguments: [
      ("0", 0), ("007", 7), ("9223372036854775806", Int.max - 1), ("9223372036854775807", .max),
      ("9223372036854775808", .max), ("99999999999999999999999999", .max),
      ("18446744073709551617", .max), ("", nil), ("-1", nil), ("+1", nil), ("1 ", nil), ("a", nil),
      ("1:", nil), ("/1", nil), ("٣", nil),
    ] as [(String, Int?)])
  func decimal(text: String, number: Int?) {
    #expect(Int(decimal: Array(text.utf8).span) == number)
    #expect(Int(decimal: text.utf8) == number)
  }

  @Test("digits are read up to a place")
  func decimalFrom() {
    let text = Array("a123b99".utf8)
    var index = 1
    #expect(text.span.decimal(from: &index, to: 7) == 123)
    #expect(index == 4)
    #expect(text.span.decimal(from: &index, to: 7) == nil)
    #expect(index == 4)
    index = 5
    #expect(text.span.decimal(from: &index, to: 6) == 9)
    #expect(index == 6)
    index = 7
    #expect(text.span.decimal(from: &index, to: 7) == nil)
  }

  @Test(
    "numbers are written with zeros in front",
    arguments: [
      (0, 1, "0"), (0, 0, ""), (7, 2, "07"), (10, 2, "10"), (123, 2, "123"), (2026, 4, "2026"),
      (Int.max, 1, "9223372036854775807"),
    ])
  func append(number: Int, width: Int, text: String) {
    var octets = Array("x".utf8)
    octets.append(decimal: number, width: width)
    #expect(octets == Array("x\(text)".utf8))
  }

  @Test("two hexadecimal digits are an octet, in either case or in upper case")
  func hexOctets() {
    for octet in UInt8.min...UInt8.max {
      let (upper, lower) = (
        [UInt8.hexDigit(octet >> 4), .hexDigit(octet & 15)], hexadecimal([octet].span)
      )
      #expect(
        upper
          == Array((octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true)).map {
            $0.asciiValue
          })
      #expect(lower == upper.lowercased())
      #expect(upper.span.hexOctet(at: 0, to: 2) == octet)
      #expect(lower.span.hexOctet(at: 0, to: 2) == octet)
      #expect(upper.span.hexOctet(at: 0, to: 2, .upper) == octet)
      #expect(lower.span.hexOctet(at: 0, to: 2, .upper) == (lower == upper ? octet : nil))
    }
    let text = Array("4aA4g4+4".utf8)
    #expect(text.span.hexOctet(at: 0, to: 2) == 0x4A)
    #expect(text.span.hexOctet(at: 0, to: 2, .upper) == nil)
    #expect(text.span.hexOctet(at: 1, to: 3, .upper) == nil)
    #expect(text.span.hexOctet(at: 0, to: 1) == nil)
    #expect(text.span.hexOctet(at: 3, to: 8) == nil)
    #expect(text.span.hexOctet(at: 4, to: 8) == nil)
    #expect(text.span.hexOctet(at: 6, to: 8) == nil)
    #expect(text.span.hexOctet(at: 8, to: 8) == nil)
  }

  @Test(
    "64 bits are 16 hexadecimal digits in lower case",
    arguments: [
      ("0123456789abcdef", 0x0123_4567_89AB_CDEF), ("ffffffffffffffff", .max),
      ("0000000000000000", 0), ("0123456789abcdeF", nil), ("0123456789abcde", nil),
      ("0123456789abcdef0", nil), ("0123456789abcdeg", nil), ("+123456789abcdef", nil), ("", nil),
    ] as [(String, UInt64?)])
  func hexadecimalNumbers(text: String, number: UInt64?) {
    #expect(UInt64(hexadecimal: Array(text.utf8).span) == number)
    if let number { #expect(number.hexadecimal == Array(text.utf8)) }
  }

  @Test(
    "FNV-1a, by its authors' vectors",
    arguments: [
      ("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8),
    ] as [(String, UInt64)])
  func hashes(text: String, hash: UInt64) { #expect(fnv1a(Array(text.utf8).span) == hash) }
}
