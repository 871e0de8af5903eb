// A disk, couriers, hosts and an operator for the planner: all of it is made up, and chance decides what each does. The disk
// knows what is durable; a run can be killed, or the power cut, between any two effects.

import Notices
import SMTP

@testable import Queueing

/// Numbers that are the same for a seed (SplitMix64).
struct Chance {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }
}

struct World {
  typealias Outcome = ClientSession.Verdict.Outcome

  /// A message in the queue, as the disk has it.
  struct Message {
    let arrival: Int64
    /// The destination of each recipient; 0 is ours.
    let destinations: [UInt64]
    let wantsSuccess: Bool
    let kind: Kind
    /// The mails that tell of its failures.
    var words: [UInt64] = []
    var turn: Planner.Turn
    /// What the power leaves of it when it is cut.
    var durableTurn: Planner.Turn
    private(set) var journal: [Line] = []
    /// How many lines are durable.
    var durableLines = 0
    /// How many of the others were there when they could not be synced: the run has left the message alone then.
    var leftLines = 0
    var isRemoved = false
    var isRemovalDurable = false
    /// An operator has removed it, or it was set aside.
    var isTakenAway = false
    var isToBounce = false
    /// How often each recipient got it.
    var copies: [Int]
    /// Recipients that a host may have had without our knowing of it.
    var excused: Set<Int> = []

    enum Kind {
      case mail
      /// A stranger's mail with a null reverse-path.
      case null
      /// What a mail's sender is told.
      case report
      /// What the postmaster is told of a report.
      case word
    }

    init(
      _ id: UInt64, _ destinations: [UInt64], arrival: Int64, wantsSuccess: Bool,
      _ kind: Kind = .mail
    ) {
      self.kind = kind
      turn = Planner.Turn(
        id: id, place: .new, isFresh: true, next: 0, attempts: 0, destination: 0)
      durableTurn = turn
      (self.arrival, self.destinations, self.wantsSuccess) = (arrival, destinations, wantsSuccess)
      states = RecipientStates(count: destinations.count)
      copies = Array(repeating: 0, count: destinations.count)
    }

    enum Line {
      case verdict(Int, Outcome)
      case notice([Planner.Told])

      var isNotice: Bool { if case .notice = self { true } else { false } }
    }

    /// What the journal says.
    private(set) var states: RecipientStates

    mutating func append(_ line: Line) {
      journal.append(line)
      switch line {
      case .verdict(let recipient, let outcome): states.take(outcome, of: recipient)
      case .notice(let told):
        for one in told where !one.isOfDelay { states.tell(of: one.recipient) }
      }
    }

    /// The last lines are lost.
    mutating func cut(_ count: Int) {
      let lines = journal.dropLast(count)
      (journal, states) = ([], RecipientStates(count: destinations.count))
      for line in lines { append(line) }
    }

    var told: [Planner.Told] {
      journal.flatMap { line -> [Planner.Told] in
        if case .notice(let told) = line { told } else { [] }
      }
    }

    var isThere: Bool { !isRemoved && !isTakenAway }
  }

  /// A program that brings mail to a destination.
  struct Courier {
    var job: Planner.Part?
    /// Up to which recipient of it hosts were asked.
    var position = 0
    /// Verdicts that were said, and are not in the journal.
    var said: [(recipient: Int, outcome: Outcome)] = []
    var waitsForWord = false
    var isClosing = false
    var isDying = false
    /// How long it says nothing.
    var silence = 0
  }

  var chance: Chance
  var now: Int64 = 1_800_000_000
  let limits: Planner.Limits
  var messages: [UInt64: Message] = [:]
  var couriers: [UInt64: Courier] = [:]
  /// What is wrong.
  var faults: [String] = []
  /// One of so many calls fails.
  let failureRate: Int
  private(set) var away: [UInt64: Away.Absence] = [:]
  private(set) var effects = 0
  private var lifetime: Int64 { limits.lifetime }

  init(seed: UInt64, messages count: Int, destinations: Int, recipients: Int) {
    chance = Chance(state: seed)
    failureRate = chance.oneIn(2) ? 50 : .max
    limits = Planner.Limits(
      concurrency: 1 + chance.below(4), lifetime: [3600, 86_400, 432_000][chance.below(3)],
      isOnce: chance.oneIn(2))
    for index in 1...count {
      let own = (0..<(1 + chance.below(recipients))).map { _ in
        UInt64(chance.below(destinations + 1))
      }
      add(UInt64(index), own)
    }
  }

  mutating func add(_ id: UInt64, _ destinations: [UInt64]) {
    let kind: Message.Kind = chance.oneIn(5) ? .null : .mail
    messages[id] = Message(
      id, destinations, arrival: now, wantsSuccess: kind == .mail && chance.oneIn(3), kind)
  }

