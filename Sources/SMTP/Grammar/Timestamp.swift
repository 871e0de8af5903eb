// A moment in UTC, and the two forms in which it is written: the date-time of a header field (RFC 5322
// §3.3), and the basic form of ISO 8601 in file names. The caller reads the clock.

public struct Timestamp: Equatable, Sendable {
  /// Seconds since 1970-01-01T00:00:00Z.
  public let seconds: Int64
  /// Microseconds of that second, below 1,000,000.
  public let microseconds: UInt32

  public init(seconds: Int64, microseconds: UInt32) {
    precondition(microseconds < 1_000_000)
    self.seconds = seconds
    self.microseconds = microseconds
  }
}

extension Timestamp {
  /// The moment of a date of the Gregorian calendar in UTC; nil if there is no such date or time, or if it is not of the
  /// years 1970 to 9999.
  public init?(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0,
    microseconds: UInt32 = 0
  ) {
    guard 1970...9999 ~= year, 1...12 ~= month, 1...31 ~= day, 0..<24 ~= hour, 0..<60 ~= minute,
      0..<60 ~= second, microseconds < 1_000_000
    else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let monthFromMarch = (month + 9) % 12
    let days =
      365 * shifted + shifted / 4 - shifted / 100 + shifted / 400
      + (153 * monthFromMarch + 2) / 5 + day - 1 - 719_468
    self.init(
      seconds: Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second),
      microseconds: microseconds)
    // The 31st of a month that has none is a day of the next one.
    guard civilDate.month == month else { return nil }
  }

  /// Reads what `appendSortable` writes; nil if it is anything else.
  public init?(sortable octets: Span<UInt8>) {
    guard octets.count == 23 else { return nil }
    func number(_ start: Int, _ count: Int) -> Int? {
      var value = 0
      for index in start..<start + count {
        guard octets[index].isDigit else { return nil }
        value = value * 10 + Int(octets[index] - 48)
      }
      return value
    }
    guard octets[8] == UInt8(ascii: "T"), octets[15] == UInt8(ascii: "."),
      octets[22] == UInt8(ascii: "Z"), let year = number(0, 4), let month = number(4, 2),
      let day = number(6, 2), let hour = number(9, 2), let minute = number(11, 2),
      let second = number(13, 2), let microseconds = number(16, 6)
    else { return nil }
    self.init(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second,
      microseconds: UInt32(microseconds))
  }

  /// `Sun, 22 Nov 2026 06:54:12 +0000` (RFC 5322 §3.3).
  func appendDateTime(to output: inout [UInt8]) {
    let date = civilDate
    output.append(Self.weekdays[date.weekday])
    output.append(", ")
    output.append(decimal: date.day)
    output.append(.space)
    output.append(Self.months[date.month - 1])
    output.append(.space)
    output.append(decimal: date.year, width: 4)
    output.append(.space)
    output.append(decimal: date.hour, width: 2)
    output.append(UInt8(ascii: ":"))
    output.append(decimal: date.minute, width: 2)
    output.append(UInt8(ascii: ":"))
    output.append(decimal: date.second, width: 2)
    output.append(" +0000")
  }

  /// Appends `20261122T065412.123456Z`. Names that begin with it sort by time.
  public func appendSortable(to output: inout [UInt8]) {
    let date = civilDate
    output.append(decimal: date.year, width: 4)
    output.append(decimal: UInt64(date.month), width: 2)
    output.append(decimal: date.day, width: 2)
    output.append(UInt8(ascii: "T"))
    output.append(decimal: date.hour, width: 2)
    output.append(decimal: date.minute, width: 2)
    output.append(decimal: date.second, width: 2)
    output.append(UInt8(ascii: "."))
    output.append(decimal: UInt64(microseconds), width: 6)
    output.append(UInt8(ascii: "Z"))
  }

  private struct CivilDate {
    var year, day, hour, minute, second: UInt64
    var month: Int  // 1...12
    var weekday: Int  // 0 is Sunday
  }

  /// The Gregorian date. It is computed in years that begin in March, so that the leap day is the last
  /// day of its year, and in eras of 400 years (146,097 days), after which the calendar repeats.
  private var civilDate: CivilDate {
    let clamped = UInt64(max(0, seconds))
    let (days, secondOfDay) = clamped.quotientAndRemainder(dividingBy: 86_400)
    let sinceEraStart = days + 719_468  // days from 0000-03-01 to 1970-01-01
    let (era, dayOfEra) = sinceEraStart.quotientAndRemainder(dividingBy: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return CivilDate(
      year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), day: day,
      hour: secondOfDay / 3600, minute: secondOfDay / 60 % 60, second: secondOfDay % 60,
      month: Int(month), weekday: Int((days + 4) % 7))
  }

  private static var weekdays: [7 of StaticString] {
    ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  }
  private static var months: [12 of StaticString] {
    [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
  }
}
