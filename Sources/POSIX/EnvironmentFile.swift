// Files of KEY=VALUE lines: what dotenv and systemd's EnvironmentFile= (systemd.exec(5)) have in
// common. Where the two read a line differently it is refused, so that a value never depends on
// who read it.
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

  private var values: [String: String] = [:]

  public subscript(name: String) -> String? { values[name] }

  public var names: some Collection<String> { values.keys }

  public init(parsing text: String) throws(SyntaxError) {
    for (index, line) in text.split(
      omittingEmptySubsequences: false, whereSeparator: { $0.isNewline }
    )
    .enumerated() {
      func fail(_ reason: String) -> SyntaxError { SyntaxError(line: index + 1, reason: reason) }

      var rest = Self.trimmed(line)
      if rest.isEmpty || rest.first == "#" || rest.first == ";" { continue }
      if rest.hasPrefix("export ") { rest = Self.trimmed(rest.dropFirst(7)) }
      guard let equals = rest.firstIndex(of: "=") else { throw fail("KEY=VALUE expected") }
      let name = rest[..<equals]
      guard let first = name.utf8.first, Self.isNameStart(first),
        name.utf8.allSatisfy({ Self.isNameStart($0) || 0x30...0x39 ~= $0 })
      else { throw fail("\"\(name)\" is not a variable's name") }
      guard let value = Self.value(Self.trimmed(rest[rest.index(after: equals)...])) else {
        throw fail(
          "the value of \(name) is read differently by different programs: quote it as a whole")
      }
      values[String(name)] = value
    }
  }

  /// The value without its quotes; nil if dotenv and systemd may differ about it.
  private static func value(_ text: Substring) -> String? {
    guard let quote = text.first, quote == "\"" || quote == "'" else {
      let isPlain =
        !text.contains { $0 == "\"" || $0 == "'" || $0 == "\\" }
        && !zip(text, text.dropFirst()).contains { $0 == (" ", "#") }
      return isPlain ? String(text) : nil
    }
    var value = ""
    var rest = text.dropFirst()
    while let character = rest.popFirst() {
      if character == quote { return rest.isEmpty ? value : nil }
      if character == "\\", quote == "\"" {
        guard let escaped = rest.popFirst(), "\"\\$`".contains(escaped) else { return nil }
        value.append(escaped)
      } else {
        value.append(character)
      }
    }
    return nil
  }

  private static func isNameStart(_ octet: UInt8) -> Bool {
    (octet | 0x20) &- 0x61 < 26 || octet == UInt8(ascii: "_")
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
