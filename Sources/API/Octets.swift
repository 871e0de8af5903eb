// What is done with octets here.

extension [UInt8] {
  init(_ text: StaticString) {
    self = text.withUTF8Buffer { unsafe Array($0) }
  }

  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }

  mutating func append(decimal number: Int) {
    append(contentsOf: String(number).utf8)
  }
}

extension UInt8 {
  var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }
  var hexValue: UInt8? {
    if self &- 48 < 10 { return self &- 48 }
    let letter = (self | 0x20) &- 97
    return letter < 6 ? letter + 10 : nil
  }
  var isLetterOrDigit: Bool { self &- 48 < 10 || (self | 0x20) &- 97 < 26 }
}

extension Collection<UInt8> {
  func lowercased() -> [UInt8] { map { $0.lowercased } }

  /// Whether the octets are `word`, which is in lower case, in any case.
  func matches(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { letters in
      var offset = 0
      for octet in self {
        guard unsafe octet.lowercased == letters[offset] else { return false }
        offset += 1
      }
      return true
    }
  }
}
