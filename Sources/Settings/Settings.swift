// Reads the settings of a program from environment variables, and from a file with more variables. A malformed value is
// an error and is never replaced by the default.
//
// Each program has its own table of variables, and reads them through a `SettingsSource`. The value of a variable comes
// from the first of these that has it:
//
//     1. the environment
//     2. one file: the file that `--env-file` names; without that option, the file that the variable POSTERN_ENV_FILE
//        names (no file if it is empty); if that is not set, /etc/postern/postern.env
//     3. the default
//
// A file that is named must exist; /etc/postern/postern.env need not. If the file exists, it must be readable. A program
// that cannot read its configuration must not run with the defaults, which might, for example, accept mail for every
// domain.

import Octets
import POSIX

/// A malformed value of a variable. The exit status is EX_CONFIG.
public struct SettingsError: Error, CustomStringConvertible {
  public let variable: String
  public let value: String
  public let reason: String

  public init(variable: String, value: String, reason: String) {
    self.variable = variable
    self.value = value
    self.reason = reason
  }

  public var description: String { "\(variable)=\(value): \(reason)" }
}

/// A variable as it was read.
public struct Setting {
  public let name: StaticString
  /// The value; `(set)` if it is secret.
  public let value: String
  public let origin: Origin

  public enum Origin: Sendable {
    case environment
    case file
    case standard

    public var name: StaticString {
      switch self {
      case .environment: "environment"
      case .file: "file"
      case .standard: "default"
      }
    }
  }
}

/// Names and their values.
struct Variables {
  private(set) var names: [String] = []
  private var values: [String] = []

  /// The value that was added last for `name`; nil if there is none.
  subscript(name: StaticString) -> String? {
    let index = name.withUTF8Buffer { octets in
      names.lastIndex {
        unsafe $0.utf8.count == octets.count && $0.utf8.elementsEqual(octets)
      }
    }
    return index.map { values[$0] }
  }

  mutating func append(_ name: String, _ value: String) {
    names.append(name)
    values.append(value)
  }
}

/// Where the values of a program's variables come from.
public struct SettingsSource {
  private let environment: Variables
  private let file: Variables
  /// The file in force; nil if there is none.
  public let path: String?
  /// Every variable with its value, in the order in which they were read; empty unless `isReporting`.
  public private(set) var report: [Setting] = []
  private let isReporting: Bool

  /// How the names of our variables begin.
  private static let beginnings: [StaticString] = ["SMTP_", "POSTERN_", "CERT_PATH", "KEY_PATH"]
  private static let fileVariable: StaticString = "POSTERN_ENV_FILE"
  private static let standardFile = "/etc/postern/postern.env"

  /// Reads the file, and from the environment the variables that may be ours. `option` is the file of `--env-file`. `isReporting` says whether to make a `report`. `mayBeUnreadable` is for programs of every user: for them
  /// /etc/postern/postern.env is as if it were not there, if they may not read it.
  public init(
    option: String?, isReporting: Bool = false, mayBeUnreadable: Bool = false
  ) throws(SettingsError) {
    var environment = Variables()
    // If a name stands in the environment twice, the first value must count, as for getenv(3). `Variables` returns the
    // last one, so go through the entries backwards.
    let entries = Process.environmentEntries(beginningWith: Self.beginnings)
    for entry in entries.reversed() {
      guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
      environment.append(
        String(entry[..<equals]), String(entry[entry.utf8.index(after: equals)...]))
    }
    self.environment = environment
    self.isReporting = isReporting

    let variable = environment[Self.fileVariable]
    let path = option ?? variable ?? Self.standardFile
    let source: StaticString = option == nil ? Self.fileVariable : "--env-file"
    if option == nil, path.isEmpty {
      (file, self.path) = (Variables(), nil)
    } else if let variables = try Variables.read(
      path, namedBy: source,
      mayBeUnreadable: mayBeUnreadable && option == nil && variable == nil)
    {
      (file, self.path) = (variables, path)
    } else if option == nil, variable == nil {
      (file, self.path) = (Variables(), nil)
    } else {
      throw SettingsError(
        variable: source.description, value: path, reason: SystemError.noSuchFile.description)
    }
  }

