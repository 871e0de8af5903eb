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

  /// Whether an entry is to be tried now. A time that is later than any schedule gives was taken from a clock that was
  /// wrong, and counts as past.
  public static func isDue(_ name: EntryName, now: Int64) -> Bool {
    name.next <= now || name.next - now > pause(after: name.attempts) / 10 * 11 + 60
  }

  /// The time of the attempt behind the `attempts`-th, in seconds since 1970.
  public static func next(after attempts: Int, now: Int64, jitter: UInt64) -> Int64 {
    let pause = pause(after: attempts)
    return now + pause + Int64(jitter % UInt64(pause / 10 + 1))
  }
}
