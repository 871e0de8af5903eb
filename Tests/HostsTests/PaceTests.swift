// How far mail transactions with a server stand apart.

import Testing

@testable import Hosts

struct PaceTests {
  @Test(
    "No window of the unit has more transactions than the rate, and there is no burst behind a pause"
  )
  func evenly() {
    let rate = ServerLimits.Rate(7, in: 1)
    var pace = Pace(rate)
    var begun: [Int64] = []
    var now: Int64 = 5000
    #expect(pace.pause(at: now) == 0)
    for number in 0..<100 {
      if number == 50 { now += 10_000 }
      now += pace.pause(at: now)
      #expect(pace.pause(at: now) == 0)
      pace.begin(at: now)
      #expect(pace.pause(at: now) > 0)
      begun.append(now)
    }
    for start in begun {
      let share = begun.filter { start..<start + 1000 ~= $0 }.count
      #expect(share <= 7)
    }
    #expect(begun[49] - begun[0] <= 7050)
  }

  @Test(arguments: [
    (1, 1, 1000), (100, 60, 600), (7, 1, 143), (1, 3600, 3_600_000), (1_000_000, 1, 1),
  ])
  func interval(_ number: Int, _ unit: Int, _ milliseconds: Int64) {
    #expect(ServerLimits.Rate(number, in: unit).milliseconds == milliseconds)
  }
}
