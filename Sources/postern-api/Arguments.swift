// The command line.

import POSIX
import Settings

struct Arguments {
  enum Request { case answer, check, version, help }

  var request = Request.answer
  /// The file of `--env-file`.
  var environmentFile: String?

  /// The name of the variable in a `SettingsError` about the command line.
  static let unknown = "argument"

  /// A web server may hand words of a query over as arguments (RFC 3875 §4.4), which are the client's. So the command line
  /// is not read where there is a request.
  init(_ arguments: some Sequence<String>) throws(SettingsError) {
    if Process.environment("REQUEST_METHOD") != nil { return }
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--check": request = .check
      case "--version": request = .version
      case "--help": request = .help
      case "--env-file":
        guard let file = rest.popFirst() else {
          throw SettingsError(variable: Self.unknown, value: argument, reason: "a file expected")
        }
        environmentFile = file
      default:
        throw SettingsError(
          variable: Self.unknown, value: argument, reason: "not known; see --help")
      }
    }
  }

  static let help = """
    usage: postern-api
           postern-api [--env-file FILE] --check
           postern-api --version | --help

    Answers one request of a web server (CGI/1.1): the email API over a directory of mail.

      --env-file FILE  read KEY=VALUE lines; the environment wins over them. A web server sets
                       POSTERN_ENV_FILE instead; without both: /etc/postern/postern.env
      --check          print the configuration in force
      --version        print the version
      --help           print this

    """
}
