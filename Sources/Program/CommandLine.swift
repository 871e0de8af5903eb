// A command line, read by the table of its program. Options and words may stand in any order:
//
//     --name          an option without a value
//     --name VALUE    one with a value; or --name=VALUE
//     --              what follows are words
//     -               a word

/// A command line that the program does not understand. The exit status is EX_USAGE.
public struct UsageError: Error {
  /// The argument that is wrong; empty if one is missing.
  public let argument: String
  /// What was expected.
  public let reason: String

  public init(_ argument: String, _ reason: String) {
    (self.argument, self.reason) = (argument, reason)
  }

  /// What the program says on standard error.
  public func text(of program: String) -> String {
    "\(program): \(argument.isEmpty ? "" : "\(argument): ")\(reason); see \(program) --help"
  }
}

/// What a command line says.
public struct CommandLine: Sendable {
  /// What is asked for.
  public enum Request: Sendable {
    case run
    case check
    case version
    case help
  }

  public private(set) var request = Request.run
  public private(set) var isJSON = false
  /// The file of `--env-file`.
  public private(set) var environmentFile: String?
  /// The command; empty if the program has none, or is asked for something else.
  public private(set) var command = ""
  /// The words behind the command.
  public private(set) var words: [String] = []
  /// The program's own options in the order of the line, repeated ones too. The value of one that has none is empty.
  public private(set) var options: [(name: String, value: String)] = []

  /// Whether an option stands on the line.
  public func has(_ name: String) -> Bool { options.contains { $0.name == name } }

  /// The value of an option; the last one counts. Nil if it is not there.
  public func value(of name: String) -> String? { options.last { $0.name == name }?.value }

  public init(
    _ arguments: some Sequence<String>, _ synopsis: Synopsis
  ) throws(UsageError) {
    var rest = Array(arguments)[...]
    var areWords = false
    while let argument = rest.popFirst() {
      if areWords || argument.utf8.first != UInt8(ascii: "-") || argument.utf8.count == 1 {
        guard synopsis.takesWords || !synopsis.commands.isEmpty else {
          throw UsageError(argument, "not known")
        }
        words.append(argument)
      } else if argument == "--" {
        areWords = true
      } else {
        try take(argument, &rest, synopsis)
      }
    }
    if request == .run {
      if !synopsis.commands.isEmpty { try takeCommand(synopsis) }
      if isJSON, !synopsis.options.contains(where: { $0.name == "--json" }) {
        throw UsageError("--json", "only with --check")
      }
    } else if request == .check, !synopsis.commands.isEmpty, let word = words.first {
      throw UsageError(word, "no command expected with --check")
    }
  }

  private mutating func take(
    _ argument: String, _ rest: inout ArraySlice<String>, _ synopsis: Synopsis
  ) throws(UsageError) {
    var name = argument
    var value: String?
    if argument.hasPrefix("--"), let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")) {
      name = String(argument[..<equals])
      value = String(argument[argument.utf8.index(after: equals)...])
    }
    guard let option = synopsis.option(name) else { throw UsageError(name, "not known") }
    if option.value == nil {
      guard value == nil else { throw UsageError(name, "no value expected") }
    } else if value == nil {
      value = rest.popFirst()
    }
    guard option.value == nil || value != nil else { throw UsageError(name, "a value expected") }
    switch name {
    case "--env-file": environmentFile = value
    case "--json": isJSON = true
    case "--check": ask(for: .check)
    case "--version": ask(for: .version)
    case "--help": ask(for: .help)
    default: options.append((name, value ?? ""))
    }
  }

  /// Who asks for help gets it, and who asks for the version, whatever else stands on the line.
  private mutating func ask(for request: Request) {
    if self.request != .help, request != .check || self.request == .run { self.request = request }
  }

  private mutating func takeCommand(_ synopsis: Synopsis) throws(UsageError) {
    guard let name = words.first else { throw UsageError("", "a command expected") }
    guard let command = synopsis.commands.first(where: { $0.name == name }) else {
      throw UsageError(name, "not a command")
    }
    words.removeFirst()
    self.command = name
    for option in options where !command.options.contains(option.name) {
      if synopsis.commands.contains(where: { $0.options.contains(option.name) }) {
        throw UsageError(option.name, "not an option of `\(name)`")
      }
    }
    if isJSON, !command.options.contains("--json") {
      throw UsageError("--json", "not an option of `\(name)`")
    }
    guard words.count <= command.operands.upperBound else {
      throw UsageError(words[command.operands.upperBound], "not expected by `\(name)`")
    }
    guard words.count >= command.operands.lowerBound else {
      throw UsageError(name, "\(command.expected) expected")
    }
  }
}
