// postern-queue: the queue, and what takes the mail of this machine's programs, as sendmail(1).

import POSIX
import Settings

@main
struct Program {
  static let version = "0.1.0"

  static func main() {
    let arguments = Process.arguments
    let name = arguments.first?.split(separator: "/").last.map { String($0) } ?? ""
    if SendmailProgram.isName(name) {
      Process.exit(SendmailProgram.run(name: name, arguments.dropFirst()))
    }
    switch arguments.dropFirst().first {
    case "sendmail":
      Process.exit(SendmailProgram.run(name: "sendmail", arguments.dropFirst(2)))
    case "--check": check()
    case "--version": FileDescriptor.print("postern-queue \(version)\n", to: 1)
    case "--help": FileDescriptor.print(help, to: 1)
    default: Process.exit(QueueProgram.run(arguments.dropFirst()))
    }
  }

  /// Prints every setting in force and where it is from, as `postern-smtpd --check` does.
  private static func check() {
    do throws(SettingsError) {
      let own = try QueueSettings(file: nil, isReporting: true).report
      let sendmail = try SendmailSettings(isReporting: true).report.filter { entry in
        !own.contains { $0.name.description == entry.name.description }
      }
      let lines = (own + sendmail).map { "\($0.name)=\($0.value)\t# \($0.origin.name)\n" }
      FileDescriptor.print(lines.joined(), to: 1)
    } catch {
      FileDescriptor.print(
        "postern-queue: \(error.variable) \(error.value): \(error.reason)\n", to: 2)
      Process.exit(.configuration)
    }
  }

  static let help = """
    usage: postern-queue add [-f SENDER] [--recipients-from FD] [RECIPIENT...]
           postern-queue run [--once]
           postern-queue list | show ID | metrics
           postern-queue hold | release | retry | bounce | remove  ID... | --all | --to PATTERN | --from PATTERN
           postern-queue sendmail ...
           postern-queue --check | --version | --help

      add        queue the message on standard input, and print its id
      run        deliver what is due, and what comes meanwhile (with --once: not)
      list       print what is in the queue, with --json as JSON
      show       print one entry
      metrics    print numbers for Prometheus
      hold       do not try these entries until release
      retry      try them in the next run
      bounce     send them back in the next run
      remove     forget them; nobody is told
      sendmail   hands the message on standard input in, see sendmail(8)
      --check    print the settings in force
      --version  print the version
      --help     print this

    """
}
