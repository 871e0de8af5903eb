// Moments as RFC 3339 has them (§5.6), which is what JSON has.

import HTTP

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
    let day = (local >= 0 ? local : local - 86_399) / 86_400
    let second = Int(local - day * 86_400)
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = Int(day) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let march = (5 * dayOfYear + 2) / 153
    let month = march < 10 ? march + 3 : march - 9
    append(number: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), width: 4)
    append("-")
    append(number: month, width: 2)
    append("-")
    append(number: dayOfYear - (153 * march + 2) / 5 + 1, width: 2)
    append("T")
    append(number: second / 3600, width: 2)
    append(":")
    append(number: second / 60 % 60, width: 2)
    append(":")
    append(number: second % 60, width: 2)
    let milliseconds = Int(microseconds / 1000)
    if milliseconds > 0 {
      append(".")
      append(number: milliseconds, width: 3)
    }
    if let zone {
      append(zone < 0 ? "-" : "+")
      append(number: abs(zone) / 60, width: 2)
      append(":")
      append(number: abs(zone) % 60, width: 2)
    } else {
      append("Z")
    }
    return true
  }

  /// Appends a number with zeros in front.
  private mutating func append(number: Int, width: Int) {
    let digits = Array(String(number).utf8)
    for _ in 0..<Swift.max(0, width - digits.count) { append(48) }
    append(contentsOf: digits)
  }
}
