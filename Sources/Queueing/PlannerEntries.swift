// How an entry is opened, when it is tried again, and whom its sender is told of at the end of an attempt (RFC 3461,
// RFC 3464).

public import Notices

extension Planner {
  /// An entry in work: its attempt has begun, and some destinations have not answered yet.
  struct Work: Sendable {
    /// Where its envelope is.
    var turn: Turn
    /// Whether its turn may come later, if its one destination is busy. So what waits for one host keeps no file open.
    let mayWait: Bool
    /// The recipients, until the next attempt is noted.
    var parts: [Part] = []
    /// When the first destination that is left alone may be asked again: then the entry is due, if not before. In seconds
    /// since 1970.
    var absenceEnd = Int64.max
    /// Whether a message was tried, and not only put off.
    var isTried = false
    /// Destinations that have not answered yet.
    var openParts = 0
    var step = Step.opening

    /// The attempts with this one.
    var attempts: Int { startedAttempts + 1 }
    private let startedAttempts: Int

    enum Step: Sendable {
      /// It is read, and then moved to when it is tried again.
      case opening
      /// It is moved to where it waits for its destination.
      case waiting
      case trying
      /// The sender is told of those that cannot be delivered, from this one on.
      case tellingFailures(from: Int)
      case tellingDelay
      case concluding
      case tellingSuccesses([Told])
      /// It is moved to another time.
      case puttingOff
      /// Nothing is done for it any more, but what couriers work on.
      case left
    }

    init(_ turn: Turn, mayWait: Bool) {
      (self.turn, self.mayWait, startedAttempts) = (turn, mayWait, turn.attempts)
    }

    var isLeft: Bool { if case .left = step { true } else { false } }
  }

  /// Of which recipient the sender is told what.
  public struct Told: Equatable, Sendable {
    public var recipient: Int
    public var event: StatusReport.Event

    public init(_ recipient: Int, _ event: StatusReport.Event) {
      (self.recipient, self.event) = (recipient, event)
    }
  }

  /// What the envelope of an entry says at the end of an attempt.
  public struct Standing: Sendable {
    /// Seconds since 1970.
    public var arrival: Int64
    public var states: RecipientStates
    /// Whether an operator wants no more attempts.
    public var isToBounce: Bool
    public var hasToldDelay: Bool
    /// Whether there may be recipients whose sender wants to hear of a success.
    public var mayWantSuccess: Bool

    public init(
      arrival: Int64, states: RecipientStates, isToBounce: Bool, hasToldDelay: Bool,
      mayWantSuccess: Bool
    ) {
      (self.arrival, self.states, self.isToBounce) = (arrival, states, isToBounce)
      (self.hasToldDelay, self.mayWantSuccess) = (hasToldDelay, mayWantSuccess)
    }
  }
}

// The beginning.
extension Planner {
  mutating func opened(_ id: UInt64, _ result: Result) {
    switch result {
    case .opened(let parts, let recipients): opened(id, parts, of: recipients)
    case .withoutMessage: leave(id, .withoutMessage)
    case .failed(let isCorrupt): fail(id, isCorrupt: isCorrupt)
    case .newer:
      leaveAlone(id)
      drop(id)
    case .gone, .done, .reviewed, .successes: drop(id)
    }
  }

  private mutating func opened(_ id: UInt64, _ parts: [Part], of recipients: Int) {
    guard let work = works[id] else { return }
    let only = parts.count == 1 && parts[0].recipients.count == recipients ? parts[0] : nil
    let destination = only?.destination ?? 0
    if work.mayWait, destination != 0, isBusy(destination) {
      works[id]?.step = .waiting
      let new = work.turn.at(now, attempts: work.attempts - 1, destination: destination)
      return add([.move(work.turn, to: new)])
    }
    works[id]?.parts = parts
    let next = Schedule.next(after: work.attempts, now: now, jitter: jitter())
    add([
      .move(work.turn, to: work.turn.at(next, attempts: work.attempts, destination: destination))
    ])
  }

  /// Whether something is to be done for a destination already.
  private func isBusy(_ destination: UInt64) -> Bool {
    destinations[destination]?.isEmpty == false || couriers[destination] != nil
  }

