// The clock as a `Timestamp`. `SMTP` is pure and does not read clocks; `POSIX` does not know the type.

import POSIX
public import SMTP

extension Timestamp {
  /// The present moment.
  public static var now: Timestamp {
    let (seconds, nanoseconds) = Clock.now()
    return Timestamp(seconds: seconds, microseconds: nanoseconds / 1000)
  }
}
