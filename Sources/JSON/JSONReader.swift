// Reads JSON (RFC 8259). As Go's decoder does, it reads the first value of a text and leaves what stands behind
// it. Depth and the number of values are bounded; the size of the text is the caller's to bound.

import Octets

/// Why a text is no JSON, and where.
public struct JSONError: Error, Equatable, Sendable {
  public enum Reason: Sendable {
    /// The text ends in front of a value.
    case empty
    /// The text ends inside a value.
    case unfinished
    case unexpectedOctet
    case tooDeep
    case tooManyValues
  }
  public let reason: Reason
  /// The offset of the octet that could not be read.
  public let offset: Int

  /// In words for people.
  public var text: StaticString {
    switch reason {
    case .empty: "EOF"
    case .unfinished: "unexpected EOF"
    case .unexpectedOctet: "the body is not JSON"
    case .tooDeep: "the JSON of the body is nested too deeply"
    case .tooManyValues: "the JSON of the body has too many values"
    }
  }
}

extension JSONValue {
  /// Arrays and objects inside each other.
  public static let maximumDepth = 16
  /// Values of a text, names of members included. An id of a message is one.
  public static let maximumValues = 500_000

  /// Reads the first value of `text`.
  public init(_ text: Span<UInt8>) throws(JSONError) {
    var reader = JSONReader()
    self = try reader.readValue(text, depth: 0)
  }
}

private struct JSONReader {
  private var index = 0
  private var values = 0

  /// Calls itself for what is inside, at most `maximumDepth` times.
  mutating func readValue(_ text: Span<UInt8>, depth: Int) throws(JSONError) -> JSONValue {
    let isFirst = values == 0
    try count()
    skipSpace(text)
    guard index < text.count else { throw error(isFirst ? .empty : .unfinished) }
    switch text[index] {
    case UInt8(ascii: "{"):
      guard depth < JSONValue.maximumDepth else { throw error(.tooDeep) }
      return .object(try readMembers(text, depth: depth + 1))
    case UInt8(ascii: "["):
      guard depth < JSONValue.maximumDepth else { throw error(.tooDeep) }
      return .array(try readElements(text, depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try readString(text))
    case UInt8(ascii: "t"): return try readWord(text, "true", .bool(true))
    case UInt8(ascii: "f"): return try readWord(text, "false", .bool(false))
    case UInt8(ascii: "n"): return try readWord(text, "null", .null)
    default: return .number(try readNumber(text))
    }
  }

  private mutating func readMembers(
    _ text: Span<UInt8>, depth: Int
  ) throws(JSONError) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    index += 1
    if try next(text) == UInt8(ascii: "}") {
      index += 1
      return members
    }
    while true {
      try count()
      guard try next(text) == UInt8(ascii: "\"") else { throw error(.unexpectedOctet) }
      let name = try readString(text)
      guard try next(text) == UInt8(ascii: ":") else { throw error(.unexpectedOctet) }
      index += 1
      members.append(JSONValue.Member(name: name, value: try readValue(text, depth: depth)))
      if try !hasMore(text, closing: UInt8(ascii: "}")) { return members }
    }
  }

  private mutating func readElements(
    _ text: Span<UInt8>, depth: Int
  ) throws(JSONError) -> [JSONValue] {
    var elements: [JSONValue] = []
    index += 1
    if try next(text) == UInt8(ascii: "]") {
      index += 1
      return elements
    }
    while true {
      elements.append(try readValue(text, depth: depth))
      if try !hasMore(text, closing: UInt8(ascii: "]")) { return elements }
    }
  }

  /// Passes a comma, or the bracket that closes.
  private mutating func hasMore(
    _ text: Span<UInt8>, closing bracket: UInt8
  ) throws(JSONError) -> Bool {
    let octet = try next(text)
    guard octet == UInt8(ascii: ",") || octet == bracket else { throw error(.unexpectedOctet) }
    index += 1
    return octet != bracket
  }

  private mutating func readString(_ text: Span<UInt8>) throws(JSONError) -> JSONString {
    index += 1
    let start = index
    var isPlain = true
    while index < text.count {
      let octet = text[index]
      switch octet {
      case UInt8(ascii: "\""):
        index += 1
        return JSONString(range: start..<index - 1, isPlain: isPlain)
      case UInt8(ascii: "\\"):
        isPlain = false
        try passEscape(text)
      case 0..<32: throw error(.unexpectedOctet)
      case 32..<128: index += 1
      default:
        let length = text.characterLength(at: index)
        if length == 0 { isPlain = false }
        index += max(1, length)
      }
    }
    throw error(.unfinished)
  }

  private mutating func passEscape(_ text: Span<UInt8>) throws(JSONError) {
    guard index + 1 < text.count else {
      index = text.count
      throw error(.unfinished)
    }
    switch text[index + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      index += 2
    case UInt8(ascii: "u"):
      guard text.fourDigits(at: index + 2, end: text.count) != nil else {
        throw error(index + 6 > text.count ? .unfinished : .unexpectedOctet)
      }
      index += 6
    default: throw error(.unexpectedOctet)
    }
  }

  private mutating func readWord(
    _ text: Span<UInt8>, _ word: StaticString, _ value: JSONValue
  ) throws(JSONError) -> JSONValue {
    for offset in 0..<word.utf8CodeUnitCount {
      guard index < text.count else { throw error(.unfinished) }
      guard unsafe text[index] == word.utf8Start[offset] else { throw error(.unexpectedOctet) }
      index += 1
    }
    return value
  }

  /// A number by the grammar of RFC 8259 §6.
  private mutating func readNumber(_ text: Span<UInt8>) throws(JSONError) -> Int? {
    let isNegative = text[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    guard index < text.count else { throw error(.unfinished) }
    guard text[index].isDigit else { throw error(.unexpectedOctet) }
    var value: Int? = 0
    if text[index] == 48 {
      index += 1
    } else {
      while index < text.count, text[index].isDigit {
        let digit = Int(text[index] &- 48)
        value = value.flatMap { value in
          let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
          let (sum, overflowedToo) = product.addingReportingOverflow(isNegative ? -digit : digit)
          return overflowed || overflowedToo ? nil : sum
        }
        index += 1
      }
    }
    if index < text.count, text[index] == UInt8(ascii: ".") {
      index += 1
      try passDigits(text)
      value = nil
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") {
        index += 1
      }
      try passDigits(text)
      value = nil
    }
    return value
  }

  private mutating func passDigits(_ text: Span<UInt8>) throws(JSONError) {
    guard index < text.count else { throw error(.unfinished) }
    guard text[index].isDigit else { throw error(.unexpectedOctet) }
    while index < text.count, text[index].isDigit { index += 1 }
  }

  /// The next octet that is no white space.
  private mutating func next(_ text: Span<UInt8>) throws(JSONError) -> UInt8 {
    skipSpace(text)
    guard index < text.count else { throw error(.unfinished) }
    return text[index]
  }

  private mutating func skipSpace(_ text: Span<UInt8>) {
    while index < text.count,
      text[index] == 32 || text[index] == 10 || text[index] == 13 || text[index] == 9
    {
      index += 1
    }
  }

  private mutating func count() throws(JSONError) {
    values += 1
    if values > JSONValue.maximumValues { throw error(.tooManyValues) }
  }

  private func error(_ reason: JSONError.Reason) -> JSONError {
    JSONError(reason: reason, offset: index)
  }
}
