// The command line.

import SMTP
import Settings

struct Arguments {
  enum Request {
    case send
    case batch
    case check
    case version
    case help
  }

  var request = Request.send
  var server: ServerURL?
  /// A command that speaks SMTP on its standard input and output.
  var command: String?
  /// The reverse-path; nil if it was not given.
  var sender: ReversePath?
  var recipients: [Recipient] = []
  /// The message, where it does not come on standard input.
  var composition: Composition?
  var isVerbose = false
  var isJSON = false
  var environmentFile: String?

  init(_ arguments: some Sequence<String>) throws(SettingsError) {
    var rest = Array(arguments)[...]
    var isOption = true
    while let argument = rest.popFirst() {
      guard isOption, argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1 else {
        try addRecipient(argument)
        continue
      }
      switch argument {
      case "--": isOption = false
      case "--server":
        let text = try Self.value(argument, &rest)
        guard let url = ServerURL(text) else { throw Self.failure(text, ServerURL.expected) }
        server = url
      case "--exec": command = try Self.value(argument, &rest)
      case "-f":
        let text = try Self.value(argument, &rest)
        guard let path = ReversePath([UInt8]((text == "<>" ? "" : text).utf8)) else {
          throw Self.failure(text, "an address expected")
        }
        sender = path
      case "--from", "--to", "--cc", "--bcc", "--subject", "--text", "--html", "--attach":
        var composed = composition ?? Composition()
        try composed.take(argument, try Self.value(argument, &rest))
        composition = composed
      case "-v": isVerbose = true
      case "--json": isJSON = true
      case "--batch": request = .batch
      case "--env-file": environmentFile = try Self.value(argument, &rest)
      case "--check": request = .check
      case "--version": request = .version
      case "--help": request = .help
      default: throw Self.failure(argument, "not known; see --help")
      }
    }
    recipients += composition?.recipients ?? []
    try check()
  }

  private func check() throws(SettingsError) {
    if server != nil, command != nil {
      throw Self.failure("--exec", "there is a --server already")
    }
    switch request {
    case .send:
      if composition != nil, composition?.from == nil {
        throw Self.failure("--from", "the author of the message expected")
      }
      if recipients.isEmpty { throw Self.failure("", "a recipient expected; see --help") }
    case .batch:
      if !recipients.isEmpty || sender != nil || composition != nil {
        throw Self.failure("--batch", "recipients come on standard input")
      }
    case .check, .version, .help: break
    }
  }

  private mutating func addRecipient(_ text: String) throws(SettingsError) {
    guard let mailbox = Mailbox([UInt8](text.utf8)) else {
      throw Self.failure(text, "an address expected")
    }
    recipients.append(Recipient(mailbox: mailbox))
  }

  private static func value(
    _ option: String, _ rest: inout ArraySlice<String>
  ) throws(SettingsError) -> String {
    guard let value = rest.popFirst() else { throw failure(option, "a value expected") }
    return value
  }

  /// What a `SettingsError` about the command line itself names.
  static let unknown = "argument"

  static func failure(_ value: String, _ reason: String) -> SettingsError {
    SettingsError(variable: unknown, value: value, reason: reason)
  }

  static let help = """
    usage: postern-send [--server URL | --exec COMMAND] [-f SENDER] [-v] [--json] [--] RECIPIENT...
           postern-send --from A --to A [--cc A] [--bcc A] [--subject TEXT] [--text FILE] [--html FILE]
                        [--attach FILE] [any of these, more than once] [options as above]
           postern-send --batch [--server URL | --exec COMMAND]
           postern-send --check | --version | --help

    Sends the message on standard input. Says on standard output, in a line for each recipient, what has
    become of it: delivered, deferred, refused or unknown.

      --server URL     the server: smtp://[user@]host[:port], smtps://, lmtp://host, lmtp:///path/of/socket,
                       with ?tls=opportunistic|required|verified|none. Without it: SMTP_SMARTHOST, or the
                       hosts that take mail for the domain of each recipient
      --exec COMMAND   the server is a command, which speaks SMTP on its standard input and output
      -f SENDER        the address that failures are reported to; <> is nobody's
      --from ADDRESS   make a message: its author, and the sender if there is no -f
      --to ADDRESSES   who it is for, with commas between
      --cc ADDRESSES   who gets a copy
      --bcc ADDRESSES  who gets a copy and is not named
      --subject TEXT   the subject
      --text FILE      the text; - is standard input, and the text if there is no --html either
      --html FILE      the same in HTML
      --attach FILE    a file that goes with it
      -v               show the dialogue on standard error
      --json           print JSON
      --batch          take jobs on standard input, see postern-send(1)
      --env-file FILE  read KEY=VALUE lines; the environment wins over them
      --check          print the settings in force
      --version        print the version
      --help           print this

    """
}
