// Destinations that are left alone for a while, because they could not be reached or have asked for it: a file away/HASH
// for each, with the line `UNTIL FAILURES DESTINATION`. The time grows with each failure in a row. Without these files
// nothing is lost: the destination is tried once too often.

import POSIX
public import Storage

public struct Away: Sendable {
  public struct Absence: Sendable {
    /// Seconds since 1970.
    public var until: Int64
    public var failures: Int
  }

  private var absences: [UInt64: Absence] = [:]

  /// The seconds after the first failure; each further one doubles them.
  private static let first: Int64 = 60
  fileprivate static let longest: Int64 = 3600

  /// Until when the destination is left alone; nil if it is not.
  public func until(_ destination: UInt64, now: Int64) -> Int64? {
    guard let absence = absences[destination], absence.until > now else { return nil }
    return absence.until
  }

  /// Counts a failure.
  mutating func fail(_ destination: UInt64, now: Int64, jitter: UInt64) -> Absence {
    let failures = min(absences[destination]?.failures ?? 0, 20)
    let pause = min(Self.first << Int64(min(failures, 10)), Self.longest)
    let absence = Absence(
      until: now + pause + Int64(jitter % UInt64(pause / 4 + 1)), failures: failures + 1)
    absences[destination] = absence
    return absence
  }

  /// Returns whether it was known as away.
  mutating func forget(_ destination: UInt64) -> Bool {
    absences.removeValue(forKey: destination) != nil
  }

  fileprivate mutating func note(_ destination: UInt64, _ absence: Absence) {
    absences[destination] = absence
  }
}

extension QueueDirectory {
  /// Which destinations are left alone. What is long over is removed.
  public func away(now: Int64) throws(StoreError) -> Away {
    var away = Away()
    var names = try reporting("open") { () throws(Errno) in try DirectoryNames(self.away) }
    var old: [String] = []
    while let name = names.next() {
      guard let id = MessageID(name), let file = try? self.away.reading(named: name),
        let line = try? file.readAll(limit: 4096)
      else { continue }
      let words = line.split(separator: 32)
      guard words.count > 1, let until = decimal(words[0]), let failures = decimal(words[1]),
        now - until < 86_400, until - now <= 2 * Away.longest  // else the clock was wrong
      else {
        old.append(name)
        continue
      }
      away.note(id.bits, Away.Absence(until: until, failures: Int(failures)))
    }
    for name in old { try? self.away.unlink(name) }
    return away
  }

  /// Leaves a destination alone for a while; returns until when.
  public func leaveAlone(
    _ destination: UInt64, name: [UInt8], in away: inout Away, now: Int64
  ) -> Int64 {
    let absence = away.fail(destination, now: now, jitter: Process.random())
    let line = Array("\(absence.until) \(absence.failures) ".utf8) + name + [10]
    // A file that is not written costs a connection.
    try? self.away.replacing(named: MessageID(destination).text).write(line.span)
    return absence.until
  }

  /// The destination has taken a message.
  public func welcome(_ destination: UInt64, in away: inout Away) {
    if away.forget(destination) { try? self.away.unlink(MessageID(destination).text) }
  }

  /// Leaves no destination alone any more.
  public func forgetAway() throws(StoreError) {
    var names = try reporting("open") { () throws(Errno) in try DirectoryNames(away) }
    while let name = names.next() { try? away.unlink(name) }
  }
}
