// The queue's own commands. Each is a short process; the entries are moved by rename(2), so they need no lock and may be
// used while a run is going on.

import Inventory
import ListStore
import POSIX
import Program
import Queue
import Queueing
import Routing
import Running
import SMTP
import Settings
import Storage

struct QueueProgram: ~Copyable {
  let settings: QueueSettings
  let arguments: QueueArguments
  let queue: QueueDirectory

  /// A command that cannot be carried out.
  struct Failure: Error {
    let status: Process.ExitStatus
    let reason: String

    init(_ status: Process.ExitStatus, _ reason: String) {
      (self.status, self.reason) = (status, reason)
    }

    init(_ error: SystemError) {
      self.init(error.isNoSpace ? .temporaryFailure : .ioError, "\(error.call): \(error)")
    }

    init(noEntry id: MessageID) { self.init(.failure, "\(id.text): there is no such entry") }
  }

  static func run(_ words: some Sequence<String>) -> Process.ExitStatus {
    let arguments: QueueArguments
    do throws(UsageError) {
      let line = try CommandLine(words, Program.synopsis)
      Program.answer(line)
      if line.command == "deliver" { return DeliverProgram.run(line) }
      arguments = try QueueArguments(line)
    } catch {
      Program.synopsis.end(error)
    }
    do throws(SettingsError) {
      let settings = try QueueSettings(file: arguments.environmentFile)
      do throws(Failure) {
        try QueueProgram(settings, arguments).run()
        return .success
      } catch {
        complain(error.reason)
        return error.status
      }
    } catch {
      Program.synopsis.end(error)
    }
  }

  static func complain(_ text: String) { Program.synopsis.complain(text) }

  /// Does what may fail in the queue's directory.
  static func storing<Value: ~Copyable>(
    _ body: () throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    do throws(SystemError) { return try body() } catch { throw Failure(error) }
  }

  private init(_ settings: QueueSettings, _ arguments: QueueArguments) throws(Failure) {
    do throws(Owner.Refusal) {
      if case .run = arguments.command {
        let lists = settings.routing.lists?.path ?? ""
        try Owner.become(of: [settings.queue, settings.mailDirectory, lists])
      } else {
        try Owner.become(of: [settings.queue])
      }
    } catch {
      throw Failure(.noPermission, error.reason)
    }
    do throws(SystemError) { queue = try QueueDirectory(path: settings.queue) } catch {
      throw Failure(.unavailable, "\(settings.queue): \(error.call): \(error)")
    }
    self.settings = settings
    self.arguments = arguments
  }

  private consuming func run() throws(Failure) {
    switch arguments.command {
    case .add(let sender, let recipients, let descriptor):
      return try add(from: sender, for: recipients, and: descriptor)
    case .list(isForPeer: false): return try list()
    case .list(isForPeer: true): return try listForPeer()
    case .show(let id): return try show(id)
    case .metrics: return try metrics()
    case .route(let mailbox, let sender): return try printRoute(of: mailbox, from: sender)
    case .operation(let operation, let selection): return try operate(operation, selection)
    case .run(let isOnce): return try deliver(isOnce: isOnce)
    }
  }

  // Looking.

  private borrowing func list() throws(Failure) {
    var output = Output()
    try Self.storing { () throws(SystemError) in
      try queue.forEachItem(in: [.new, .queue, .hold]) { (item, entry) throws(SystemError) in
        output.add(try form(item, entry))
      }
    }
    output.flush()
  }

  /// An entry as it is printed.
  private borrowing func form(_ item: Item, _ entry: Entry?) throws(SystemError) -> [UInt8] {
    var item = item
    if let entry { item.recipients = try recipients(of: entry) }
    return arguments.isJSON ? item.json : item.text
  }

  borrowing func recipients(of entry: Entry) throws(SystemError) -> Item.Recipients {
    try queue.recipients(of: entry, now: Clock.now().seconds) {
      settings.routing.destinationName(
        of: $0, in: entry.submission, hasSmarthost: settings.hasSmarthost)
    }
  }

  private borrowing func show(_ id: MessageID) throws(Failure) {
    let isFound = try Self.storing { () throws(SystemError) in
      guard let location = try queue.find(id), let (item, entry) = try queue.inspect(location)
      else { return false }
      var output = Output()
      output.add(try form(item, entry))
      if let entry, !arguments.isJSON {
        try entry.forEachPortion(of: RecipientState.allCases) { (indexes, mailboxes) in
          for (index, mailbox) in zip(indexes, mailboxes) {
            output.add(Item.line(mailbox, entry.state(of: index)))
          }
          return true
        }
        output.flush()
        if let message = try queue.message(of: id) {
          var octets: [UInt8] = []
          _ = try message.read(into: &octets, atMost: 65_536, at: entry.submission.offset)
          output.add(Item.header(of: octets))
        }
      }
      output.flush()
      return true
    }
    guard isFound else { throw Failure(noEntry: id) }
  }

