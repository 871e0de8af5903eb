// Files of lines `name: value, value`, in the syntax of aliases(5):
//
//     # a comment
//     name: value, value,
//       value                       a line that begins with a blank goes on with the line above
//     "a name": "a value"           in quotes, blanks, commas, colons and # are like other characters
//
// A line ends in LF or CR LF. What a name and a value may be is decided by who reads the table.

/// What is wrong with a line of a file.
public struct LineError: Error, Equatable {
  /// Counted from 1.
  public let line: Int
  public let reason: String

  public init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }
}

/// An entry of such a file.
struct TableEntry: Equatable {
  /// The line that it begins in, counted from 1.
  let line: Int
  /// The name, without quotes.
  let name: [UInt8]
  /// The values with their quotes and without blanks around them. The line is where the value ends.
  let values: [(line: Int, octets: [UInt8])]

  static func == (left: TableEntry, right: TableEntry) -> Bool {
    left.line == right.line && left.name == right.name
      && left.values.map { $0.octets } == right.values.map { $0.octets }
  }

  /// The entries of a file.
  static func parse(_ content: [UInt8]) throws(LineError) -> [TableEntry] {
    var entries: [TableEntry] = []
    var reader: EntryReader?
    var number = 0
    for line in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = trimmed(line.last == UInt8(ascii: "\r") ? line.dropLast() : line, ends: .last)
      let text = trimmed(line, ends: .first)
      if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
      if text.count == line.count {
        if let entry = try reader?.end() { entries.append(entry) }
        reader = try EntryReader(text, number)
      } else if reader == nil {
        throw LineError(line: number, reason: "this begins with a blank, and no entry is above it")
      } else {
        try reader?.read(text, number)
      }
    }
    if let entry = try reader?.end() { entries.append(entry) }
    return entries
  }
}

/// Reads an entry, line by line.
private struct EntryReader {
  private let line: Int
  private let name: [UInt8]
  private var values: [(line: Int, octets: [UInt8])] = []
  /// Whether a comma or nothing came last, so that a value may follow.
  private var expectsValue = true

  init(_ text: ArraySlice<UInt8>, _ number: Int) throws(LineError) {
    line = number
    guard let colon = try firstIndex(of: UInt8(ascii: ":"), in: text, number) else {
      throw LineError(line: number, reason: "name: value, value expected")
    }
    name = unquoted(trimmed(text[..<colon], ends: .both))
    if name.isEmpty { throw LineError(line: number, reason: "a name expected before the colon") }
    try read(text[(colon + 1)...], number)
  }

  /// Reads the values of a line.
  mutating func read(_ text: ArraySlice<UInt8>, _ number: Int) throws(LineError) {
    var rest = trimmed(text, ends: .both)
    while !rest.isEmpty {
      let comma = try firstIndex(of: UInt8(ascii: ","), in: rest, number)
      let value = trimmed(rest[..<(comma ?? rest.endIndex)], ends: .both)
      // Two commas in a row, and one at the end, stand in many files.
      if !value.isEmpty {
        guard expectsValue else {
          throw LineError(line: number, reason: "a comma expected at the end of the line above")
        }
        values.append((number, Array(value)))
        expectsValue = false
      }
      guard let comma else { break }
      expectsValue = true
      rest = trimmed(rest[(comma + 1)...], ends: .both)
    }
  }

  func end() throws(LineError) -> TableEntry {
    guard !values.isEmpty else { throw LineError(line: line, reason: "a value expected") }
    return TableEntry(line: line, name: name, values: values)
  }
}

/// Where an octet stands first outside of quotes.
private func firstIndex(
  of octet: UInt8, in text: ArraySlice<UInt8>, _ number: Int
) throws(LineError) -> Int? {
  var isQuoted = false
  var isEscaped = false
  for index in text.indices {
    if isEscaped {
      isEscaped = false
    } else if text[index] == UInt8(ascii: "\\"), isQuoted {
      isEscaped = true
    } else if text[index] == UInt8(ascii: "\"") {
      isQuoted.toggle()
    } else if text[index] == octet, !isQuoted {
      return index
    }
  }
  if isQuoted { throw LineError(line: number, reason: "a quote expected at the end") }
  return nil
}

/// Text without the quotes around it and the backslashes inside; as it is, where no quotes are around it.
func unquoted(_ text: ArraySlice<UInt8>) -> [UInt8] {
  guard text.count >= 2, text.first == UInt8(ascii: "\""), text.last == UInt8(ascii: "\"") else {
    return Array(text)
  }
  var unquoted: [UInt8] = []
  var isEscaped = false
  for octet in text.dropFirst().dropLast() {
    if octet == UInt8(ascii: "\\"), !isEscaped {
      isEscaped = true
    } else {
      unquoted.append(octet)
      isEscaped = false
    }
  }
  return unquoted
}

enum TextEnds {
  case first
  case last
  case both
}

/// Text without spaces and tabs at its ends.
func trimmed(_ text: ArraySlice<UInt8>, ends: TextEnds) -> ArraySlice<UInt8> {
  func isBlank(_ octet: UInt8?) -> Bool { octet == 32 || octet == 9 }
  var text = text
  if ends != .last { while isBlank(text.first) { text.removeFirst() } }
  if ends != .first { while isBlank(text.last) { text.removeLast() } }
  return text
}
