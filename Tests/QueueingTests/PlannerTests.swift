// What the planner decides, case by case. That nothing is lost or told twice whatever happens is for PlannerModelTests.

import Notices
import SMTP
import Testing

@testable import Queueing

private let start: Int64 = 1_800_000_000

/// The planner, with a caller for whom nothing fails.
private struct Run {
  var planner: Planner
  var now = start
  /// What lies in the directory.
  var turns: [Planner.Turn] = []
  /// The recipients of each entry, by destination.
  var parts: [UInt64: [UInt64: [Int]]] = [:]
  var standings: [UInt64: Planner.Standing] = [:]
  /// What comes of opening an entry, if not its recipients.
  var openings: [UInt64: Planner.Result] = [:]
  /// Everything but looks and releases, as it came.
  var effects: [Planner.Effect] = []

  init(concurrency: Int = 4, lifetime: Int64 = 432_000, isOnce: Bool = false, away: Away = Away()) {
    let limits = Planner.Limits(concurrency: concurrency, lifetime: lifetime, isOnce: isOnce)
    planner = Planner(limits, away, seed: 1)
  }

  mutating func add(_ id: UInt64, _ parts: [UInt64: [Int]], age: Int64 = 0) {
    turns.append(
      .init(id: id, place: .new, isFresh: true, next: 0, attempts: 0, destination: 0))
    self.parts[id] = parts
    let count = parts.values.reduce(0) { $0 + $1.count }
    standings[id] = Planner.Standing(
      arrival: start - age, states: RecipientStates(count: count), isToBounce: false,
      hasToldDelay: false, mayWantSuccess: false)
  }

  /// Carries out what is to be done, until it is to wait or has ended.
  mutating func go() {
    while let effect = planner.next(now: now, milliseconds: now * 1000) {
      switch effect {
      case .look, .release: break
      default: effects.append(effect)
      }
      if effect == .end { return }
      planner.take(carryOut(effect))
    }
  }

  private mutating func carryOut(_ effect: Planner.Effect) -> Planner.Result {
    switch effect {
    case .look(let place):
      for turn in turns where turn.place == place { if !planner.see(turn) { break } }
    case .open(let turn):
      if let result = openings[turn.id] { return result }
      let parts = (parts[turn.id] ?? [:]).sorted { $0.key < $1.key }
      return .opened(
        parts.map { .init(id: turn.id, destination: $0.key, recipients: $0.value) },
        recipients: parts.reduce(0) { $0 + $1.value.count })
    case .move(let turn, let new):
      guard let index = turns.firstIndex(of: turn) else { return .gone }
      turns[index] = new
    case .review(let id): return standings[id].map { .reviewed($0) } ?? .gone
    case .readSuccesses(_, let delivered): return .successes(delivered.map { .init($0, .relayed) })
    case .notify(let id, let told):
      for one in told { standings[id]?.tell(one) }
    case .remove(let turn): turns.removeAll { $0 == turn }
    default: break
    }
    return .done
  }

  /// A courier answers its job.
  mutating func answer(
    _ destination: UInt64, _ id: UInt64, _ recipients: [Int], _ verdict: ClientSession.Verdict
  ) {
    for recipient in recipients { standings[id]?.states.take(verdict.outcome, of: recipient) }
    planner.hear(.verdict(verdict, recipients: recipients.count), from: destination)
    planner.hear(.done, from: destination)
    go()
  }

  /// All couriers end that were told to.
  mutating func end(_ destinations: [UInt64]) {
    for destination in destinations {
      planner.hear(.end, from: destination)
      go()
    }
    if effects.last == .end { return }
    planner.pass()
    go()
  }
}

extension Planner.Standing {
  fileprivate mutating func tell(_ told: Planner.Told) {
    if case .delayed = told.event { hasToldDelay = true } else { states.tell(of: told.recipient) }
  }
}

private let delivered = ClientSession.Verdict(.delivered, .recipient, code: 250, .init(2, 0, 0), [])
private let refused = ClientSession.Verdict(.refused, .recipient, code: 550, .init(5, 1, 1), [])
private let later = ClientSession.Verdict(.deferred, .recipient, code: 450, .init(4, 2, 0), [])
private let wantsNoMore = ClientSession.Verdict(
  .deferred, .destination, code: 421, .init(4, 3, 2), [])
private let lost = ClientSession.Verdict(.unknown, .message, .init(4, 4, 2), [])