  /// Reads a file of its own kind, in the same syntax, and nothing else. A file that is missing has no variables.
  public init(file path: String) throws(SettingsError) {
    environment = Variables()
    isReporting = false
    self.path = path
    file = try Variables.read(path, namedBy: "file") ?? Variables()
  }

  /// A line for each variable that looks like one of ours and is none: it is probably misspelt, and has no effect. Call
  /// this only with `isReporting`, when all variables have been read.
  public var remarks: [String] {
    let ours = environment.names.reversed().filter { !Spelling.isForTests($0) } + file.names
    return ours.filter { Spelling.looksLikeOurs($0) && !isKnown($0) }.map { name in
      "\(name) is not a variable of Postern"
        + (Spelling.nearest(to: name).map { ": is \($0) meant?" } ?? "")
    }
  }

  private func isKnown(_ name: String) -> Bool {
    func isEqual(_ other: StaticString) -> Bool {
      other.withUTF8Buffer { unsafe name.utf8.elementsEqual($0) }
    }
    return Self.known.contains { isEqual($0) } || report.contains { isEqual($0.name) }
  }

  private func isReported(_ name: StaticString) -> Bool {
    name.withUTF8Buffer { octets in
      report.contains { setting in
        setting.name.withUTF8Buffer { unsafe $0.elementsEqual(octets) }
      }
    }
  }
}

// Reading a variable.
extension SettingsSource {
  /// Returns the value that `parse` makes of the text. If `parse` returns nil, throws an error with the words of
  /// `expected`, which describe the values that are allowed.
  public mutating func read<Value>(
    _ name: StaticString, default standard: @autoclosure () -> String,
    _ expected: @autoclosure () -> String, isSecret: Bool = false, _ parse: (String) -> Value?
  ) throws(SettingsError) -> Value {
    let (text, origin) = find(name) ?? (standard(), .standard)
    let shown = isSecret && !text.isEmpty ? "(set)" : text
    guard let value = parse(text) else {
      throw refusal(name, shown, expected())
    }
    note(name, shown, origin)
    return value
  }

  public mutating func text(
    _ name: StaticString, default standard: String = ""
  ) -> String {
    let (text, origin) = find(name) ?? (standard, .standard)
    note(name, text, origin)
    return text
  }

  public mutating func bool(
    _ name: StaticString, default standard: Bool = false
  ) throws(SettingsError) -> Bool {
    guard let (text, origin) = find(name) else {
      note(name, standard ? "true" : "false", .standard)
      return standard
    }
    note(name, text, origin)
    switch text {
    case "true", "yes", "on", "1": return true
    case "false", "no", "off", "0": return false
    default:
      throw refusal(name, text, "true or false")
    }
  }

  public mutating func number(
    _ name: StaticString, default standard: Int, _ range: ClosedRange<Int>
  ) throws(SettingsError) -> Int {
    guard let (text, origin) = find(name) else {
      note(name, String(standard), .standard)
      return standard
    }
    note(name, text, origin)
    guard text.utf8.allSatisfy({ $0.isDigit }), let number = Int(text),
      range.contains(number)
    else {
      let end = range.upperBound == Int.max ? "" : " to \(range.upperBound)"
      throw refusal(name, text, "a number from \(range.lowerBound)\(end)")
    }
    return number
  }

  /// The text of a variable that is read elsewhere, and so is not reported here; empty if it is not set.
  public func value(of name: StaticString) -> String { find(name)?.0 ?? "" }

  private func refusal(
    _ name: StaticString, _ value: String, _ expected: String
  ) -> SettingsError {
    SettingsError(
      variable: name.description, value: value, reason: "\(expected) expected")
  }

  private func find(_ name: StaticString) -> (String, Setting.Origin)? {
    if let text = environment[name] { return (text, .environment) }
    if let text = file[name] { return (text, .file) }
    return nil
  }

  private mutating func note(
    _ name: StaticString, _ value: @autoclosure () -> String, _ origin: Setting.Origin
  ) {
    guard isReporting, !isReported(name) else { return }
    report.append(Setting(name: name, value: value(), origin: origin))
  }
}
