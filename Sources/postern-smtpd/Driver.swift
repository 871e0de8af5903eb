// The loop around the session machine (SMTP/Server/Session.swift). It reads input, carries out the actions that the
// machine returns, sends the replies when the machine needs more input, and writes the log. Decisions that need no
// system call are made in the machine.

import Acceptance
import Authentication
import Jobs
import ListStore
import Lists
import MIME
import Octets
import POSIX
import Queue
import Routing
import SMTP
import Settings
import Storage

struct Driver: ~Copyable {
  /// The size of the input buffer in octets.
  private static let inputSize = 65_536

  private let settings: Settings
  private let peer: Peer
  private let client: Client
  private let isResumed: Bool
  private let log: Log

  private var connection: Connection
  private var session: Session
  /// Nil if the mail directory could not be opened. The session goes on: it answers messages with 451.
  private let store: MailDirectory?
  /// Nil if this session queues nothing, or the queue could not be opened.
  private let queue: QueueDirectory?
  /// The message that is arriving, if there is one.
  private var message: Arrival?
  /// The stunnel that gets the connection when this session ends; nil unless the client asked for STARTTLS.
  private var handover: StartTLS?

  /// Replies that have not been sent yet.
  private var output: [UInt8] = []
  private var pace: Pace

  private static let lineEnd: [UInt8] = [13, 10]
  /// How many seconds the peer has to read the last reply.
  private static let lingerTime = 2

  init(
    settings: Settings, peer: Peer, isTLS: Bool, isResumed: Bool, log: Log,
    store: MailDirectory?, queue: QueueDirectory?,
    connection: consuming Connection
  ) {
    self.settings = settings
    self.peer = peer
    self.isResumed = isResumed
    client = peer.client(isTLS: isTLS)
    self.log = log
    self.store = store
    self.queue = queue
    self.connection = connection
    session = Session(configuration: settings.session, isTLS: isTLS)
    pace = Pace(settings)
    precondition(Self.inputSize > Session.minimumInput)
    output.reserveCapacity(Session.outputLimit + 1024)
  }

  /// Runs the session to its end.
  mutating func run() -> Process.ExitStatus {
    do throws(Connection.Interruption) {
      if !isResumed { try greet() }
      try converse()
      return end(nil)
    } catch {
      return end(error)
    }
  }

  /// Sends the greeting, after a delay if one is configured. A client that speaks during the delay violates SMTP and is
  /// refused.
  private mutating func greet() throws(Connection.Interruption) {
    if settings.greetingDelay > 0,
      try !connection.isQuiet(until: Deadline(inSeconds: settings.greetingDelay))
    {
      session.refuseEarlyTalker(into: &output)
    } else {
      session.greet(into: &output)
    }
  }

  /// Carries out the machine's actions, one after the other, until it closes the session. A message takes the actions
  /// `open`, `append` as often as needed, and `commit`.
  private mutating func converse() throws(Connection.Interruption) {
    var input = InputBuffer(capacity: Self.inputSize)
    var position = 0
    while true {
      switch session.advance(input.octets.span, &position, into: &output) {
      case .needInput:
        input.removeFirst(position, isContent: session.isReceivingContent)
        position = 0
        try flush()
        try read(into: &input)
        continue
      case .proceed: break
      case .flush: try flush()
      case .open(let envelope, let hello): open(envelope, hello)
      case .append(let range): append(input.octets.span.extracting(range))
      case .appendLineEnd: append(Self.lineEnd.span)
      case .commit: commit()
      case .abort: abort()
      case .route(let command): route(input.octets.span.copy(command))
      case .verify: try verify()
      case .startTLS: startTLS()
      case .refused(let reply, let command): logRefusal(reply, input.octets.span.copy(command))
      case .close:
        try flush()
        return
      }
      // Every action except `needInput` means that the peer has sent something useful.
      pace.hasProgress = true
    }
  }

  /// Waits for more input.
  private mutating func read(into input: inout InputBuffer) throws(Connection.Interruption) {
    if pace.isTooSlow(receivingContent: session.isReceivingContent) { throw .timeout }
    let room = input.room
    pace.received += try connection.read(
      into: &input.octets, atMost: room, until: pace.readDeadline())
  }

