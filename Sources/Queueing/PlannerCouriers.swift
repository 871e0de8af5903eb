// What couriers get to do: one job after the other for their destination, until there is nothing more, or it is to be left
// alone.

public import SMTP

extension Planner {
  /// Messages on one connection.
  static let mostJobs = 100
  /// Recipients of one job. More of a message are another job, so that not too much is sent twice after a crash.
  static let mostRecipients = 1000
  /// Verdicts that are written without a sync of the disk, so that a list whose members have a mail transaction each does
  /// not pay one for each. They outlast a run that is killed; a power cut costs as many second copies at most.
  static let mostUnsynchronized = 100
  /// Entries of one destination that are opened together, so that one fsync(2) makes their moves durable; fewer where many
  /// destinations have some open.
  private var batch: Int { max(1, min(10, Self.mostInWork / limits.concurrency)) }

  struct Engagement: Sendable {
    /// How many messages it was given.
    var jobs = 0
    var job: Assignment?
    /// What follows when the verdicts are written.
    var purpose = Purpose.pause

    enum Purpose: Sendable {
      case pause
      case goOn
      case finish
      case bury
    }
  }

  struct Assignment: Sendable {
    /// Its recipients, and those that are for another job.
    var part: Part
    /// Verdicts that are not written.
    var unwritten = 0
    /// Verdicts that are written, but not synced.
    var unsynchronized = 0
    /// Whether the destination wants no more, for now.
    var isDeferred = false
    var hasDelivered = false
    /// Whether the connection was lost, or nothing came, in the middle of a message.
    var isLost = false
  }

  /// What a courier says.
  public enum Word: Sendable {
    /// What has become of so many recipients of its job.
    case verdict(ClientSession.Verdict, recipients: Int)
    /// It waits before another mail transaction of its job.
    case more
    /// It has done its job.
    case done
    /// It has said nothing more for now.
    case pause
    /// It says what nobody understands.
    case nonsense
    /// It has ended.
    case end
  }

  /// Takes what a courier has said.
  public mutating func hear(_ word: Word, from destination: UInt64) {
    switch word {
    case .verdict(let verdict, let recipients): take(verdict, recipients, from: destination)
    case .more: keep(destination, .goOn)
    case .pause: keep(destination, .pause)
    case .done:
      if couriers[destination]?.job == nil { return add([.terminate(destination)]) }
      couriers[destination]?.purpose = .finish
      add([.keep(destination, isDurable: true)])
    case .nonsense: add([.terminate(destination)])
    case .end: lose(destination)
    }
  }

  /// A courier has ended. Of a job that it has not done, the verdicts that have come count.
  private mutating func lose(_ destination: UInt64) {
    guard couriers[destination]?.job != nil else {
      couriers[destination] = nil
      return add([.bury(destination)])
    }
    couriers[destination]?.purpose = .bury
    add([.keep(destination, isDurable: true)])
  }

  private mutating func take(
    _ verdict: ClientSession.Verdict, _ recipients: Int, from destination: UInt64
  ) {
    if recipients == 0 { return }
    couriers[destination]?.job?.unwritten += recipients
    switch verdict.outcome {
    case .delivered: couriers[destination]?.job?.hasDelivered = true
    case .deferred, .unknown:
      if verdict.scope == .destination { couriers[destination]?.job?.isDeferred = true }
      if verdict.code == nil, verdict.status.subject == 4 {
        couriers[destination]?.job?.isLost = true
      }
    case .refused: break
    }
  }

  /// Writes the verdicts of a job that goes on.
  private mutating func keep(_ destination: UInt64, _ purpose: Engagement.Purpose) {
    guard let job = couriers[destination]?.job else { return }
    couriers[destination]?.purpose = purpose
    if job.unwritten == 0 { return kept(destination, .done) }
    let isDurable = job.unsynchronized + job.unwritten >= Self.mostUnsynchronized
    add([.keep(destination, isDurable: isDurable)])
  }

  mutating func kept(_ destination: UInt64, _ result: Result) {
    guard let courier = couriers[destination], let job = courier.job else { return }
    if case .failed(let isCorrupt) = result {
      // Without a mark nothing may follow; what has come is tried once more when the courier has ended.
      guard case .bury = courier.purpose else { return add([.terminate(destination)]) }
      couriers[destination] = nil
      add([.bury(destination)])
      return failPart(of: job.part.id, isCorrupt: isCorrupt)
    }
    let unsynchronized = job.unsynchronized + job.unwritten
    couriers[destination]?.job?.unwritten = 0
    couriers[destination]?.job?.unsynchronized =
      unsynchronized >= Self.mostUnsynchronized ? 0 : unsynchronized
    switch courier.purpose {
    case .pause: break
    case .goOn: add([.goOn(destination)])
    case .finish: finish(job, of: destination)
    case .bury: bury(job, of: destination)
    }
  }

