// Sends messages over one connection: each to its recipients in as many mail transactions as the server wants, with the
// reports on them.

public import Couriers
import Hosts
public import Jobs
import MIME
import POSIX
public import SMTP

public struct Sender: ~Copyable {
  private let listener: any Listener
  private var conversation: Conversation
  /// The server, for reports and for TLS.
  private let host: Host?
  /// Who starts stunnel, and what it will be connected to.
  private let client: ClientEnd?
  private var tunnel: Tunnel.End?
  private let termination: Termination
  /// What is shown.
  private var dialogue: Dialogue?

  /// Without TLS, and silent.
  public init(_ conversation: consuming Conversation, to listener: any Listener) {
    self.conversation = conversation
    self.listener = listener
    (host, client, termination) = (nil, nil, .never)
  }

  init(
    _ conversation: consuming Conversation, with host: Host, tunnel: consuming Tunnel.End?,
    dialogue: Dialogue, to client: ClientEnd, termination: Termination
  ) {
    self.conversation = conversation
    listener = client
    self.host = host
    self.client = client
    self.tunnel = tunnel
    self.dialogue = dialogue
    self.termination = termination
  }

  /// Why the session is over.
  public var failure: ClientSession.Verdict? { conversation.failure }
  var isOver: Bool { conversation.isOver }
  var hasFailedTLS: Bool { conversation.hasFailedTLS }

  /// Sends a message; the listener is told what has become of the recipients that the server was asked about.
  public mutating func deliver(_ job: Job, _ message: borrowing MessageFile) {
    var pending = Array(job.recipients.indices)
    var isFirst = true
    while !pending.isEmpty {
      guard converse(), isFirst || mayGoOn() else { break }
      isFirst = false
      let count =
        job.recipients[pending[0]].isSingle
        ? 1
        : pending.prefix { !job.recipients[$0].isSingle }.prefix(conversation.recipientLimit).count
      let current = Array(pending.prefix(count))
      pending.removeFirst(count)
      pending = send(job, message, to: current) + pending
    }
    // What says nothing about the host says nothing about those that had no turn: they have it on another connection.
    if !conversation.hasFailedTLS, let failure = conversation.failure,
      failure.scope == .destination || conversation.isTerminated
    {
      report(pending, of: job, failure)
    }
  }

  private mutating func mayGoOn() -> Bool {
    if listener.mayGoOn() { return true }
    conversation.terminate()
    return false
  }

  /// Ends the session, if it has not ended.
  public mutating func quit() {
    guard converse() else { return }
    conversation.quit()
    _ = converse()
  }

  /// The same verdict on all recipients of the job.
  func report(_ job: Job, _ verdict: ClientSession.Verdict) {
    report(Array(job.recipients.indices), of: job, verdict)
  }

  private func report(_ recipients: [Int], of job: Job, _ verdict: ClientSession.Verdict) {
    for index in recipients {
      let address = job.recipients[index].recipient.mailbox.octets
      var report = Report(address, at: host?.name ?? [], verdict)
      report.isHostsDuty =
        verdict.outcome == .delivered && conversation.extensions.hasDeliveryStatus
      listener.tell(report)
    }
  }
}

// A mail transaction.
extension Sender {
  /// Gives the recipients that are to have another transaction.
  private mutating func send(
    _ job: Job, _ message: borrowing MessageFile, to current: [Int]
  ) -> [Int] {
    var content: MessageFile.Reader
    do throws(SystemError) { content = try begin(job, message, to: current) } catch {
      report(current, of: job, .contentFailed)
      return []
    }
    var postponed: [Int] = []
    while true {
      switch conversation.next() {
      case .exchange: exchange()
      case .needContent: bring(&content, of: message)
      case .startTLS: startTLS()
      case .settled(let recipient, let verdict): report([current[recipient]], of: job, verdict)
      case .postponed(let recipient): postponed.append(current[recipient])
      case .ready, .closed:
        dialogue?.endContent()
        return postponed
      }
    }
  }

  /// Begins a transaction; gives the content for it. Throws if the message has to be read for that and cannot be.
  private mutating func begin(
    _ job: Job, _ message: borrowing MessageFile, to current: [Int]
  ) throws(SystemError) -> MessageFile.Reader {
    let first = job.recipients[current[0]]
    var transaction = ClientSession.Transaction(
      from: first.reversePath ?? job.reversePath, to: current.map { job.recipients[$0].recipient })
    transaction.isUTF8 = job.isUTF8
    transaction.deliveryStatus = job.deliveryStatus
    transaction.take(message.facts, fields: first.fields.count)
    if job.isBinary { transaction.body = .binary }
    transaction.hasLongLines = message.facts.hasLongLines
    transaction.canConvert = message.canConvert
    let content = MessageFile.Reader(message, fields: first.fields)
    guard case .needsConversion(let toSevenBit) = conversation.begin(transaction) else {
      return content
    }
    transaction.canConvert = false
    // What SMTPUTF8 is asked for keeps its header: a server without it refuses the message.
    let form = WireForm(isSevenBit: toSevenBit, isExact: job.isBinary, keepsHeader: job.isUTF8)
    guard let converted = try message.converted(to: form) else {
      _ = conversation.begin(transaction)
      return content
    }
    transaction.take(MessageFacts(of: converted), fields: first.fields.count)
    _ = conversation.begin(transaction)
    return MessageFile.Reader(first.fields + converted)
  }

  private mutating func bring(
    _ content: inout MessageFile.Reader, of message: borrowing MessageFile
  ) {
    do throws(SystemError) {
      let piece = try content.next(message)
      conversation.bring(piece, isLast: content.isLast)
    } catch {
      return conversation.fail(.contentFailed)
    }
    dialogue?.progress(content.sent, of: message.facts.size)
    dialogue?.isContent = true
  }
}

extension ClientSession.Transaction {
  /// `fields` octets are put in front of the message.
  fileprivate mutating func take(_ facts: MessageFacts, fields: Int) {
    size = facts.size + fields
    body = facts.isEightBit ? .eightBit : .sevenBit
    header = facts.header
  }
}

// The connection.
extension Sender {
  /// Runs the machine between transactions; gives whether a transaction may begin.
  private mutating func converse() -> Bool {
    while true {
      switch conversation.next() {
      case .ready: return true
      case .closed: return false
      case .exchange: exchange()
      case .startTLS: startTLS()
      case .needContent, .settled, .postponed: break
      }
    }
  }

  private mutating func exchange() {
    listener.give()
    dialogue?.sent(conversation.newOutput, isSecret: conversation.outputHoldsPassword)
    conversation.exchange()
    dialogue?.received(conversation.newInput)
  }

  /// Has stunnel speak to the server from now on.
  mutating func startTLS() {
    client?.say(.startTLS)
    guard let host, let end = tunnel.take(),
      let encrypted = try? end.listener.accept(
        until: Deadline(inSeconds: 10), termination: termination, unlessEnded: end.plain)
    else { return conversation.failTLS() }
    conversation.startTLS(
      plain: end.plain, encrypted: encrypted, isVerified: host.level == .verified,
      isFirst: host.isTLSFirst)
    dialogue?.note("TLS")
  }
}
