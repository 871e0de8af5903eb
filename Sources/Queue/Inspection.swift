// What lists show of the queue (Inventory), read from its files. This changes nothing: a run decides on what is damaged.

public import Inventory
import Jobs
public import POSIX
public import Queueing
public import SMTP
import Storage

extension QueueDirectory {
  /// What is known of an entry, and the entry if it can be read; nil if it is gone.
  public func inspect(_ location: Location) throws(SystemError) -> (item: Item, entry: Entry?)? {
    switch try read(location) {
    case .gone: return nil
    case .newer(let version):
      let reason = QueueVersion.newer(version)
      return (item(location, .newer(version: version, reason: reason)), nil)
    case .entry(let entry):
      let submission = entry.submission
      let content = Item.Content.message(
        from: submission.reversePath, arrival: submission.arrival.seconds)
      return (item(location, content), entry)
    }
  }

  /// Calls `body` with each entry of these places, as `inspect` gives it. An entry that cannot be read is an item that says
  /// so, also if it is `body` that throws the error.
  public func forEachItem(
    in places: [Place], _ body: (Item, Entry?) throws(SystemError) -> Void
  ) throws(SystemError) {
    for place in places {
      try forEachName(in: place) { (name) throws(SystemError) in
        let location = Location(place, name)
        do throws(SystemError) {
          if let (item, entry) = try inspect(location) { try body(item, entry) }
        } catch {
          let reason =
            error.isCorrupt ? "it is damaged, and the next run sets it aside" : error.description
          try body(item(location, .unreadable(reason: "it cannot be read: \(reason)")), nil)
        }
        return true
      }
    }
  }

  private func item(_ location: Location, _ content: Item.Content) -> Item {
    let id = location.name.id
    return Item(
      id: id.octets, location.state, size: size(of: id), attempts: location.name.attempts, content)
  }

  /// The recipients of an entry, with the first ten that wait. `destination` says where the mail for a recipient goes, if
  /// that can wait. `now` is in seconds since 1970.
  public func recipients(
    of entry: Entry, now: Int64, destination: (Mailbox) -> DestinationName?
  ) throws(SystemError) -> Item.Recipients {
    let waiting = (0..<entry.count).filter { entry.state(of: $0) == .waiting }
    let first = try entry.recipients(waiting.prefix(10)).map { $0.recipient.mailbox }
    var reason: Item.Reason?
    if let index = waiting.first, let last = try? entry.lastReports(of: [index])[index] {
      reason = .report(last.report)
    } else if let destination = first.first.flatMap(destination) {
      reason = untilTried(destination.hash, now: now).map {
        .leftAlone(destination: destination.octets, until: $0)
      }
    }
    return Item.Recipients(
      count: entry.count, waiting: waiting.count, first: first, reason: reason)
  }

  /// `now` is in seconds since 1970.
  public func metrics(now: Int64) throws(SystemError) -> Metrics {
    var metrics = Metrics(at: now)
    for place in [Place.new, .queue, .hold] {
      try forEachName(in: place) { (name) throws(SystemError) in
        metrics.count(Location(place, name).state)
        return true
      }
    }
    metrics.corrupt = try corruptCount()
    return metrics
  }
}

extension QueueDirectory.Location {
  fileprivate var state: Item.State {
    switch place {
    case .new: .new
    case .queue: .waiting(next: name.next)
    case .hold: .held
    case .pending: .pending
    }
  }
}

extension Entry {
  /// Recipients that are looked at in one go.
  private static let portion = 5000

  /// Calls `body` with the recipients in one of `states`, by their numbers, a portion after the other, until it returns
  /// false.
  public func forEachPortion(
    of states: [RecipientState],
    _ body: (_ indexes: [Int], [Mailbox]) throws(SystemError) -> Bool
  ) throws(SystemError) {
    for start in stride(from: 0, to: count, by: Self.portion) {
      let indexes = (start..<min(start + Self.portion, count)).filter {
        states.contains(state(of: $0))
      }
      if try !body(indexes, recipients(indexes).map { $0.recipient.mailbox }) { return }
    }
  }
}