  private mutating func flush() throws(Connection.Interruption) {
    if output.isEmpty { return }
    try connection.write(&output, until: pace.writeDeadline)
  }
}

// The message. Each step that fails calls `session.storeFailed`, and the machine answers 451 or 452 in the place of 250.
extension Driver {
  private mutating func open(_ envelope: Envelope, _ hello: Hello) {
    let id = MessageID(Process.random())
    message = Arrival(id: id, envelope: envelope, hello: hello)
    if settings.session.isSubmission {
      message?.completion = AddressCompletion(domain: settings.session.hostname)
    }
    do throws(StoreError) {
      let acceptance = try accept(id, envelope, hello)
      message?.acceptance = consume acceptance
    } catch {
      fail(error)
    }
  }

  /// Begins a message. It goes to the mail directory for the local recipients, and to the queue for the others.
  private func accept(
    _ id: MessageID, _ envelope: Envelope, _ hello: Hello
  ) throws(StoreError) -> Acceptance {
    let time = Timestamp.now
    // The sender is to be told that the message has been stored: the entry in the queue says so.
    let reported =
      session.mayRelay && envelope.reversePath != .null
      ? envelope.recipients.filter { $0.isReported } : []
    var addressing = Addressing(Submission(envelope, arrival: time))
    addressing.submission.login = session.login ?? []
    addressing.submission.isOurs = session.mayRelay
    addressing.received = envelope.received(
      hello: hello, client: client, isAuthenticated: session.login != nil,
      hostname: settings.session.hostname, id: id.octets, time: time)
    addressing.isQueued = envelope.queuedRecipients > 0 || !reported.isEmpty
    for recipient in envelope.recipients where !recipient.isQueued {
      addressing.stored.append(recipient.mailbox)
    }
    var acceptance = try Acceptance.begin(id, addressing, mail: store, queue: queue)
    for recipient in envelope.recipients where recipient.isQueued {
      try acceptance.add(Job.Addressee(recipient))
    }
    for recipient in reported {
      try acceptance.add(delivered: Job.Addressee(recipient), at: time.seconds)
    }
    return acceptance
  }

  private mutating func append(_ octets: Span<UInt8>) {
    do throws(StoreError) { try message?.append(octets) } catch { fail(error) }
  }

  /// Makes the message durable. Only then does the machine add the 250 to the output.
  private mutating func commit() {
    let size: Int
    do throws(StoreError) {
      guard let written = try message?.commit() else { return }
      size = written
    } catch {
      return fail(error)
    }
    guard let arrival = message.take() else { return }
    session.stored(as: arrival.id.octets, into: &output)
    log.write(.info, "store") { line in
      arrival.describe(to: &line)
      line.add("bytes", size)
      line.add("seconds", Pace.seconds(since: arrival.started))
    }
  }

  /// Drops the message, if there is one.
  private mutating func abort() {
    guard let arrival = message.take() else { return }
    log.write(.info, "drop") { arrival.describe(to: &$0) }
  }

  /// Logs an error of the store or of the queue, drops the message, and tells the machine.
  private mutating func fail(_ error: StoreError) {
    log.failure(
      error, in: settings.mailDirectory,
      and: message?.envelope.queuedRecipients == 0 ? nil : settings.queueDirectory)
    abort()
    session.storeFailed(error.isNoSpace ? .noSpace : .other, into: &output)
  }
}

extension Recipient {
  /// Whether this is a local recipient for whom there is a report when the message is stored.
  fileprivate var isReported: Bool {
    !isQueued && deliveryStatus.notify?.contains(.success) == true
  }
}

/// A message that is arriving.
private struct Arrival: ~Copyable {
  let id: MessageID
  let envelope: Envelope
  let hello: Hello
  let started = Clock.monotonicMilliseconds()
  /// Nil if it could not be opened.
  var acceptance: Acceptance?
  /// Completes addresses of the header; nil if they stay as they are.
  var completion: AddressCompletion?

