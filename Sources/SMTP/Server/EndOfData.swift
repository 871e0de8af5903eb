// The content of a message after DATA: RFC 5321 §4.1.1.4, §4.5.2 and §2.3.8.
//
// Only CR LF "." CR LF ends the content. A line begins at the start of the content and behind each
// CR LF, nowhere else; a dot there is the end if CR LF follows and is dropped if anything else
// does. A bare CR or LF is content and is reported: servers that took one for a line end let mail
// be smuggled (CVE-2023-51764, -51765, -51766).
//
// Nothing is copied and nothing is held back inside: what the reader cannot decide yet (a dot, or
// a dot and a CR, at a line start) it leaves in the input.

import Octets

struct EndOfDataReader: Sendable {
  enum Finding {
    /// These octets are content; go on at their end.
    case content(Range<Int>)
    /// A bare LF, where the reader stops at them; go on at `next`.
    case bareLineFeed(next: Int)
    /// The content is over; commands go on at `next`.
    case end(next: Int)
    /// All is searched; keep what stands from `keep` on.
    case needInput(keep: Int)
  }

  private var lineEnds: LineEndChecker

  /// Whether a CR or an LF has been seen that was not part of CR LF. Where the reader stops at bare LF these
  /// do not count.
  var hasSeenBareLineEnd: Bool { lineEnds.hasSeenBareLineEnd }

  init(stopsAtBareLineFeed: Bool) {
    lineEnds = LineEndChecker(stopsAtBareLineFeed: stopsAtBareLineFeed, stopsAtDots: true)
  }

  mutating func next(in input: Span<UInt8>, from start: Int) -> Finding {
    var first = start
    if lineEnds.isAtLineStart, input.octet(at: start, is: UInt8(ascii: ".")) {
      guard start + 1 < input.count else { return .needInput(keep: start) }
      if input[start + 1] == .carriageReturn {
        guard start + 2 < input.count else { return .needInput(keep: start) }
        if input[start + 2] == .lineFeed { return .end(next: start + 3) }
      }
      lineEnds.passDot()
      first = start + 1
    }
    if first == input.count { return .needInput(keep: first) }
    switch lineEnds.next(in: input, first..<input.count) {
    case .content(let range): return .content(range)
    case .bareLineFeed(let next): return .bareLineFeed(next: next)
    }
  }
}
