// The Gregorian calendar, and the form in which mail writes a moment (RFC 5322 §3.3). It is computed in years that begin
// in March, so that the leap day is the last day of its year, and in eras of 400 years (146,097 days), after which the
// calendar repeats.

/// A date and a time of day.
public struct CalendarTime: Equatable, Sendable {
  public let year: Int
  /// 1 to 12.
  public let month: Int
  public let day: Int
  public let hour: Int
  public let minute: Int
  public let second: Int

  /// Days from 0000-03-01 to 1970-01-01.
  private static let epoch: UInt64 = 719_468

  /// The moment of so many seconds since 1970-01-01T00:00:00, in the same zone; nothing is before 0000-03-01.
  public init(seconds: Int64) {
    let sinceMarch = UInt64(max(0, min(seconds, 1 << 60) + Int64(Self.epoch * 86_400)))
    let (days, secondOfDay) = sinceMarch.quotientAndRemainder(dividingBy: 86_400)
    let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
    year = Int(era * 400 + yearOfEra) + (month <= 2 ? 1 : 0)
    day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    hour = Int(secondOfDay / 3600)
    minute = Int(secondOfDay / 60 % 60)
    second = Int(secondOfDay % 60)
  }

  /// Nil if there is no such date or time, or if it is not of the years 1 to 9999.
  public init?(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [12 of Int] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard 1...9999 ~= year, 1...12 ~= month, 1...lengths[month - 1] ~= day, 0..<24 ~= hour,
      0..<60 ~= minute, 0..<60 ~= second
    else { return nil }
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second) = (hour, minute, second)
  }

  /// Seconds since 1970-01-01T00:00:00 in the same zone.
  public var seconds: Int64 {
    let shifted = month > 2 ? year : year - 1
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let days =
      365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - Int(Self.epoch)
    return Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
  }
}

extension [UInt8] {
  /// Appends a moment as mail has it: `Sun, 22 Nov 2026 06:54:12 +0000`. `seconds` since 1970 in UTC, `zone` in minutes
  /// ahead of UTC; nil, an unknown zone, is `-0000` (RFC 5322 §3.3).
  public mutating func append(dateTime seconds: Int64, zone: Int?) {
    let local = seconds + Int64(60 * (zone ?? 0))
    let time = CalendarTime(seconds: local)
    let weekdays: [7 of StaticString] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months: [12 of StaticString] = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let days = Int((local >= 0 ? local : local - 86_399) / 86_400)
    append(weekdays[(days % 7 + 7) % 7])
    append(", ")
    append(decimal: time.day)
    append(.space)
    append(months[time.month - 1])
    append(.space)
    append(decimal: time.year, width: 4)
    append(.space)
    append(decimal: time.hour, width: 2)
    append(.colon)
    append(decimal: time.minute, width: 2)
    append(.colon)
    append(decimal: time.second, width: 2)
    append(zone ?? -1 < 0 ? " -" : " +")
    let minutes = abs(zone ?? 0) % 1440
    append(decimal: minutes / 60 * 100 + minutes % 60, width: 4)
  }
}
