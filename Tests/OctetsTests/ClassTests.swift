import Octets
import Testing

private let all = (0...255).map { UInt8($0) }

@Suite("classes of octets")
struct ClassTests {
  @Test("every octet is in its classes", arguments: all)
  func classes(octet: UInt8) {
    let character = Character(UnicodeScalar(octet))
    let isASCII = octet < 0x80
    #expect(octet.isDigit == ("0"..."9").contains(character))
    #expect(octet.isLetter == (isASCII && character.isLetter))
    #expect(octet.isLetterOrDigit == (octet.isDigit || octet.isLetter))
    #expect(octet.isPrintable == (0x20...0x7E).contains(octet))
    #expect(octet.isBlank == [9, 32].contains(octet))
    #expect(octet.isWhite == [9, 10, 13, 32].contains(octet))
    #expect(
      octet.isAtomText == (octet.isLetterOrDigit || "!#$%&'*+-/=?^_`{|}~".utf8.contains(octet)))
    let text = String(character)
    #expect(octet.lowercased == (isASCII ? Array(text.lowercased().utf8)[0] : octet))
    #expect(octet.uppercased == (isASCII ? Array(text.uppercased().utf8)[0] : octet))
    #expect(octet.hexValue == (octet == 0x2B || !isASCII ? nil : UInt8(text, radix: 16)))
  }

  @Test("names are the octets that they say")
  func names() {
    let named: [UInt8] = [
      .tab, .lineFeed, .carriageReturn, .space, .quote, .percent, .plus, .comma, .hyphen, .colon,
      .semicolon, .equals, .question, .at, .backslash,
    ]
    #expect(named.elementsEqual("\t\n\r \"%+,-:;=?@\\".utf8))
  }

  @Test("words are compared in any case, and inside the bounds")
  func words() {
    let text = Array("xMaIl fromMAI".utf8)
    #expect(text.span.matches("mail", in: 1..<5) == true)
    #expect(text.span.matches("mail", in: 1..<6) == false)
    #expect(text.span.matches("mai", in: 1..<5) == false)
    #expect(text.span.hasPrefix("mail from", at: 1) == true)
    #expect(text.span.hasPrefix("mail", at: 10) == false)
    #expect(text.span.hasPrefix("mai", at: 10) == true)
    #expect(text.span.hasPrefix("fail", at: 1) == false)
    #expect(text.span.equals(Array("MaI".utf8), in: 1..<4) == true)
    #expect(text.span.equals(Array("mai".utf8), in: 1..<4) == false)
    #expect(text.span.equals(Array("MaIl".utf8), in: 1..<4) == false)
    #expect(Array("a[Z".utf8).equalsIgnoringCase(Array("A[z".utf8)) == true)
    #expect(Array("a[".utf8).equalsIgnoringCase(Array("a{".utf8)) == false)
    #expect(Array("a".utf8).equalsIgnoringCase(Array("ab".utf8)) == false)
    #expect(Array("aBÄ@Z[".utf8).lowercased() == Array("abÄ@z[".utf8))
  }

  @Test("white space is trimmed, octets are copied and appended")
  func runs() {
    let text = Array("a \t b\r\n ".utf8)
    #expect(text.span.trimmed(1..<8) == 4..<5)
    #expect(text.span.trimmed(1..<3).isEmpty)
    #expect(text.span.copy(3..<5) == Array(" b".utf8))
    #expect(text.span.copy(3..<3) == [])
    var other = [UInt8]("x")
    other.append(text.span, 0..<1)
    other.append(octets: Array(" y".utf8))
    other.append("z", isLine: true)
    other.append("")
    #expect(other == Array("xa yz\r\n".utf8))
    other.removeTrailingWhite()
    #expect(other == Array("xa yz".utf8))
    other = Array("x  ".utf8)
    other.removeTrailingWhite(from: 2)
    #expect(other == Array("x ".utf8))
    other.wipe()
    #expect(other == [0, 0])
  }

  @Test("what grows piece by piece is not copied for each piece")
  func growth() {
    let piece = [UInt8](repeating: 1, count: 10)
    var (octets, copies, capacity): ([UInt8], Int, Int) = ([], 0, 0)
    for _ in 0..<100_000 {
      octets.append(piece.span, 0..<10)
      if octets.capacity != capacity { (copies, capacity) = (copies + 1, octets.capacity) }
    }
    #expect(octets.count == 1_000_000)
    #expect(copies < 60)
  }
}
