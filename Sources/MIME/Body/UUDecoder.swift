// uuencode, as old mail has it for an encoding: the lines between `begin MODE NAME` and `end`. The first octet
// of a line says how many octets it holds. What stands in front of `begin` and behind `end` is left out.

import Octets

struct UUDecoder {
  private enum State {
    /// At the start of a line in front of `begin`, so many of whose letters have come.
    case before(Int)
    case skippingLine
    case lineStart
    /// In a line that holds so many octets more.
    case data(Int)
    case skippingRest
    case ended
  }
  private var state = State.before(0)
  private var bits: UInt32 = 0
  private var count = 0

  mutating func decode(_ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]) {
    for index in range { push(octets[index], into: &output) }
  }

  private mutating func push(_ octet: UInt8, into output: inout [UInt8]) {
    switch state {
    case .before(let letters):
      let word: [6 of UInt8] = [0x62, 0x65, 0x67, 0x69, 0x6E, 0x20]  // "begin "
      if octet == .lineFeed {
        state = letters == 6 ? .lineStart : .before(0)
      } else if letters < 6 {
        state = octet == word[letters] ? .before(letters + 1) : .skippingLine
      }
    case .skippingLine: if octet == .lineFeed { state = .before(0) }
    case .lineStart:
      (bits, count) = (0, 0)
      switch octet {
      case .lineFeed, .carriageReturn: break
      case UInt8(ascii: "e"): state = .ended
      case 0x20...0x60:
        let length = Int((octet &- 0x20) & 63)
        state = length == 0 ? .skippingRest : .data(length)
      default: state = .skippingRest
      }
    case .data(let left):
      if octet == .lineFeed {
        // Spaces at the end were lost. They are zeros, but only those of the group that is begun are put back, so
        // that short lines do not become long ones.
        if count > 0 {
          bits <<= UInt32(6 * (4 - count))
          _ = flush(left, into: &output)
        }
        state = .lineStart
      } else if 0x20...0x60 ~= octet {
        let left = put((octet &- 0x20) & 63, left, into: &output)
        state = left == 0 ? .skippingRest : .data(left)
      }
    case .skippingRest: if octet == .lineFeed { state = .lineStart }
    case .ended: break
    }
  }

  /// Takes six bits, and gives how many octets are still missing of `left`.
  private mutating func put(_ value: UInt8, _ left: Int, into output: inout [UInt8]) -> Int {
    bits = bits << 6 | UInt32(value)
    count += 1
    guard count == 4 else {
      // An octet is there as soon as its bits are.
      guard count > left else { return left }
      bits <<= UInt32(6 * (4 - count))
      return flush(left, into: &output)
    }
    return flush(left, into: &output)
  }

  private mutating func flush(_ left: Int, into output: inout [UInt8]) -> Int {
    let octets = min(3, left)
    for number in 0..<octets {
      output.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * number)))
    }
    (bits, count) = (0, 0)
    return left - octets
  }
}