@Suite struct PlannerTests {
  /// The order in which a crash is harmless.
  @Test func aMessageFromTheFirstLookToTheLast() {
    var run = Run()
    run.add(1, [7: [0]])
    let new = run.turns[0]
    run.go()
    let tried = run.turns[0]
    #expect(tried.attempts == 1 && tried.destination == 7 && 400...440 ~= tried.next - start)
    let part = Planner.Part(id: 1, destination: 7, recipients: [0])
    #expect(
      run.effects == [
        .open(new), .move(new, to: tried), .start(7, id: 1, recipient: 0), .synchronize,
        .give(7, part),
      ])
    run.effects = []
    run.answer(7, 1, [0], delivered)
    #expect(
      run.effects == [
        .keep(7, isDurable: true), .acknowledge(7), .review(1), .remove(tried), .close(7),
      ])
    run.effects = []
    run.end([7])
    #expect(run.effects == [.bury(7), .end])
  }

  @Test func aCourierGoesOnWhenItsVerdictsAreWritten() {
    var run = Run()
    run.add(1, [7: Array(0..<200)])
    run.go()
    run.effects = []
    run.planner.hear(.verdict(delivered, recipients: 99), from: 7)
    run.planner.hear(.more, from: 7)
    run.go()
    #expect(run.effects == [.keep(7, isDurable: false), .goOn(7)])
    // A hundred are not left without a sync.
    run.effects = []
    run.planner.hear(.verdict(delivered, recipients: 1), from: 7)
    run.planner.hear(.more, from: 7)
    run.go()
    #expect(run.effects == [.keep(7, isDurable: true), .goOn(7)])
    run.effects = []
    run.planner.hear(.more, from: 7)
    run.go()
    #expect(run.effects == [.goOn(7)])
  }

  @Test func aJobHasAThousandRecipients() {
    var run = Run()
    run.add(1, [7: Array(0..<1001)])
    run.go()
    let first = Planner.Part(id: 1, destination: 7, recipients: Array(0..<1000))
    #expect(run.effects.last == .give(7, first))
    run.answer(7, 1, Array(0..<1000), delivered)
    let last = Planner.Part(id: 1, destination: 7, recipients: [1000])
    #expect(run.effects.suffix(2) == [.acknowledge(7), .give(7, last)])
  }

  @Test func aConnectionHasAHundredMessages() {
    var run = Run()
    for id in 1...101 { run.add(UInt64(id), [7: [0]]) }
    run.go()
    for id in 1...100 { run.answer(7, UInt64(id), [0], delivered) }
    #expect(run.effects.last == .close(7))
    run.end([7])
    #expect(run.effects.last == .give(7, .init(id: 101, destination: 7, recipients: [0])))
    let starts = run.effects.filter { if case .start = $0 { true } else { false } }
    #expect(starts.count == 2)
  }

  @Test func thereAreNoMoreCouriersThanMayBe() {
    var run = Run(concurrency: 2)
    for id in 1...3 { run.add(UInt64(id), [UInt64(id): [0]]) }
    run.go()
    func started() -> Int {
      run.effects.filter { if case .start = $0 { true } else { false } }.count
    }
    #expect(started() == 2)
    run.answer(1, 1, [0], delivered)
    run.end([1])
    #expect(started() == 3)
  }

  /// Its other entries get their time without being tried; that they were put off is no attempt.
  @Test func aDestinationThatWantsNoMoreIsLeftAlone() {
    var run = Run()
    run.add(1, [7: [0]])
    run.add(2, [7: [0]])
    run.go()
    run.answer(7, 1, [0], wantsNoMore)
    run.end([7])
    #expect(run.effects.last == .end)
    #expect(run.turns.map { $0.attempts } == [1, 0])
    #expect(run.turns.allSatisfy { 60...75 ~= $0.next - start })
    #expect(run.effects.filter { if case .give = $0 { true } else { false } }.count == 1)
  }

  @Test func threeLossesAreTooMany() {
    var run = Run()
    for id in 1...4 { run.add(UInt64(id), [7: [0]]) }
    run.go()
    func isLeftAlone() -> Bool {
      run.effects.contains { if case .leaveAlone = $0 { true } else { false } }
    }
    run.answer(7, 1, [0], lost)
    run.answer(7, 2, [0], lost)
    #expect(!isLeftAlone())
    run.answer(7, 3, [0], lost)
    #expect(isLeftAlone())
  }

  /// An entry that nothing can be done with is looked at once, and does not keep the run from its end.
  @Test func whatCannotBeOpenedIsLeftAlone() {
    for result in [Planner.Result.newer, .failed(isCorrupt: false)] {
      for place in [Planner.Place.new, .queue] {
        var run = Run()
        run.add(1, [7: [0]])
        run.turns[0].place = place
        run.openings[1] = result
        let turn = run.turns[0]
        run.go()
        #expect(run.effects.first == .open(turn))
        #expect(run.effects.last == .end)
        #expect(run.effects.count <= 3)
      }
    }
  }

  @Test func aRunThatIsReplacedPutsBackWhatItHasNotBegun() {
    var run = Run(concurrency: 1)
    run.add(1, [7: [0]])
    run.add(2, [8: [0]])
    run.go()
    run.planner.succeed()
    run.answer(7, 1, [0], delivered)
    run.end([7])
    #expect(run.effects.suffix(2) == [.synchronize, .end])
    #expect(run.turns.map { $0.id } == [2])
    #expect(run.turns[0].attempts == 0 && run.turns[0].next == start)
  }

  @Test func aRunThatIsEndedLeavesThemTheirTime() {
    var run = Run(concurrency: 1)
    run.add(1, [7: [0]])
    run.add(2, [8: [0]])
    run.go()
    run.planner.terminate()
    run.go()
    #expect(run.effects.last == .terminate(7))
    run.end([7])
    #expect(run.effects.contains(.noteLoss(id: 1, isExpected: true)))
    #expect(run.turns.allSatisfy { $0.attempts == 1 && $0.next >= start + 400 })
  }
}