  mutating func moved(_ id: UInt64, _ new: Turn, _ result: Result) {
    guard let work = works[id] else { return }
    if case .failed(let isCorrupt) = result {
      return work.isLeft ? dropIfDone(id) : fail(id, isCorrupt: isCorrupt)
    }
    // Where it is gone an operator was faster.
    guard case .done = result else { return dropIfDone(id) }
    if case .waiting = work.step {
      destinations[new.destination, default: Backlog()].turns.append(new)
      return drop(id)
    }
    hasMoved = true
    works[id]?.turn = new
    if case .opening = work.step { begin(id) } else { dropIfDone(id) }
  }

  /// Divides an entry between its destinations: its next attempt is noted.
  private mutating func begin(_ id: UInt64) {
    let parts = works[id]?.parts ?? []
    works[id]?.parts = []
    works[id]?.step = .trying
    works[id]?.openParts = 1
    for part in parts {
      if let end = away.until(part.destination, now: now) {
        putOff(id, until: end)
        continue
      }
      works[id]?.openParts += 1
      destinations[part.destination, default: Backlog()].parts.append(part)
    }
    end(id)
  }

  /// The entry is due when a destination may be asked again.
  mutating func putOff(_ id: UInt64, until end: Int64) {
    if let work = works[id], end < work.absenceEnd { works[id]?.absenceEnd = end }
  }
}

// The end.
extension Planner {
  /// A destination has answered, or was not asked. When that was the last one, it is seen what comes of the entry.
  mutating func end(_ id: UInt64) {
    works[id]?.openParts -= 1
    guard let work = works[id], work.openParts == 0 else { return }
    if work.isLeft { return drop(id) }
    works[id]?.step = .tellingFailures(from: 0)
    add([.review(id)])
  }

  mutating func reviewed(_ id: UInt64, _ result: Result) {
    guard case .reviewed(let standing) = result, let work = works[id] else { return }
    let states = standing.states
    let age = max(0, now - standing.arrival)
    switch work.step {
    case .tellingFailures(let start):
      let isOver = age >= limits.lifetime
      let told = Self.failures(
        states, from: start, waiting: standing.isToBounce ? .returned : isOver ? .expired : nil)
      if let last = told.last {
        works[id]?.step = .tellingFailures(from: last.recipient + 1)
        return add([.notify(id, told)])
      }
      works[id]?.step = .tellingDelay
      reviewed(id, result)
    case .tellingDelay:
      works[id]?.step = .concluding
      if age >= Schedule.delayNotice, !standing.hasToldDelay, states.hasWaiting {
        let event = StatusReport.Event.delayed(until: standing.arrival + limits.lifetime)
        return add([.notify(id, Self.delays(states, event))])
      }
      reviewed(id, result)
    case .concluding:
      if !states.isFinished { return putOff(id) }
      if !standing.mayWantSuccess { return add([.remove(work.turn)]) }
      let delivered = (0..<states.count).filter { states[$0] == .delivered }
      add([.readSuccesses(id, delivered)])
    case .opening, .waiting, .trying, .tellingSuccesses, .puttingOff, .left: break
    }
  }

  /// The next recipients that cannot be delivered: those that were refused and, if `event` says why, those that wait.
  static func failures(
    _ states: RecipientStates, from start: Int, waiting event: StatusReport.Event?
  ) -> [Told] {
    var told: [Told] = []
    for recipient in start..<max(start, states.count) {
      switch states[recipient] {
      case .refused: told.append(Told(recipient, .refused))
      case .waiting: if let event { told.append(Told(recipient, event)) }
      case .delivered, .told: break
      }
      if told.count == StatusReport.recipientLimit { break }
    }
    return told
  }

  /// The first recipients that wait.
  static func delays(_ states: RecipientStates, _ event: StatusReport.Event) -> [Told] {
    let waiting = (0..<states.count).lazy.filter { states[$0] == .waiting }
    return waiting.prefix(StatusReport.recipientLimit).map { Told($0, event) }
  }

