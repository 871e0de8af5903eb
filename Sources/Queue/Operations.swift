// What an operator does with entries: which ones are meant, and what becomes of them. Entries are moved by rename(2), so
// this needs no lock and may be done while a run is going on.

import Jobs
import Octets
public import POSIX
import Queueing
import SMTP
public import Storage

extension QueueDirectory {
  public enum Operation: Sendable {
    /// Keeps an entry from being tried.
    case hold
    /// Ends that.
    case release
    /// Tries it at once.
    case retry
    /// Sends it back at once.
    case bounce
    /// Forgets it without telling its sender.
    case remove

    /// The places of the entries that it may mean.
    var places: [Place] {
      switch self {
      case .hold, .retry: [.new, .queue]
      case .release: [.hold]
      case .bounce, .remove: [.new, .queue, .hold]
      }
    }
  }

  public enum Selection: Sendable {
    case all
    case ids([MessageID])
    /// By a recipient that waits; `*` and `?` as in file names.
    case to([UInt8])
    /// By the reverse-path.
    case from([UInt8])
  }

  public enum Outcome: Equatable, Sendable {
    /// So many entries were meant, and all changes are durable.
    case done(Int)
    /// There is no entry with this id that the operation may mean. Ids behind it were left alone.
    case missing(MessageID)
  }

  /// Carries out an operation on all entries of a selection. `now` is in seconds since 1970. `note` is told of entries of a
  /// newer version, which are not sent back.
  public func operate(
    _ operation: Operation, on selection: Selection, now: Int64,
    _ note: (_ id: MessageID, _ version: Int) -> Void
  ) throws(SystemError) -> Outcome {
    var count = 0
    if case .ids(let ids) = selection {
      for id in ids {
        guard let location = try find(id), try apply(operation, to: location, now, note) else {
          return .missing(id)
        }
        count += 1
      }
    } else {
      var locations: [Location] = []
      for place in operation.places {
        locations += try names(in: place).map { Location(place, $0) }
      }
      for location in locations where isSelected(location, by: selection) {
        if try apply(operation, to: location, now, note) { count += 1 }
      }
    }
    if operation == .retry { try forgetAway() }
    for place in [Place.queue, .hold, .new] { try synchronize(place) }
    return .done(count)
  }

  /// An entry that cannot be read is selected by its id alone, and with all others.
  private func isSelected(_ location: Location, by selection: Selection) -> Bool {
    if case .all = selection { return true }
    guard case .entry(let entry)? = try? read(location) else { return false }
    switch selection {
    case .all, .ids: return true
    case .from(let pattern): return matches(entry.submission.reversePath.octets, pattern)
    case .to(let pattern):
      var isFound = false
      try? entry.forEachPortion(of: [.waiting]) { (_, mailboxes) in
        isFound = mailboxes.contains { matches($0.octets, pattern) }
        return !isFound
      }
      return isFound
    }
  }

  /// False if the entry is gone, or is not where the operation means it.
  private func apply(
    _ operation: Operation, to location: Location, _ now: Int64, _ note: (MessageID, Int) -> Void
  ) throws(SystemError) -> Bool {
    var name = location.name
    switch operation {
    case .hold, .release, .retry:
      guard operation.places.contains(location.place) else { return false }
    case .remove: return try remove(location)
    case .bounce: guard try bounce(location, now, note) else { return false }
    }
    if operation == .hold { return try move(location, to: Location(.hold, name)) }
    // At once, in the next run.
    if name.isFresh, location.place == .new { return true }
    if !name.isFresh, operation != .release { name.next = 0 }
    return try move(location, to: Location(name.isFresh ? .new : .queue, name))
  }

  private func bounce(
    _ location: Location, _ now: Int64, _ note: (MessageID, Int) -> Void
  ) throws(SystemError) -> Bool {
    let reading: Reading
    do throws(SystemError) { reading = try read(location) } catch {
      // The next run sets it aside, and all others are sent back.
      if error.isCorrupt { return false }
      throw error
    }
    switch reading {
    case .gone: return false
    case .newer(let version):
      note(location.name.id, version)
      return false
    case .entry(let entry):
      var lines = Entry.Lines()
      lines.bounce(at: now)
      try entry.append(lines)
      return true
    }
  }
}

/// Whether a pattern of a shell stands for an address, in any case: `*` for any octets, `?` for one.
func matches(_ address: [UInt8], _ pattern: [UInt8]) -> Bool {
  var (index, place) = (0, 0)
  // Where the last star stands, and up to where it has taken octets.
  var star: (place: Int, index: Int)?
  while index < address.count {
    if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
      star = (place, index)
      place += 1
    } else if place < pattern.count,
      pattern[place] == UInt8(ascii: "?") || pattern[place].lowercased == address[index].lowercased
    {
      index += 1
      place += 1
    } else if let last = star {
      star = (last.place, last.index + 1)
      index = last.index + 1
      place = last.place + 1
    } else {
      return false
    }
  }
  return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
}
