// Base64 as bodies and encoded words have it (RFC 2045 §6.8). Octets that are not of the alphabet are skipped.
// Padding ends a group and another may follow, since encoded pieces are put together by many. Of a group that
// is not whole, its whole octets count.
//
// Behind padding, and behind a blank line, a line that is not base64 ends the body: lists and virus scanners write
// their footers there without encoding them.

import Octets

struct Base64Decoder {
  /// The characters of a group that is begun, six bits each.
  private var bits: UInt32 = 0
  private var count = 0
  /// Whether something but white space has come in this line, and whether it came at all.
  private var isLineEmpty = true
  private var isEmpty = true
  /// Whether padding or a blank line has come, so that the data may end here.
  private var mayEnd = false
  private var hasEnded = false
  /// The line with which the data may end, as far as it has come; nil if it is another line.
  private var held: [UInt8]?
  /// Octets of a line that is longer than any line of base64.
  private static let longestHeld = 1024

  mutating func decode(_ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]) {
    var index = range.lowerBound
    while index < range.upperBound, !hasEnded {
      guard held != nil else {
        index = decodeLines(octets, index..<range.upperBound, into: &output)
        continue
      }
      let feed = octets.firstIndex(of: .lineFeed, from: index, to: range.upperBound)
      let next = min(feed + 1, range.upperBound)
      held?.append(octets, index..<next)
      index = next
      if feed < range.upperBound || held?.count ?? 0 > Self.longestHeld {
        decodeHeld(into: &output)
      }
    }
  }

  /// Decodes the line that was held, or ends the data with it.
  private mutating func decodeHeld(into output: inout [UInt8]) {
    guard let line = held else { return }
    let span = line.span
    let content = span.trimmed(0..<span.count)
    guard !content.isEmpty else {
      held = []
      return
    }
    var end = content.upperBound
    while end > content.lowerBound, content.upperBound - end < 2, span[end - 1] == .equals {
      end -= 1
    }
    for index in content.lowerBound..<end where span[index].base64Value == nil {
      hasEnded = true
      return
    }
    guard content.count % 4 == 0 || line.count > Self.longestHeld else {
      hasEnded = true
      return
    }
    held = nil
    mayEnd = false
    _ = decodeLines(span, 0..<span.count, into: &output)
  }

  /// Decodes up to a line that has to be held. Returns where that begins.
  private mutating func decodeLines(
    _ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]
  ) -> Int {
    var (bits, count) = (self.bits, self.count)
    var (isLineEmpty, isEmpty, mayEnd) = (self.isLineEmpty, self.isEmpty, self.mayEnd)
    var isHeld = false
    var index = 0
    let input = octets.extracting(range)
    output.reserve(adding: range.count / 4 * 3 + 3)
    output.append(addingCapacity: range.count / 4 * 3 + 3) { decoded in
      unsafe decoded.withUnsafeMutableBufferPointer { memory, used in
        unsafe input.withUnsafeBufferPointer { input in
          guard let start = memory.baseAddress else { return }
          let table = unsafe base64Table.utf8Start
          var to = unsafe start + used
          while index < input.count, !isHeld {
            if count == 0 {
              // Whole groups, of which a line is made.
              let first = index
              while index + 4 <= input.count {
                let (a, b) = unsafe (table[Int(input[index])], table[Int(input[index + 1])])
                let (c, d) = unsafe (table[Int(input[index + 2])], table[Int(input[index + 3])])
                if a & b & c & d & 0x40 == 0 { break }
                let group =
                  UInt32(a & 63) << 18 | UInt32(b & 63) << 12 | UInt32(c & 63) << 6 | UInt32(d & 63)
                unsafe to[0] = UInt8(truncatingIfNeeded: group >> 16)
                unsafe to[1] = UInt8(truncatingIfNeeded: group >> 8)
                unsafe to[2] = UInt8(truncatingIfNeeded: group)
                unsafe to += 3
                index += 4
              }
              if index > first { (isLineEmpty, isEmpty) = (false, false) }
              if index == input.count { break }
            }
            let octet = unsafe input[index]
            index += 1
            let value = unsafe table[Int(octet)]
            if value & 0x40 != 0 {
              (isLineEmpty, isEmpty) = (false, false)
              bits = bits << 6 | UInt32(value & 63)
              count += 1
              if count == 4 {
                unsafe to[0] = UInt8(truncatingIfNeeded: bits >> 16)
                unsafe to[1] = UInt8(truncatingIfNeeded: bits >> 8)
                unsafe to[2] = UInt8(truncatingIfNeeded: bits)
                unsafe to += 3
                (bits, count) = (0, 0)
              }
            } else if octet == .equals {
              isLineEmpty = false
              if count >= 2 {
                bits <<= UInt32(6 * (4 - count))
                unsafe to[0] = UInt8(truncatingIfNeeded: bits >> 16)
                if count == 3 { unsafe to[1] = UInt8(truncatingIfNeeded: bits >> 8) }
                unsafe to += count - 1
                mayEnd = true
              }
              (bits, count) = (0, 0)
            } else if octet == .lineFeed {
              if isLineEmpty, !isEmpty, count == 0 { mayEnd = true }
              isLineEmpty = true
              isHeld = mayEnd
            }
          }
          unsafe used = to - start
        }
      }
    }
    (self.bits, self.count) = (bits, count)
    (self.isLineEmpty, self.isEmpty, self.mayEnd) = (isLineEmpty, isEmpty, mayEnd)
    if isHeld { held = [] }
    return range.lowerBound + index
  }

  mutating func finish(into output: inout [UInt8]) {
    if held?.isEmpty == false { decodeHeld(into: &output) }
    bits <<= UInt32(6 * (4 - count))
    if count >= 2 { output.append(UInt8(truncatingIfNeeded: bits >> 16)) }
    if count == 3 { output.append(UInt8(truncatingIfNeeded: bits >> 8)) }
    self = Base64Decoder()
  }
}
