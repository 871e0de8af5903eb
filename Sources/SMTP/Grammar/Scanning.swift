// Scans over bulk octets, 8 to 64 at a time.

import Octets

extension Span<UInt8> {
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