  /// Who is told of failures of a message is told by another, which is durable with the mark.
  private mutating func tell(_ told: [Planner.Told], of id: UInt64) {
    guard let message = messages[id], !told[0].isOfDelay, !told[0].isOfSuccess else { return }
    let mailbox = Mailbox(Array("me@x.example".utf8))!
    var reported = ReportedMessage(from: message.kind == .mail ? .mailbox(mailbox) : .null)
    reported.isReport = message.kind == .report
    let kind: Message.Kind
    if StatusReport(on: reported) != nil {
      kind = .report
    } else if UndeliveredReport(on: reported) != nil {
      kind = .word
    } else {
      return
    }
    let new = id * 1000 + UInt64(message.words.count)
    if messages[new] != nil { fault("\(id) is told of by \(new) once more") }
    messages[id]?.words.append(new)
    messages[new] = Message(
      new, [UInt64(chance.below(5))], arrival: now, wantsSuccess: false, kind)
  }

  mutating func fault(_ text: String) { if faults.count < 20 { faults.append(text) } }

  /// The process dies. With `isCut` what was not synced is lost, or not.
  mutating func crash(isCut: Bool) {
    couriers = [:]
    for id in messages.keys.sorted() {
      guard var message = messages[id] else { continue }
      if isCut {
        if !message.isRemovalDurable, chance.oneIn(2) { message.isRemoved = false }
        if chance.oneIn(2) { message.turn = message.durableTurn }
        let lost = message.journal.count - message.durableLines
        message.cut(chance.below(lost + 1))
        if chance.oneIn(4) { away = [:] }
      }
      message.synchronizeTurn()
      message.synchronizeJournal()
      message.excuse()
      messages[id] = message
    }
  }

  var awayForPlanner: Away {
    var known = Away()
    for (destination, absence) in away { known.note(destination, absence) }
    return known
  }

  /// What an operator does now and then.
  mutating func operate() {
    guard chance.oneIn(40), let id = messages.keys.sorted().first(where: { messages[$0]!.isThere })
    else { return }
    switch chance.below(3) {
    case 0: messages[id]?.isTakenAway = true
    case 1: messages[id]?.isToBounce = true
    default: break
    }
    if let turn = messages[id]?.turn, turn.place == .queue {
      messages[id]?.turn.next = 0
      messages[id]?.synchronizeTurn()
    }
  }
}

extension World.Message {
  mutating func synchronizeTurn() { (durableTurn, isRemovalDurable) = (turn, isRemoved) }
  mutating func synchronizeJournal() { (durableLines, leftLines) = (journal.count, 0) }

  /// Lines that a run may still lose by a power cut.
  var unsynchronizedLines: Int { journal.count - durableLines }

  /// Whoever got it without a verdict in the journal may get it once more.
  mutating func excuse() {
    let states = states
    for recipient in copies.indices where copies[recipient] > 0 && states[recipient] == .waiting {
      excused.insert(recipient)
    }
  }
}

extension Planner.Told {
  var isOfDelay: Bool { if case .delayed = event { true } else { false } }
  var isOfSuccess: Bool { event == .delivered || event == .relayed }
}

// What the planner's caller does.
extension World {
  mutating func carryOut(_ effect: Planner.Effect, for planner: inout Planner) -> Planner.Result {
    effects += 1
    switch effect {
    case .look(let place):
      for id in messages.keys.sorted() where messages[id]!.isThere {
        guard let turn = messages[id]?.turn, turn.place == place else { continue }
        if !planner.see(turn) { break }
      }
    case .open(let turn): return open(turn)
    case .move(let turn, let new): return move(turn, new)
    case .synchronize:
      for id in messages.keys.sorted() {
        messages[id]?.synchronizeTurn()
      }
    case .start(let destination, _, _):
      if chance.oneIn(failureRate) { return .failed(isCorrupt: false) }
      if couriers[destination] != nil { fault("two couriers for \(destination)") }
      couriers[destination] = Courier()
      if couriers.count > limits.concurrency { fault("\(couriers.count) couriers") }
    case .give(let destination, let part): return give(part, to: destination)
    case .keep(let destination, let isDurable): return keep(destination, isDurable)
    case .goOn(let destination): goOn(destination, isDone: false)
    case .acknowledge(let destination): goOn(destination, isDone: true)
    case .close(let destination): couriers[destination]?.isClosing = true
    case .terminate(let destination): couriers[destination]?.isDying = true
    case .bury(let destination):
      if let job = couriers[destination]?.job { messages[job.id]?.excuse() }
      couriers[destination] = nil
    case .noteLoss, .release, .end: break
    case .leaveAlone(let destination, let absence): away[destination] = absence
    case .welcome(let destination): away[destination] = nil
    case .review(let id): return review(id)
    case .readSuccesses(let id, let delivered): return successes(id, delivered)
    case .notify(let id, let told): return notify(id, told)
    case .remove(let turn): return remove(turn)
    case .setAside(let turn, _):
      if chance.oneIn(failureRate) { return .failed(isCorrupt: false) }
      if messages[turn.id]?.turn == turn { messages[turn.id]?.isTakenAway = true }
    }
    return .done
  }

