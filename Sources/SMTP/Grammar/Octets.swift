// The classes of octets that the grammar uses, and operations on sequences of them. SMTP is a protocol
// of octets, so `String` and `Character` are not used ("\r\n" is one `Character`).

extension UInt8 {
  static var tab: UInt8 { 9 }
  static var lineFeed: UInt8 { 10 }
  static var carriageReturn: UInt8 { 13 }
  static var space: UInt8 { 32 }

  var isDigit: Bool { self &- 48 < 10 }
  var isLetter: Bool { (self | 0x20) &- 97 < 26 }
  public var isLetterOrDigit: Bool { isDigit || isLetter }
  var isHexDigit: Bool { isDigit || (self | 0x20) &- 97 < 6 }
  var isPrintable: Bool { self &- 32 < 95 }

  /// `atext` of RFC 5322 §3.2.3: the octets of an unquoted local part.
  var isAtomText: Bool {
    switch self {
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
      UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"),
      UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "{"),
      UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "~"):
      true
    default: isLetterOrDigit
    }
  }

  /// The lower-case letter, if this is an ASCII letter; else the octet itself.
  @inlinable public var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }
}

extension Span<UInt8> {
  /// Whether the octets of `range` are `word`, a lower-case ASCII word, in any case.
  func matches(_ word: StaticString, in range: Range<Int>) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { letters in
      for offset in 0..<range.count
      where unsafe self[range.lowerBound + offset].lowercased != letters[offset] {
        return false
      }
      return true
    }
  }

  /// Where the first CR or LF of `start..<end` stands, or `end`.
  @inline(__always)
  func firstLineEndOctet(from start: Int, to end: Int) -> Int {
    if end - start >= 8, let near = lineEndOctet(near: start) { return near }
    return distantLineEndOctet(from: start, to: end)
  }

  /// Where the first CR or LF of the eight octets at `index` stands; nil if there is none.
  @inline(__always)
  private func lineEndOctet(near index: Int) -> Int? {
    // XOR makes the octets searched for zero; subtracting one from each octet sets the top bit of the lowest
    // zero octet, since it borrows.
    let ones: UInt64 = 0x0101_0101_0101_0101
    let octets = unsafe bytes
    let word = unsafe UInt64(
      littleEndian: octets.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    let returns = word ^ ones &* UInt64(UInt8.carriageReturn)
    let feeds = word ^ ones &* UInt64(UInt8.lineFeed)
    let zeros = ((returns &- ones) & ~returns | (feeds &- ones) & ~feeds) & ones << 7
    return zeros == 0 ? nil : index + zeros.trailingZeroBitCount / 8
  }

  @inline(never)
  private func distantLineEndOctet(from start: Int, to end: Int) -> Int {
    let octets = unsafe bytes
    let returns = SIMD32<UInt8>(repeating: .carriageReturn)
    let feeds = SIMD32<UInt8>(repeating: .lineFeed)
    var index = start
    while end - index >= 32 {
      let piece = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
      if ((piece .== returns) .| (piece .== feeds)).hasAny { break }
      index += 32
    }
    while end - index >= 8 {
      if let near = lineEndOctet(near: index) { return near }
      index += 8
    }
    while index < end, self[index] != .lineFeed, self[index] != .carriageReturn { index += 1 }
    return index
  }

  /// The octets of `range`, copied.
  public func copy(_ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count)
    for index in range { copy.append(self[index]) }
    return copy
  }
}

extension SIMDMask<SIMD32<Int8>> {
  /// Whether any octet is marked. (The standard library's `any` looks for the least of all, which takes
  /// several times as long.)
  var hasAny: Bool {
    let words = unsafe unsafeBitCast(self, to: SIMD4<UInt64>.self)
    return words.lowHalf | words.highHalf != .zero
  }
}

extension SIMDMask<SIMD64<Int8>> {
  /// Whether any octet is marked.
  var hasAny: Bool {
    let words = unsafe unsafeBitCast(self, to: SIMD8<UInt64>.self)
    let half = words.lowHalf | words.highHalf
    return half.lowHalf | half.highHalf != .zero
  }
}

extension [UInt8] {
  /// Overwrites all octets; for passwords. It is never inlined, so that the compiler keeps the writes.
  @inline(never)
  public mutating func wipe() {
    for index in indices { self[index] = 0 }
  }

  /// Appends `text`, and CR LF if `isLine`. (`append(contentsOf:)` takes several times as long.)
  mutating func append(_ text: StaticString, isLine: Bool = false) {
    let length = text.utf8CodeUnitCount
    append(addingCapacity: length + 2) { octets in
      unsafe octets.withUnsafeMutableBufferPointer { memory, count in
        guard var end = memory.baseAddress else { return }
        unsafe end += count
        unsafe UnsafeMutableRawPointer(end).copyMemory(from: text.utf8Start, byteCount: length)
        count += length
        guard isLine else { return }
        unsafe end[length] = .carriageReturn
        unsafe end[length + 1] = .lineFeed
        count += 2
      }
    }
  }

  /// Appends `number` in decimal, with zeros in front up to `width` digits.
  mutating func append(decimal number: UInt64, width: Int = 1) {
    let start = count
    var rest = number
    while rest > 0 || count - start < width {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    }
    self[start...].reverse()
  }
}

extension RandomAccessCollection<UInt8> {
  /// Whether the octets are the same, ASCII letters compared in any case.
  func equalsIgnoringCase(_ other: some RandomAccessCollection<UInt8>) -> Bool {
    count == other.count && zip(self, other).allSatisfy { $0.lowercased == $1.lowercased }
  }
}
