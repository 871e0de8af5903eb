// postern-queue as sendmail(1), mailq(1) and newaliases(1), called by one of these names or as `postern-queue sendmail`.
// What the command line means and what becomes of a message is decided in the module Sendmail.
//
// A message is given to the local submission socket (postern(7)), which every user may write to: nothing here has rights
// that its caller lacks.

import Inventory
import POSIX
import Program
import Queue
import Queueing
import Routing
import SMTP
import Sendmail
import Settings
import Submitting

enum SendmailProgram {
  /// The names that the program may be called by, as the last part of a path.
  static func isName(_ name: String) -> Bool {
    ["sendmail", "send-mail", "mailq", "newaliases", "hoststat", "purgestat"].contains(name)
  }

  /// Does what the command line says; gives the exit status.
  static func run(name: String, _ arguments: some Sequence<String>) -> Process.ExitStatus {
    let invocation: Invocation
    do throws(Invocation.Misuse) {
      invocation = try Invocation(name: name, arguments)
    } catch {
      complain(error.reason)
      return .usage
    }
    do throws(SettingsError) {
      switch invocation.mode {
      case .nothing: return .success
      case .checkAliases: return try checkAliases()
      case .list: return list()
      case .run(let selection): return run(selection)
      case .send: return send(invocation, try SendmailSettings())
      case .serve: return serve(try SendmailSettings())
      }
    } catch {
      complain("\(error.variable) \(error.value): \(error.reason)")
      return .configuration
    }
  }

  static func complain(_ text: String) {
    FileDescriptor.print("sendmail: \(text)\n", to: 2)
  }

  /// `-bi`: says what is wrong with the aliases.
  private static func checkAliases() throws(SettingsError) -> Process.ExitStatus {
    let complaints = try QueueSettings(file: nil, needsQueue: false).routing.complaintsOfAliases
    for complaint in complaints { complain(complaint) }
    return complaints.isEmpty ? .success : .dataError
  }

  /// `-bs`: the caller speaks SMTP with the submission socket.
  private static func serve(_ settings: SendmailSettings) -> Process.ExitStatus {
    let socket: FileDescriptor
    do throws(Interruption) {
      socket = try connect(settings)
    } catch {
      return unavailable(settings, error)
    }
    var exchange = Exchange(with: socket)
    do throws(SystemError) {
      try exchange.run()
      return .success
    } catch {
      complain(error.description)
      return .ioError
    }
  }

  private static func connect(_ settings: SendmailSettings) throws(Interruption)
    -> FileDescriptor
  {
    try Socket.connect(
      to: .unix(settings.socket), until: Deadline(inSeconds: 60), termination: .never)
  }

  private static func unavailable(
    _ settings: SendmailSettings, _ interruption: Interruption
  ) -> Process.ExitStatus {
    switch interruption {
    case .timeout, .terminated, .endOfInput: complain("\(settings.socket): no answer")
    case .failed(let errno): complain("\(settings.socket): \(errno.description)")
    }
    return .temporaryFailure
  }
}

// Sending.
extension SendmailProgram {
  private static func send(
    _ invocation: Invocation, _ settings: SendmailSettings
  ) -> Process.ExitStatus {
    let spool: Spool
    do throws(SystemError) {
      let reader = MessageReader(ignoresDots: invocation.ignoresDots)
      spool = try Spool(FileDescriptor(0), into: reader)
    } catch {
      complain("the message: \(error)")
      return .ioError
    }
    let preparation: Preparation
    do throws(Preparation.Refusal) {
      if spool.reader.isHeaderTooLong { throw .headerTooLong }
      preparation = try Preparation(
        invocation, header: spool.reader.header, caller: settings.caller, now: Clock.now().seconds,
        unique: unique())
    } catch {
      return end(Conclusion(error))
    }
    let socket: FileDescriptor
    do throws(Interruption) {
      socket = try connect(settings)
    } catch {
      return unavailable(settings, error)
    }
    let handover = Handover(
      preparation.job(of: invocation), spool.message(preparation.header), over: socket,
      hostname: settings.caller.domain)
    return end(
      Conclusion(preparation, isVerbose: invocation.isVerbose) { handover.verdict(on: $0) })
  }

  private static func unique() -> [UInt8] {
    [UInt8]((String(Process.random(), radix: 36) + String(Process.random(), radix: 36)).utf8)
  }

  private static func end(_ conclusion: Conclusion) -> Process.ExitStatus {
    for line in conclusion.lines { complain(String(decoding: line, as: UTF8.self)) }
    return Process.ExitStatus(rawValue: conclusion.status.rawValue) ?? .failure
  }
}

// What it does with the queue.
extension SendmailProgram {
  /// `-bp`, mailq(1): all of the queue for whoever may read it, and for everybody else what he has handed in.
  private static func list() -> Process.ExitStatus {
    do throws(SettingsError) {
      var source = try SettingsSource(option: nil, mayBeUnreadable: true)
      let socket = source.mailqSocket()
      let isNamed = source.path("SMTP_QUEUE_DIR") != nil
      if !isNamed, !Process.isRoot { return listOwn(socket, otherwise: .configuration) }
      let settings = try QueueSettings(&source)
      do throws(Owner.Refusal) { try Owner.become(of: [settings.queue]) } catch {
        complain(error.reason)
        return .noPermission
      }
      do throws(SystemError) {
        try list(QueueDirectory(path: settings.queue))
        return .success
      } catch {
        if error == .accessDenied, !Process.isRoot {
          return listOwn(socket, otherwise: .noPermission)
        }
        complain("\(settings.queue): \(error)")
        return .unavailable
      }
    } catch {
      complain(error.description)
      return .configuration
    }
  }

  /// Asks the owner of the queue. `status` is that of a caller who has nobody to ask.
  private static func listOwn(
    _ path: String, otherwise status: Process.ExitStatus
  ) -> Process.ExitStatus {
    do throws(Interruption) {
      let socket = try Socket.connect(
        to: .unix(path), until: Deadline(inSeconds: 60), termination: .never)
      try OwnMail.print(.mailq, from: socket)
      return .success
    } catch {
      switch error {
      case .timeout, .terminated: complain("\(path): no answer")
      case .endOfInput: complain("\(path): the answer has no end")
      case .failed(let errno):
        complain("the queue may not be read, and \(path): \(errno.description)")
        return status
      }
      return .temporaryFailure
    }
  }

  private static func list(_ queue: QueueDirectory) throws(SystemError) {
    var list = TraditionalList()
    var output = Output()
    try queue.forEachItem(in: QueueDirectory.Place.allCases) { (item, entry) throws(SystemError) in
      try list.add(item, entry) { output.add($0) }
    }
    output.add(list.end)
    output.flush()
  }

  /// `-q`: what is selected is tried now.
  private static func run(_ selection: Invocation.Selection) -> Process.ExitStatus {
    // cron would send what is printed by mail.
    try? FileDescriptor.replaceWithNull(1)
    let words: [String] =
      switch selection {
      case .all: ["--all"]
      case .id(let id): [id]
      case .recipient(let text): ["--to", "*\(text)*"]
      case .sender(let text): ["--from", "*\(text)*"]
      }
    let status = QueueProgram.run(["retry"] + words)
    return status == .success ? QueueProgram.run(["run"]) : status
  }
}