  private mutating func failure() -> Planner.Result? {
    guard chance.oneIn(failureRate) else { return nil }
    return .failed(isCorrupt: chance.oneIn(20))
  }

  private mutating func open(_ turn: Planner.Turn) -> Planner.Result {
    if let failure = failure() { return failure }
    guard var message = messages[turn.id], message.isThere, message.turn == turn else {
      return .gone
    }
    if turn.place == .queue, turn.next > now,
      !Schedule.isDue(turn.next, after: turn.attempts, now: now)
    {
      fault("\(turn.id) is opened before its time")
    }
    if chance.oneIn(2000) { return .withoutMessage }
    if chance.oneIn(2000) { return .newer }
    var parts: [Planner.Part] = []
    let states = message.states
    for (recipient, destination) in message.destinations.enumerated()
    where states[recipient] == .waiting && !message.isToBounce {
      if destination == 0 {
        message.append(.verdict(recipient, chance.oneIn(5) ? .deferred : .delivered))
        message.durableLines = message.journal.count
      } else if let index = parts.firstIndex(where: { $0.destination == destination }) {
        parts[index].recipients.append(recipient)
      } else {
        parts.append(.init(id: turn.id, destination: destination, recipients: [recipient]))
      }
    }
    messages[turn.id] = message
    return .opened(parts, recipients: message.destinations.count)
  }

  private mutating func move(_ turn: Planner.Turn, _ new: Planner.Turn) -> Planner.Result {
    if let failure = failure() { return failure }
    guard let message = messages[turn.id], message.isThere, message.turn == turn else {
      return .gone
    }
    messages[turn.id]?.turn = new
    return .done
  }

  private mutating func review(_ id: UInt64) -> Planner.Result {
    guard let message = messages[id] else { return .gone }
    return .reviewed(
      .init(
        arrival: message.arrival, states: message.states, isToBounce: message.isToBounce,
        hasToldDelay: message.told.contains { $0.isOfDelay }, mayWantSuccess: message.wantsSuccess))
  }

  private mutating func successes(_ id: UInt64, _ delivered: [Int]) -> Planner.Result {
    if let failure = failure() { return failure }
    // Every third is the duty of the host.
    return .successes(delivered.filter { $0 % 3 != 0 }.map { .init($0, .relayed) })
  }

  private mutating func notify(_ id: UInt64, _ told: [Planner.Told]) -> Planner.Result {
    if let failure = failure() { return failure }
    guard let message = messages[id] else { return .gone }
    if told.isEmpty || told.count > StatusReport.recipientLimit {
      fault("a notice of \(told.count) recipients")
    }
    let (before, states) = (message.told, message.states)
    if told.contains(where: { $0.isOfDelay }), before.contains(where: { $0.isOfDelay }) {
      fault("\(id) is late once more")
    }
    let age = now - message.arrival
    for one in told {
      let isToldBefore = before.contains { $0.recipient == one.recipient && !$0.isOfDelay }
      if isToldBefore { fault("\(id) \(one.recipient) is told once more") }
      let isRight =
        switch one.event {
        case .refused: states[one.recipient] == .refused
        case .expired: states[one.recipient] == .waiting && age >= limits.lifetime
        case .returned: states[one.recipient] == .waiting && message.isToBounce
        case .delayed: states[one.recipient] == .waiting && age >= 4 * 3600
        case .delivered, .relayed, .expanded: states[one.recipient] == .delivered
        }
      if !isRight { fault("\(id) \(one.recipient) is told \(one.event), age \(age)") }
    }
    messages[id]?.append(.notice(told))
    messages[id]?.synchronizeJournal()
    tell(told, of: id)
    return .done
  }

  private mutating func remove(_ turn: Planner.Turn) -> Planner.Result {
    if let failure = failure() { return failure }
    guard let message = messages[turn.id] else { return .gone }
    if !message.states.isFinished { fault("\(turn.id) is removed too early") }
    if message.journal[message.durableLines...].contains(where: \.isNotice) {
      fault("\(turn.id) is removed before its notices are durable")
    }
    messages[turn.id]?.isRemoved = true
    return .done
  }
}

