// postern-queue: the queue, and what takes the mail of this machine's programs, as sendmail(1).

import ListStore
import POSIX
import Program
import Queue
import Routing
import SMTP
import Settings
import Storage

@main
struct Program {
  static func main() {
    Signals.letFileSizeBeAnError()
    let arguments = Process.arguments
    let name = arguments.first?.split(separator: "/").last.map { String($0) } ?? ""
    if SendmailProgram.isName(name) {
      Process.exit(SendmailProgram.run(name: name, arguments.dropFirst()))
    }
    if arguments.dropFirst().first == "sendmail" {
      Process.exit(SendmailProgram.run(name: "sendmail", arguments.dropFirst(2)))
    }
    Process.exit(QueueProgram.run(arguments.dropFirst()))
  }

  /// Ends the process if no command is asked for.
  static func answer(_ line: CommandLine) {
    synopsis.answer(line)
    guard line.request == .check else { return }
    synopsis.check(line) { source throws(SettingsError) in
      let settings = try QueueSettings(&source, needsQueue: false)
      _ = (source.submitSocket(), source.mailqSocket())
      _ = try DeliverSettings(&source)
      return settings
    } owned: { settings in
      [settings.queue, settings.mailDirectory, settings.routing.lists?.path ?? ""]
    } examining: { settings, findings in
      examine(settings, &findings)
    }
  }

  private static func examine(_ settings: QueueSettings, _ findings: inout Findings) {
    if settings.queue.isEmpty {
      findings.note("queue", "none")
    } else {
      findings.note("queue", settings.queue, fault: QueueDirectory.fault(at: settings.queue))
      findings.note(
        "mail directory", settings.mailDirectory,
        fault: MailDirectory.fault(at: settings.mailDirectory))
    }
    settings.routing.examine(&findings)
  }

  private static let selections = ["--all", "--to", "--from", "--json"]

  static let synopsis = Synopsis(
    "postern-queue",
    usage: [
      "add [-f SENDER] [--recipients-from FD] [RECIPIENT...]",
      "run [--once]",
      "list [--peer] | show ID | metrics | route ADDRESS [--stranger | --user]",
      "hold | release | retry | bounce | remove  ID... | --all | --to PATTERN | --from PATTERN",
      "sendmail ...",
    ],
    about:
      "The queue: mail that waits for other hosts. sendmail hands the message on standard input in.",
    options: [
      Option("-f", "SENDER", "the address that failures are reported to; <> is nobody's"),
      Option("--recipients-from", "FD", "read more recipients from this descriptor"),
      Option("--once", "leave what comes meanwhile to the next run"),
      Option("--all", "every entry"),
      Option("--to", "PATTERN", "entries for such a recipient; * and ? as in file names"),
      Option("--from", "PATTERN", "entries of such a sender"),
      Option("--stranger", "for mail of a stranger, not of a program of this machine"),
      Option("--user", "for mail of a user who has logged in"),
      Option(
        "--peer",
        "answer the user who has connected the UNIX socket that is standard input, with his own mail"
      ),
      Option("--json", "print JSON"),
    ],
    commands: [
      Command(
        "add", options: ["-f", "--recipients-from"],
        "queue the message on standard input, and print its id"),
      Command("run", 0...0, options: ["--once"], "deliver what is due, and what comes meanwhile"),
      Command(
        "deliver", 1...1, of: "a target", "bring mail to a target; `run` starts this, not people"),
      Command("list", 0...0, options: ["--peer", "--json"], "print what is in the queue"),
      Command("show", 1...1, of: "an id", options: ["--json"], "print one entry"),
      Command("metrics", 0...0, "print numbers for Prometheus"),
      Command(
        "route", 1...1, of: "an address", options: ["--stranger", "--user", "--json"],
        "say where mail for an address goes"),
      Command("hold", options: selections, "do not try these entries until release"),
      Command("release", options: selections, "end that"),
      Command("retry", options: selections, "try them in the next run"),
      Command("bounce", options: selections, "send them back in the next run"),
      Command("remove", options: selections, "forget them; nobody is told"),
    ])
}
