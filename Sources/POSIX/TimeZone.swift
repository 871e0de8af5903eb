// Time zones by their names in the database of zones (tzfile(5)).

import CSystem
import Octets

/// A zone in which a time of day becomes a moment.
public struct TimeZone: Sendable {
  private let name: String?

  /// The machine's zone.
  public static var local: TimeZone { TimeZone(name: nil) }

  private init(name: String?) { self.name = name }

  /// The zone of a name such as `Europe/Berlin`; nil if the database has none.
  public init?(_ name: [UInt8]) {
    guard 1...64 ~= name.count, name[0] != UInt8(ascii: "/"), name[0] != UInt8(ascii: "."),
      name.allSatisfy({
        $0.isLetterOrDigit || "/_-+".utf8.contains($0)
      })
    else { return nil }
    let text = String(decoding: name, as: UTF8.self)
    let isThere = unsafe access("/usr/share/zoneinfo/" + text, R_OK) == 0
    guard isThere || text == "UTC" else { return nil }
    self.name = text
  }

  /// Seconds since 1970 of a time of day in this zone. A time that a change of clocks leaves out is moved.
  public func seconds(
    year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int
  ) -> Int64 {
    let before = Process.environment("TZ")
    if let name { _ = unsafe setenv("TZ", name, 1) }
    defer {
      if name != nil {
        if let before { _ = unsafe setenv("TZ", before, 1) } else { _ = unsafe unsetenv("TZ") }
      }
    }
    var time = unsafe tm()
    unsafe time.tm_year = CInt(year - 1900)
    unsafe time.tm_mon = CInt(month - 1)
    unsafe time.tm_mday = CInt(day)
    unsafe time.tm_hour = CInt(hour)
    unsafe time.tm_min = CInt(minute)
    unsafe time.tm_sec = CInt(second)
    unsafe time.tm_isdst = -1
    return Int64(unsafe mktime(&time))
  }
}