  private borrowing func metrics() throws(Failure) {
    let metrics = try Self.storing { () throws(SystemError) in
      try queue.metrics(now: Clock.now().seconds)
    }
    FileDescriptor.print(metrics.text, to: 1)
  }

  // Changing.

  private borrowing func operate(
    _ operation: QueueDirectory.Operation, _ selection: QueueDirectory.Selection
  ) throws(Failure) {
    let outcome = try Self.storing { () throws(SystemError) in
      try queue.operate(operation, on: selection, now: Clock.now().seconds) { id, version in
        Self.complain("\(id.text): \(QueueVersion.newer(version)), and left as it is")
      }
    }
    switch outcome {
    case .missing(let id): throw Failure(noEntry: id)
    case .done(let count):
      FileDescriptor.print(
        arguments.isJSON ? "{\"entries\":\(count)}\n" : "\(count) entries\n", to: 1)
    }
  }

  private consuming func deliver(isOnce: Bool) throws(Failure) {
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2),
      let termination = try? Signals.block()
    else { throw Failure(.ioError, "a standard descriptor is closed, or there are no signals") }
    var log = Log.onStandardError(session: Array(String(Process.id).utf8))
    log.level = settings.logLevel
    let (settings, runSettings) = (settings, runSettings)
    let failure: Failure?
    var successor: String?
    do throws(SystemError) {
      // A run that came first does what there is to do; one that may go on waits for it.
      guard try queue.lock(isWaiting: !isOnce) else { return }
      let limits = Planner.Limits(
        concurrency: settings.concurrency, lifetime: Int64(settings.lifetime), isOnce: isOnce)
      var runner = try Runner(runSettings, limits, queue, log, Termination(termination))
      try runner.run()
      successor = runner.successor
      if try runner.hasLeftNew() {
        failure = Failure(.temporaryFailure, "mail in new/ was left alone; the log says why")
      } else if runner.failures > 0 {
        failure = Failure(.ioError, "some entries could not be worked on; the log says why")
      } else {
        failure = nil
      }
    } catch {
      log.write(.error, "failure") { line in
        line.add("call", error.call)
        line.add("reason", error.description)
      }
      failure = Failure(error)
    }
    if let successor {
      log.write(.info, "upgrade") { $0.add("program", successor) }
      let errno = ChildProcess.replaceProcess(
        with: [successor] + Process.arguments.dropFirst(), setting: [:])
      throw Failure(.ioError, "\(successor): \(errno)")
    }
    guard let failure else { return }
    if !isOnce { Self.waitForOthers(settings, termination) }
    throw failure
  }

  private var runSettings: RunSettings {
    RunSettings(
      hostname: settings.hostname, routing: settings.routing,
      mailDirectory: settings.mailDirectory, hasSmarthost: settings.hasSmarthost,
      courier: [Process.sibling("postern-send"), "--batch"],
      deliverer: [Process.sibling("postern-queue"), "deliver", "-"],
      listProgram: [Process.sibling("postern-list"), "receive"],
      options: arguments.environmentFile.map { ["--env-file", $0] } ?? [])
  }

  /// Whatever is left in new/ starts the next run at once, and it would fail likewise.
  private static func waitForOthers(
    _ settings: QueueSettings, _ termination: borrowing FileDescriptor
  ) {
    if let queue = try? QueueDirectory(path: settings.queue), (try? queue.isNewEmpty()) == true {
      return
    }
    var poll = Poll()
    poll.add(Termination(termination))
    poll.wait(milliseconds: 5000)
  }
}

/// Standard output, in pieces.
struct Output {
  private var octets: [UInt8] = []
  private var isFirst = true

  /// The first piece is printed at once, so that whoever waits sees that there is something.
  mutating func add(_ piece: [UInt8]) {
    octets += piece
    if isFirst || octets.count > 60_000 { flush() }
    isFirst = false
  }

  mutating func flush() {
    FileDescriptor.print(String(decoding: octets, as: UTF8.self), to: 1)
    octets.removeAll(keepingCapacity: true)
  }
}