  mutating func tell(of id: UInt64, _ result: Result) {
    if case .failed(let isCorrupt) = result { return fail(id, isCorrupt: isCorrupt) }
    guard case .successes(let told) = result else { return }
    works[id]?.step = .tellingSuccesses(told)
    tellSuccesses(id)
  }

  private mutating func tellSuccesses(_ id: UInt64) {
    guard let work = works[id], case .tellingSuccesses(let told) = work.step else { return }
    if told.isEmpty { return add([.remove(work.turn)]) }
    works[id]?.step = .tellingSuccesses(Array(told.dropFirst(StatusReport.recipientLimit)))
    add([.notify(id, Array(told.prefix(StatusReport.recipientLimit)))])
  }

  mutating func notified(_ id: UInt64, _ result: Result) {
    if case .failed(let isCorrupt) = result { return fail(id, isCorrupt: isCorrupt) }
    guard let work = works[id] else { return }
    if case .tellingSuccesses = work.step { tellSuccesses(id) } else { add([.review(id)]) }
  }

  mutating func removed(_ id: UInt64, _ result: Result) {
    if case .failed(let isCorrupt) = result { return fail(id, isCorrupt: isCorrupt) }
    drop(id)
  }

  /// Gives an entry that a destination which is left alone has kept waiting its time behind the absence. That it was not
  /// tried is no attempt; that the destination could not be reached is one at first, and no further one.
  private mutating func putOff(_ id: UInt64) {
    guard let work = works[id], work.absenceEnd < work.turn.next else { return drop(id) }
    works[id]?.step = .puttingOff
    let attempts = max(work.turn.attempts - 1, work.isTried ? 1 : 0)
    let new = work.turn.at(
      work.absenceEnd, attempts: attempts, destination: work.turn.destination)
    add([.move(work.turn, to: new)])
  }

  /// Makes an entry that was opened due at once, unless one of its destinations was begun.
  mutating func putBack(_ id: UInt64) -> Effect? {
    works[id]?.openParts -= 1
    guard let work = works[id], work.openParts == 0, !work.isLeft else { return nil }
    works[id]?.step = .puttingOff
    let new = work.turn.at(now, attempts: work.attempts - 1, destination: work.turn.destination)
    return .move(work.turn, to: new)
  }

  /// Nothing is done any more for an entry.
  private mutating func drop(_ id: UInt64) {
    works[id] = nil
    add([.release(id)])
  }

  /// The same, as soon as no courier works on it.
  private mutating func dropIfDone(_ id: UInt64) {
    if let work = works[id], work.openParts <= 0 { drop(id) }
  }
}

// Failures.
extension Planner {
  /// This run leaves an entry alone. It stays in the queue if that may pass; but not in new/, where it would start one run
  /// after the other.
  mutating func fail(_ id: UInt64, isCorrupt: Bool) {
    leaveAlone(id)
    guard let work = works[id], !work.isLeft else { return dropIfDone(id) }
    if isCorrupt { return leave(id, .unreadable) }
    works[id]?.step = .left
    postpone(id)
  }

  /// The same where something has failed for one destination.
  mutating func failPart(of id: UInt64, isCorrupt: Bool) {
    works[id]?.openParts -= 1
    fail(id, isCorrupt: isCorrupt)
  }

  private mutating func leave(_ id: UInt64, _ damage: Damage) {
    leaveAlone(id)
    works[id]?.step = .left
    if let work = works[id] { add([.setAside(work.turn, damage)]) }
  }

  mutating func wasSetAside(_ id: UInt64, _ result: Result) {
    if case .failed = result { postpone(id) } else { dropIfDone(id) }
  }

  /// Gives an entry that is due another time.
  private mutating func postpone(_ id: UInt64) {
    guard let turn = works[id]?.turn else { return }
    let isDue = Schedule.isDue(turn.next, after: turn.attempts, now: now)
    guard turn.place == .new || isDue else { return dropIfDone(id) }
    let attempts = turn.attempts + 1
    let next = Schedule.next(after: attempts, now: now, jitter: jitter())
    add([.move(turn, to: turn.at(next, attempts: attempts, destination: turn.destination))])
  }
}
