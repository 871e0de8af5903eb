// Files of KEY=VALUE lines: what dotenv and systemd's EnvironmentFile= (systemd.exec(5)) have in
// common. Where the two read a line differently it is refused, so that a value never depends on
// who read it.
//
// A line ends in LF or CR LF.
//
//     # comment            ; comment
//     KEY=value            spaces around the value do not count
//     export KEY=value     as a shell would have it
//     KEY="a \"b\" \\ c"   a backslash in front of " \ $ ` stands for these, and for nothing else
//     KEY='a \ b'          everything stands for itself

import CSystem

public struct EnvironmentFile: Sendable {
  /// What a line that was not understood is, counted from 1, and why.
  public struct SyntaxError: Error, Equatable {
    public let line: Int
    public let reason: String
  }

  private var entries: [(name: String, value: String)] = []

  /// The value that the last line for `name` gives; nil where there is none.
  public subscript(name: StaticString) -> String? {
    name.withUTF8Buffer { octets in
      entries.last { unsafe $0.name.utf8.elementsEqual(octets) }?.value
    }
  }

  public var names: [String] { entries.map { $0.name } }

  public init(parsing content: [UInt8]) throws(SyntaxError) {
    var number = 0
    for line in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      func fail(_ reason: String) -> SyntaxError { SyntaxError(line: number, reason: reason) }

      let isAfterCarriageReturn = line.last == UInt8(ascii: "\r")
      var rest = Self.trimmed(isAfterCarriageReturn ? line.dropLast() : line)
      if rest.contains(UInt8(ascii: "\r")) { throw fail("a CR without LF") }
      guard let first = rest.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else {
        continue
      }
      if rest.starts(with: "export ".utf8) { rest = Self.trimmed(rest.dropFirst(7)) }
      guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else {
        throw fail("KEY=VALUE expected")
      }
      let name = String(decoding: rest[..<equals], as: UTF8.self)
      guard Self.isName(rest[..<equals]) else { throw fail("\"\(name)\" is not a variable's name") }
      guard let octets = Self.value(Self.trimmed(rest[(equals + 1)...])) else {
        throw fail(
          "the value of \(name) is read differently by different programs: quote it as a whole")
      }
      guard let value = String(validating: octets, as: UTF8.self) else {
        throw fail("the value of \(name) is not UTF-8")
      }
      entries.append((name, value))
    }
  }

  /// The value without its quotes; nil if dotenv and systemd may differ about it.
  private static func value(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard let quote = text.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
      var last: UInt8?
      for octet in text {
        switch octet {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): return nil
        case UInt8(ascii: "#") where last == UInt8(ascii: " "): return nil
        default: last = octet
        }
      }
      return Array(text)
    }
    var value: [UInt8] = []
    var rest = text.dropFirst()
    while let octet = rest.popFirst() {
      if octet == quote { return rest.isEmpty ? value : nil }
      if octet == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        guard let escaped = rest.popFirst(), "\"\\$`".utf8.contains(escaped) else { return nil }
        value.append(escaped)
      } else {
        value.append(octet)
      }
    }
    return nil
  }

  /// Whether a shell would take it for a variable's name: letters, digits and `_`, no digit in front.
  private static func isName(_ text: ArraySlice<UInt8>) -> Bool {
    guard let first = text.first, !(0x30...0x39 ~= first) else { return false }
    return text.allSatisfy {
      ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: "_") || 0x30...0x39 ~= $0
    }
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isBlank(_ octet: UInt8?) -> Bool {
      octet == UInt8(ascii: " ") || octet == UInt8(ascii: "\t")
    }
    var text = text
    while isBlank(text.first) { text.removeFirst() }
    while isBlank(text.last) { text.removeLast() }
    return text
  }
}