  init(id: MessageID, envelope: Envelope, hello: Hello) {
    self.id = id
    self.envelope = envelope
    self.hello = hello
  }

  mutating func append(_ octets: Span<UInt8>) throws(StoreError) {
    guard completion != nil else { return try acceptance?.append(octets) ?? () }
    var completed: [UInt8] = []
    completion?.take(octets, into: &completed)
    try acceptance?.append(completed.span)
  }

  /// Makes the message durable, and returns its size in octets.
  mutating func commit() throws(StoreError) -> Int {
    var completed: [UInt8] = []
    completion?.finish(into: &completed)
    guard var acceptance = acceptance.take() else { return 0 }
    if !completed.isEmpty { try acceptance.append(completed.span) }
    let size = acceptance.size
    try acceptance.commit(time: .now)
    return size
  }

  func describe(to line: inout Log.Line) {
    line.add("id", id.octets)
    switch envelope.reversePath {
    case .null: line.add("from", "")
    case .mailbox(let mailbox): line.add("from", mailbox.octets)
    }
    line.add("helo", hello.name)
    line.add("recipients", envelope.recipients.count)
    if envelope.queuedRecipients > 0 { line.add("queued", envelope.queuedRecipients) }
    for recipient in envelope.recipients.prefix(10) { line.add("to", recipient.mailbox.octets) }
  }
}

// Authentication, recipients, and TLS.
extension Driver {
  /// Finds out where the mail for a recipient goes.
  private mutating func route(_ command: [UInt8]) {
    guard let mailbox = session.routedMailbox else { return }
    let route: Session.Route
    do throws(UnreadableFile) {
      let isFromHere = settings.session.isSubmission
      switch try settings.routing.destination(of: mailbox, isFromHere: isFromHere) {
      case .local: route = .local
      case .list(let address): route = self.route(to: address)
      case .alias: route = .queue
      case .faulty(let fault):
        route = .faulty
        log.write(.error, "failure") { line in
          line.add("aliases", settings.routing.aliases.path)
          line.add("line", fault.line)
          line.add("reason", fault.reason)
        }
      case .foreign: route = .foreign
      case .unknown: route = .unknown
      }
    } catch {
      route = .unavailable
      log.write(.error, "failure") { line in
        line.add("call", "open")
        line.add("reason", error.errno.description)
        line.add("recipients", error.path)
      }
    }
    if let reply = session.routed(route, into: &output) { logRefusal(reply, command) }
  }

  /// Whether a list takes the mail: a post only from who may post, everything else from everybody.
  private func route(to address: ListAddress) -> Session.Route {
    guard address.purpose == .post, let sender = session.routedSender,
      let lists = settings.routing.lists
    else { return .queue }
    do throws(ListsDirectory.Failure) {
      return try lists.takesPost(from: sender, to: address.list) ? .queue : .closedList
    } catch {
      log.write(.error, "failure") { line in
        line.add("list", address.list.octets)
        switch error {
        case .unreadable(let errno): line.add("reason", errno.description)
        case .settings(let error): line.add("reason", error.reason)
        }
      }
      return .unavailable
    }
  }

  /// How many seconds the reply to a failed authentication is delayed.
  private static let failureDelay = 1

  private mutating func verify() throws(Connection.Interruption) {
    try flush()  // verifying may take a while, and the client need not wait for earlier replies
    let verdict = try verdict()
    if verdict != .accepted { try connection.pause(until: Deadline(inSeconds: Self.failureDelay)) }
    let senders = settings.senders.flatMap { senders in
      session.credentials.map { senders.senders(of: $0.login) }
    }
    session.verified(verdict, senders: senders, into: &output)
  }

  /// Verifies the credentials and logs the result. Keeps no copy of the password.
  private func verdict() throws(Connection.Interruption) -> Session.Verdict {
    guard let verifier = settings.verifier, let credentials = session.credentials else {
      return .denied
    }
    var reason: String?
    let verdict: Session.Verdict
    do throws(VerifierError) {
      let isRight = try verifier.verify(credentials, unless: connection.terminated)
      verdict = isRight ? .accepted : .denied
    } catch {
      switch error {
      case .unavailable(let why): (verdict, reason) = (.unavailable, why)
      case .terminated: throw .terminated
      }
    }
    log.write(verdict.logLevel, "authenticate") { line in
      line.add("result", verdict.name)
      line.add("user", credentials.login.prefix(512))
      line.add("mechanism", credentials.mechanism.name)
      line.add("peer", peer.address?.text ?? "unknown")
      if let reason { line.add("reason", reason) }
    }
    return verdict
  }

