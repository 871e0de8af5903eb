// What an operator does with entries: hold, release, retry, bounce, remove.

import Jobs
import Octets
import POSIX
import Queue
import Queueing
import SMTP
import Storage

extension QueueProgram {
  borrowing func operate(
    _ operation: QueueArguments.Operation, _ selection: QueueArguments.Selection
  ) throws(Failure) {
    var count = 0
    switch selection {
    case .ids(let ids):
      for id in ids {
        let isDone = try Self.storing { () throws(StoreError) in
          guard let location = try queue.find(id) else { return false }
          return try apply(operation, to: location)
        }
        guard isDone else { throw Failure(.failure, "\(id.text): there is no such entry") }
        count += 1
      }
    case .all, .to, .from:
      try Self.storing { () throws(StoreError) in
        for location in try locations(of: operation) {
          if isSelected(location, by: selection), try apply(operation, to: location) {
            count += 1
          }
        }
      }
    }
    try Self.storing { () throws(StoreError) in
      if operation == .retry { try queue.forgetAway() }
      for place in [QueueDirectory.Place.queue, .hold, .new] { try queue.synchronize(place) }
    }
    FileDescriptor.print(
      arguments.isJSON ? "{\"entries\":\(count)}\n" : "\(count) entries\n", to: 1)
  }

  /// The entries that an operation may mean.
  private borrowing func locations(
    of operation: QueueArguments.Operation
  ) throws(StoreError) -> [QueueDirectory.Location] {
    let places: [QueueDirectory.Place] =
      switch operation {
      case .hold, .retry: [.new, .queue]
      case .release: [.hold]
      case .bounce, .remove: [.new, .queue, .hold]
      }
    var locations: [QueueDirectory.Location] = []
    for place in places {
      try queue.forEachName(in: place) { (name) throws(StoreError) in
        locations.append(QueueDirectory.Location(place, name))
        return true
      }
    }
    return locations
  }

  /// An entry that cannot be read is selected by its id alone, and with all others.
  private borrowing func isSelected(
    _ location: QueueDirectory.Location, by selection: QueueArguments.Selection
  ) -> Bool {
    switch selection {
    case .all, .ids: return true
    case .from(let pattern):
      guard case .entry(let entry)? = try? queue.read(location) else { return false }
      return matches(entry.submission.reversePath.octets, pattern)
    case .to(let pattern):
      guard case .entry(let entry)? = try? queue.read(location) else { return false }
      var start = 0
      while start < entry.count {
        let end = min(start + 1000, entry.count)
        let slice = (start..<end).filter { entry.state(of: $0) == .waiting }
        let addressees = (try? entry.recipients(slice)) ?? []
        if addressees.contains(where: { matches($0.recipient.mailbox.octets, pattern) }) {
          return true
        }
        start = end
      }
      return false
    }
  }

  /// False if the entry is gone, or is not where the operation means it.
  private borrowing func apply(
    _ operation: QueueArguments.Operation, to location: QueueDirectory.Location
  ) throws(StoreError) -> Bool {
    var name = location.name
    switch operation {
    case .hold:
      guard location.place == .new || location.place == .queue else { return false }
      return try queue.move(location, to: QueueDirectory.Location(.hold, name))
    case .release:
      guard location.place == .hold else { return false }
      return try queue.move(
        location, to: QueueDirectory.Location(name.isFresh ? .new : .queue, name))
    case .remove: return try queue.remove(location)
    case .bounce:
      let entry: Entry
      let reading: QueueDirectory.Reading
      do throws(StoreError) { reading = try queue.read(location) } catch {
        // The next run sets it aside, and all others are sent back.
        if error.isCorrupt { return false }
        throw error
      }
      switch reading {
      case .gone: return false
      case .newer(let version):
        Self.complain("\(name.id.text): \(QueueVersion.newer(version)), and left as it is")
        return false
      case .entry(let found): entry = found
      }
      var lines = Entry.Lines()
      lines.bounce(at: Clock.now().seconds)
      try entry.append(lines)
    case .retry: guard location.place == .new || location.place == .queue else { return false }
    }
    // At once, in the next run.
    if name.isFresh, location.place == .new { return true }
    if !name.isFresh { name.next = 0 }
    return try queue.move(location, to: QueueDirectory.Location(name.isFresh ? .new : .queue, name))
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
