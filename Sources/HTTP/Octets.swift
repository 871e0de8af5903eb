// What is done with octets here, and in API. They come from environment variables and bodies: any octet may stand there.

extension UInt8 {
  package var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }

  var isDigit: Bool { self &- 48 < 10 }

  var hexValue: UInt8? {
    if isDigit { return self &- 48 }
    let letter = (self | 0x20) &- 97
    return letter < 6 ? letter + 10 : nil
  }
}

extension Collection<UInt8> {
  /// Whether the octets are `word`, which is in lower case, in any case.
  package func matches(_ word: StaticString) -> Bool {
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
  package func lowercased() -> [UInt8] { map { $0.lowercased } }
}

extension [UInt8] {
  package init(_ text: StaticString) {
    self = text.withUTF8Buffer { unsafe Array($0) }
  }

  package mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }
}

/// Undoes percent-encoding; `%` without two hexadecimal digits behind it is itself. With `plusIsSpace`, `+` is a space.
package func percentDecoded(_ text: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
  var decoded: [UInt8] = []
  decoded.reserveCapacity(text.count)
  var index = text.startIndex
  while index < text.endIndex {
    let octet = text[index]
    if octet == UInt8(ascii: "%"), text.endIndex - index > 2,
      let high = text[index + 1].hexValue, let low = text[index + 2].hexValue
    {
      decoded.append(high << 4 | low)
      index += 3
    } else {
      decoded.append(plusIsSpace && octet == UInt8(ascii: "+") ? 32 : octet)
      index += 1
    }
  }
  return decoded
}
