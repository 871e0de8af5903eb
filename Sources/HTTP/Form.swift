// Names and values: of a query (WHATWG URL §5), of a form in a body (application/x-www-form-urlencoded), and of a
// small form as multipart (RFC 7578).

import Octets

/// Names and values in order. A name may come more than once.
public struct Form: Equatable, Sendable {
  public private(set) var fields: [Field] = []

  public struct Field: Equatable, Sendable {
    public let name: [UInt8]
    public let value: [UInt8]
  }

  /// How many fields a form may have; an id of a message to be deleted is one.
  public static let maximumFields = 200_000

  public init() {}

  /// Reads `name=value&…`. `+` is a space, and `%` that stands before no two hexadecimal digits is itself. Nil if
  /// there are too many fields.
  public init?(urlEncoded octets: [UInt8]) {
    var start = 0
    while start <= octets.count {
      var end = start
      var equals: Int?
      while end < octets.count, octets[end] != UInt8(ascii: "&") {
        if equals == nil, octets[end] == UInt8(ascii: "=") { equals = end }
        end += 1
      }
      if end > start {
        guard fields.count < Self.maximumFields else { return nil }
        let nameEnd = equals ?? end
        fields.append(
          Field(
            name: percentDecoded(octets.span.extracting(start..<nameEnd), plusIsSpace: true),
            value: percentDecoded(
              octets.span.extracting(min(nameEnd + 1, end)..<end), plusIsSpace: true)))
      }
      start = end + 1
    }
  }

  /// Reads a multipart form with this boundary. Parts with a file, or without a name, are left out; nil if it is not
  /// one, or has more than 16 parts.
  public init?(multipart octets: [UInt8], boundary: [UInt8]) {
    guard 1...70 ~= boundary.count else { return nil }
    let delimiter = [UInt8]("--") + boundary
    var index = 0
    // What stands in front of the first delimiter does not count.
    guard octets.starts(with: delimiter) || octets.find([13, 10] + delimiter, from: 0) != nil else {
      return nil
    }
    if !octets.starts(with: delimiter) {
      index = octets.find([13, 10] + delimiter, from: 0).map { $0 + 2 } ?? 0
    }
    for _ in 0..<16 {
      index += delimiter.count
      if octets[index...].starts(with: [UInt8]("--")) { return }
      guard octets[index...].starts(with: [13, 10]),
        let end = octets.find([13, 10] + delimiter, from: index)
      else { return nil }
      // The line end in front of the header, and the blank line behind it.
      if let blank = octets.find([13, 10, 13, 10], from: index), blank + 2 <= end {
        let header = octets[index..<blank + 2]
        if let name = Self.name(Array(header)) {
          fields.append(Field(name: name, value: Array(octets[min(blank + 4, end)..<end])))
        }
      }
      index = end + 2
    }
    return nil
  }

  /// `name="…"` of the Content-Disposition field of a part.
  private static func name(_ header: [UInt8]) -> [UInt8]? {
    let lower = header.lowercased()
    guard let field = lower.find([UInt8]("\r\ncontent-disposition:"), from: 0) else { return nil }
    let end = lower.find([13, 10], from: field + 2) ?? lower.count
    guard let start = lower.find([UInt8](" name=\""), from: field), start < end,
      let close = lower.find([UInt8]("\""), from: start + 7), close < end
    else { return nil }
    return Array(header[start + 7..<close])
  }
}

extension Form {
  /// The value of the last field of this name; nil if there is none.
  public subscript(_ name: StaticString) -> [UInt8]? {
    fields.last { $0.name.matches(name) }?.value
  }

  /// Leaves out all fields but those with one of these names.
  public mutating func keep(_ names: [StaticString]) {
    fields.removeAll { field in !names.contains { field.name.matches($0) } }
  }

  /// The values of all fields of this name.
  public func values(_ name: StaticString) -> [[UInt8]] {
    fields.filter { $0.name.matches(name) }.map { $0.value }
  }
}

extension [UInt8] {
  /// Where `text` begins, at `start` or behind it.
  func find(_ text: [UInt8], from start: Int) -> Int? {
    guard let first = text.first, start >= 0 else { return nil }
    var index = start
    while index + text.count <= count {
      if self[index] == first, self[index..<index + text.count].elementsEqual(text) { return index }
      index += 1
    }
    return nil
  }
}
