// What a program understands on its command line: a table, from which `CommandLine` reads the line and `--help` is made.

/// An option of a program.
public struct Option: Sendable {
  /// With its hyphens: `--tls`, `-f`.
  public let name: String
  /// What its value is called; nil if it has none.
  public let value: String?
  /// For `--help`. More lines are put below the first.
  public let about: String

  public init(_ name: String, _ about: String) {
    (self.name, self.value, self.about) = (name, nil, about)
  }

  public init(_ name: String, _ value: String, _ about: String) {
    (self.name, self.value, self.about) = (name, value, about)
  }
}

/// The first word of a line, where a program has several things to do.
public struct Command: Sendable {
  public let name: String
  /// How many words may follow.
  public let operands: ClosedRange<Int>
  /// What these words are: `an id`.
  public let expected: String
  /// The options that only this command and its like have.
  public let options: [String]
  /// For `--help`; empty if the usage says enough.
  public let about: String

  public init(
    _ name: String, _ operands: ClosedRange<Int> = 0...manyOperands, of expected: String = "",
    options: [String] = [], _ about: String = ""
  ) {
    (self.name, self.operands, self.expected) = (name, operands, expected)
    (self.options, self.about) = (options, about)
  }

  /// As many words as somebody likes.
  public static let manyOperands = 1_000_000
}

/// The command line of a program.
public struct Synopsis: Sendable {
  public let program: String
  /// What may stand behind the program's name, a line for each form. --help and the like are added.
  public let usage: [String]
  /// What the program is, for `--help`.
  public let about: String
  /// Whether words may stand on the line that are no options.
  public let takesWords: Bool
  public let options: [Option]
  /// If there are any, the first word is one of them.
  public let commands: [Command]

  public init(
    _ program: String, usage: [String], about: String, takesWords: Bool = false,
    options: [Option] = [], commands: [Command] = []
  ) {
    (self.program, self.usage, self.about, self.takesWords) = (program, usage, about, takesWords)
    (self.options, self.commands) = (options, commands)
  }

  /// What every program has.
  static let common = [
    Option(
      "--env-file", "FILE",
      "read KEY=VALUE lines; the environment wins over them. Without this:\n"
        + "POSTERN_ENV_FILE, or /etc/postern/postern.env if it exists"),
    Option("--check", "print the settings in force, and what cannot work with them"),
    Option("--json", "print this as JSON"),
    Option("--version", "print the version"),
    Option("--help", "print this"),
  ]

  func option(_ name: String) -> Option? {
    options.first { $0.name == name } ?? Self.common.first { $0.name == name }
  }

  /// What `--help` prints.
  public var help: String {
    var text = ""
    for form in usage + ["[--env-file FILE] --check [--json]", "--version | --help"] {
      text += (text.isEmpty ? "usage: " : "       ") + program + (form.isEmpty ? "" : " ") + form
      text += "\n"
    }
    text += "\n\(about)\n\n"
    var rows: [(name: String, about: String)] = []
    for command in commands where !command.about.isEmpty {
      rows.append((command.name, command.about))
    }
    let ownNames = options.map { $0.name }
    for option in options + Self.common.filter({ !ownNames.contains($0.name) }) {
      rows.append((option.value.map { "\(option.name) \($0)" } ?? option.name, option.about))
    }
    let width = rows.reduce(0) { max($0, $1.name.utf8.count) }
    for row in rows {
      var beginning = "  " + row.name
      for line in row.about.split(separator: "\n") {
        let gap = width + 4 - beginning.utf8.count
        text += beginning + String(repeating: " ", count: gap) + line + "\n"
        beginning = ""
      }
    }
    return text
  }
}
