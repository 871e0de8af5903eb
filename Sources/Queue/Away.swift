// Which destinations are left alone (Queueing/Away.swift), from one run to the next: a file away/HASH for each, with the
// line `UNTIL FAILURES DESTINATION`. Without these files nothing is lost: the destination is tried once too often.

public import POSIX
public import Queueing
import Storage

extension QueueDirectory {
  /// Until when a destination is left alone; nil if it is not. This only reads.
  public func untilTried(_ destination: UInt64, now: Int64) -> Int64? {
    guard let until = absence(MessageID(destination).text, now: now)?.until, until > now else {
      return nil
    }
    return until
  }

  /// Which destinations are left alone. What is long over is removed.
  public func away(now: Int64) throws(SystemError) -> Away {
    var away = Away()
    var names = try DirectoryNames(self.away)
    var old: [String] = []
    while let name = names.next() {
      guard let id = MessageID(name) else { continue }
      if let absence = absence(name, now: now) {
        away.note(id.bits, absence)
      } else {
        old.append(name)
      }
    }
    for name in old { try? self.away.unlink(name) }
    return away
  }

  private func absence(_ name: String, now: Int64) -> Away.Absence? {
    guard let file = try? away.reading(named: name), let line = try? file.readAll(limit: 4096)
    else { return nil }
    let words = line.split(separator: 32)
    guard words.count > 1, let until = decimal(words[0]), let failures = decimal(words[1]) else {
      return nil
    }
    return Away.Absence(until: until, failures: Int(failures), now: now)
  }

  /// Leaves a destination alone for a while, which has this name.
  public func leaveAlone(_ destination: UInt64, name: [UInt8], _ absence: Away.Absence) {
    let line = Array("\(absence.until) \(absence.failures) ".utf8) + name + [10]
    // A file that is not written costs a connection.
    try? away.replacing(named: MessageID(destination).text).write(line.span)
  }

  /// Leaves it alone no more.
  public func welcome(_ destination: UInt64) { try? away.unlink(MessageID(destination).text) }

  /// Leaves no destination alone any more.
  public func forgetAway() throws(SystemError) {
    var names = try DirectoryNames(away)
    while let name = names.next() { try? away.unlink(name) }
  }
}
