// An entry in work, and how the planner and the queue's files call it.

import Queue
import Queueing
import Routes
import SMTP
import Storage

/// An entry whose envelope is open.
final class Work {
  let entry: Entry
  let id: MessageID
  var number: UInt64 { id.bits }
  /// The routes that lead to its destinations, by the hashes of these.
  var routes: [UInt64: MailRoute] = [:]

  init(_ entry: Entry, _ id: MessageID) { (self.entry, self.id) = (entry, id) }

  var standing: Planner.Standing {
    Planner.Standing(
      arrival: entry.submission.arrival.seconds, states: entry.states,
      isToBounce: entry.isToBounce, hasToldDelay: entry.hasToldDelay,
      mayWantSuccess: entry.mayWantSuccess)
  }
}

extension Planner.Turn {
  init(_ name: EntryName, in place: QueueDirectory.Place) {
    self.init(
      id: name.id.bits, place: place == .new ? .new : .queue, isFresh: name.isFresh,
      next: name.next, attempts: name.attempts, destination: name.destination)
  }

  var location: QueueDirectory.Location {
    let id = MessageID(id)
    let name =
      isFresh
      ? EntryName(id: id)
      : EntryName(id: id, next: next, attempts: attempts, destination: destination)
    return QueueDirectory.Location(place == .new ? .new : .queue, name)
  }
}
