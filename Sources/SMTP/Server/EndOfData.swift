// The content of a message after DATA: RFC 5321 §4.1.1.4, §4.5.2 and §2.3.8.
//
// Only CR LF "." CR LF ends the content. A line begins at the start of the content and behind each
// CR LF, nowhere else; a dot there is the end if CR LF follows and is dropped if anything else
// does. A bare CR or LF is content and is reported: servers that took one for a line end let mail
// be smuggled (CVE-2023-51764, -51765, -51766).
//
// Nothing is copied and nothing is held back inside: what the reader cannot decide yet (a dot, or
// a dot and a CR, at a line start) it leaves in the input.

struct EndOfDataReader: Sendable {
  enum Finding {
    /// These octets are content; go on at their end.
    case content(Range<Int>)
    /// The content is over; commands go on at `next`.
    case end(next: Int)
    /// All is searched; keep what stands from `keep` on.
    case needInput(keep: Int)
  }

  private enum Position {
    case lineStart
    case inLine
    case afterCarriageReturn
  }

  private var position = Position.lineStart

  /// Whether a CR or a LF has been seen that was not part of CR LF.
  private(set) var hasSeenBareLineEnd = false

  mutating func next(in input: Span<UInt8>, from start: Int) -> Finding {
    var first = start
    if position == .lineStart, input.octet(at: start, is: UInt8(ascii: ".")) {
      guard start + 1 < input.count else { return .needInput(keep: start) }
      if input[start + 1] == .carriageReturn {
        guard start + 2 < input.count else { return .needInput(keep: start) }
        if input[start + 2] == .lineFeed { return .end(next: start + 3) }
      }
      position = .inLine
      first = start + 1
    }
    let end = endOfContent(in: input, from: first)
    return end > first ? .content(first..<end) : .needInput(keep: first)
  }

  /// Follows the content from `start` to the next dot at a line start or to the end of the input.
  private mutating func endOfContent(in input: Span<UInt8>, from start: Int) -> Int {
    var index = start
    while index < input.count {
      switch position {
      case .lineStart:
        if input[index] == UInt8(ascii: ".") { return index }
        position = .inLine
      case .inLine:
        index = input.firstLineEndOctet(from: index, to: input.count)
        guard index < input.count else { return index }
        if input[index] == .carriageReturn {
          position = .afterCarriageReturn
        } else {
          hasSeenBareLineEnd = true
        }
        index += 1
      case .afterCarriageReturn:
        if input[index] == .lineFeed {
          position = .lineStart
          index += 1
        } else {
          hasSeenBareLineEnd = true
          position = .inLine
        }
      }
    }
    return index
  }
}
