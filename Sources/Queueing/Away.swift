// Destinations that are left alone for a while, because they could not be reached or have asked for it. The time grows
// with each failure in a row. A destination is known by a hash of its name.

public struct Away: Sendable {
  public struct Absence: Equatable, Sendable {
    /// Seconds since 1970.
    public var until: Int64
    /// How many failures there were in a row.
    public var failures: Int

    /// Nil for what no clock that is right has written, or what is over for a day.
    public init?(until: Int64, failures: Int, now: Int64) {
      guard now - until < 86_400, until - now <= 2 * Away.longest else { return nil }
      (self.until, self.failures) = (until, failures)
    }

    fileprivate init(_ until: Int64, _ failures: Int) {
      (self.until, self.failures) = (until, failures)
    }
  }

  private var absences: [UInt64: Absence] = [:]
  /// How often in a row a connection to a destination was lost in the middle of a message.
  private var losses: [UInt64: Int] = [:]

  /// The seconds after the first failure; each further one doubles them.
  private static let first: Int64 = 60
  static let longest: Int64 = 3600
  /// Connections that are lost in the middle of a message, one after the other, until the destination is left alone: that
  /// one was lost with one message says nothing about others.
  static let mostLosses = 3

  public init() {}

  /// Until when the destination is left alone; nil if it is not.
  public func until(_ destination: UInt64, now: Int64) -> Int64? {
    guard let absence = absences[destination], absence.until > now else { return nil }
    return absence.until
  }

  /// Takes what is known of a destination.
  public mutating func note(_ destination: UInt64, _ absence: Absence) {
    absences[destination] = absence
  }

  /// Counts a failure. `jitter` is any number.
  public mutating func fail(_ destination: UInt64, now: Int64, jitter: UInt64) -> Absence {
    let failures = min(absences[destination]?.failures ?? 0, 20)
    let pause = min(Self.first << Int64(min(failures, 10)), Self.longest)
    let absence = Absence(now + pause + Int64(jitter % UInt64(pause / 4 + 1)), failures + 1)
    absences[destination] = absence
    return absence
  }

  /// Counts a connection that was lost in the middle of a message; returns whether that is one too many.
  public mutating func lose(_ destination: UInt64) -> Bool {
    losses[destination, default: 0] += 1
    return losses[destination, default: 0] >= Self.mostLosses
  }

  /// The destination has taken a message. Returns whether it was known as away.
  public mutating func welcome(_ destination: UInt64) -> Bool {
    losses[destination] = nil
    return absences.removeValue(forKey: destination) != nil
  }
}
