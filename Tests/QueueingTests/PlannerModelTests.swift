// The planner, walked by chance: messages, hosts and couriers of all kinds, system calls that fail, an operator, runs that
// are killed and power that is cut between any two effects (World.swift). Then nothing may be lost, nobody may be told or
// sent to twice, every entry ends, and no destination holds up another.
//
// `POSTERN_PLANNER_ROUNDS=20000 swift test --filter PlannerModelTests` walks further; `POSTERN_PLANNER_SEED=7` one of them.

import Foundation
import Testing

@testable import Queueing

@Suite struct PlannerModelTests {
  private static func number(_ name: String, else value: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? value
  }

  @Test func walks() {
    let first = Self.number("POSTERN_PLANNER_SEED", else: 0)
    let count = first > 0 ? 1 : Self.number("POSTERN_PLANNER_ROUNDS", else: 60)
    var effects = 0
    for seed in max(first, 1)..<(max(first, 1) + count) {
      var walk = Walk(seed: UInt64(seed))
      walk.walk()
      effects += walk.world.effects
      #expect(walk.world.faults == [], "seed \(seed)")
      if !walk.world.faults.isEmpty { return }
    }
    #expect(effects > 100 * count)
  }
}

/// Runs of one queue, until it is empty.
private struct Walk {
  var world: World
  var planner: Planner
  /// One of so many effects is the last of its run.
  private var killRate: Int
  private let operatorWorks: Bool
  /// The entries that a run that was not killed has left alone.
  private(set) var runs = 0
  /// Since when a destination waits, and when it was served last, in starts of couriers.
  private var waiting: [UInt64: Int] = [:]
  private var served: [UInt64: Int] = [:]
  private var starts = 0
  /// Destinations that were not served in the last round, though there was room.
  private var passedOver: Set<UInt64> = []

  init(seed: UInt64) {
    var chance = Chance(state: seed &* 0x9e37)
    killRate = chance.oneIn(2) ? 20 + chance.below(400) : .max
    operatorWorks = chance.oneIn(4)
    world = World(
      seed: seed, messages: 1 + chance.below(30), destinations: 1 + chance.below(12),
      recipients: chance.oneIn(40) ? 1500 : chance.oneIn(3) ? 120 : 4)
    planner = Planner(world.limits, world.awayForPlanner, seed: seed)
  }

  mutating func walk() {
    while world.messages.values.contains(where: { $0.isThere }), world.faults.isEmpty {
      runs += 1
      if runs > 2000 { return world.fault("it does not end") }
      planner = Planner(world.limits, world.awayForPlanner, seed: world.chance.next())
      (waiting, served, starts, passedOver) = ([:], [:], 0, [])
      if runs > 200 { killRate = .max }
      if !run() { world.crash(isCut: world.chance.oneIn(2)) }
      checkEnd()
      if operatorWorks { world.operate() }
      world.now += Int64(world.chance.below(3000))
    }
    if world.faults.isEmpty { checkMessages() }
  }

  /// False if it was killed.
  private mutating func run() -> Bool {
    var waits = 0
    var hasHeard = false
    var heard: [(destination: UInt64, word: Planner.Word)] = []
    while world.faults.isEmpty {
      if let effect = planner.next(now: world.now, milliseconds: world.now * 1000) {
        if effect == .end { return true }
        if world.chance.oneIn(killRate) { return false }
        check(effect)
        let result = world.carryOut(effect, for: &planner)
        if world.chance.oneIn(killRate) { return false }
        planner.take(result)
      } else if let (destination, word) = heard.popLast() {
        planner.hear(word, from: destination)
      } else if hasHeard {
        planner.pass()
        hasHeard = false
      } else {
        checkWait()
        waits += 1
        if waits > 100_000 { world.fault("a run does not end") }
        (heard, hasHeard) = (wait(), true)
      }
    }
    return true
  }

