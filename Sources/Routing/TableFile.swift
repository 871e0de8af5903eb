// Files of lines `name: value, value`, in the syntax of aliases(5):
//
//     # a comment
//     name: value, value,
//       value                       a line that begins with a blank goes on with the line above
//     "a name": "a value"           in quotes, blanks, commas, colons and # are like other characters
//
// A line ends in LF or CR LF; a byte order mark in front is passed over. What a name and a value may be is decided by who
// reads the table.
//
// A wrong line is wrong for what it is about, and for nothing else: the entry has the fault, or the table, where not even
// the name can be read.

import Octets

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
  /// The name as it is written.
  let writtenName: [UInt8]
  /// The values with their quotes and without blanks around them. The line is where the value ends.
  let values: [(line: Int, octets: [UInt8])]
  /// What is wrong with the values; nil if they could be read.
  let fault: LineError?

  /// The name without quotes.
  var name: [UInt8] { unquoted(writtenName[...]) }

  static func == (left: TableEntry, right: TableEntry) -> Bool {
    left.line == right.line && left.name == right.name
      && left.values.map { $0.octets } == right.values.map { $0.octets }
  }
}

/// The entries of a file, and what is wrong with lines that are about no name.
struct Table {
  private(set) var entries: [TableEntry] = []
  private(set) var faults: [LineError] = []

  init(parsing content: [UInt8]) {
    var content = content[...]
    if content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
    var reader: EntryReader?
    /// Whether the entry that goes on has no name that can be read.
    var isNameless = false
    var number = 0
    for line in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let text = (line.last == .carriageReturn ? line.dropLast() : line).trimmed()
      if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
      if line.first?.isBlank == false {
        if let entry = reader?.end() { entries.append(entry) }
        reader = nil
        isNameless = false
        do throws(LineError) { reader = try EntryReader(text, number) } catch {
          faults.append(error)
          isNameless = true
        }
      } else if reader != nil {
        reader?.read(text, number)
      } else if !isNameless {
        faults.append(
          LineError(line: number, reason: "this begins with a blank, and no entry is above it"))
        isNameless = true
      }
    }
    if let entry = reader?.end() { entries.append(entry) }
  }
}

/// Reads an entry, line by line.
private struct EntryReader {
  private let line: Int
  private let name: [UInt8]
  private var values: [(line: Int, octets: [UInt8])] = []
  private var fault: LineError?
  /// Whether a comma or nothing came last, so that a value may follow.
  private var expectsValue = true

  init(_ text: ArraySlice<UInt8>, _ number: Int) throws(LineError) {
    line = number
    guard let colon = try firstIndex(of: UInt8(ascii: ":"), in: text, number) else {
      throw LineError(line: number, reason: "name: value, value expected")
    }
    name = Array(text[..<colon].trimmed())
    if unquoted(name[...]).isEmpty {
      throw LineError(line: number, reason: "a name expected before the colon")
    }
    read(text[(colon + 1)...], number)
  }

  /// Reads the values of a line. The first fault counts.
  mutating func read(_ text: ArraySlice<UInt8>, _ number: Int) {
    do throws(LineError) { try readValues(text, number) } catch {
      if fault == nil { fault = error }
    }
  }

  private mutating func readValues(_ text: ArraySlice<UInt8>, _ number: Int) throws(LineError) {
    var rest = text.trimmed()
    while !rest.isEmpty {
      let comma = try firstIndex(of: UInt8(ascii: ","), in: rest, number)
      let value = rest[..<(comma ?? rest.endIndex)].trimmed()
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
      rest = rest[(comma + 1)...].trimmed()
    }
  }

  func end() -> TableEntry {
    let lack = values.isEmpty ? LineError(line: line, reason: "a value expected") : nil
    return TableEntry(line: line, writtenName: name, values: values, fault: fault ?? lack)
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
