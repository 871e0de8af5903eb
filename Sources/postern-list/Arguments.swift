// The command line.

import Lists
import POSIX
import Routing
import SMTP
import Settings
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
    case version
    case help
  }

  /// What the queue says of a mail whose text is on standard input.
  struct MailArguments {
    var reversePath = ReversePath.null
    /// Whether its sender has authenticated, or is a program of this machine.
    var isOurs = false
    var id = MessageID(0)
    var recipient: Mailbox
  }

  private(set) var request = Request.help
  private(set) var isJSON = false
  private(set) var environmentFile: String?

  /// In the place of a variable's name, for an argument that is wrong.
  static let wrong = "argument"

  static let help = """
    usage: postern-list create NAME
           postern-list delete NAME
           postern-list add NAME ADDRESS...        `-` takes the lines of standard input
           postern-list remove NAME ADDRESS...
           postern-list suspend NAME ADDRESS...    sends nothing to them until `resume`
           postern-list resume NAME ADDRESS...
           postern-list show [NAME] [--json]
           postern-list receive [-f SENDER] [--ours] ID RECIPIENT < MESSAGE

    The lists are in the directory that SMTP_LISTS_DIR names. `receive` is what the queue calls for a
    mail to a list. --env-file FILE names a file of variables. See postern-list(1).

    """

  init(_ arguments: some Sequence<String>) throws(SettingsError) {
    var words: [String] = []
    var sender: String?
    var isOurs = false
    var isOption = true
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--" where isOption: isOption = false
      case "--json" where isOption: isJSON = true
      case "--ours" where isOption: isOurs = true
      case "--help" where isOption: return
      case "--version" where isOption:
        request = .version
        return
      case "--env-file" where isOption, "-f" where isOption:
        guard let value = rest.popFirst() else { throw Self.failure(argument, "a value expected") }
        if argument == "-f" { sender = value } else { environmentFile = value }
      case let word where isOption && word.hasPrefix("-") && word != "-":
        throw Self.failure(word, "not known; see --help")
      default: words.append(argument)
      }
    }
    guard let command = words.first else {
      throw Self.failure("", "a command expected; see --help")
    }
    let operands = Array(words.dropFirst())
    if sender != nil || isOurs, command != "receive" {
      throw Self.failure(sender == nil ? "--ours" : "-f", "only for `receive`")
    }
    switch command {
    case "create": request = .create(try Self.onlyName(operands))
    case "delete": request = .delete(try Self.onlyName(operands))
    case "add", "remove", "suspend", "resume":
      guard operands.count > 1 else { throw Self.failure(command, "a list and addresses expected") }
      let name = try Self.name(operands[0])
      let addresses = Array(operands.dropFirst())
      request =
        switch command {
        case "add": .add(name, addresses)
        case "remove": .remove(name, addresses)
        case "suspend": .suspend(name, addresses)
        default: .resume(name, addresses)
        }
    case "show":
      guard operands.count < 2 else { throw Self.failure(operands[1], "one list expected") }
      request = .show(try operands.first.map { name throws(SettingsError) in try Self.name(name) })
    case "receive": request = .receive(try Self.mail(operands, sender ?? "<>", isOurs: isOurs))
    default: throw Self.failure(command, "not a command; see --help")
    }
  }

  private static func onlyName(_ operands: [String]) throws(SettingsError) -> ListName {
    guard operands.count == 1 else { throw failure("", "the name of a list expected") }
    return try name(operands[0])
  }

  private static func name(_ text: String) throws(SettingsError) -> ListName {
    guard let name = ListName(Array(text.utf8)) else {
      throw failure(text, "1 to \(ListName.limit) letters, digits and inner . - _ expected")
    }
    return name
  }

  private static func mail(
    _ operands: [String], _ sender: String, isOurs: Bool
  ) throws(SettingsError) -> MailArguments {
    guard operands.count == 2, let recipient = Mailbox(Array(operands[1].utf8)),
      !recipient.domain.isEmpty
    else {
      throw failure("receive", "an id and an address expected")
    }
    guard let id = UInt64(operands[0], radix: 16), operands[0].utf8.count == 16 else {
      throw failure(operands[0], "16 hexadecimal digits expected")
    }
    guard let path = ReversePath(Array((sender == "<>" ? "" : sender).utf8)) else {
      throw failure(sender, "an address expected")
    }
    return MailArguments(
      reversePath: path, isOurs: isOurs, id: MessageID(id), recipient: recipient)
  }

  static func failure(_ value: String, _ reason: String) -> SettingsError {
    SettingsError(variable: wrong, value: value, reason: reason)
  }
}