  private mutating func finish(_ job: Assignment, of destination: UInt64) {
    let id = job.part.id
    works[id]?.isTried = true
    couriers[destination]?.job = nil
    if job.hasDelivered, away.welcome(destination) { add([.welcome(destination)]) }
    let isAway = job.isDeferred || job.isLost && away.lose(destination)
    if isAway { leaveAlone(destination, for: id) }
    add([.acknowledge(destination)])
    var part = job.part
    part.recipients.removeFirst(min(Self.mostRecipients, part.recipients.count))
    if !part.recipients.isEmpty, !isAway, !isTerminated { return give(part, to: destination) }
    end(id)
    let jobs = couriers[destination]?.jobs ?? 0
    if !isAway, !isStopping, jobs < Self.mostJobs {
      idle.append(destination)
    } else {
      add([.close(destination)])
    }
  }

  private mutating func bury(_ job: Assignment, of destination: UInt64) {
    let id = job.part.id
    couriers[destination] = nil
    add([.noteLoss(id: id, isExpected: isTerminated)])
    if !isTerminated, away.lose(destination) { leaveAlone(destination, for: id) }
    add([.bury(destination)])
    end(id)
  }

  /// Leaves a destination alone that could not be reached or wants no more.
  private mutating func leaveAlone(_ destination: UInt64, for id: UInt64) {
    let absence = away.fail(destination, now: now, jitter: jitter())
    putOff(id, until: absence.until)
    add([.leaveAlone(destination, absence)])
  }
}

// The next job.
extension Planner {
  private enum Supply {
    case part(Part)
    /// Something must be done before it is known.
    case later
    case nothing
  }

  /// The next part for a destination. Where that is left alone its entries are opened all the same, which gives them
  /// another time.
  private mutating func nextPart(for destination: UInt64) -> Supply {
    guard let backlog = destinations[destination] else { return .nothing }
    if backlog.nextPart < backlog.parts.count {
      destinations[destination]?.nextPart += 1
      let part = backlog.parts[backlog.nextPart]
      if away.until(destination, now: now) == nil { return .part(part) }
      end(part.id)
      return .later
    }
    destinations[destination]?.parts = []
    destinations[destination]?.nextPart = 0
    if backlog.nextTurn == backlog.turns.count { return .nothing }
    let end = min(backlog.nextTurn + batch, backlog.turns.count)
    destinations[destination]?.nextTurn = end
    for turn in backlog.turns[backlog.nextTurn..<end] { open(turn, mayWait: false) }
    return .later
  }

  /// Tells a courier of the next job, or that there is none.
  mutating func supply(_ destination: UInt64) {
    guard couriers[destination] != nil else { return }
    if isStopping { return add([.close(destination)]) }
    switch nextPart(for: destination) {
    case .part(let part): give(part, to: destination)
    case .later: idle.append(destination)
    case .nothing: add([.close(destination)])
    }
  }

  /// Starts a courier for a destination, if it may have one; returns whether it is to be called once more for it.
  mutating func start(_ destination: UInt64) -> Bool {
    if couriers[destination] != nil { return false }
    let isAway = away.until(destination, now: now) != nil
    if !isAway, couriers.count >= limits.concurrency { return false }
    switch nextPart(for: destination) {
    case .part(let part):
      starting = part
      lastStarted = destination
      add([.start(destination, id: part.id, recipient: part.recipients[0])])
      return false
    case .later: return true
    case .nothing:
      destinations[destination] = nil
      return false
    }
  }

  mutating func started(_ destination: UInt64, _ id: UInt64, _ result: Result) {
    guard let part = starting else { return }
    starting = nil
    if case .failed(let isCorrupt) = result {
      return failPart(of: id, isCorrupt: isCorrupt)
    }
    couriers[destination] = Engagement()
    give(part, to: destination)
  }

  private mutating func give(_ part: Part, to destination: UInt64) {
    couriers[destination]?.job = Assignment(part: part)
    if hasMoved { add([.synchronize]) }
    var first = part
    first.recipients = Array(part.recipients.prefix(Self.mostRecipients))
    add([.give(destination, first)])
  }

  mutating func given(_ destination: UInt64, _ part: Part, _ result: Result) {
    guard case .failed(let isCorrupt) = result else {
      couriers[destination]?.jobs += 1
      return
    }
    // Its envelope cannot be read any more.
    couriers[destination]?.job = nil
    idle.append(destination)
    failPart(of: part.id, isCorrupt: isCorrupt)
  }
}
