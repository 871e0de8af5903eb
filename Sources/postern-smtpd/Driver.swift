// The loop around the session machine: it brings input, does what the machine says, writes output
// when nothing is left to read, and keeps the log. What can be decided without the system is not
// decided here.

import Authentication
import POSIX
import SMTP
import Storage

struct Driver: ~Copyable {
  /// Octets read at once. A session holds no more input than this.
  private static let inputSize = 65_536

  private let settings: Settings
  private let peer: Peer
  private let client: Client
  private let isResumed: Bool
  private let log: Log

  private var connection: Connection
  private var session: Session
  /// Nil if the mail directory could not be opened.
  private var store: MailDirectory?
  private var message: Arrival?
  /// Whether the connection is to be handed to stunnel.
  private var handover: StartTLS?

  private var output: [UInt8] = []
  private var received = 0
  /// When content has begun to arrive, and how much had come before; nil while none arrives.
  private var contentStart: (milliseconds: Int64, received: Int)?
  private let started = Clock.monotonicMilliseconds()

  /// A message that is arriving.
  private struct Arrival: ~Copyable {
    var file: OpenMessage
    let recipients: [Mailbox]
    let started: Int64
  }

  /// Seconds that a peer which was dismissed has for reading why.
  private static let lingerTime = 2

  /// How a session ends.
  private enum Ending {
    case closed
    case endOfInput
    case slow
    case tooLong
    case interrupted(Connection.Interruption)
  }

  init(
    settings: Settings, peer: Peer, isTLS: Bool, isResumed: Bool, log: Log,
    store: consuming MailDirectory?, connection: consuming Connection
  ) {
    precondition(Self.inputSize > Session.minimumInput)
    self.settings = settings
    self.peer = peer
    self.isResumed = isResumed
    client = peer.client(isTLS: isTLS)
    self.log = log
    self.store = store
    self.connection = connection
    session = Session(configuration: settings.session, isTLS: isTLS)
    output.reserveCapacity(Session.outputLimit + 1024)
  }

  /// Runs the session to its end.
  mutating func run() -> Process.ExitStatus {
    do throws(Connection.Interruption) {
      if !isResumed { try greet() }
      return end(try converse())
    } catch {
      return end(.interrupted(error))
    }
  }

  /// Greets, after a while if so configured; a client that does not wait for it is none that speaks
  /// SMTP.
  private mutating func greet() throws(Connection.Interruption) {
    if settings.greetingDelay > 0,
      try !connection.isQuiet(until: Deadline(inSeconds: settings.greetingDelay))
    {
      session.refuseEarlyTalker(into: &output)
    } else {
      session.greet(into: &output)
    }
  }

  /// Whether the content that arrives comes too slowly.
  private mutating func isTooSlow() -> Bool {
    guard session.isReceivingContent else {
      contentStart = nil
      return false
    }
    let now = Clock.monotonicMilliseconds()
    guard let start = contentStart else {
      contentStart = (now, received)
      return false
    }
    let milliseconds = now - start.milliseconds
    return milliseconds > Int64(settings.timeout) * 1000
      && Int64(received - start.received) * 1000 < milliseconds * Int64(settings.minimumRate)
  }

  private mutating func converse() throws(Connection.Interruption) -> Ending {
    var input: [UInt8] = []
    input.reserveCapacity(Self.inputSize)
    var consumed = 0  // how much of it the machine is done with
    let sessionDeadline = Deadline(inSeconds: settings.sessionTimeout)
    var deadline = Deadline(inSeconds: settings.timeout)
    while true {
      let step = session.advance(input.span.extracting(consumed...), into: &output)
      try perform(step.action, on: input.span.extracting(consumed...))
      consumed += step.consumed
      switch step.action {
      case .verify, .refused:
        // What the machine has read may be a password.
        for index in consumed - step.consumed..<consumed { input[index] = 0 }
      case .open, .append, .commit, .abort, .startTLS, .flush, .needInput, .close: break
      }
      if step.isProgress { deadline = Deadline(inSeconds: settings.timeout) }
      switch step.action {
      case .close: return .closed
      case .needInput:
        input.removeSubrange(..<consumed)
        consumed = 0
        let room = Self.inputSize - input.count
        if isTooSlow() { return .slow }
        let count: Int
        do throws(Connection.Interruption) {
          count = try connection.read(
            into: &input, atMost: room, until: min(deadline, sessionDeadline))
        } catch .timeout where sessionDeadline.hasPassed {
          return .tooLong
        }
        if count == 0 { return .endOfInput }
        received += count
      case .open, .append, .commit, .abort, .verify, .startTLS, .refused, .flush: break
      }
    }
  }

  /// Does what the machine says; `input` is what the machine was given.
  private mutating func perform(
    _ action: Session.Action, on input: Span<UInt8>
  ) throws(Connection.Interruption) {
    switch action {
    case .open(let envelope, let hello): open(envelope, hello)
    case .append(let range): append(input.extracting(range))
    case .commit: commit()
    case .abort: abort()
    case .verify: try verify()
    case .startTLS: startTLS()
    case .refused(let reply, nil): logRefusal(reply, nil)
    case .refused(let reply, let command?): logRefusal(reply, input.copy(command))
    case .flush, .needInput, .close: try flush()
    }
  }

  private mutating func flush() throws(Connection.Interruption) {
    if output.isEmpty { return }
    try connection.write(&output, until: Deadline(inSeconds: settings.timeout))
  }
}