@Suite struct TellingTests {
  /// Tries an entry of that age once; returns of whom the sender is told.
  private func told(
    _ count: Int, age: Int64, _ verdict: ClientSession.Verdict,
    _ change: (inout Planner.Standing) -> Void = { _ in }
  ) throws -> (told: [[Planner.Told]], isRemoved: Bool) {
    var run = Run(lifetime: 86_400)
    run.add(1, [7: Array(0..<count)], age: age)
    var standing = try #require(run.standings[1])
    change(&standing)
    run.standings[1] = standing
    run.go()
    run.answer(7, 1, Array(0..<count), verdict)
    let told = run.effects.compactMap { effect -> [Planner.Told]? in
      if case .notify(_, let told) = effect { told } else { nil }
    }
    return (told, run.turns.isEmpty)
  }

  @Test func ofRefusalsAtOnce() throws {
    let result = try told(201, age: 0, refused)
    #expect(result.told.map { $0.count } == [100, 100, 1])
    #expect(result.told.joined().map { $0.recipient } == Array(0..<201))
    #expect(result.told.joined().allSatisfy { $0.event == .refused })
    #expect(result.isRemoved)
  }

  @Test func ofTheEndWhenItsTimeIsOver() throws {
    let before = try told(2, age: 86_399, later) { $0.hasToldDelay = true }
    #expect(before.told.isEmpty && !before.isRemoved)
    let after = try told(2, age: 86_400, later)
    #expect(after.told == [[.init(0, .expired), .init(1, .expired)]])
    #expect(after.isRemoved)
  }

  @Test func ofADelayOnceAfterFourHours() throws {
    #expect(try told(2, age: 14_399, later).told.isEmpty)
    let until = StatusReport.Event.delayed(until: start - 14_400 + 86_400)
    let late = try told(2, age: 14_400, later)
    #expect(late.told == [[.init(0, until), .init(1, until)]])
    #expect(!late.isRemoved)
    #expect(try told(101, age: 14_400, later).told.map { $0.count } == [100])
    #expect(try told(2, age: 14_400, later) { $0.hasToldDelay = true }.told.isEmpty)
    #expect(try told(2, age: 14_400, delivered).told.isEmpty)
  }

  @Test func ofWhatAnOperatorSendsBack() throws {
    let result = try told(1, age: 0, later) { $0.isToBounce = true }
    #expect(result.told == [[.init(0, .returned)]])
    #expect(result.isRemoved)
  }

  @Test func ofSuccessesWhereThatIsWanted() throws {
    #expect(try told(1, age: 0, delivered).told.isEmpty)
    let result = try told(101, age: 0, delivered) { $0.mayWantSuccess = true }
    #expect(result.told.map { $0.count } == [100, 1])
    #expect(result.isRemoved)
  }
}
