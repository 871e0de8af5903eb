// Dates (RFC 5322 §3.3, §4.3) and what people send instead: names of months and zones in any case, years of two
// and three digits, no seconds, no day of the week or a wrong one, the forms of RFC 850 and asctime(3),
// comments anywhere. A date that is on no calendar is none.

import Octets

/// A moment, and where on earth the sender says it was.
public struct DateTime: Equatable, Sendable {
  /// Seconds since 1970-01-01T00:00:00Z.
  public let seconds: Int64
  /// Minutes that the sender's clock was ahead of UTC, less than a day; nil if unknown (`-0000`).
  public let zone: Int?

  /// Thirty thousand years.
  private static let farthest: Int64 = (1 << 40) - 1

  /// What is out of range becomes the nearest that is not.
  public init(seconds: Int64, zone: Int?) {
    self.seconds = max(-Self.farthest, min(Self.farthest, seconds))
    self.zone = zone.map { max(-1439, min(1439, $0)) }
  }
}

extension HeaderField {
  /// The date that the value is; nil if it is none.
  public func date(in octets: Span<UInt8>) -> DateTime? { DateTime(octets, value) }
}

extension DateTime {
  /// Reads a date: at most 200 words, comments and single octets that are neither.
  init?(_ octets: Span<UInt8>, _ range: Range<Int>) {
    var words = DateWords(octets, range)
    var day: Int?
    var month: Int?
    var year: (value: Int, digits: Int)?
    var time: Int?
    var zone: Int??
    while let word = words.next(octets, isBehindTime: time != nil) {
      switch word {
      case .number(let value, let digits):
        if digits <= 2, year != nil, month == nil {
          month = value  // 2026-11-24, which is not mail's but is seen
        } else if digits <= 2, day == nil {
          day = value
        } else if year == nil, month != nil || digits == 4 {
          year = (value, digits)
        }
      case .name(let name):
        if let number = Self.month(octets, name), month == nil {
          month = number
        } else if time != nil, zone == nil, let minutes = Self.zone(octets, name) {
          zone = minutes
        }
      case .time(let seconds): if time == nil { time = seconds }
      case .zone(let minutes): zone = minutes
      }
    }
    guard let day, let month, let year, let time else { return nil }
    self.init(year: Self.fullYear(year), month: month, day: day, time: time, zone: zone ?? nil)
  }

  /// RFC 5322 §4.3: years of two digits are of this or the last century, three count from 1900.
  private static func fullYear(_ year: (value: Int, digits: Int)) -> Int {
    switch year.digits {
    case ...2: year.value + (year.value < 50 ? 2000 : 1900)
    case 3: year.value + 1900
    default: year.value
    }
  }

  init?(year: Int, month: Int, day: Int, time: Int, zone: Int?) {
    guard let date = CalendarTime(year: year, month: month, day: day) else { return nil }
    seconds = date.seconds + Int64(time - 60 * (zone ?? 0))
    self.zone = zone
  }

  private static func month(_ octets: Span<UInt8>, _ name: Range<Int>) -> Int? {
    guard name.count >= 3 else { return nil }
    let names: [12 of StaticString] = [
      "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    for index in names.indices where octets.hasPrefix(names[index], at: name.lowerBound) {
      return index + 1
    }
    return nil
  }

  /// The zones of RFC 5322 §4.3 and the usual ones of Europe; any other is unknown, and the military letters
  /// too, since RFC 822 had them the wrong way round.
  private static func zone(_ octets: Span<UInt8>, _ name: Range<Int>) -> Int?? {
    let names: [16 of (StaticString, Int)] = [
      ("ut", 0), ("utc", 0), ("gmt", 0), ("z", 0), ("wet", 0), ("est", -300), ("edt", -240),
      ("cst", -360), ("cdt", -300), ("mst", -420), ("mdt", -360), ("pst", -480), ("pdt", -420),
      ("cet", 60), ("cest", 120), ("jst", 540),
    ]
    for index in names.indices where octets.matches(names[index].0, in: name) {
      return names[index].1
    }
    if octets.matches("am", in: name) || octets.matches("pm", in: name) { return nil }
    return .some(nil)
  }
}

/// The words of a date.
private struct DateWords {
  enum Word {
    case number(Int, digits: Int)
    case name(Range<Int>)
    /// Seconds of the day.
    case time(Int)
    case zone(Int?)
  }

  private var index: Int
  private let end: Int
  private var left = 200

