// The line ends of content. RFC 5321 §2.3.8: only CR LF is one; a CR or LF that stands alone is bare.

import Octets

/// Looks at content for bare CR and LF, and for the dots that begin a line.
struct LineEndChecker: Sendable {
  enum Finding {
    /// These octets are content; go on at their end.
    case content(Range<Int>)
    /// A bare LF, where the checker stops at them; go on at `next`.
    case bareLineFeed(next: Int)
  }

  private enum Position {
    case lineStart
    case inLine
    case afterCarriageReturn
  }

  private var position = Position.lineStart
  private let stopsAtBareLineFeed: Bool
  private let stopsAtDots: Bool

  /// Whether a CR or an LF has been seen that was not part of CR LF. Where the checker stops at bare LF these
  /// do not count.
  private(set) var hasSeenBareLineEnd = false
  /// Whether the last octet was a CR. At the end of a message it is bare.
  var isAfterCarriageReturn: Bool { position == .afterCarriageReturn }
  var isAtLineStart: Bool { position == .lineStart }

  init(stopsAtBareLineFeed: Bool, stopsAtDots: Bool = false) {
    self.stopsAtBareLineFeed = stopsAtBareLineFeed
    self.stopsAtDots = stopsAtDots
  }

  /// Says that the dot which begins this line has been taken.
  mutating func passDot() { position = .inLine }

  /// Looks at octets of `range`, which is not empty: up to the first at which it stops, or all of them. It
  /// does not stop at the first octet for its being a dot.
  mutating func next(in input: Span<UInt8>, _ range: Range<Int>) -> Finding {
    var index = range.lowerBound
    while index < range.upperBound {
      let octet = input[index]
      switch position {
      case .lineStart:
        if stopsAtDots, octet == UInt8(ascii: "."), index > range.lowerBound {
          return .content(range.lowerBound..<index)
        }
        position = .inLine
      case .inLine:
        if octet == .lineFeed {
          guard stopsAtBareLineFeed else {
            hasSeenBareLineEnd = true
            index += 1
            continue
          }
          if index > range.lowerBound { return .content(range.lowerBound..<index) }
          return .bareLineFeed(next: index + 1)
        }
        let next = input.endOfWholeLines(from: index, to: range.upperBound)
        if next > index {
          switch input[next - 1] {
          case .lineFeed: position = .lineStart
          case .carriageReturn: position = .afterCarriageReturn
          default: position = .inLine
          }
          index = next
          continue
        }
        index = input.firstLineEndOctet(from: index, to: range.upperBound)
        guard index < range.upperBound, input[index] == .carriageReturn else { continue }
        position = .afterCarriageReturn
        index += 1
      case .afterCarriageReturn:
        if octet == .lineFeed {
          position = .lineStart
          index += 1
        } else {
          hasSeenBareLineEnd = true
          position = .inLine
        }
      }
    }
    return .content(range)
  }
}
