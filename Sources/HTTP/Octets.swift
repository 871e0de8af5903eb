// What is done with octets here. They come from environment variables and bodies: any octet may stand there.

extension UInt8 {
  var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }

  var isDigit: Bool { self &- 48 < 10 }

  var hexValue: UInt8? {
    if isDigit { return self &- 48 }
    let letter = (self | 0x20) &- 97
    return letter < 6 ? letter + 10 : nil
  }
}

extension Collection<UInt8> {
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

  /// The octets without white space at both ends.
  func trimmed() -> SubSequence {
    var slice = self[...]
    while let first = slice.first, first == 32 || first == 9 { slice = slice.dropFirst() }
    var length = slice.count
    var trailing = 0
    for octet in slice { trailing = octet == 32 || octet == 9 ? trailing + 1 : 0 }
    length -= trailing
    return slice.prefix(length)
  }

  /// In lower case.
  func lowercased() -> [UInt8] { map { $0.lowercased } }
}

extension [UInt8] {
  init(_ text: StaticString) {
    self = text.withUTF8Buffer { unsafe Array($0) }
  }

  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }
}
