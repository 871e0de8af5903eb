// The loop around the session machine (SMTP/Server/Session.swift). It reads input, carries out the actions that the
// machine returns, and sends the replies when the machine needs more input. Decisions that need no system call are made in
// the machine.
//
//     actions                                        carried out in
//     route, open, append, appendLineEnd, commit,
//     abort: a mail transaction                      Transaction.swift
//     filter: milters                                Filtering.swift
//     verify: AUTH                                   Verification.swift
//     startTLS                                       StartTLS.swift

import Octets
public import POSIX
public import Queue
import SMTP
public import Storage

public struct Conversation: ~Copyable {
  /// The size of the input buffer in octets.
  private static let inputSize = 65_536
  private static let lineEnd: [UInt8] = [13, 10]
  /// How many seconds the peer has to read the last reply.
  private static let lingerTime = 2

  let service: Service
  let peer: Peer
  let client: Client
  let log: Log
  /// Nil if the mail directory could not be opened. The session goes on: it answers messages with 451.
  let store: MailDirectory?
  /// Nil if this session queues nothing, or the queue could not be opened.
  let queue: QueueDirectory?
  /// The server that is asked about recipients, if there is one.
  let inquirer: Inquirer?
  /// Who is asked about everything; nil if there are none.
  let milters: Milters?
  /// Where mail lies that milters hold back, where there is no queue.
  let quarantine: MailDirectory?

  var connection: Connection
  var session: Session
  /// The message that is arriving, if there is one.
  var message: Arrival?
  /// The id of the message that the transaction is for, from MAIL on; nil where no milters are told of it.
  var nextID: MessageID?
  /// The stunnel that gets the connection when this session ends; nil unless the client asked for STARTTLS.
  var handover: StartTLS?

  /// Replies that have not been sent yet.
  var output: [UInt8] = []
  private var pace: Pace

  /// Somebody has connected. `isTLS` says whether TLS protects the session.
  public init(
    _ service: Service, with peer: Peer, isTLS: Bool, over connection: consuming Connection,
    store: MailDirectory?, queue: QueueDirectory?, asking inquirer: Inquirer? = nil,
    filteredBy milters: Milters? = nil, quarantine: MailDirectory? = nil, log: Log
  ) {
    log.write(.info, "connect") { line in
      line.add("peer", peer.name)
      if let port = peer.port { line.add("port", port) }
      if let uid = peer.uid { line.add("uid", Int(uid)) }
      line.add("from", peer.source)
      line.add("tls", isTLS ? "yes" : "no")
    }
    self.service = service
    self.peer = peer
    client = peer.client(isTLS: isTLS)
    self.log = log
    self.store = store
    self.queue = queue
    self.inquirer = inquirer
    self.milters = milters
    self.quarantine = quarantine
    self.connection = connection
    session = Session(configuration: service.session, isTLS: isTLS)
    pace = Pace(service.limits)
    precondition(Self.inputSize > Session.minimumInput)
    output.reserveCapacity(Session.outputLimit + 1024)
  }

  /// Runs the session to its end. `isResumed` says that TLS was started inside it: there is no other greeting. After
  /// STARTTLS this process becomes stunnel, with the environment changed by `variables`; nil if they cannot be made.
  public mutating func run(
    isResumed: Bool = false, variables: () -> [String: String?]?
  ) -> Process.ExitStatus {
    var interruption: Interruption?
    do throws(Interruption) {
      filterConnection()
      if !isResumed, session.dismissal == nil { try greet() }
      try converse()
    } catch {
      interruption = error
    }
    return end(interruption, variables)
  }

  /// Sends the greeting, after a delay if one is configured. A client that speaks during the delay violates SMTP and is
  /// refused.
  private mutating func greet() throws(Interruption) {
    if service.greetingDelay > 0,
      try !connection.isQuiet(until: Deadline(inSeconds: service.greetingDelay))
    {
      session.refuseEarlyTalker(into: &output)
    } else {
      session.greet(into: &output)
    }
  }

  /// Carries out the machine's actions, one after the other, until it closes the session. A message takes the actions
  /// `open`, `append` as often as needed, and `commit`.
  private mutating func converse() throws(Interruption) {
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
      case .filter: filter()
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
  private mutating func read(into input: inout InputBuffer) throws(Interruption) {
    if pace.isTooSlow(receivingContent: session.isReceivingContent) { throw .timeout }
    let room = input.room
    pace.received += try connection.read(
      into: &input.octets, atMost: room, until: pace.readDeadline())
  }

  mutating func flush() throws(Interruption) {
    if output.isEmpty { return }
    try connection.write(&output, until: pace.writeDeadline)
  }
}

// The end.
extension Conversation {
  /// Ends the session, because the machine has closed it (`interruption` is nil) or because of an interruption.
  private mutating func end(
    _ interruption: Interruption?, _ variables: () -> [String: String?]?
  ) -> Process.ExitStatus {
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
    milters?.quit()
    log.write(.info, "close") { line in
      line.add("reason", reason)
      if let dismissal { line.add("reply", dismissal.text) }
      line.add("messages", session.messages)
      line.add("errors", session.errors)
      line.add("octets", pace.received)
      line.add("seconds", pace.elapsed)
    }
    if let handover {
      let errno = variables().map { handover.replaceProcess(setting: $0) } ?? .invalidArgument
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
  func logRefusal(_ reply: Reply, _ command: [UInt8]) {
    log.write(.notice, "refuse") { line in
      line.add("reply", reply.text)
      if !command.isEmpty { line.add("command", command.prefix(512)) }
    }
  }
}
