// Scans over bulk octets, 32 or 64 at a time. A comparison of vectors gives 0xFF for each octet that is equal;
// seen as words of 64 bits, the lowest bit that is set tells the first.

import Octets

/// How the lines of a body end. RFC 5322 §2.1 knows only CR LF; a message that came by BINARYMIME or with
/// `SMTP_BARE_LF=keep`, or a file that was put into the mail directory by hand, may have LF alone, or CR CR LF. In a
/// header each of these ends a line. The line that ends the header decides for the body, so that a bare LF in a body
/// among CR LF is content, as it was for the session that took the message.
struct LineEnds: Equatable {
  let allowBareLineFeed: Bool
  /// How many CR belong to the LF of a line end.
  let returns: Int

  /// Each of them.
  static let any = LineEnds(allowBareLineFeed: true, returns: 1)

  init(allowBareLineFeed: Bool, returns: Int) {
    (self.allowBareLineFeed, self.returns) = (allowBareLineFeed, returns)
  }

  /// As the line at `start` ends.
  init(of octets: Span<UInt8>, lineAt start: Int) {
    let feed = octets.firstIndex(of: .lineFeed, from: start, to: octets.count)
    var first = feed
    while first > start, octets[first - 1] == .carriageReturn { first -= 1 }
    returns = max(1, min(2, feed - first))
    allowBareLineFeed = feed < octets.count && first == feed
  }

  /// The end of the content of the line that begins at `start`, and where the next one begins; both are `end`
  /// for a last line without a line end.
  @inline(__always)
  func line(in octets: Span<UInt8>, from start: Int, to end: Int) -> (content: Int, next: Int) {
    var search = start
    while true {
      let feed = octets.firstIndex(of: .lineFeed, from: search, to: end)
      if feed == end { return (end, end) }
      if feed > start, octets[feed - 1] == .carriageReturn {
        var content = feed - 1
        while content > start, octets[content - 1] == .carriageReturn { content -= 1 }
        return (content, feed + 1)
      }
      if allowBareLineFeed { return (feed, feed + 1) }
      search = feed + 1
    }
  }

  /// Where the content in front of `lineStart` ends if the line end there is left out; at least `start`.
  func contentEnd(in octets: Span<UInt8>, before lineStart: Int, from start: Int) -> Int {
    guard lineStart > start, octets[lineStart - 1] == .lineFeed else { return lineStart }
    var end = lineStart - 1
    while end > start, lineStart - 1 - end < returns, octets[end - 1] == .carriageReturn {
      end -= 1
    }
    return end
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
