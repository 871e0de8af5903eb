// How long a session may take: a command, the whole, and content that comes slowly.

import POSIX

struct Pace {
  private let timeout: Int
  private let minimumRate: Int
  private let started = Clock.monotonicMilliseconds()
  private let sessionDeadline: Deadline
  private var commandDeadline: Deadline
  /// When content has begun to arrive, and how much had come before; nil while none arrives.
  private var contentStart: (milliseconds: Int64, received: Int)?

  /// Whether the peer has got anywhere since the last call of `readDeadline`.
  var hasProgress = false
  /// Octets from the peer so far.
  var received = 0

  init(_ settings: Settings) {
    timeout = settings.timeout
    minimumRate = settings.minimumRate
    sessionDeadline = Deadline(inSeconds: settings.sessionTimeout)
    commandDeadline = Deadline(inSeconds: settings.timeout)
  }

  /// Until when the peer may send something. A peer that got nowhere since the last call has what was left of
  /// its time.
  mutating func readDeadline() -> Deadline {
    if hasProgress { commandDeadline = Deadline(inSeconds: timeout) }
    hasProgress = false
    return min(commandDeadline, sessionDeadline)
  }

  /// Until when the peer may take to read something.
  var writeDeadline: Deadline { min(Deadline(inSeconds: timeout), sessionDeadline) }

  /// Whether the session has had its time.
  var isTooLong: Bool { sessionDeadline.hasPassed }

  /// Whether the content that arrives, if any does, comes too slowly: beyond `timeout` with fewer octets a
  /// second than `minimumRate` on average.
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
    return milliseconds > Int64(timeout) * 1000
      && Int64(received - start.received) * 1000 < milliseconds * Int64(minimumRate)
  }

  /// Seconds since the session began.
  var elapsed: String { Self.seconds(since: started) }

  /// Seconds since a moment of the monotonic clock, with three digits behind the point.
  static func seconds(since start: Int64) -> String {
    let milliseconds = Clock.monotonicMilliseconds() - start
    let fraction = String(milliseconds % 1000 + 1000).dropFirst()
    return "\(milliseconds / 1000).\(fraction)"
  }
}
