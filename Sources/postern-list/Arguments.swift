// The command line.

import Lists
import POSIX
import Program
import Queue
import Routing
import SMTP
import Storage

struct Arguments {
  enum Request {
    case create(ListName)
    case delete(ListName)
    case add(ListName, [String])
    case remove(ListName, [String])
    case suspend(ListName, [String])
    case resume(ListName, [String])
    case show(ListName?)
    case receive(MailArguments)
  }

  /// What the queue says of a mail whose text is on standard input.
  struct MailArguments {
    var reversePath = ReversePath.null
    /// Whether its sender has authenticated, or is a program of this machine.
    var isOurs = false
    var id = MessageID(0)
    var recipient: Mailbox
    /// When it came to the queue, in seconds since 1970.
    var arrival = Clock.now().seconds
    /// What it has caused already.
    var queued: [MessageID] = []
  }

  let request: Request
  let isJSON: Bool
  let environmentFile: String?

  private static let members = 2...Command.manyOperands
  private static let mailOptions = ["-f", "--ours", "--arrival", "--queued"]

  static let synopsis = Synopsis(
    "postern-list",
    usage: [
      "create NAME", "delete NAME", "add NAME ADDRESS...", "remove NAME ADDRESS...",
      "suspend NAME ADDRESS...", "resume NAME ADDRESS...", "show [NAME] [--json]",
      "receive [-f SENDER] [--ours] ID RECIPIENT < MESSAGE",
    ],
    about: """
      Mailing lists. They are in the directory that SMTP_LISTS_DIR names. In the place of an ADDRESS, `-` takes
      the lines of standard input. See postern-list(1).
      """,
    options: [
      Option("--json", "print JSON"),
      Option("-f", "SENDER", "who has sent the mail; <> is nobody"),
      Option("--ours", "the sender has authenticated, or is a program of this machine"),
      Option("--arrival", "SECONDS", "when the mail came to the queue, since 1970"),
      Option("--queued", "IDS", "what the mail has caused already, with commas between"),
    ],
    commands: [
      Command("create", 1...1, of: "the name of a list", "make a list"),
      Command("delete", 1...1, of: "the name of a list", "forget it and its members"),
      Command("add", members, of: "a list and addresses", "take in members"),
      Command("remove", members, of: "a list and addresses", "forget members"),
      Command(
        "suspend", members, of: "a list and addresses", "send nothing to them until `resume`"),
      Command("resume", members, of: "a list and addresses", "end that"),
      Command("show", 0...1, options: ["--json"], "print the lists, or the members of one"),
      Command(
        "receive", 2...2, of: "an id and an address", options: mailOptions,
        "take a mail to a list: the queue calls this"),
    ])

  init(_ line: CommandLine) throws(UsageError) {
    (isJSON, environmentFile) = (line.isJSON, line.environmentFile)
    if line.command == "receive" {
      request = .receive(try Self.mail(line))
      return
    }
    guard let word = line.words.first else {
      request = .show(nil)
      return
    }
    let name = try Self.name(word)
    let addresses = Array(line.words.dropFirst())
    switch line.command {
    case "create": request = .create(name)
    case "delete": request = .delete(name)
    case "add": request = .add(name, addresses)
    case "remove": request = .remove(name, addresses)
    case "suspend": request = .suspend(name, addresses)
    case "resume": request = .resume(name, addresses)
    default: request = .show(name)
    }
  }

  private static func name(_ text: String) throws(UsageError) -> ListName {
    guard let name = ListName(Array(text.utf8)) else {
      throw UsageError(
        text,
        "1 to \(ListName.limit) letters, digits and inner . - _ expected, no mailbox of each domain (postmaster, abuse, root)"
      )
    }
    return name
  }

  private static func mail(_ line: CommandLine) throws(UsageError) -> MailArguments {
    let (word, address) = (line.words[0], line.words[1])
    guard let id = MessageID(word) else {
      throw UsageError(word, "16 hexadecimal digits expected")
    }
    let recipient = try Mailbox(argument: address)
    if recipient.domain.isEmpty { throw UsageError(address, "an address expected") }
    var mail = MailArguments(isOurs: line.has("--ours"), id: id, recipient: recipient)
    if let sender = line.value(of: "-f") { mail.reversePath = try ReversePath(argument: sender) }
    if let arrival = line.value(of: "--arrival") {
      guard let seconds = Int64(arrival), seconds >= 0 else {
        throw UsageError(arrival, "seconds since 1970 expected")
      }
      mail.arrival = seconds
    }
    for word in (line.value(of: "--queued") ?? "").split(separator: ",") {
      guard let id = MessageID(String(word)) else {
        throw UsageError(String(word), "an id expected")
      }
      mail.queued.append(id)
    }
    return mail
  }
}
