// Moments as RFC 3339 has them (§5.6), which is what JSON has.

import Octets

extension [UInt8] {
  /// Appends a moment: seconds since 1970, where on earth that was said (minutes ahead of UTC), and microseconds, of which
  /// milliseconds are shown if there are any. UTC is `Z`, unless `zone` says 0. False, and nothing is appended, if the
  /// moment is not of the years 1 to 9999.
  @discardableResult
  public mutating func append(time seconds: Int64, microseconds: UInt32 = 0, zone: Int?) -> Bool {
    let zone = zone.map { Swift.max(-1439, Swift.min(1439, $0)) }
    // From 0001-01-02 to 9999-12-30, so that no zone leads beyond.
    guard -62_135_510_400...253_402_214_400 ~= seconds else { return false }
    let local = seconds + Int64(zone ?? 0) * 60
    let time = CalendarTime(seconds: local)
    append(decimal: time.year, width: 4)
    append(.hyphen)
    append(decimal: time.month, width: 2)
    append(.hyphen)
    append(decimal: time.day, width: 2)
    append("T")
    append(decimal: time.hour, width: 2)
    append(.colon)
    append(decimal: time.minute, width: 2)
    append(.colon)
    append(decimal: time.second, width: 2)
    let milliseconds = Int(microseconds / 1000)
    if milliseconds > 0 {
      append(".")
      append(decimal: milliseconds, width: 3)
    }
    if let zone {
      append(zone < 0 ? "-" : "+")
      append(decimal: abs(zone) / 60, width: 2)
      append(.colon)
      append(decimal: abs(zone) % 60, width: 2)
    } else {
      append("Z")
    }
    return true
  }
}
