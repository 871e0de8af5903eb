// The command line.

import Hosts
import Program
import SMTP

struct Arguments {
  let isBatch: Bool
  let isVerbose: Bool
  let isJSON: Bool
  let environmentFile: String?
  /// In the order in which they are tried.
  private(set) var servers: [ServerURL] = []
  /// Whether the hosts of each domain take its mail, whatever SMTP_SMARTHOST says.
  private(set) var isByDNS = false
  /// A command that speaks SMTP on its standard input and output.
  let command: String?
  /// The reverse-path; nil if it was not given.
  private(set) var sender: ReversePath?
  private(set) var recipients: [Recipient] = []
  /// The message, where it does not come on standard input.
  private(set) var composition: Composition?

  init(_ line: CommandLine) throws(UsageError) {
    (isBatch, isVerbose, isJSON) = (line.has("--batch"), line.has("-v"), line.isJSON)
    (environmentFile, command) = (line.environmentFile, line.value(of: "--exec"))
    for (name, value) in line.options {
      switch name {
      case "--server" where value == "mx": isByDNS = true
      case "--server":
        guard let url = ServerURL(value) else { throw UsageError(value, ServerURL.expected) }
        servers.append(url)
      case "-f": sender = try ReversePath(argument: value)
      case "--exec", "-v", "--batch": break
      default:
        var composed = composition ?? Composition()
        try composed.take(name, value)
        composition = composed
      }
    }
    for word in line.words {
      recipients.append(Recipient(mailbox: try Mailbox(argument: word)))
    }
    recipients += composition?.recipients ?? []
    if !servers.isEmpty, command != nil {
      throw UsageError("--exec", "there is a --server already")
    }
    if isByDNS, !servers.isEmpty || command != nil {
      throw UsageError("mx", "there is another server")
    }
    if isBatch {
      guard recipients.isEmpty, sender == nil, composition == nil else {
        throw UsageError("--batch", "recipients come on standard input")
      }
    } else if composition != nil, composition?.from == nil {
      throw UsageError("--from", "the author of the message expected")
    } else if recipients.isEmpty {
      throw UsageError("", "a recipient expected")
    }
  }

  static let synopsis = Synopsis(
    "postern-send",
    usage: [
      "[--server URL ... | --exec COMMAND] [-f SENDER] [-v] [--json] [--] RECIPIENT...",
      "--from A --to A [--cc A] [--bcc A] [--subject TEXT] [--text FILE] [--html FILE]\n"
        + "                    [--attach FILE] [any of these, more than once] [options as above]",
      "--batch [--server URL ... | --exec COMMAND]",
    ],
    about: """
      Sends the message on standard input. Says on standard output, in a line for each recipient, what has
      become of it: delivered, deferred, refused or unknown.
      """, takesWords: true,
    options: [
      Option(
        "--server", "URL",
        """
        the server: smtp://[user@]host[:port], smtps://, lmtp://host, lmtp:///path/of/socket,
        with ?tls=opportunistic|required|verified|none and other parameters. More than once:
        the next where one cannot be reached. "mx": the hosts that take mail for the domain
        of each recipient. Without it: SMTP_SMARTHOST, or else these
        """),
      Option(
        "--exec", "COMMAND",
        "the server is a command, which speaks SMTP on its standard input and output"),
      Option("-f", "SENDER", "the address that failures are reported to; <> is nobody's"),
      Option(
        "--from", "ADDRESS", "make a message: its author, and the sender if there is no -f"),
      Option("--to", "ADDRESSES", "who it is for, with commas between"),
      Option("--cc", "ADDRESSES", "who gets a copy"),
      Option("--bcc", "ADDRESSES", "who gets a copy and is not named"),
      Option("--subject", "TEXT", "the subject"),
      Option(
        "--text", "FILE",
        "the text; - is standard input, and the text if there is no --html either"),
      Option("--html", "FILE", "the same in HTML"),
      Option("--attach", "FILE", "a file that goes with it"),
      Option("-v", "show the dialogue on standard error"),
      Option("--json", "print JSON"),
      Option("--batch", "take jobs on standard input, see postern-send(1)"),
    ])
}
