// Content in bulk, for both sides of a session: most of it is whole lines, which need no look at each octet.

import Octets

extension Span<UInt8> {
  /// The end of a piece of content in which nothing happens: each CR has its LF behind it, each LF its CR in
  /// front, and no LF a dot behind it. Begins within a line, at an octet that is no LF. The piece is empty
  /// where something happens soon or the content is short.
  func endOfWholeLines(from start: Int, to end: Int) -> Int {
    let octets = unsafe bytes
    let returns = SIMD64<UInt8>(repeating: .carriageReturn)
    let feeds = SIMD64<UInt8>(repeating: .lineFeed)
    let dots = SIMD64<UInt8>(repeating: UInt8(ascii: "."))
    var index = start
    while end - index > 64 {
      // Each octet beside the next one.
      let here = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD64<UInt8>.self)
      let next = unsafe octets.unsafeLoadUnaligned(
        fromByteOffset: index + 1, as: SIMD64<UInt8>.self)
      let isBare = (here .== returns) .^ (next .== feeds)
      let isDotted = (here .== feeds) .& (next .== dots)
      if (isBare .| isDotted).hasAny { break }
      index += 64
    }
    return index
  }
}
