// When entries are due, also where the clock was wrong.

import Queue
import Storage
import Testing

@Suite struct ScheduleTests {
  private let now: Int64 = 1_800_000_000

  @Test(arguments: [1, 2, 30, 9999]) func isNotDueBeforeItsTime(attempts: Int) {
    for jitter in [0, 1, UInt64.max / 2, UInt64.max] {
      let next = Schedule.next(after: attempts, now: now, jitter: jitter)
      let name = EntryName(id: MessageID(1), next: next, attempts: attempts, destination: 2)
      #expect(!Schedule.isDue(name, now: now))
      #expect(!Schedule.isDue(name, now: next - 1))
      #expect(Schedule.isDue(name, now: next))
    }
  }

  @Test func timeOfAWrongClockIsDue() {
    let name = EntryName(id: MessageID(1), next: 4_000_000_000, attempts: 3, destination: 2)
    #expect(Schedule.isDue(name, now: now))
  }
}
