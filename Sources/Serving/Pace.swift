// The time limits of a session: for a command, for the whole session, and for content that arrives slowly.

import POSIX

struct Pace {
  private let limits: Limits
  private let started = Clock.monotonicMilliseconds()
  private let sessionDeadline: Deadline
  private var commandDeadline: Deadline
  /// When the content began to arrive, and how many octets had been received before; nil while no content arrives.
  private var contentStart: (milliseconds: Int64, received: Int)?

  /// Whether the peer has sent a whole command or some content since the last call of `readDeadline`.
  var hasProgress = false
  /// How many octets the peer has sent so far.
  var received = 0

  init(_ limits: Limits) {
    self.limits = limits
    sessionDeadline = Deadline(inSeconds: limits.session)
    commandDeadline = Deadline(inSeconds: limits.command)
  }

  /// The deadline for the peer to send something. Without progress since the last call, the deadline stays the same.
  mutating func readDeadline() -> Deadline {
    if hasProgress { commandDeadline = Deadline(inSeconds: limits.command) }
    hasProgress = false
    return min(commandDeadline, sessionDeadline)
  }

  /// The deadline for the peer to read something.
  var writeDeadline: Deadline { min(Deadline(inSeconds: limits.command), sessionDeadline) }

  /// Whether the session has reached its time limit.
  var isTooLong: Bool { sessionDeadline.hasPassed }

  /// Whether content is arriving too slowly (`Limits.minimumRate`).
  mutating func isTooSlow(receivingContent: Bool) -> Bool {
    guard receivingContent else {
      contentStart = nil
      return false
    }
    let now = Clock.monotonicMilliseconds()
    guard let start = contentStart else {
      contentStart = (now, received)
      return false
    }
    let milliseconds = now - start.milliseconds
    return milliseconds > Int64(limits.command) * 1000
      && Int64(received - start.received) * 1000 < milliseconds * Int64(limits.minimumRate)
  }

  /// Seconds since the session began.
  var elapsed: String { Self.seconds(since: started) }

  /// The seconds since a moment of the monotonic clock, with three decimal places.
  static func seconds(since start: Int64) -> String {
    let milliseconds = Clock.monotonicMilliseconds() - start
    let fraction = String(milliseconds % 1000 + 1000).dropFirst()
    return "\(milliseconds / 1000).\(fraction)"
  }
}
