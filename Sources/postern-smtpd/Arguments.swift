// The command line.

import POSIX

struct Arguments {
  enum Request {
    case session
    case check
    case version
    case help
  }

  var request = Request.session
  /// Whether whoever configured the front says that TLS protects the session.
  var isTLS = false
  /// Whether a PROXY header comes first.
  var hasProxy = false
  /// Whether STARTTLS has begun this session: there is no greeting.
  var isResumed = false
  var environmentFile: EnvironmentFile?

  /// What a `SettingsError` about the command line itself names.
  static let unknown = "argument"

  init(_ arguments: some Sequence<String>) throws(SettingsError) {
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--tls": isTLS = true
      case "--proxy": hasProxy = true
      case "--resumed": isResumed = true
      case "--check": request = .check
      case "--version": request = .version
      case "--help": request = .help
      case "--env-file":
        guard let file = rest.popFirst() else {
          throw SettingsError(variable: Self.unknown, value: argument, reason: "a file expected")
        }
        environmentFile = try EnvironmentFile(path: file)
      default:
        throw SettingsError(
          variable: Self.unknown, value: argument, reason: "not known; see --help")
      }
    }
  }

  static let help = """
    usage: postern-smtpd [--tls] [--proxy] [--resumed] [--env-file FILE]
           postern-smtpd [--tls] [--env-file FILE] --check
           postern-smtpd --version | --help

    One SMTP session on standard input and output. Mail is stored as .eml files.

      --tls            TLS protects this session: whoever listens in front says so
      --proxy          a PROXY protocol header (v1 or v2) comes first, and is believed
      --resumed        TLS was started inside a session (SMTP_STARTTLS): no greeting
      --env-file FILE  read KEY=VALUE lines; the environment wins over them
      --check          print the configuration in force and who the peer is taken to be
      --version        print the version
      --help           print this

    Configuration is by SMTP_* environment variables; --check lists them.

    """
}

extension EnvironmentFile {
  /// Reads and parses a file of at most a mebibyte.
  init(path: String) throws(SettingsError) {
    func fail(_ reason: String) -> SettingsError {
      SettingsError(variable: "--env-file", value: path, reason: reason)
    }
    let content: [UInt8]?
    do throws(Errno) {
      content = try FileDescriptor.reading(path).readAll(limit: 1 << 20)
    } catch {
      throw fail(error.description)
    }
    guard let content else { throw fail("a text file of at most 1 MiB expected") }
    do throws(EnvironmentFile.SyntaxError) {
      try self.init(parsing: content)
    } catch {
      throw fail("line \(error.line): \(error.reason)")
    }
  }
}
