// How long a destination is left alone, and after what.

import Testing

@testable import Queueing

@Suite struct AwayTests {
  private let now: Int64 = 1_800_000_000

  @Test func eachFailureDoublesTheTimeUpToAnHour() {
    var away = Away()
    let pauses = (1...8).map { _ in away.fail(7, now: now, jitter: 0).until - now }
    #expect(pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600])
    #expect(away.until(7, now: now) == now + 3600)
    #expect(away.until(7, now: now + 3600) == nil)
    #expect(away.until(8, now: now) == nil)
    let late = away.fail(9, now: now, jitter: 15)
    let early = away.fail(10, now: now, jitter: 16)
    #expect(late.until == now + 75)
    #expect(early.until == now + 60)
  }

  @Test func aMessageThatIsTakenEndsAllOfIt() {
    var away = Away()
    for _ in 1...3 { _ = away.fail(7, now: now, jitter: 0) }
    let wasKnown = [away.welcome(7), away.welcome(7)]
    #expect(wasKnown == [true, false])
    #expect(away.until(7, now: now) == nil)
    let again = away.fail(7, now: now, jitter: 0)
    #expect(again.until == now + 60)
  }

  @Test func threeLossesInARowAreTooMany() {
    var away = Away()
    var losses = [away.lose(7), away.lose(7)]
    _ = away.welcome(7)
    losses += [away.lose(7), away.lose(7), away.lose(7), away.lose(8)]
    #expect(losses == [false, false, false, false, true, false])
  }

  @Test func whatNoRightClockHasWrittenIsNotTaken() throws {
    #expect(Away.Absence(until: now + 7200, failures: 1, now: now) != nil)
    #expect(Away.Absence(until: now + 7201, failures: 1, now: now) == nil)
    #expect(Away.Absence(until: now - 86_399, failures: 1, now: now) != nil)
    #expect(Away.Absence(until: now - 86_400, failures: 1, now: now) == nil)
    // What was known counts on.
    var away = Away()
    away.note(7, try #require(Away.Absence(until: now - 10, failures: 3, now: now)))
    #expect(away.until(7, now: now) == nil)
    let next = away.fail(7, now: now, jitter: 0)
    #expect((next.until, next.failures) == (now + 480, 4))
  }
}
