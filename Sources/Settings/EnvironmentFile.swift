// Files of KEY=VALUE lines, in the syntax that dotenv and systemd's EnvironmentFile= (systemd.exec(5)) have in common.
// A line that these two would read differently is an error, so that every program that reads the file sees the same
// values.
//
// A line ends in LF or CR LF.
//
//     # comment            ; comment
//     KEY=value            spaces around the value are ignored
//     export KEY=value     for files that a shell reads too
//     KEY="a \"b\" \\ c"   a backslash may stand only in front of " \ $ ` and is removed
//     KEY='a \ b'          every character stands for itself

import Octets
import POSIX

extension Variables {
  /// Reads a file of at most 1 MiB; nil if it does not exist, or may be unreadable and is. Errors name `variable`, from
  /// which the path has come.
  static func read(
    _ path: String, namedBy variable: StaticString, mayBeUnreadable: Bool = false
  ) throws(SettingsError) -> Variables? {
    func fail(_ reason: String) -> SettingsError {
      SettingsError(variable: variable.description, value: path, reason: reason)
    }
    let content: [UInt8]?
    do throws(SystemError) {
      content = try FileDescriptor.reading(path).readAll(limit: 1 << 20)
    } catch .noSuchFile {
      return nil
    } catch .accessDenied where mayBeUnreadable {
      return nil
    } catch {
      throw fail(error.description)
    }
    guard let content else { throw fail("a text file of at most 1 MiB expected") }
    do throws(SyntaxError) {
      return try Variables(parsing: content)
    } catch {
      throw fail("line \(error.line): \(error.reason)")
    }
  }

  /// A malformed line.
  private struct SyntaxError: Error {
    /// Counted from 1.
    let line: Int
    let reason: String
  }

  private init(parsing content: [UInt8]) throws(SyntaxError) {
    self.init()
    // What Windows writes by itself: UTF-8 with a byte order mark, or UTF-16.
    let isOtherText = [[0xEF, 0xBB, 0xBF], [0xFF, 0xFE], [0xFE, 0xFF]].contains {
      content.starts(with: $0)
    }
    if isOtherText {
      throw SyntaxError(line: 1, reason: "save the file as UTF-8 without a byte order mark")
    }
    var number = 0
    for line in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      func fail(_ reason: String) -> SyntaxError { SyntaxError(line: number, reason: reason) }

      let isAfterCarriageReturn = line.last == UInt8(ascii: "\r")
      var rest = (isAfterCarriageReturn ? line.dropLast() : line).trimmed()
      if rest.contains(UInt8(ascii: "\r")) { throw fail("a CR without LF") }
      guard let first = rest.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else {
        continue
      }
      if rest.starts(with: "export ".utf8) { rest = rest.dropFirst(7).trimmed() }
      guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else {
        throw fail("KEY=VALUE expected")
      }
      let name = String(decoding: rest[..<equals], as: UTF8.self)
      guard Self.isName(rest[..<equals]) else { throw fail("\"\(name)\" is not a variable's name") }
      guard let octets = Self.value(rest[(equals + 1)...].trimmed()) else {
        throw fail(
          "the value of \(name) is read differently by different programs: quote it as a whole")
      }
      guard let value = String(validating: octets, as: UTF8.self) else {
        throw fail("the value of \(name) is not UTF-8")
      }
      append(name, value)
    }
  }

  /// The value without its quotes; nil if dotenv and systemd may read it differently.
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

  /// Whether `text` is a variable's name for a shell: letters, digits and `_`, without a digit at the beginning.
  private static func isName(_ text: ArraySlice<UInt8>) -> Bool {
    guard let first = text.first, !first.isDigit else { return false }
    return text.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
  }
}
