// Where a command line ends. RFC 5321 §2.3.8: CR LF ends it and nothing else does. A bare CR or LF is
// told to the peer as soon as it is seen, so that someone who types into a raw connection learns what
// is wrong; the line that it stands in is never executed.

import Octets

/// Finds command lines in the input and remembers how far it has searched, so that a line that
/// arrives byte by byte is looked at once.
struct LineReader: Sendable {
  /// The limit on a command line with its CR LF, in octets. RFC 5321 §4.5.3.1.4 has 512 and the
  /// extensions add to it, each for its own; this is above their sum, as servers commonly have it.
  static let limit = 2048
  /// The same for AUTH and the responses that follow it: RFC 4954 §4.
  static let authenticationLimit = 12_288

  enum Finding {
    /// A line without its CR LF; the next begins at `next`.
    case line(Range<Int>, next: Int)
    /// A fault that makes this line void; go on at `next`. Where it is one of BDAT the reply is
    /// `bdatSyntax`: what it has announced could not be told from commands.
    case fault(Reply, next: Int)
    /// All is searched; keep what stands from `keep` on.
    case needInput(keep: Int)
  }

  /// Octets from the start of the line that hold neither CR nor LF.
  private var searched = 0
  /// The line has drawn an error: the rest of it, through its CR LF, is passed over.
  private var isVoid = false

  /// `isResponse` says that the line is not a command but a response to AUTH.
  @inline(__always)
  mutating func next(
    in input: Span<UInt8>, from start: Int, isResponse: Bool = false
  ) -> Finding {
    let index = input.firstLineEndOctet(from: start + searched, to: input.count)
    // The CR of the longest line stands in front of its limit.
    if !isVoid, index - start < Self.limit - 1, index + 1 < input.count,
      input[index] == .carriageReturn, input[index + 1] == .lineFeed
    {
      searched = 0
      return .line(start..<index, next: index + 2)
    }
    return unusual(in: input, from: start, at: index, isResponse)
  }

  /// What else there may be: a line that is not whole, or too long, or bad. The first octet that is CR or LF
  /// stands at `index`.
  @inline(never)
  private mutating func unusual(
    in input: Span<UInt8>, from start: Int, at index: Int, _ isResponse: Bool
  ) -> Finding {
    if !isVoid {
      let isLong = isResponse || input.begins("auth ", at: start)
      let limit = (isLong ? Self.authenticationLimit : Self.limit) - 1
      if index - start >= limit {
        let reply = isResponse ? Reply.authenticationLineTooLong : .lineTooLong
        return fault(reply, in: input, from: start, isResponse, next: start + limit)
      }
    }
    guard index < input.count else { return needInput(from: start, searched: index) }
    if input[index] == .lineFeed {
      return fault(.bareLineFeed, in: input, from: start, isResponse, next: index + 1)
    }
    guard index + 1 < input.count else { return needInput(from: start, searched: index) }
    guard input[index + 1] == .lineFeed else {
      return fault(.bareCarriageReturn, in: input, from: start, isResponse, next: index + 1)
    }
    searched = 0
    guard isVoid else { return .line(start..<index, next: index + 2) }
    isVoid = false
    return next(in: input, from: index + 2, isResponse: isResponse)
  }

  private mutating func needInput(from start: Int, searched index: Int) -> Finding {
    searched = isVoid ? 0 : index - start
    return .needInput(keep: isVoid ? index : start)
  }

  private mutating func fault(
    _ reply: Reply, in input: Span<UInt8>, from start: Int, _ isResponse: Bool, next: Int
  ) -> Finding {
    // Of a line that is void already the beginning is gone.
    let isBDAT = !isVoid && !isResponse && input.begins("bdat ", at: start)
    searched = 0
    isVoid = true
    return .fault(isBDAT ? .bdatSyntax : reply, next: next)
  }
}

extension Span<UInt8> {
  /// Whether the line at `start` begins with a verb, in any case, and a space.
  fileprivate func begins(_ verb: StaticString, at start: Int) -> Bool {
    let end = start + verb.utf8CodeUnitCount
    return end <= count && matches(verb, in: start..<end)
  }
}
