// The octets of the grammar, and the few things done with runs of them. A message is octets: `String` and
// `Character` have no place here ("\r\n" is one `Character`).

extension UInt8 {
  static var tab: UInt8 { 9 }
  static var lineFeed: UInt8 { 10 }
  static var carriageReturn: UInt8 { 13 }
  static var space: UInt8 { 32 }
  static var quote: UInt8 { 34 }
  static var percent: UInt8 { 37 }
  static var comma: UInt8 { 44 }
  static var hyphen: UInt8 { 45 }
  static var colon: UInt8 { 58 }
  static var semicolon: UInt8 { 59 }
  static var equals: UInt8 { 61 }
  static var question: UInt8 { 63 }
  static var at: UInt8 { 64 }
  static var backslash: UInt8 { 92 }

  var isDigit: Bool { self &- 48 < 10 }
  var isLetter: Bool { (self | 0x20) &- 97 < 26 }
  var isLetterOrDigit: Bool { isDigit || isLetter }
  /// Space or tab.
  var isBlank: Bool { self == .space || self == .tab }
  /// Space, tab, CR or LF: what folding is made of.
  var isWhite: Bool {
    self == .space || self == .tab || self == .carriageReturn || self == .lineFeed
  }
  /// ASCII letters in lower case, everything else as it is.
  var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }

  /// The value of a hexadecimal digit in either case.
  var hexValue: UInt8? {
    if isDigit { return self &- 48 }
    let letter = (self | 0x20) &- 97
    return letter < 6 ? letter + 10 : nil
  }

  /// The digit for `value`, which is below 16, in upper case as RFC 2045 §6.7 wants it.
  static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 55 + value }
}

extension Span<UInt8> {
  /// Whether the octets of `range` are `word`, a lower-case ASCII word, in any case.
  func matches(_ word: StaticString, in range: Range<Int>) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    return hasPrefix(word, at: range.lowerBound)
  }

  /// Whether `word`, in lower case, stands at `start` in any case.
  func hasPrefix(_ word: StaticString, at start: Int) -> Bool {
    guard word.utf8CodeUnitCount <= count - start else { return false }
    return word.withUTF8Buffer { letters in
      for offset in 0..<letters.count
      where unsafe self[start + offset].lowercased != letters[offset] {
        return false
      }
      return true
    }
  }

  /// Whether the octets of `range` are those of `other`.
  func equals(_ other: [UInt8], in range: Range<Int>) -> Bool {
    guard range.count == other.count else { return false }
    for offset in 0..<other.count where self[range.lowerBound + offset] != other[offset] {
      return false
    }
    return true
  }

  /// `range` without spaces, tabs and line ends at both ends.
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, self[start].isWhite { start += 1 }
    while end > start, self[end - 1].isWhite { end -= 1 }
    return start..<end
  }

  /// The octets of `range`, copied.
  func copied(_ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.append(self, range)
    return copy
  }
}

extension [UInt8] {
  /// Appends the octets of `range`. (`append(contentsOf:)` of a slice takes several times as long.)
  mutating func append(_ octets: Span<UInt8>, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let source = octets.extracting(range)
    append(addingCapacity: range.count) { output in
      unsafe output.withUnsafeMutableBufferPointer { memory, count in
        unsafe source.withUnsafeBufferPointer { octets in
          guard let to = memory.baseAddress, let from = octets.baseAddress else { return }
          unsafe UnsafeMutableRawPointer(to + count).copyMemory(
            from: from, byteCount: octets.count)
          count += octets.count
        }
      }
    }
  }

  /// Appends all octets of another array.
  mutating func append(octets: [UInt8]) { append(octets.span, 0..<octets.count) }

  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { octets in
      for index in 0..<octets.count { unsafe append(octets[index]) }
    }
  }

  /// Appends `number`, which is not negative, in decimal, with zeros in front up to `width` digits.
  mutating func append(decimal number: Int, width: Int = 1) {
    let start = count
    var rest = number
    while rest > 0 || count - start < width {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    }
    self[start...].reverse()
  }

  /// Appends a character as UTF-8 (RFC 3629 §3); U+FFFD for what is no character.
  mutating func append(scalar: UInt32) {
    switch scalar {
    case 0..<0x80: append(UInt8(truncatingIfNeeded: scalar))
    case 0x80..<0x800:
      append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
      append(continuation: scalar, 0)
    case 0x800..<0xD800, 0xE000..<0x10000:
      append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
      append(continuation: scalar, 6)
      append(continuation: scalar, 0)
    case 0x10000..<0x110000:
      append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18))
      append(continuation: scalar, 12)
      append(continuation: scalar, 6)
      append(continuation: scalar, 0)
    default: append(scalar: 0xFFFD)
    }
  }

  private mutating func append(continuation scalar: UInt32, _ shift: UInt32) {
    append(0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F)
  }

  /// Removes spaces, tabs and line ends at the end, down to `start` octets.
  mutating func removeTrailingWhite(from start: Int = 0) {
    while count > start, self[count - 1].isWhite { removeLast() }
  }
}
