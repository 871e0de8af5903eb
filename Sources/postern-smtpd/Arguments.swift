// The command line.

import Settings

struct Arguments {
  enum Request {
    case session
    case check
    case version
    case help
  }

  var request = Request.session
  /// Whether the administrator says that TLS protects the session.
  var isTLS = false
  /// Whether a PROXY header comes first.
  var hasProxy = false
  /// Whether this session follows STARTTLS in another session, and so sends no greeting.
  var isResumed = false
  /// Whether a program of this machine hands mail in (`--local`).
  var isSubmission = false
  /// The file of `--env-file`.
  var environmentFile: String?

  /// The name of the variable in a `SettingsError` about the command line.
  static let unknown = "argument"

  init(_ arguments: some Sequence<String>) throws(SettingsError) {
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--tls": isTLS = true
      case "--proxy": hasProxy = true
      case "--resumed": isResumed = true
      case "--local": isSubmission = true
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
    if isSubmission, isTLS || hasProxy || isResumed {
      throw SettingsError(
        variable: Self.unknown, value: "--local",
        reason: "not with --tls, --proxy or --resumed: the client is on this machine")
    }
  }

  static let help = """
    usage: postern-smtpd [--tls] [--proxy] [--resumed] [--env-file FILE]
           postern-smtpd --local [--env-file FILE]
           postern-smtpd [--tls] [--local] [--env-file FILE] --check
           postern-smtpd --version | --help

    One SMTP session on standard input and output. Mail is stored as .eml files.

      --tls            TLS protects this session: whoever listens in front says so
      --proxy          a PROXY protocol header (v1 or v2) comes first, and is believed
      --resumed        TLS was started inside a session (SMTP_STARTTLS): no greeting
      --local          a program of this machine hands mail in: it may send anywhere
      --env-file FILE  read KEY=VALUE lines; the environment wins over them. Without this:
                       POSTERN_ENV_FILE, or /etc/postern/postern.env if it exists
      --check          print the configuration in force and who the peer is taken to be
      --version        print the version
      --help           print this

    Configuration is by SMTP_* environment variables; --check lists them.

    """
}
