// When a message is tried again, and for how long: RFC 5321 §4.5.4.1. The pauses are the differences between 400·n²
// seconds, so that the first ones are short: 7 minutes, 20, 33, 47, ... with up to a tenth more, so that messages that
// have come together do not stay together.

public enum Schedule {
  /// Seconds after which the sender is told that the message is late.
  public static let delayNotice: Int64 = 4 * 3600

  private static let unit: Int64 = 400

  /// The time of the attempt behind the `attempts`-th, in seconds since 1970.
  public static func next(after attempts: Int, now: Int64, jitter: UInt64) -> Int64 {
    let count = Int64(min(max(attempts, 1), 1000))
    let pause = unit * (2 * count - 1)
    return now + pause + Int64(jitter % UInt64(pause / 10 + 1))
  }
}
