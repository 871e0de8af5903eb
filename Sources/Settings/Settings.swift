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

public import POSIX

/// A malformed value of a variable, or a wrong argument.
public struct SettingsError: Error {
  public let variable: String
  public let value: String
  public let reason: String

  public init(variable: String, value: String, reason: String) {
    self.variable = variable
    self.value = value
    self.reason = reason
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
  public private(set) var report: [Entry] = []
  private let isReporting: Bool

  public struct Entry {
    public let name: StaticString
    /// The value; `(set)` if it is secret.
    public let value: String
    public let origin: Origin
  }

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

  private static let fileVariable: StaticString = "POSTERN_ENV_FILE"
  private static let standardFile = "/etc/postern/postern.env"

  /// Reads the file, and from the environment the variables that begin with one of `prefixes`. `option` is the file of
  /// `--env-file`. `isReporting` says whether to make a `report`. `mayBeUnreadable` is for programs of every user: for them
  /// /etc/postern/postern.env is as if it were not there, if they may not read it.
  public init(
    prefixes: [StaticString], option: String?, isReporting: Bool, mayBeUnreadable: Bool = false
  ) throws(SettingsError) {
    var environment = Variables()
    // If a name stands in the environment twice, the first value must count, as for getenv(3). `Variables` returns the
    // last one, so go through the entries backwards.
    let entries = Process.environmentEntries(beginningWith: prefixes + [Self.fileVariable])
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
        variable: source.description, value: path, reason: Errno.noSuchFile.description)
    }
  }

  /// Reads a file of its own kind, in the same syntax, and nothing else. A file that is missing has no variables.
  public init(file path: String) throws(SettingsError) {
    environment = Variables()
    isReporting = false
    self.path = path
    file = try Variables.read(path, namedBy: "file") ?? Variables()
  }

  /// The variables that begin with `prefix`, were not read, and are none of another program: they are probably misspelt.
  /// Call this when all variables have been read, and only with `isReporting`.
  public func unknown(beginningWith prefix: String) -> [String] {
    func isEqual(_ name: String, _ other: StaticString) -> Bool {
      other.withUTF8Buffer { unsafe name.utf8.elementsEqual($0) }
    }
    return (environment.names.reversed() + file.names).filter { name in
      name.utf8.starts(with: prefix.utf8) && !Self.known.contains { isEqual(name, $0) }
        && !report.contains { isEqual(name, $0.name) }
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
    guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text),
      range.contains(number)
    else {
      let end = range.upperBound == Int.max ? "" : " to \(range.upperBound)"
      throw refusal(name, text, "a number from \(range.lowerBound)\(end)")
    }
    return number
  }

  /// SMTP_LOG_LEVEL.
  public mutating func logLevel(default standard: Log.Level = .info) throws(SettingsError)
    -> Log.Level
  {
    try read(
      "SMTP_LOG_LEVEL", default: standard.name, "one of error warning notice info debug"
    ) { text in Log.Level.allCases.first { $0.name == text } }
  }

  private func refusal(
    _ name: StaticString, _ value: String, _ expected: String
  ) -> SettingsError {
    SettingsError(
      variable: name.description, value: value, reason: "\(expected) expected")
  }

  private func find(_ name: StaticString) -> (String, Origin)? {
    if let text = environment[name] { return (text, .environment) }
    if let text = file[name] { return (text, .file) }
    return nil
  }

  private mutating func note(
    _ name: StaticString, _ value: @autoclosure () -> String, _ origin: Origin
  ) {
    guard isReporting else { return }
    report.append(Entry(name: name, value: value(), origin: origin))
  }
}
