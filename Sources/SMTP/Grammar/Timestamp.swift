// A moment in UTC, and the basic form of ISO 8601, in which it stands in file names. The caller reads the clock.

import Octets

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
    guard year >= 1970, microseconds < 1_000_000,
      let time = CalendarTime(
        year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    else { return nil }
    self.init(seconds: time.seconds, microseconds: microseconds)
  }

  /// Reads what `appendSortable` writes; nil if it is anything else.
  public init?(sortable octets: Span<UInt8>) {
    guard octets.count == 23 else { return nil }
    func number(_ start: Int, _ count: Int) -> Int? {
      Int(decimal: octets.extracting(start..<start + count))
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

  /// Appends `20261122T065412.123456Z`. Names that begin with it sort by time.
  public func appendSortable(to output: inout [UInt8]) {
    let time = CalendarTime(seconds: max(0, seconds))
    output.append(decimal: time.year, width: 4)
    output.append(decimal: time.month, width: 2)
    output.append(decimal: time.day, width: 2)
    output.append(UInt8(ascii: "T"))
    output.append(decimal: time.hour, width: 2)
    output.append(decimal: time.minute, width: 2)
    output.append(decimal: time.second, width: 2)
    output.append(UInt8(ascii: "."))
    output.append(decimal: Int(microseconds), width: 6)
    output.append(UInt8(ascii: "Z"))
  }
}
