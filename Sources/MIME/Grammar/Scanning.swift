// Scans over bulk octets, 32 or 64 at a time. A comparison of vectors gives 0xFF for each octet that is equal;
// seen as words of 64 bits, the lowest bit that is set tells the first.

/// How a message's lines end. RFC 5322 §2.1 knows only CR LF; a file that was put into the mail directory by
/// hand may have LF alone. The first line end decides for the whole message, so that a bare LF in a message
/// that has CR LF is content, as it was for the session that took the message.
struct LineEnds {
  let allowBareLineFeed: Bool

  init(of octets: Span<UInt8>) {
    let first = octets.firstIndex(of: .lineFeed, from: 0, to: min(octets.count, Limits.header))
    allowBareLineFeed =
      first < min(octets.count, Limits.header)
      && (first == 0 || octets[first - 1] != .carriageReturn)
  }

  /// The end of the content of the line that begins at `start`, and where the next one begins; both are `end`
  /// for a last line without a line end.
  @inline(__always)
  func line(in octets: Span<UInt8>, from start: Int, to end: Int) -> (content: Int, next: Int) {
    var search = start
    while true {
      let feed = octets.firstIndex(of: .lineFeed, from: search, to: end)
      if feed == end { return (end, end) }
      if feed > start, octets[feed - 1] == .carriageReturn { return (feed - 1, feed + 1) }
      if allowBareLineFeed { return (feed, feed + 1) }
      search = feed + 1
    }
  }

  /// Where the content in front of `lineStart` ends if the line end there is left out; at least `start`.
  func contentEnd(in octets: Span<UInt8>, before lineStart: Int, from start: Int) -> Int {
    guard lineStart > start, octets[lineStart - 1] == .lineFeed else { return lineStart }
    let hasReturn = lineStart - 1 > start && octets[lineStart - 2] == .carriageReturn
    return lineStart - (hasReturn ? 2 : 1)
  }
}

extension Span<UInt8> {
  /// The first index of `octet` in `start..<end`, or `end`.
  @inline(__always)
  func firstIndex(of octet: UInt8, from start: Int, to end: Int) -> Int {
    let octets = unsafe bytes
    var index = start
    let wanted = SIMD32<UInt8>(repeating: octet)
    while index + 32 <= end {
      let found = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
      let first = Self.firstSet(found .== wanted)
      if first < 32 { return index + first }
      index += 32
    }
    while index < end, self[index] != octet { index += 1 }
    return index
  }

  /// The first line feed in `start..<end` behind which a hyphen stands, or `end`: where a boundary may be.
  @inline(__always)
  func firstLineWithHyphen(from start: Int, to end: Int) -> Int {
    let octets = unsafe bytes
    var index = start
    let feed = SIMD32<UInt8>(repeating: .lineFeed)
    let hyphen = SIMD32<UInt8>(repeating: .hyphen)
    while index + 33 <= end {
      let these = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
      let next = unsafe octets.unsafeLoadUnaligned(
        fromByteOffset: index + 1, as: SIMD32<UInt8>.self)
      let first = Self.firstSet((these .== feed) .& (next .== hyphen))
      if first < 32 { return index + first }
      index += 32
    }
    while index + 1 < end {
      if self[index] == .lineFeed, self[index + 1] == .hyphen { return index }
      index += 1
    }
    return end
  }

  /// The first octet of `start..<end` that is not ASCII, or `end`.
  @inline(__always)
  func firstNonASCII(from start: Int, to end: Int) -> Int {
    let octets = unsafe bytes
    var index = start
    while index + 32 <= end {
      let these = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
      let any = (these.x | these.y | these.z | these.w) & 0x8080_8080_8080_8080
      if any != 0 { break }
      index += 32
    }
    while index < end, self[index] < 0x80 { index += 1 }
    return index
  }

  /// The number of the first lane that is true, or 32.
  @inline(__always)
  private static func firstSet(_ mask: SIMDMask<SIMD32<Int8>>) -> Int {
    let words = unsafe unsafeBitCast(mask, to: SIMD4<UInt64>.self)
    if words.x | words.y | words.z | words.w == 0 { return 32 }
    if words.x != 0 { return words.x.trailingZeroBitCount / 8 }
    if words.y != 0 { return 8 + words.y.trailingZeroBitCount / 8 }
    if words.z != 0 { return 16 + words.z.trailingZeroBitCount / 8 }
    return 24 + words.w.trailingZeroBitCount / 8
  }
}
