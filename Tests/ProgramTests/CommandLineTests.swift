// Command lines, what is said of wrong ones, and --help.

import Program
import Testing

private let plain = Synopsis(
  "plain", usage: ["[--loud] [-f SENDER]"], about: "A program.",
  options: [Option("--loud", "say more"), Option("-f", "SENDER", "who\nsends")])

private let words = Synopsis(
  "words", usage: ["[--to A] WORD..."], about: "Takes words.", takesWords: true,
  options: [Option("--to", "A", "for whom"), Option("--json", "print JSON")])

private let commands = Synopsis(
  "commands", usage: ["list [--json]", "hold ID... | --all", "show ID"], about: "Has commands.",
  options: [Option("--all", "everything"), Option("--json", "print JSON"), Option("-v", "more")],
  commands: [
    Command("list", 0...0, options: ["--json"], "what there is"),
    Command("hold", options: ["--all"]),
    Command("show", 1...1, of: "an id"),
  ])

@Suite struct CommandLineTests {
  private func read(_ line: String, _ synopsis: Synopsis) throws -> CommandLine {
    try CommandLine(line.split(separator: " ").map { $0 == "''" ? "" : String($0) }, synopsis)
  }

  /// `OPTION=VALUE` for each option, and the words.
  private func shown(_ line: CommandLine) -> String {
    (line.options.map { "\($0.name)=\($0.value)" } + [line.command] + line.words)
      .filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// Options and words may stand in any order, and options may be repeated.
  @Test(arguments: [
    ("", ""), ("--to a x", "--to=a x"), ("x --to a", "--to=a x"), ("--to=a x", "--to=a x"),
    ("--to a --to=b x y", "--to=a --to=b x y"), ("--to --to x", "--to=--to x"),
    ("--to=a=b", "--to=a=b"), ("--to= x", "--to= x"), ("- x", "- x"), ("x -- --to -", "x --to -"),
    ("-- --", "--"), ("--to '' x", "--to= x"), ("--to -- x", "--to=-- x"),
  ])
  func order(_ line: String, _ expected: String) throws {
    #expect(shown(try read(line, words)) == expected)
  }

  @Test func values() throws {
    let line = try read("--loud -f a --env-file one -f b --env-file=two", plain)
    #expect(line.has("--loud") && line.value(of: "-f") == "b" && line.environmentFile == "two")
    #expect(line.value(of: "--to") == nil && !line.has("--to"))
    #expect(line.request == .run && !line.isJSON)
  }

  /// Who asks for help gets it, wherever the option stands.
  @Test(
    arguments: [
      ("--help --check", .help), ("--help --version", .help), ("--version --check --help", .help),
      ("--check --version", .version),
      ("--version --check", .version), ("--check --json", .check), ("", .run),
    ] as [(String, CommandLine.Request)])
  func requests(_ line: String, _ expected: CommandLine.Request) throws {
    for synopsis in [plain, words] { #expect(try read(line, synopsis).request == expected) }
    if expected != .run { #expect(try read(line, commands).request == expected) }
  }

  @Test(arguments: [
    ("list --json", "list"), ("--json list", "list"), ("hold --all", "--all= hold"),
    ("hold a b", "hold a b"), ("-v show x", "-v= show x"), ("show -- -v", "show -v"),
  ])
  func wordsOfCommands(_ line: String, _ expected: String) throws {
    let read = try read(line, commands)
    #expect(shown(read) == expected && read.isJSON == line.contains("--json"))
  }

  /// What is said of a wrong line names the argument, and what was expected.
  @Test(
    arguments: [
      (plain, "--lout", "plain: --lout: not known; see plain --help"),
      (plain, "-x", "plain: -x: not known; see plain --help"),
      (plain, "x", "plain: x: not known; see plain --help"),
      (plain, "--loud=1", "plain: --loud: no value expected; see plain --help"),
      (plain, "-f", "plain: -f: a value expected; see plain --help"),
      (plain, "--env-file", "plain: --env-file: a value expected; see plain --help"),
      (plain, "--json", "plain: --json: only with --check; see plain --help"),
      (commands, "", "commands: a command expected; see commands --help"),
      (commands, "lists", "commands: lists: not a command; see commands --help"),
      (commands, "list x", "commands: x: not expected by `list`; see commands --help"),
      (commands, "show", "commands: show: an id expected; see commands --help"),
      (commands, "show a b", "commands: b: not expected by `show`; see commands --help"),
      (commands, "show a --all", "commands: --all: not an option of `show`; see commands --help"),
      (commands, "hold a --json", "commands: --json: not an option of `hold`; see commands --help"),
      (
        commands, "--check list",
        "commands: list: no command expected with --check; see commands --help"
      ),
    ] as [(Synopsis, String, String)])
  func wrong(_ synopsis: Synopsis, _ line: String, _ expected: String) {
    do {
      _ = try read(line, synopsis)
      Issue.record("read: \(line)")
    } catch let error as UsageError {
      #expect(error.text(of: synopsis.program) == expected)
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test func help() {
    #expect(
      commands.help == """
        usage: commands list [--json]
               commands hold ID... | --all
               commands show ID
               commands [--env-file FILE] --check [--json]
               commands --version | --help

        Has commands.

          list             what there is
          --all            everything
          --json           print JSON
          -v               more
          --env-file FILE  read KEY=VALUE lines; the environment wins over them. Without this:
                           POSTERN_ENV_FILE, or /etc/postern/postern.env if it exists
          --check          print the settings in force, and what cannot work with them
          --version        print the version
          --help           print this

        """)
    #expect(plain.help.contains("\n  -f SENDER        who\n                   sends\n"))
    #expect(plain.help.contains("\n  --json           print this as JSON\n"))
  }
}
