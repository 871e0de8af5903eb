// A run of the queue: delivers what is due, and what comes meanwhile. One process for each destination, which gets one
// message after the other; the runner alone moves and writes envelopes, in one loop.
//
// The order is what makes a crash harmless (Queue/QueueDirectory.swift):
//
//     the next attempt is durable     then the program is told of the job
//     the reports are durable         then it is told to go on
//     the notice is durable           then the entry is removed

import Jobs
import POSIX
import Queue
import Routing
import SMTP
import Storage

struct Runner: ~Copyable {
  let settings: QueueSettings
  let queue: QueueDirectory
  let log: Log
  let termination: Termination
  /// The option for programs that are started.
  let environmentFile: String?
  var away: Away
  /// What is to be done, by the hash of the destination.
  var destinations: [UInt64: Backlog] = [:]
  var couriers: [Courier] = []
  /// The entries in work.
  var inWork: Set<MessageID> = []
  /// The entries that this run leaves alone, because a system call has failed for them.
  private(set) var leftAlone: Set<MessageID> = []
  /// Whether envelopes were moved and the directory is not synced yet.
  var hasMoved = false
  private var isTerminated = false
  /// When new/ is looked at again while couriers work: after many messages even an empty directory is long.
  private var nextLook = Deadline(inSeconds: 0)

  struct Backlog {
    /// Entries that have this destination alone and were not opened yet, and up to which of them are done.
    var names: [EntryName] = []
    var next = 0
    var parts: [Part] = []
    var nextPart = 0

    var isEmpty: Bool { next == names.count && nextPart == parts.count }
  }

  /// Entries that are known at once. More stay in the directory until these are done.
  private static let portion = 20_000
  /// Entries in work, up to which more are opened: each keeps its envelope open.
  private static let mostInWork = 300
  /// How long new/ is left alone, in milliseconds.
  private static let pause: Int32 = 100

  init(
    _ settings: QueueSettings, _ queue: consuming QueueDirectory, _ log: Log,
    _ termination: Termination,
    environmentFile: String?
  ) throws(StoreError) {
    away = try queue.away(now: Clock.now().seconds)
    self.queue = queue
    self.settings = settings
    self.log = log
    self.termination = termination
    self.environmentFile = environmentFile
  }

  var now: Int64 { Clock.now().seconds }

  /// Works until nothing is due. With `isOnce`, what comes meanwhile stays for the next run.
  mutating func run(isOnce: Bool) throws(StoreError) {
    try queue.settlePending()
    try queue.removeDebris(now: now)
    var hasScanned = false
    while !isTerminated {
      if !hasScanned || !isOnce, couriers.isEmpty || nextLook.hasPassed {
        try takeNew()
        nextLook = Deadline(inMilliseconds: Int64(Self.pause))
      }
      if couriers.isEmpty, destinations.isEmpty {
        let found = try takeDue()
        if !found, hasScanned {
          if isOnce { return }
          if try !hasNew() { return }
        }
        hasScanned = true
      }
      try startCouriers()
      if !couriers.isEmpty { try serveCouriers() }
    }
    while !couriers.isEmpty { try serveCouriers() }
  }

  // What is due.

  private func hasNew() throws(StoreError) -> Bool {
    var isFound = false
    let leftAlone = leftAlone
    try queue.forEachName(in: .new) { (name) throws(StoreError) in
      isFound = !leftAlone.contains(name.id)
      return !isFound
    }
    return isFound
  }

  /// Notes that a system call has failed for an entry. It stays in the queue as it is, and others are gone on with.
  mutating func leave(_ id: MessageID, _ error: StoreError) {
    leftAlone.insert(id)
    inWork.remove(id)
    log.write(.error, "failure") { line in
      line.add("id", id.octets)
      line.add("call", error.call)
      line.add("reason", error.errno.description)
    }
  }

  /// Opens what is new.
  private mutating func takeNew() throws(StoreError) {
    var names: [EntryName] = []
    let leftAlone = leftAlone
    try queue.forEachName(in: .new) { (name) throws(StoreError) in
      if !leftAlone.contains(name.id) { names.append(name) }
      return names.count < 1000
    }
    for name in names where inWork.count < Self.mostInWork {
      open(QueueDirectory.Location(.new, name), mayWait: true)
    }
  }

