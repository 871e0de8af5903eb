// The time of day, for names and fields, and the monotonic clock, for deadlines.

import CSystem

public enum Clock {
  /// The time of day: seconds since 1970 and the nanoseconds of that second.
  public static func now() -> (seconds: Int64, nanoseconds: UInt32) {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return (Int64(time.tv_sec), UInt32(truncatingIfNeeded: time.tv_nsec))
  }

  /// Milliseconds since some moment in the past; never steps back.
  public static func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}

/// The moment at which something must have ended.
public struct Deadline: Comparable, Sendable {
  private let moment: Int64

  /// `seconds` from now.
  public init(inSeconds seconds: Int) { self.init(inMilliseconds: Int64(seconds) * 1000) }

  public init(inMilliseconds milliseconds: Int64) {
    moment = Clock.monotonicMilliseconds() + milliseconds
  }

  var remainingMilliseconds: CInt {
    CInt(clamping: max(0, moment - Clock.monotonicMilliseconds()))
  }

  public var hasPassed: Bool { remainingMilliseconds == 0 }

  public static func < (left: Deadline, right: Deadline) -> Bool { left.moment < right.moment }
}
