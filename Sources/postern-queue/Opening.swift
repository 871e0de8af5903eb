// Opening an entry: what is ours is dealt with at once (LocalDelivery.swift, ListMail.swift), and what is for other hosts
// is divided by destination.

import Jobs
import POSIX
import Queue
import Routing
import SMTP
import Storage

extension Runner {
  /// Begins an attempt of an entry, if it is still there. With `mayWait`, an entry whose one destination is busy is only
  /// noted: it is opened when its turn comes, so that what waits for one host keeps no file open.
  mutating func open(_ location: QueueDirectory.Location, mayWait: Bool = false) {
    let id = location.name.id
    guard !inWork.contains(id), !leftAlone.contains(id) else { return }
    do throws(StoreError) { try begin(location, mayWait: mayWait) } catch { leave(id, error) }
  }

  private mutating func begin(
    _ location: QueueDirectory.Location, mayWait: Bool
  ) throws(StoreError) {
    guard let entry = try queue.read(location) else { return }
    guard try queue.message(of: location.name.id) != nil else {
      log.write(.error, "failure") { line in
        line.add("id", location.name.id.octets)
        line.add("reason", "the message is gone")
      }
      _ = try queue.remove(location)
      return
    }
    let attempts = location.name.isFresh ? 1 : location.name.attempts + 1
    let work = Work(entry, location, attempts: attempts)
    inWork.insert(work.id)
    var parts: [DestinationName: [Int]] = [:]
    if !entry.isToBounce { try deliverHere(work, &parts) }
    let isSingle = parts.count == 1 && entry.count == parts.first?.value.count
    if mayWait, isSingle, let hash = parts.first?.key.hash, isBusy(hash) {
      let name = EntryName(id: work.id, next: now, attempts: attempts - 1, destination: hash)
      if try queue.move(location, to: QueueDirectory.Location(.queue, name)) {
        destinations[hash, default: Backlog()].names.append(name)
      }
      inWork.remove(work.id)
      return
    }
    let next = Schedule.next(after: attempts, now: now, jitter: Process.random())
    let name = EntryName(
      id: work.id, next: next, attempts: attempts,
      destination: isSingle ? parts.first?.key.hash ?? 0 : 0)
    let new = QueueDirectory.Location(.queue, name)
    guard try queue.move(location, to: new) else {  // an operator was faster
      inWork.remove(work.id)
      return
    }
    work.location = new
    hasMoved = true
    for (destination, indexes) in parts where away.until(destination.hash, now: now) == nil {
      work.openParts += 1
      destinations[destination.hash, default: Backlog()].parts.append(
        Part(work: work, indexes: indexes))
    }
    if work.openParts == 0 {
      work.openParts = 1
      end(work)
    }
  }

  /// Whether something is to be done for a destination already.
  private func isBusy(_ hash: UInt64) -> Bool {
    destinations[hash]?.isEmpty == false || couriers.contains { $0.destination.hash == hash }
  }

  /// Deals with the recipients that are waiting and ours, and collects the others by destination.
  private mutating func deliverHere(
    _ work: Work, _ parts: inout [DestinationName: [Int]]
  ) throws(StoreError) {
    // In slices, so that the lines of 100,000 recipients are never in memory at once.
    var slice: [Int] = []
    for index in 0..<work.entry.count where work.entry.state(of: index) == .waiting {
      slice.append(index)
      if slice.count == 1000 {
        try deliverHere(slice, of: work, &parts)
        slice = []
      }
    }
    try deliverHere(slice, of: work, &parts)
  }

  private mutating func deliverHere(
    _ indexes: [Int], of work: Work, _ parts: inout [DestinationName: [Int]]
  ) throws(StoreError) {
    for (index, addressee) in zip(indexes, try recipients(indexes, of: work)) {
      let mailbox = addressee.recipient.mailbox
      let destination: Destination
      do throws(UnreadableFile) {
        destination = try settings.routing.destination(of: mailbox)
      } catch {
        try conclude(index, of: work, .deferred(addressee, "a file of ours cannot be read"))
        continue
      }
      switch destination {
      case .foreign: parts[DestinationName(of: mailbox, settings), default: []].append(index)
      case .local: try conclude(index, of: work, try store(work, for: addressee))
      case .alias: try expand(index, addressee, of: work)
      case .list: try giveToList(index, addressee, of: work)
      case .unknown:
        try conclude(index, of: work, .refused(addressee, .init(5, 1, 1), "no such mailbox here"))
      }
    }
  }

  /// Writes what has become of a recipient of ours.
  mutating func conclude(_ index: Int, of work: Work, _ report: Report) throws(StoreError) {
    var lines = Entry.Lines()
    lines.verdict(index, report, at: now)
    try work.entry.append(lines)
    note(report, of: work)
  }

  func recipients(_ indexes: some Sequence<Int>, of work: Work) throws(StoreError) -> [Job
    .Addressee]
  {
    do throws(Entry.Failure) { return try work.entry.recipients(indexes) } catch {
      switch error {
      case .unreadable(let errno): throw StoreError(call: "read", errno: errno)
      case .malformed: throw StoreError(call: "read", errno: .invalidArgument)
      }
    }
  }
}

extension Report {
  /// One of ours: no host has said it.
  static func ours(
    _ addressee: Job.Addressee, _ outcome: ClientSession.Verdict.Outcome,
    _ status: EnhancedStatusCode,
    _ text: String
  ) -> Report {
    Report(
      addressee.recipient.mailbox.octets, at: [],
      ClientSession.Verdict(outcome, .recipient, status, Array(text.utf8)))
  }

  static func deferred(_ addressee: Job.Addressee, _ text: String) -> Report {
    ours(addressee, .deferred, .init(4, 3, 0), text)
  }

  static func refused(_ addressee: Job.Addressee, _ status: EnhancedStatusCode, _ text: String)
    -> Report
  {
    ours(addressee, .refused, status, text)
  }
}