  /// Finds entries that are due; false if there are none.
  private mutating func takeDue() throws(StoreError) -> Bool {
    let now = now
    var due: [EntryName] = []
    let busy = inWork.union(leftAlone)
    try queue.forEachName(in: .queue) { (name) throws(StoreError) in
      if Schedule.isDue(name, now: now), !busy.contains(name.id) { due.append(name) }
      return due.count < Self.portion
    }
    due.sort { $0.next < $1.next }
    for name in due {
      if name.destination == 0 {
        guard inWork.count < Self.mostInWork else { continue }
        open(QueueDirectory.Location(.queue, name), mayWait: true)
      } else {
        destinations[name.destination, default: Backlog()].names.append(name)
      }
    }
    return !due.isEmpty
  }
}

// Couriers.
extension Runner {
  /// Starts one for each destination that has none, as long as there may be more.
  private mutating func startCouriers() throws(StoreError) {
    for hash in Array(destinations.keys) {
      if couriers.contains(where: { $0.destination.hash == hash }) { continue }
      let isAway = away.until(hash, now: now) != nil
      if !isAway, couriers.count >= settings.concurrency { continue }
      guard let part = nextPart(of: hash) else {
        destinations[hash] = nil
        continue
      }
      let courier: Courier
      let destination = try destination(of: part)
      do throws(Errno) {
        courier = try Courier(
          destination, [Process.sibling("postern-send"), "--batch"] + environmentOption)
      } catch {
        throw StoreError(call: "postern-send", errno: error)
      }
      couriers.append(courier)
      try give(part, to: courier)
    }
  }

  private var environmentOption: [String] { environmentFile.map { ["--env-file", $0] } ?? [] }

  /// The next part for a destination; nil if there is none, or if the destination is left alone. In that case its
  /// entries are opened all the same, which gives them another time.
  private mutating func nextPart(of hash: UInt64) -> Part? {
    while let backlog = destinations[hash] {
      if backlog.nextPart < backlog.parts.count {
        destinations[hash]?.nextPart += 1
        if away.until(hash, now: now) == nil { return backlog.parts[backlog.nextPart] }
        end(backlog.parts[backlog.nextPart].work)
        continue
      }
      destinations[hash]?.parts = []
      destinations[hash]?.nextPart = 0
      if backlog.next == backlog.names.count { return nil }
      // Several at once, so that one fsync(2) makes their moves durable; fewer where many destinations have some open.
      let count = max(1, min(10, Self.mostInWork / settings.concurrency))
      let end = min(backlog.next + count, backlog.names.count)
      destinations[hash]?.next = end
      for name in backlog.names[backlog.next..<end] {
        open(QueueDirectory.Location(.queue, name))
      }
    }
    return nil
  }

  /// Tells a courier of a job.
  private mutating func give(_ part: Part, to courier: Courier) throws(StoreError) {
    if hasMoved {
      try queue.synchronize(.queue)
      hasMoved = false
    }
    let work = part.work
    let now = part.indexes.prefix(Courier.mostRecipients)
    let addressees = try recipients(now, of: work)
    var job = Jobs.Job()
    let submission = work.entry.submission
    job.path = Array(queue.dataPath(of: work.id).utf8)
    job.offset = submission.offset
    job.reversePath = submission.reversePath
    job.isBinary = submission.isBinary
    job.isUTF8 = submission.isUTF8
    job.deliveryStatus = submission.deliveryStatus
    job.recipients = addressees
    var expected: [[UInt8]: [Int]] = [:]
    for (index, addressee) in zip(now, addressees) {
      expected[addressee.recipient.mailbox.octets, default: []].append(index)
    }
    courier.give(Courier.Job(part: part, expected: expected), job.octets)
  }

  private func destination(of part: Part) throws(StoreError) -> DestinationName {
    let first = try recipients(part.indexes.prefix(1), of: part.work)
    return DestinationName(of: first[0].recipient.mailbox, settings)
  }

