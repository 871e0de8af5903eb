// A JSON text that was read: a tree whose strings are ranges of the text, so that a string of some megabytes
// is not copied before somebody wants it.

import Octets

/// A value of a JSON text, without the text itself.
public indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// Any number that is not an integer of 64 bits is nil.
  case number(Int?)
  case string(JSONString)
  case array([JSONValue])
  case object([Member])

  public struct Member: Equatable, Sendable {
    public let name: JSONString
    public let value: JSONValue
  }

  /// What the value is, in words for people.
  public var kind: StaticString {
    switch self {
    case .null: "null"
    case .bool: "a truth value"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// A string of a JSON text.
public struct JSONString: Equatable, Sendable {
  /// What stands between the quotes.
  public let range: Range<Int>
  /// Whether it is the string, octet for octet: well-formed and without escapes.
  public let isPlain: Bool

  /// The string as valid UTF-8. `text` is the JSON text it was read from.
  public func utf8(in text: Span<UInt8>) -> [UInt8] {
    var string: [UInt8] = []
    string.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let octet = text[index]
      if octet == UInt8(ascii: "\\"), !isPlain {
        index = text.appendEscape(at: index, end: range.upperBound, to: &string)
      } else if octet < 0x80 || isPlain {
        string.append(octet)
        index += 1
      } else {
        let length = text.characterLength(at: index)
        if length == 0 {
          string.append(scalar: 0xFFFD)
          index += 1
        } else {
          for offset in 0..<length { string.append(text[index + offset]) }
          index += length
        }
      }
    }
    return string
  }

  /// Whether it is `name`, which is in lower case ASCII, in any case.
  func isNamed(_ name: StaticString, in text: Span<UInt8>) -> Bool {
    let letters = isPlain && range.count != name.utf8CodeUnitCount ? [] : utf8(in: text)
    return letters.matches(name)
  }
}

extension JSONValue {
  /// Whether an object has a member of this name (in lower case), in any case, also where it is null.
  public func hasMember(_ name: StaticString, in text: Span<UInt8>) -> Bool {
    guard case .object(let members) = self else { return false }
    for member in members where member.name.isNamed(name, in: text) { return true }
    return false
  }

  /// The member of an object whose name is `name` (in lower case), in any case. The last one counts, and a
  /// null counts as none.
  public func member(_ name: StaticString, in text: Span<UInt8>) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    var found: JSONValue?
    for member in members where member.name.isNamed(name, in: text) {
      found = member.value == .null ? nil : member.value
    }
    return found
  }
}

extension Span<UInt8> {
  /// Four hexadecimal digits at `index`.
  func fourDigits(at index: Int, end: Int) -> UInt32? {
    guard index >= 0, end - index >= 4 else { return nil }
    var value: UInt32 = 0
    for offset in 0..<4 {
      guard let digit = self[index + offset].hexValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// Undoes the escape at `index` and returns where it ends. Half a surrogate pair is U+FFFD.
  fileprivate func appendEscape(at index: Int, end: Int, to string: inout [UInt8]) -> Int {
    guard index + 1 < end else { return end }
    switch self[index + 1] {
    case UInt8(ascii: "n"): string.append(10)
    case UInt8(ascii: "r"): string.append(13)
    case UInt8(ascii: "t"): string.append(9)
    case UInt8(ascii: "b"): string.append(8)
    case UInt8(ascii: "f"): string.append(12)
    case UInt8(ascii: "u"):
      guard let unit = fourDigits(at: index + 2, end: end) else { return end }
      if unit & 0xFC00 == 0xD800, index + 7 < end, self[index + 6] == UInt8(ascii: "\\"),
        self[index + 7] == UInt8(ascii: "u"), let low = fourDigits(at: index + 8, end: end),
        low & 0xFC00 == 0xDC00
      {
        string.append(scalar: 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF)
        return index + 12
      }
      string.append(scalar: unit)
      return index + 6
    default: string.append(self[index + 1])
    }
    return index + 2
  }
}
