import Octets
import Testing

@Suite("the calendar")
struct CalendarTests {
  /// Counts days as people do, one after the other, from 0001-01-01.
  @Test("every day of the years 1 to 9999")
  func everyDay() {
    var seconds: Int64 = -62_135_596_800
    for year in 1...9999 {
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      for (month, days) in zip(
        1..., [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
      {
        for day in 1...days {
          let time = CalendarTime(seconds: seconds)
          guard time.year == year, time.month == month, time.day == day,
            time == CalendarTime(year: year, month: month, day: day), time.seconds == seconds
          else {
            Issue.record("\(year)-\(month)-\(day) is \(time)")
            return
          }
          seconds += 86_400
        }
        #expect(CalendarTime(year: year, month: month, day: days + 1) == nil)
      }
    }
    #expect(seconds == 253_402_300_800)
  }

  @Test(
    "every second of a day", arguments: [0, 1_782_000_000 / 86_400 * 86_400, -86_400] as [Int64])
  func everySecond(start: Int64) {
    for second in 0..<86_400 {
      let time = CalendarTime(seconds: start + Int64(second))
      guard time.hour == second / 3600, time.minute == second % 3600 / 60,
        time.second == second % 60, time.seconds == start + Int64(second)
      else {
        Issue.record("\(start) + \(second) is \(time)")
        return
      }
    }
  }

  @Test(
    "there is no such date or time",
    arguments: [
      [0, 1, 1, 0, 0, 0], [10_000, 1, 1, 0, 0, 0], [2026, 0, 1, 0, 0, 0], [2026, 13, 1, 0, 0, 0],
      [2026, 1, 0, 0, 0, 0], [2026, 2, 29, 0, 0, 0], [1900, 2, 29, 0, 0, 0],
      [2026, 4, 31, 0, 0, 0],
      [2026, 1, 1, 24, 0, 0], [2026, 1, 1, 0, 60, 0], [2026, 1, 1, 0, 0, 60],
      [2026, 1, 1, -1, 0, 0],
      [2026, 1, 1, 0, -1, 0], [2026, 1, 1, 0, 0, -1], [Int.min, 1, 1, 0, 0, 0],
      [Int.max, 1, 1, 0, 0, 0], [2026, Int.max, 1, 0, 0, 0], [2026, 1, Int.min, 0, 0, 0],
    ])
  func impossible(_ n: [Int]) {
    #expect(
      CalendarTime(
        year: n[0], month: n[1], day: n[2], hour: n[3], minute: n[4], second: n[5]) == nil)
  }

  @Test("leap years have their day")
  func leapDays() {
    #expect(CalendarTime(year: 2000, month: 2, day: 29)?.seconds == 951_782_400)
    #expect(CalendarTime(year: 2024, month: 2, day: 29)?.seconds == 1_709_164_800)
  }

  @Test("moments beyond the calendar have a date, too")
  func bounds() {
    #expect(CalendarTime(seconds: .min) == CalendarTime(seconds: -62_162_035_200))
    let first = CalendarTime(seconds: .min)
    #expect((first.year, first.month, first.day, first.hour) == (0, 3, 1, 0))
    #expect(CalendarTime(seconds: .max).year > 9999)
    #expect(CalendarTime(seconds: 253_402_300_800).year == 10_000)
  }

  @Test(
    "a moment as mail has it",
    arguments: [
      (1_795_330_452, 0, "Sun, 22 Nov 2026 06:54:12 +0000"),
      (1_795_330_452, nil, "Sun, 22 Nov 2026 06:54:12 -0000"),
      (1_795_330_452, 60, "Sun, 22 Nov 2026 07:54:12 +0100"),
      (1_795_330_452, -415, "Sat, 21 Nov 2026 23:59:12 -0655"),
      (0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"), (-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000"),
      (951_782_399, 0, "Mon, 28 Feb 2000 23:59:59 +0000"),
      (4_107_542_400, 0, "Mon, 1 Mar 2100 00:00:00 +0000"),
      (951_782_400, 0, "Tue, 29 Feb 2000 00:00:00 +0000"),
      (-62_135_596_800, 0, "Mon, 1 Jan 0001 00:00:00 +0000"),
      (253_402_300_799, 0, "Fri, 31 Dec 9999 23:59:59 +0000"),
    ] as [(Int64, Int?, String)])
  func dateTimes(seconds: Int64, zone: Int?, text: String) {
    var octets: [UInt8] = []
    octets.append(dateTime: seconds, zone: zone)
    #expect(String(decoding: octets, as: UTF8.self) == text)
  }
}
