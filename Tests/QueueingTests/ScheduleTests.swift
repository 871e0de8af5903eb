// When entries are due, also where the clock was wrong.

import Testing

@testable import Queueing

@Suite struct ScheduleTests {
  private let now: Int64 = 1_800_000_000

  @Test(arguments: [1, 2, 30, 9999]) func isNotDueBeforeItsTime(attempts: Int) {
    for jitter in [0, 1, UInt64.max / 2, UInt64.max] {
      let next = Schedule.next(after: attempts, now: now, jitter: jitter)
      #expect(!Schedule.isDue(next, after: attempts, now: now))
      #expect(!Schedule.isDue(next, after: attempts, now: next - 1))
      #expect(Schedule.isDue(next, after: attempts, now: next))
    }
  }

  /// Each pause is 800 seconds longer than the one before, and a tenth of it is left to chance.
  @Test func pausesGrow() {
    let pauses = (1...4).map { Schedule.next(after: $0, now: now, jitter: 0) - now }
    #expect(pauses == [400, 1200, 2000, 2800])
    #expect(Schedule.next(after: 1, now: now, jitter: 40) == now + 440)
    #expect(Schedule.next(after: 1, now: now, jitter: 41) == now + 400)
  }

  /// The end of an absence is no wrong time, however few attempts there have been.
  @Test func isNotDueBeforeTheEndOfAnAbsence() {
    #expect(!Schedule.isDue(now + 4500, after: 0, now: now))
  }

  @Test func timeOfAWrongClockIsDue() {
    #expect(Schedule.isDue(4_000_000_000, after: 3, now: now))
  }
}