  /// Lets time pass; returns what couriers say meanwhile, the last first.
  private mutating func wait() -> [(destination: UInt64, word: Planner.Word)] {
    if world.chance.oneIn(2000) { planner.terminate() }
    if world.chance.oneIn(2000) { planner.succeed() }
    if world.chance.oneIn(500), world.messages.count < 60 {
      world.add(UInt64(world.messages.count + 1), [UInt64(world.chance.below(4))])
    }
    world.now += Int64(world.chance.oneIn(10) ? world.chance.below(100) : 0)
    var heard: [(destination: UInt64, word: Planner.Word)] = []
    for destination in world.couriers.keys.sorted() {
      let words = world.step(destination)
      heard += (words ?? []).map { (destination, $0) } + [(destination, .pause)]
      if words == nil { heard.append((destination, .end)) }
    }
    return heard.reversed()
  }

}

extension Walk {
  /// Where couriers are started each waiting destination has its turn.
  private mutating func check(_ effect: Planner.Effect) {
    if planner.works.count > Planner.mostInWork + 10 * world.limits.concurrency {
      world.fault("\(planner.works.count) entries in work")
    }
    guard case .start(let destination, _, _) = effect else { return }
    starts += 1
    for (other, since) in waiting where other != destination {
      if let last = served[destination], last > since {
        world.fault("\(destination) is served twice while \(other) waits")
      }
    }
    waiting[destination] = nil
    served[destination] = starts
  }

  /// Nobody waits who could be served.
  private mutating func checkWait() {
    let now = world.now
    let idle = planner.destinations.keys.sorted().filter {
      planner.destinations[$0]?.isEmpty == false && planner.couriers[$0] == nil
        && planner.away.until($0, now: now) == nil
    }
    for destination in Array(waiting.keys) where !idle.contains(destination) {
      waiting[destination] = nil
    }
    for destination in idle where waiting[destination] == nil { waiting[destination] = starts }
    // What an entry has brought that was opened in this round has its turn in the next one.
    let isFree = planner.couriers.count < world.limits.concurrency && !planner.isStopping
    if isFree, idle.contains(where: passedOver.contains) {
      world.fault("\(idle) wait, and there are \(planner.couriers.count) couriers")
    }
    passedOver = isFree ? Set(idle) : []
    if planner.couriers.isEmpty { world.fault("it waits for nothing") }
  }

  /// A run that has ended by itself has left nothing that is due.
  private mutating func checkEnd() {
    if !world.couriers.isEmpty { world.fault("couriers outlive the run") }
    world.couriers = [:]
    for id in world.messages.keys.sorted() { world.messages[id]?.excuse() }
  }

  /// What has become of each recipient.
  private mutating func checkMessages() {
    for (id, message) in world.messages where !message.isTakenAway {
      let states = message.states
      let told = message.told
      for recipient in message.destinations.indices {
        let isOurs = message.destinations[recipient] == 0
        switch states[recipient] {
        case .delivered:
          if !isOurs, message.copies[recipient] == 0 { world.fault("\(id) \(recipient) is lost") }
        case .told:
          if !told.contains(where: { $0.recipient == recipient }) {
            world.fault("\(id) \(recipient) was not told of")
          }
        case .waiting, .refused: world.fault("\(id) \(recipient) is forgotten")
        }
      }
      checkWords(id, message)
    }
  }

  /// What has failed of a mail is told to its sender, what has failed of that to the postmaster, and no more to anybody.
  private mutating func checkWords(_ id: UInt64, _ message: World.Message) {
    let failed = message.told.filter { !$0.isOfDelay && !$0.isOfSuccess }
    let kinds = message.words.map { world.messages[$0]?.kind }
    switch message.kind {
    case .mail, .report:
      let isRight = kinds.allSatisfy { $0 == (message.kind == .mail ? .report : .word) }
      if !isRight || kinds.isEmpty != failed.isEmpty { world.fault("\(id) is told of by \(kinds)") }
      if kinds.count > failed.count { world.fault("\(kinds.count) words on \(failed.count)") }
    case .null, .word: if !kinds.isEmpty { world.fault("\(id) causes \(kinds)") }
    }
  }
}