// Couriers.
extension World {
  private mutating func give(_ part: Planner.Part, to destination: UInt64) -> Planner.Result {
    if let failure = failure() { return failure }
    guard let message = messages[part.id] else { return .gone }
    if message.turn != message.durableTurn || message.turn.place != .queue {
      fault("\(part.id) is given before its next attempt is durable")
    }
    if part.recipients.count > 1000 || part.recipients.isEmpty {
      fault("a job of \(part.recipients.count)")
    }
    if couriers[destination] == nil || couriers[destination]?.job != nil
      || couriers[destination]!.isClosing
    {
      fault("\(destination) is given a job that it cannot take")
    }
    if let until = away[destination]?.until, until > now {
      fault("\(destination) is not left alone")
    }
    couriers[destination]?.job = part
    couriers[destination]?.position = 0
    couriers[destination]?.silence = chance.oneIn(6) ? chance.below(30) : 0
    return .done
  }

  private mutating func keep(_ destination: UInt64, _ isDurable: Bool) -> Planner.Result {
    if let failure = failure() {
      if let job = couriers[destination]?.job, let message = messages[job.id] {
        messages[job.id]?.leftLines = message.unsynchronizedLines
      }
      return failure
    }
    guard let courier = couriers[destination], let job = courier.job else { return .done }
    for (recipient, outcome) in courier.said {
      messages[job.id]?.append(.verdict(recipient, outcome))
    }
    couriers[destination]?.said = []
    if isDurable { messages[job.id]?.synchronizeJournal() }
    return .done
  }

  private mutating func goOn(_ destination: UInt64, isDone: Bool) {
    guard let courier = couriers[destination], let job = courier.job, courier.waitsForWord else {
      return fault("\(destination) waits for nothing")
    }
    let message = messages[job.id]!
    let unsynchronized = message.unsynchronizedLines - (isDone ? 0 : message.leftLines)
    if !courier.said.isEmpty { fault("\(destination) goes on before the marks") }
    if unsynchronized > (isDone ? 0 : 100 * limits.concurrency) {
      fault("\(destination) goes on, \(unsynchronized) unsynced")
    }
    couriers[destination]?.waitsForWord = false
    if isDone { couriers[destination]?.job = nil }
  }

  /// A courier does something; returns what it says. Nil if it has ended.
  mutating func step(_ destination: UInt64) -> [Planner.Word]? {
    guard var courier = couriers[destination] else { return [] }
    defer { if couriers[destination] != nil { couriers[destination] = courier } }
    guard !courier.isDying, let job = courier.job else {
      return courier.isDying || courier.isClosing ? nil : []
    }
    if courier.waitsForWord { return [] }
    if courier.silence > 0 {
      courier.silence -= 1
      return []
    }
    if chance.oneIn(60) { return nil }
    if chance.oneIn(200) { return [.nonsense] }
    var words: [Planner.Word] = []
    let end = min(courier.position + 1 + chance.below(60), job.recipients.count)
    let mood = chance.below(12)
    for recipient in job.recipients[courier.position..<end] {
      let verdict = ask(destination, job.id, recipient, mood)
      // It ends where it would have told of it.
      if chance.oneIn(300) { return nil }
      courier.said.append((recipient, verdict.outcome))
      words.append(.verdict(verdict, recipients: 1))
    }
    courier.position = end
    courier.waitsForWord = true
    words.append(end == job.recipients.count ? .done : chance.oneIn(20) ? .pause : .more)
    return words
  }

  /// What a host says, which is more often the same for all recipients than not.
  private mutating func ask(
    _ destination: UInt64, _ id: UInt64, _ recipient: Int, _ mood: Int
  ) -> ClientSession.Verdict {
    switch mood {
    case 0: return .init(.deferred, .destination, code: 421, .init(4, 3, 2), [])
    case 1: return .init(.deferred, .message, .init(4, 4, 2), [])
    case 2: return .init(.deferred, .recipient, code: 450, .init(4, 2, 0), [])
    case 3: return .init(.refused, .recipient, code: 550, .init(5, 1, 1), [])
    case 4:
      if chance.oneIn(2) { arrive(id, recipient) }
      messages[id]?.excused.insert(recipient)
      return .init(.unknown, .message, .init(4, 4, 2), [])
    default:
      arrive(id, recipient)
      return .init(.delivered, .recipient, code: 250, .init(2, 0, 0), [])
    }
  }

  private mutating func arrive(_ id: UInt64, _ recipient: Int) {
    guard let message = messages[id] else { return }
    if message.states[recipient] != .waiting { fault("\(id) \(recipient) is sent once more") }
    if message.copies[recipient] > 0, !message.excused.contains(recipient) {
      fault("\(id) \(recipient) arrives twice")
    }
    messages[id]?.excused.remove(recipient)
    messages[id]?.copies[recipient] += 1
  }
}