  /// Waits until one of the couriers says something, or a moment, and takes what they say.
  private mutating func serveCouriers() throws(StoreError) {
    var poll = Poll()
    for courier in couriers { poll.add(courier.socket, reading: true, writing: courier.hasOutput) }
    poll.add(termination)
    poll.wait(milliseconds: Self.pause)
    if poll.isReadable(couriers.count), !isTerminated {
      isTerminated = true
      for courier in couriers { courier.terminate() }
    }
    var ended: [Int] = []
    for (index, courier) in couriers.enumerated() {
      if courier.hasOutput, poll.isWritable(index) { courier.write() }
      guard poll.isReadable(index) else { continue }
      for line in courier.read() {
        switch line {
        case .line(let line): try take(line, from: courier)
        case .end: ended.append(index)
        }
      }
      keepReports(of: courier)
    }
    for index in ended.reversed() { bury(couriers.remove(at: index)) }
  }

  private mutating func take(_ line: [UInt8], from courier: Courier) throws(StoreError) {
    if line.elementsEqual("done".utf8) { return try finishJob(of: courier) }
    guard let job = courier.job, let report = Report(line[...]) else { return courier.terminate() }
    let indexes = courier.take(report, at: now)
    if !indexes.isEmpty { note(report, of: job.part.work) }
  }

  /// Writes the reports of a job that goes on, so that they outlast a runner that is killed. Where that fails they count
  /// for nothing, and what has come is tried once more when the courier has ended.
  private func keepReports(of courier: Courier) {
    guard let job = courier.job, !job.lines.isEmpty else { return }
    do throws(StoreError) {
      try job.part.work.entry.write(job.lines)
      courier.job?.lines = .init()
    } catch {
      courier.terminate()
    }
  }

  /// Makes the reports of a job durable, and tells the courier to go on.
  private mutating func finishJob(of courier: Courier) throws(StoreError) {
    guard let job = courier.job else { return courier.terminate() }
    // Without a mark nothing may follow; what has come is tried once more when the courier has ended.
    do throws(StoreError) { try job.part.work.entry.append(job.lines) } catch {
      return courier.terminate()
    }
    if job.hasDelivered { queue.welcome(courier.destination.hash, in: &away) }
    if job.isDeferred { leaveAlone(courier.destination) }
    courier.acknowledge()
    var part = job.part
    part.indexes.removeFirst(min(Courier.mostRecipients, part.indexes.count))
    if !part.indexes.isEmpty, !job.isDeferred, !isTerminated {
      return try give(part, to: courier)
    }
    end(part.work)
    let mayGoOn = !job.isDeferred && !isTerminated && courier.jobs < Courier.mostJobs
    if mayGoOn, let next = nextPart(of: courier.destination.hash) {
      try give(next, to: courier)
    } else {
      courier.close()
    }
  }

  private mutating func leaveAlone(_ destination: DestinationName) {
    let until = queue.leaveAlone(destination.hash, name: destination.octets, in: &away, now: now)
    log.write(.notice, "away") { line in
      line.add("destination", destination.octets)
      line.add("seconds", Int(until - now))
    }
  }

  /// A courier has ended. Of a job that it has not done, the reports that have come count.
  private mutating func bury(_ courier: Courier) {
    courier.wait(seconds: 10)
    guard let job = courier.job else { return }
    do throws(StoreError) { try job.part.work.entry.append(job.lines) } catch {
      return leave(job.part.work.id, error)
    }
    log.write(isTerminated ? .info : .error, "failure") { line in
      line.add("id", job.part.work.id.octets)
      line.add("reason", "postern-send has ended in the middle of a job")
    }
    if !isTerminated { leaveAlone(courier.destination) }
    end(job.part.work)
  }

  func note(_ report: Report, of work: Work) {
    let verdict = report.verdict
    log.write(verdict.outcome == .delivered ? .info : .notice, "send") { line in
      line.add("id", work.id.octets)
      line.add("to", report.address)
      line.add("outcome", verdict.outcome.name)
      if !report.host.isEmpty { line.add("host", report.host) }
      if let code = verdict.code { line.add("code", code) }
      line.add("status", verdict.status.octets)
      line.add("text", verdict.text.prefix(200))
    }
  }
}
