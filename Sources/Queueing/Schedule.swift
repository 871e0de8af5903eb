// When a message is tried again, and for how long: RFC 5321 §4.5.4.1. The pauses are the differences between 400·n²
// seconds, so that the first ones are short: 7 minutes, 20, 33, 47, ... with up to a tenth more, so that messages that
// have come together do not stay together.

public enum Schedule {
  /// Seconds after which the sender is told that the message is late.
  public static let delayNotice: Int64 = 4 * 3600

  private static let unit: Int64 = 400

  private static func pause(after attempts: Int) -> Int64 {
    unit * (2 * Int64(min(max(attempts, 1), 1000)) - 1)
  }

  /// Whether an entry is to be tried now, whose next attempt is noted for the second `next` since 1970, behind so many
  /// attempts. A time that is later than any schedule gives, and than any absence of a destination ends, was taken from a
  /// clock that was wrong, and counts as past.
  public static func isDue(_ next: Int64, after attempts: Int, now: Int64) -> Bool {
    let longest = max(pause(after: attempts) / 10 * 11, Away.longest / 4 * 5)
    return next <= now || next - now > longest + 60
  }

  /// The time of the attempt behind the `attempts`-th, in seconds since 1970. `jitter` is any number.
  public static func next(after attempts: Int, now: Int64, jitter: UInt64) -> Int64 {
    let pause = pause(after: attempts)
    return now + pause + Int64(jitter % UInt64(pause / 10 + 1))
  }
}
