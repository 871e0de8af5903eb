// postern-queue: takes the mail of this machine's programs, as sendmail(1).

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
    default:
      FileDescriptor.print(help, to: 2)
      Process.exit(.usage)
    }
  }

  /// Prints every setting in force and where it is from, as `postern-smtpd --check` does.
  private static func check() {
    do throws(SettingsError) {
      let settings = try SendmailSettings(isReporting: true)
      let lines = settings.report.map { "\($0.name)=\($0.value)\t# \($0.origin.name)\n" }
      FileDescriptor.print(lines.joined(), to: 1)
    } catch {
      FileDescriptor.print(
        "postern-queue: \(error.variable) \(error.value): \(error.reason)\n", to: 2)
      Process.exit(.configuration)
    }
  }

  static let help = """
    usage: postern-queue sendmail ...
           postern-queue --check | --version | --help

      sendmail   hands the message on standard input in, see sendmail(8)
      --check    print the settings in force
      --version  print the version
      --help     print this

    """
}
