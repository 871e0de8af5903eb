// The command line of the queue's own commands.

import Queue
import SMTP
import Settings
import Storage

struct QueueArguments {
  enum Command {
    case add(ReversePath?, [Mailbox], recipientsFrom: Int32?)
    case run(isOnce: Bool)
    case list
    case show(MessageID)
    case metrics
    case operation(Operation, Selection)
  }

  enum Operation {
    /// Keeps an entry from being tried.
    case hold
    /// Ends that.
    case release
    /// Tries it at once.
    case retry
    /// Sends it back at once.
    case bounce
    /// Forgets it without telling its sender.
    case remove
  }

  enum Selection {
    case all
    case ids([MessageID])
    /// By a recipient's address; `*` and `?` as in file names.
    case to([UInt8])
    /// By the reverse-path.
    case from([UInt8])
  }

  private(set) var command = Command.list
  private(set) var isJSON = false
  private(set) var environmentFile: String?

  /// In the place of a variable's name, for an argument that is wrong.
  static let wrong = "argument"

  init(_ arguments: some Sequence<String>) throws(SettingsError) {
    var words: [String] = []
    var options: [(name: String, value: String)] = []
    var rest = Array(arguments)[...]
    var isOption = true
    while let word = rest.popFirst() {
      guard isOption, word.hasPrefix("-"), word != "-" else {
        words.append(word)
        continue
      }
      switch word {
      case "--": isOption = false
      case "--json": isJSON = true
      case "--once", "--all": options.append((word, ""))
      case "-f", "--recipients-from", "--to", "--from", "--env-file":
        guard let value = rest.popFirst() else { throw Self.failure(word, "a value expected") }
        if word == "--env-file" { environmentFile = value } else { options.append((word, value)) }
      default: throw Self.failure(word, "not known; see --help")
      }
    }
    guard let name = words.first else { throw Self.failure("", "a command expected; see --help") }
    let operands = Array(words.dropFirst())
    command = try Self.command(name, operands, &options)
    if let option = options.first { throw Self.failure(option.name, "not an option of `\(name)`") }
  }

  private static func command(
    _ name: String, _ operands: [String], _ options: inout [(name: String, value: String)]
  ) throws(SettingsError) -> Command {
    func take(_ option: String) -> String? {
      guard let index = options.firstIndex(where: { $0.name == option }) else { return nil }
      return options.remove(at: index).value
    }
    switch name {
    case "add":
      let sender = try take("-f").map { text throws(SettingsError) in try Self.path(text) }
      let descriptor = try take("--recipients-from").map { text throws(SettingsError) in
        guard let number = Int32(text), number > 2 else {
          throw failure(text, "the number of a descriptor above 2 expected")
        }
        return number
      }
      var recipients: [Mailbox] = []
      for operand in operands { recipients.append(try mailbox(operand)) }
      if recipients.isEmpty, descriptor == nil { throw failure("add", "a recipient expected") }
      return .add(sender, recipients, recipientsFrom: descriptor)
    case "run", "list", "metrics":
      if let operand = operands.first { throw failure(operand, "`\(name)` takes no arguments") }
      switch name {
      case "run": return .run(isOnce: take("--once") != nil)
      case "list": return .list
      default: return .metrics
      }
    case "show":
      guard operands.count == 1 else { throw failure("show", "an id expected") }
      return .show(try id(operands[0]))
    case "hold": return .operation(.hold, try selection(operands, take))
    case "release": return .operation(.release, try selection(operands, take))
    case "retry": return .operation(.retry, try selection(operands, take))
    case "bounce": return .operation(.bounce, try selection(operands, take))
    case "remove": return .operation(.remove, try selection(operands, take))
    default: throw failure(name, "not a command; see --help")
    }
  }

  private static func selection(
    _ operands: [String], _ take: (String) -> String?
  ) throws(SettingsError) -> Selection {
    var selections: [Selection] = []
    if take("--all") != nil { selections.append(.all) }
    if let pattern = take("--to") { selections.append(.to(Array(pattern.utf8))) }
    if let pattern = take("--from") {
      selections.append(.from(Array((pattern == "<>" ? "" : pattern).utf8)))
    }
    if !operands.isEmpty {
      var ids: [MessageID] = []
      for operand in operands { ids.append(try id(operand)) }
      selections.append(.ids(ids))
    }
    guard selections.count == 1 else { throw failure("", "ids, --all, --to or --from expected") }
    return selections[0]
  }

  private static func id(_ text: String) throws(SettingsError) -> MessageID {
    guard let id = MessageID(text) else {
      throw failure(text, "an id of 16 hexadecimal digits expected")
    }
    return id
  }

  private static func mailbox(_ text: String) throws(SettingsError) -> Mailbox {
    guard let mailbox = Mailbox(Array(text.utf8)) else {
      throw failure(text, "an address expected")
    }
    return mailbox
  }

  private static func path(_ text: String) throws(SettingsError) -> ReversePath {
    guard let path = ReversePath(Array((text == "<>" ? "" : text).utf8)) else {
      throw failure(text, "an address expected")
    }
    return path
  }

  private static func failure(_ value: String, _ reason: String) -> SettingsError {
    SettingsError(variable: wrong, value: value, reason: reason)
  }
}
