// The command line of the queue's own commands.

import Program
import Queue
import Routing
import SMTP
import Storage

struct QueueArguments {
  enum Command {
    case add(ReversePath?, [Mailbox], recipientsFrom: Int32?)
    case run(isOnce: Bool)
    case list(isForPeer: Bool)
    case show(MessageID)
    case metrics
    case route(Mailbox, from: Routing.Sender)
    case operation(QueueDirectory.Operation, QueueDirectory.Selection)
  }

  let command: Command
  let isJSON: Bool
  let environmentFile: String?

  init(_ line: CommandLine) throws(UsageError) {
    (isJSON, environmentFile) = (line.isJSON, line.environmentFile)
    switch line.command {
    case "add": command = try Self.add(line)
    case "run": command = .run(isOnce: line.has("--once"))
    case "list": command = .list(isForPeer: line.has("--peer"))
    case "show": command = .show(try Self.id(line.words[0]))
    case "metrics": command = .metrics
    case "route":
      command = .route(
        try Mailbox(argument: line.words[0]),
        from: line.has("--stranger") ? .stranger : line.has("--user") ? .user : .program)
    case "hold": command = .operation(.hold, try Self.selection(line))
    case "release": command = .operation(.release, try Self.selection(line))
    case "retry": command = .operation(.retry, try Self.selection(line))
    case "bounce": command = .operation(.bounce, try Self.selection(line))
    default: command = .operation(.remove, try Self.selection(line))
    }
  }

  private static func add(_ line: CommandLine) throws(UsageError) -> Command {
    let sender = try line.value(of: "-f").map { text throws(UsageError) in
      try ReversePath(argument: text)
    }
    let descriptor = try line.value(of: "--recipients-from").map { text throws(UsageError) in
      guard let number = Int32(text), number > 2 else {
        throw UsageError(text, "the number of a descriptor above 2 expected")
      }
      return number
    }
    var recipients: [Mailbox] = []
    for word in line.words { recipients.append(try Mailbox(argument: word)) }
    if recipients.isEmpty, descriptor == nil { throw UsageError("add", "a recipient expected") }
    return .add(sender, recipients, recipientsFrom: descriptor)
  }

  private static func selection(_ line: CommandLine) throws(UsageError) -> QueueDirectory.Selection
  {
    var selections: [QueueDirectory.Selection] = []
    if line.has("--all") { selections.append(.all) }
    if let pattern = line.value(of: "--to") { selections.append(.to(Array(pattern.utf8))) }
    if let pattern = line.value(of: "--from") {
      selections.append(.from(Array((pattern == "<>" ? "" : pattern).utf8)))
    }
    if !line.words.isEmpty {
      var ids: [MessageID] = []
      for word in line.words { ids.append(try id(word)) }
      selections.append(.ids(ids))
    }
    guard selections.count == 1 else {
      throw UsageError(line.command, "either ids, --all, --to or --from expected")
    }
    return selections[0]
  }

  private static func id(_ text: String) throws(UsageError) -> MessageID {
    guard let id = MessageID(text) else {
      throw UsageError(text, "an id of 16 hexadecimal digits expected")
    }
    return id
  }
}