  /// Prepares the handover to stunnel, which happens in `end` after the reply has been sent.
  private mutating func startTLS() {
    let target = settings.startTLS.flatMap { try? StartTLS(configuration: $0) }
    if target == nil {
      log.write(.error, "failure") { line in
        line.add("reason", "no stunnel, or its configuration cannot be read")
        line.add("configuration", settings.startTLS ?? "")
      }
    }
    session.startTLS(isPossible: target != nil, into: &output)
    handover = target
  }
}

extension Session.Verdict {
  fileprivate var name: StaticString {
    switch self {
    case .accepted: "accepted"
    case .denied: "denied"
    case .unavailable: "unavailable"
    }
  }

  fileprivate var logLevel: Log.Level {
    switch self {
    case .accepted: .info
    case .denied: .warning
    case .unavailable: .error
    }
  }
}

// The end, and the log.
extension Driver {
  /// Ends the session, because the machine has closed it (`interruption` is nil) or because of an interruption.
  private mutating func end(_ interruption: Connection.Interruption?) -> Process.ExitStatus {
    let dismissal = session.dismissal  // nil unless the machine has ended the session
    let reason: StaticString
    switch interruption {
    case nil where dismissal != nil: reason = "dismissed"
    case nil where handover != nil: reason = "starttls"
    case nil: reason = "quit"
    case .timeout where pace.isTooLong: reason = interrupt(.tooLong, "too long")
    case .timeout where pace.isTooSlow(receivingContent: session.isReceivingContent):
      reason = interrupt(.slow, "too slow")
    case .timeout: reason = interrupt(.timeout, "timeout")
    case .terminated: reason = interrupt(.shuttingDown, "terminated")
    case .endOfInput: reason = "end of input"
    case .failed(.brokenPipe), .failed(.connectionReset): reason = "connection lost"
    case .failed(let errno):
      abort()
      log.write(.error, "failure") { $0.add("reason", errno.description) }
      return .ioError
    }
    abort()
    log.write(.info, "close") { line in
      line.add("reason", reason)
      if let dismissal { line.add("reply", dismissal.text) }
      line.add("messages", session.messages)
      line.add("errors", session.errors)
      line.add("octets", pace.received)
      line.add("seconds", pace.elapsed)
    }
    if let handover {
      let errno = handover.replaceProcess(peer: peer, hiding: settings.environmentPassword)
      log.write(.error, "failure") { $0.add("reason", "stunnel: \(errno)") }
      return .ioError
    }
    // If the connection were closed while the client still sends, it would be reset, and the client could not read the
    // last reply.
    if session.dismissal != nil { connection.linger(until: Deadline(inSeconds: Self.lingerTime)) }
    return .success
  }

  /// Sends the 421 that ends the session, without waiting for the peer to read it.
  private mutating func interrupt(_ reply: Reply, _ reason: StaticString) -> StaticString {
    session.interrupt(reply, into: &output)
    try? connection.write(&output, until: Deadline(inSeconds: 0))
    return reason
  }

  /// Logs that something was refused, with the part of the input that may be shown.
  private func logRefusal(_ reply: Reply, _ command: [UInt8]) {
    log.write(.notice, "refuse") { line in
      line.add("reply", reply.text)
      if !command.isEmpty { line.add("command", command.prefix(512)) }
    }
  }
}

extension Log {
  /// Logs an error of the store or of the queue.
  func failure(_ error: StoreError, in directory: String, and other: String? = nil) {
    write(.error, "failure") { line in
      line.add("call", error.call)
      line.add("reason", error.errno.description)
      line.add("directory", directory)
      if let other { line.add("queue", other) }
    }
  }
}