// The message.
extension Driver {
  private mutating func open(_ envelope: Envelope, _ hello: Hello) {
    log.write(.info, "accept") { line in
      switch envelope.reversePath {
      case .null: line.add("from", "")
      case .mailbox(let mailbox): line.add("from", mailbox.octets)
      }
      line.add("helo", hello.name)
      line.add("recipients", envelope.recipients.count)
      for recipient in envelope.recipients.prefix(10) { line.add("to", recipient.mailbox.octets) }
    }
    if store == nil {  // of which the log has been told at the start
      session.storeFailed(.other, into: &output)
      return
    }
    let id = MessageID(Process.random())
    do throws(StoreError) {
      guard let file = try store?.open(id: id) else { return }
      message = Arrival(
        file: file, recipients: envelope.recipients.map { $0.mailbox },
        started: Clock.monotonicMilliseconds())
      let fields = envelope.traceFields(
        hello: hello, client: client, isAuthenticated: session.login != nil,
        hostname: settings.session.hostname, id: id.octets, time: .now)
      try message?.file.append(fields.span)
    } catch {
      abort()
      fail(error)
    }
  }

  private mutating func append(_ octets: Span<UInt8>) {
    do throws(StoreError) {
      try message?.file.append(octets)
    } catch {
      abort()
      fail(error)
    }
  }

  private mutating func commit() {
    guard let arrival = message.take() else {
      session.storeFailed(.other, into: &output)
      return
    }
    let (id, size) = (arrival.file.id, arrival.file.size)
    let (recipients, started) = (arrival.recipients, arrival.started)
    do throws(StoreError) {
      try store?.store(arrival.file, for: recipients, time: .now)
    } catch {
      fail(error)
      return
    }
    session.stored(as: id.octets, into: &output)
    log.write(.info, "store") { line in
      line.add("id", id.octets)
      line.add("bytes", size)
      line.add("recipients", recipients.count)
      line.add("seconds", Self.seconds(since: started))
    }
  }

  private mutating func abort() {
    guard let arrival = message.take() else { return }
    store?.discard(arrival.file)
  }

  private mutating func fail(_ error: StoreError) {
    logFailure(error)
    session.storeFailed(error.isNoSpace ? .noSpace : .other, into: &output)
  }
}

extension Timestamp {
  fileprivate static var now: Timestamp {
    let (seconds, nanoseconds) = Clock.now()
    return Timestamp(seconds: seconds, microseconds: nanoseconds / 1000)
  }
}

// Who comes in, and TLS.
extension Driver {
  /// Seconds that the reply to a failed authentication is held back.
  private static let failureDelay = 1

  private mutating func verify() throws(Connection.Interruption) {
    let verdict = try verdict()
    if verdict != .accepted { try connection.pause(until: Deadline(inSeconds: Self.failureDelay)) }
    session.verified(verdict, into: &output)
  }

  /// Has the credentials verified and logged. They are not kept.
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
  private mutating func end(_ ending: Ending) -> Process.ExitStatus {
    abort()
    let reason: StaticString
    switch ending {
    case .closed where session.dismissal != nil:
      reason = "dismissed"
      // Else what the peer sends makes its side drop the reply that it has not read yet.
      connection.linger(until: Deadline(inSeconds: Self.lingerTime))
    case .closed where handover != nil: reason = "starttls"
    case .closed: reason = "quit"
    case .endOfInput: reason = "end of input"
    case .slow: reason = bid(.slow, "too slow")
    case .tooLong: reason = bid(.tooLong, "too long")
    case .interrupted(.timeout): reason = bid(.timeout, "timeout")
    case .interrupted(.terminated): reason = bid(.shuttingDown, "terminated")
    case .interrupted(.failed(.brokenPipe)), .interrupted(.failed(.connectionReset)):
      reason = "connection lost"
    case .interrupted(.failed(let errno)):
      log.write(.error, "failure") { $0.add("reason", errno.description) }
      return .ioError
    }
    log.write(.info, "close") { line in
      line.add("reason", reason)
      if let dismissal = session.dismissal { line.add("reply", dismissal.text) }
      line.add("messages", session.messages)
      line.add("errors", session.errors)
      line.add("octets", received)
      line.add("seconds", Self.seconds(since: started))
    }
    if case .closed = ending, let handover {
      let errno = handover.replaceProcess(peer: peer, hiding: settings.environmentPassword)
      log.write(.error, "failure") { $0.add("reason", "stunnel: \(errno)") }
      return .ioError
    }
    return .success
  }

  /// Writes the 421 that ends the session, if the peer takes it at once.
  private mutating func bid(_ reply: Reply, _ reason: StaticString) -> StaticString {
    session.interrupt(reply, into: &output)
    try? connection.write(&output, until: Deadline(inSeconds: 0))
    return reason
  }

  /// A command is logged only where the machine says which it was: what it does not know may be a
  /// password out of place.
  private func logRefusal(_ reply: Reply, _ command: [UInt8]?) {
    log.write(.notice, "refuse") { line in
      line.add("reply", reply.text)
      if let command, !command.isEmpty { line.add("command", command.prefix(512)) }
    }
  }

  private func logFailure(_ error: StoreError) { log.failure(error, settings) }

  private static func seconds(since start: Int64) -> String {
    let milliseconds = Clock.monotonicMilliseconds() - start
    let fraction = String(milliseconds % 1000 + 1000).dropFirst()
    return "\(milliseconds / 1000).\(fraction)"
  }
}

extension Log {
  /// The mail directory cannot be used.
  func failure(_ error: StoreError, _ settings: Settings) {
    write(.error, "failure") { line in
      line.add("call", error.call)
      line.add("reason", error.errno.description)
      line.add("directory", settings.mailDirectory)
    }
  }
}
