// Well-formed UTF-8 (Unicode 3.9, table 3-7).

/// U+FFFD.
let replacementCharacter: [UInt8] = [0xEF, 0xBF, 0xBD]

extension Span<UInt8> {
  /// How many octets the character at `index` has, 1 to 4; 0 if there is none that is well-formed.
  func characterLength(at index: Int) -> Int {
    let first = self[index]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0x00..<0x80: return 1
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return 0
    }
    guard count - index >= length, second.contains(self[index + 1]) else { return 0 }
    for offset in 2..<max(2, length) where self[index + offset] & 0xC0 != 0x80 { return 0 }
    return length
  }
}