  init(_ octets: Span<UInt8>, _ range: Range<Int>) {
    (index, end) = (range.lowerBound, range.upperBound)
  }

  mutating func next(_ octets: Span<UInt8>, isBehindTime: Bool) -> Word? {
    while index < end, left > 0 {
      left -= 1
      let octet = octets[index]
      if octet == UInt8(ascii: "(") {
        index = octets.endOfComment(from: index, to: end) ?? end
      } else if octet.isDigit {
        return number(octets)
      } else if octet.isLetter {
        let start = index
        while index < end, octets[index].isLetter { index += 1 }
        return .name(start..<index)
      } else if isBehindTime, octet == UInt8(ascii: "+") || octet == .hyphen,
        let zone = zone(octets)
      {
        return .zone(zone.minutes)
      } else {
        index += 1
      }
    }
    return nil
  }

  private mutating func digits(_ octets: Span<UInt8>) -> (value: Int, digits: Int) {
    let start = index
    let value = octets.decimal(from: &index, to: end) ?? 0
    return (min(value, 100_000), index - start)
  }

  /// Goes over white space and comments, which may stand even between the digits of a time (RFC 5322 §4.3).
  private func behindComments(_ octets: Span<UInt8>, from start: Int) -> Int {
    var index = start
    while index < end, octets[index].isWhite || octets[index] == UInt8(ascii: "(") {
      index =
        octets[index] == UInt8(ascii: "(")
        ? octets.endOfComment(from: index, to: end) ?? end : index + 1
    }
    return index
  }

  /// Goes over `separator`, if digits follow it.
  private mutating func skip(_ separator: UInt8, _ octets: Span<UInt8>) -> Bool {
    var next = behindComments(octets, from: index)
    guard next < end, octets[next] == separator else { return false }
    next = behindComments(octets, from: next + 1)
    guard next < end, octets[next].isDigit else { return false }
    index = next
    return true
  }

  private mutating func number(_ octets: Span<UInt8>) -> Word {
    let (first, count) = digits(octets)
    guard count <= 2 else { return .number(first, digits: count) }
    let separator: UInt8 =
      index < end && octets[index] == UInt8(ascii: ".") ? octets[index] : .colon
    guard skip(separator, octets) else { return .number(first, digits: count) }
    let minutes = digits(octets).value
    var seconds = 0
    if skip(separator, octets) { seconds = digits(octets).value }
    if index < end, octets[index] == UInt8(ascii: "."), skip(UInt8(ascii: "."), octets) {
      _ = digits(octets)  // a fraction
    }
    // A leap second counts as the one behind it.
    guard first < 24, minutes < 60, seconds <= 60 else { return .number(100_000, digits: 6) }
    return .time(first * 3600 + minutes * 60 + seconds)
  }

  /// `+0530`, `-08:00`, `-600`; nil for fewer digits, as behind the hyphens of `08:49:37 24-Nov-26`.
  private mutating func zone(_ octets: Span<UInt8>) -> (minutes: Int?, Void)? {
    let isWest = octets[index] == .hyphen
    let start = index
    index += 1
    var (value, count) = digits(octets)
    if count == 2, index < end, octets[index] == .colon {
      index += 1
      let minutes = digits(octets)
      (value, count) = (value * 100 + minutes.value, minutes.digits == 2 ? 4 : 0)
    }
    guard count == 4 || count == 3 else {
      index = start
      return nil
    }
    let minutes = value / 100 * 60 + value % 100
    if isWest, minutes == 0 { return (nil, ()) }
    return (minutes < 1440 ? (isWest ? -minutes : minutes) : nil, ())
  }
}

extension Span<UInt8> {
  /// Behind the white space and the comments that begin at `start`.
  func behindComments(from start: Int, to end: Int) -> Int {
    var index = start
    while index < end {
      if self[index].isWhite {
        index += 1
      } else if self[index] == UInt8(ascii: "("), let close = endOfComment(from: index, to: end) {
        index = close
      } else {
        break
      }
    }
    return index
  }

  /// Where the comment that begins at `start` ends, with those inside it; nil if it is never closed.
  func endOfComment(from start: Int, to end: Int) -> Int? {
    var depth = 0
    var index = start
    while index < end {
      switch self[index] {
      case .backslash: index += 1
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"):
        depth -= 1
        if depth == 0 { return index + 1 }
      default: break
      }
      index += 1
    }
    return nil
  }
}
