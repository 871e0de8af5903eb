// Dates as people write them in a search: `2024-04-01`, `2024/04/01`, `04/01/2024` (month first, as in the United States),
// `20240401`, `1 Apr 2024`, `April 1, 2024`; behind each a time `10:00[:05[.123]] [am|pm]`, and behind that a zone: `Z`,
// `UTC`, `GMT`, `+02:00`, `-0700`. Also RFC 3339, RFC 5322, and seconds or milliseconds since 1970.

import Octets
import POSIX
import SMTP

struct SearchDate: Equatable {
  private var year = 0
  private var month = 0
  private var day = 0
  private var hour = 0
  private var minute = 0
  private var second = 0
  private var microsecond = 0
  /// Minutes east of UTC; nil if the date has no zone.
  private var offset: Int?
  /// Microseconds since 1970, where the date is a number.
  private var number: Int64?

  /// Microseconds since 1970; nil if there is no such date.
  func moment(in zone: TimeZone) -> Int64? {
    if let number { return number }
    guard
      let utc = Timestamp(
        year: year, month: month, day: day, hour: hour, minute: minute, second: min(second, 59))
    else { return nil }
    let seconds =
      offset.map { utc.seconds - Int64($0) * 60 }
      ?? zone.seconds(
        year: year, month: month, day: day, hour: hour, minute: minute, second: min(second, 59))
    return seconds * 1_000_000 + Int64(microsecond)
  }

  /// Reads a date; nil if it is none.
  init?(_ text: [UInt8]) {
    var words = Self.words(text.lowercased())
    guard !words.isEmpty, words.count <= 24 else { return nil }
    if words.count == 1, let number = Self.number(words[0]), words[0].count >= 9 {
      guard words[0].count <= 16 else { return nil }
      let factor: Int64 = words[0].count <= 11 ? 1_000_000 : words[0].count <= 14 ? 1000 : 1
      self.number = Int64(number) * factor
      return
    }
    guard readDate(&words) else { return nil }
    if words.first == [UInt8(ascii: "t")] { words.removeFirst() }
    guard readTime(&words), readZone(&words), words.isEmpty else { return nil }
  }

  /// Runs of digits, runs of letters, and each other octet by itself; spaces and commas are left out.
  private static func words(_ text: [UInt8]) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var last = 0
    for octet in text {
      let kind = octet.isDigit ? 1 : octet.isLetter ? 2 : octet == 32 || octet == 44 ? 0 : 3
      if kind == 1 || kind == 2, kind == last {
        words[words.count - 1].append(octet)
      } else if kind != 0 {
        words.append([octet])
      }
      last = kind
    }
    return words
  }

  private static func number(_ word: [UInt8]) -> Int? {
    word.count <= 16 ? Int(decimal: word) : nil
  }

  private mutating func readDate(_ words: inout [[UInt8]]) -> Bool {
    // A day of the week may stand in front.
    if words.count > 1, Self.isWeekday(words[0]) { words.removeFirst() }
    guard let first = words.first else { return false }
    let separator = words.count >= 5 && words[1] == words[3] ? words[1] : []
    let isSeparated = [[UInt8(ascii: "-")], [UInt8(ascii: "/")], [UInt8(ascii: ".")]].contains(
      separator)
    if isSeparated, let one = Self.number(first), let three = Self.number(words[4]) {
      if let two = Self.number(words[2]) {
        if first.count == 4 {
          (year, month, day) = (one, two, three)
        } else if words[4].count == 4 {
          (year, month, day) =
            separator == [UInt8(ascii: ".")] ? (three, two, one) : (three, one, two)
        } else {
          return false
        }
      } else if let named = Self.month(words[2]), words[4].count == 4 {
        (year, month, day) = (three, named, one)  // 1-Apr-2024
      } else {
        return false
      }
      words.removeFirst(5)
      return true
    }
    if first.count == 8, let number = Self.number(first) {
      (year, month, day) = (number / 10_000, number / 100 % 100, number % 100)
      words.removeFirst()
      return true
    }
    guard words.count >= 3, words[2].count == 4, let named = Self.number(words[2]) else {
      return false
    }
    if let day = Self.number(first), let month = Self.month(words[1]) {
      (self.year, self.month, self.day) = (named, month, day)
    } else if let month = Self.month(first), let day = Self.number(words[1]) {
      (self.year, self.month, self.day) = (named, month, day)
    } else {
      return false
    }
    words.removeFirst(3)
    return true
  }

  private mutating func readTime(_ words: inout [[UInt8]]) -> Bool {
    let colon = [UInt8(ascii: ":")]
    guard let first = words.first, first.count <= 2, let hour = Self.number(first) else {
      return true
    }
    guard words.count >= 3, words[1] == colon, words[2].count == 2,
      let minute = Self.number(words[2])
    else { return false }
    (self.hour, self.minute) = (hour, minute)
    words.removeFirst(3)
    if words.count >= 2, words[0] == colon {
      guard words[1].count == 2, let second = Self.number(words[1]), second <= 60 else {
        return false
      }
      self.second = second
      words.removeFirst(2)
      if words.count >= 2, words[0] == [UInt8(ascii: ".")] {
        guard Self.number(Array(words[1].prefix(6))) != nil, words[1].count <= 9 else {
          return false
        }
        let digits = words[1].prefix(6) + [UInt8](repeating: 48, count: max(0, 6 - words[1].count))
        microsecond = Self.number(Array(digits)) ?? 0
        words.removeFirst(2)
      }
    }
    if let mark = words.first, mark == Array("am".utf8) || mark == Array("pm".utf8) {
      guard 1...12 ~= self.hour else { return false }
      self.hour = self.hour % 12 + (mark[0] == UInt8(ascii: "p") ? 12 : 0)
      words.removeFirst()
    }
    return self.hour < 24 && self.minute < 60
  }

  private mutating func readZone(_ words: inout [[UInt8]]) -> Bool {
    guard let first = words.first else { return true }
    if first == Array("z".utf8) || first == Array("utc".utf8) || first == Array("gmt".utf8) {
      offset = 0
      words.removeFirst()
      return true
    }
    // A space in a URL may have been a plus sign.
    let isEast = first == [UInt8(ascii: "+")]
    guard isEast || first == [UInt8(ascii: "-")], words.count >= 2,
      let number = Self.number(words[1])
    else { return false }
    var minutes: Int
    switch words[1].count {
    case 4: minutes = number / 100 * 60 + number % 100
    case 2 where words.count >= 4 && words[2] == [UInt8(ascii: ":")]:
      guard words[3].count == 2, let rest = Self.number(words[3]) else { return false }
      minutes = number * 60 + rest
      words.removeFirst(2)
    case 2: minutes = number * 60
    default: return false
    }
    guard minutes < 24 * 60 else { return false }
    minutes = isEast ? minutes : -minutes
    offset = minutes
    words.removeFirst(2)
    return true
  }

  private static func isWeekday(_ word: [UInt8]) -> Bool {
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
      .contains { isName(word, $0) }
  }

  private static func month(_ word: [UInt8]) -> Int? {
    let names: [StaticString] = [
      "january", "february", "march", "april", "may", "june", "july", "august", "september",
      "october", "november", "december",
    ]
    return names.firstIndex { isName(word, $0) }.map { $0 + 1 }
  }

  /// Whether a word is a name or its first three letters.
  private static func isName(_ word: [UInt8], _ name: StaticString) -> Bool {
    guard word.count == 3 || word.count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { letters in
      word.indices.allSatisfy { unsafe word[$0] == letters[$0] }
    }
  }
}
