// One connection, in a process of its own, which is confined: the loop around the client's session machine.
// It gets jobs from its parent, each with the file of the message, and says in lines what has become of each
// recipient (Jobs/Report.swift) and:
//
//     starttls             start stunnel
//     tls                  TLS has failed: the session is over, no recipient is told
//     done open|closed     the job is done, and whether another may follow

import Jobs
import POSIX
import SMTP

struct Sender: ~Copyable {
  private let host: Host
  private let settings: Settings
  private let termination: CInt
  private let sessionDeadline: Deadline
  private var link: Link
  private var channel: Channel
  private var session: ClientSession
  private var tunnel: Tunnel.End?
  private var dialogue: Dialogue

  private var input: [UInt8] = []
  private var position = 0
  private var output: [UInt8] = []
  /// Lines for the parent. It gets them before there is anything to wait for.
  private var told: [UInt8] = []
  private var deadline: Deadline
  /// Why the connection is over, once it is.
  private var lost: ClientSession.Verdict?
  /// Replies and the time-out when the deadline was set, and octets of the output from before it.
  private var seenReplies = 0
  private var seenTimeout = 0
  private var unwritten = 0
  /// Why the session is over.
  private var failure: ClientSession.Verdict?
  private var isClosed = false
  /// Whether stunnel stands between us and the server and nothing has come through it.
  private var isHandshaking = false
  private var hasFailedTLS = false

  private static let inputSize = 16_384
  private static let outputSize = 65_536

  init(
    _ host: Host, link: consuming Link, channel: consuming Channel, tunnel: consuming Tunnel.End?,
    settings: Settings, password: [UInt8]?, dialogue: Dialogue, termination: CInt
  ) {
    self.host = host
    self.settings = settings
    self.termination = termination
    self.link = link
    self.channel = channel
    self.tunnel = tunnel
    var configuration = ClientSession.Configuration(hostname: settings.hostname)
    configuration.isLMTP = host.isLMTP
    configuration.startTLS =
      switch host.level {
      case .none: .never
      case .opportunistic: .opportunistic
      case .required: .required
      case .verified: .verified
      }
    let account = host.user.map {
      ClientSession.Account(login: $0, password: password ?? [])
    }
    session = ClientSession(
      configuration,
      protection: !host.isTLSFirst ? .none : host.level == .verified ? .verified : .encrypted,
      account: account)
    self.dialogue = dialogue
    sessionDeadline = Deadline(inSeconds: settings.sessionTimeout)
    deadline = Deadline(inSeconds: 0)
    renewDeadline()
  }

  /// Does jobs as long as there are any and the connection lasts.
  mutating func run() {
    if host.isTLSFirst { startTLS() }
    while !hasFailedTLS, let file = channel.receive(), let job = readJob() {
      deliver(job, file)
      if hasFailedTLS { break }
      tell((isClosed ? "done closed\n" : "done open\n").utf8)
      if isClosed { return }
    }
    if hasFailedTLS {
      tell("tls\n".utf8)
      return
    }
    if converse() {
      session.quit()
      _ = converse()
    }
  }

  private mutating func readJob() -> Job? {
    var job = Job()
    while case .line(let line) = channel.line(termination: -1) {
      switch job.read(line[...]) {
      case .read: break
      case .end: return job
      case .malformed: return nil
      }
    }
    return nil
  }
}

// A job.
extension Sender {
  private mutating func deliver(_ job: Job, _ file: consuming FileDescriptor) {
    var pending = Array(job.recipients.indices)
    let message: Message
    do throws(Errno) {
      message = try Message(file, from: job.offset)
    } catch {
      report(pending, of: job, .contentFailed)
      return
    }
    while !pending.isEmpty {
      guard converse() else { break }
      let count =
        job.recipients[pending[0]].isSingle
        ? 1 : pending.prefix { !job.recipients[$0].isSingle }.prefix(session.recipientLimit).count
      let current = Array(pending.prefix(count))
      pending.removeFirst(count)
      pending = send(job, message, to: current) + pending
    }
    if !hasFailedTLS, let failure { report(pending, of: job, failure) }
  }

  /// One transaction; gives the recipients that are to have another.
  private mutating func send(
    _ job: Job, _ message: borrowing Message, to current: [Int]
  ) -> [Int] {
    let first = job.recipients[current[0]]
    var transaction = ClientSession.Transaction(
      from: first.reversePath ?? job.reversePath, to: current.map { job.recipients[$0].recipient })
    transaction.size = message.facts.size + first.fields.count
    transaction.body =
      job.isBinary ? .binary : message.facts.isEightBit ? .eightBit : .sevenBit
    transaction.isUTF8 = job.isUTF8 || message.facts.isHeaderUTF8
    transaction.deliveryStatus = job.deliveryStatus
    transaction.canConvert = message.facts.size <= Message.conversionLimit && !transaction.isUTF8
    var content = Content(message, fields: first.fields)
    if case .needsConversion = session.begin(transaction) {
      transaction.canConvert = false
      if let converted = message.sevenBit() {
        transaction.body = .sevenBit
        transaction.size = converted.count + first.fields.count
        content = Content(first.fields + converted)
      }
      _ = session.begin(transaction)
    }
    renewDeadline()
    var postponed: [Int] = []
    while true {
      switch session.advance(input, &position, into: &output) {
      case .ready:
        flush()
        dialogue.endContent()
        return postponed
      case .close:
        close()
        return postponed
      case .settled(let recipient, let verdict):
        report([current[recipient]], of: job, verdict)
      case .postponed(let recipient): postponed.append(current[recipient])
      case .needContent: bring(&content, of: message)
      case .needInput: exchange(isWaiting: true)
      case .flush: flush()
      case .startTLS: startTLS()
      case .failed(let verdict): failure = verdict
      }
    }
  }

  private mutating func bring(_ content: inout Content, of message: borrowing Message) {
    if let lost { return session.fail(lost) }
    if content.position == content.piece.count, !content.isLast {
      do throws(Errno) { try content.read(message) } catch { return session.fail(.contentFailed) }
      dialogue.progress(content.sent, of: message.facts.size)
    }
    dialogue.isContent = true
    while let range = session.encode(
      content.piece, &content.position, isLast: content.isLast, into: &output)
    {
      output.append(contentsOf: content.piece[range])
      if output.count >= Self.outputSize { flush() }
      // What the server has said comes first: it may have refused the message already.
      if position < input.count || lost != nil { return }
    }
    if output.count >= Self.outputSize { flush() }
  }

  private mutating func report(_ recipients: [Int], of job: Job, _ verdict: ClientSession.Verdict) {
    for index in recipients {
      let address = job.recipients[index].recipient.mailbox.octets
      told += Report(address, at: host.name, verdict).octets
    }
  }

  /// Writes what is to be told, and a line behind it.
  private mutating func tell(_ line: String.UTF8View = "".utf8) {
    told += line
    if !told.isEmpty { channel.write(told) }
    told.removeAll(keepingCapacity: true)
  }
}

/// The content of a message in pieces.
private struct Content {
  private(set) var piece: [UInt8]
  var position = 0
  private(set) var isLast = false
  private(set) var sent = 0
  private var offset: Int

  private static let pieceSize = 65_536

  init(_ message: borrowing Message, fields: [UInt8]) {
    piece = fields
    offset = message.offset
  }

  /// All of it.
  init(_ whole: [UInt8]) {
    piece = whole
    offset = 0
    isLast = true
  }

  mutating func read(_ message: borrowing Message) throws(Errno) {
    piece.removeAll(keepingCapacity: true)
    position = 0
    let count = try message.file.read(into: &piece, atMost: Self.pieceSize, at: offset)
    offset += count
    sent += count
    isLast = offset >= message.end
    // Less than was there at first: half of a message must not be sent.
    if count == 0, !isLast { throw .inputOutput }
  }
}

// The connection.
extension Sender {
  /// Runs the machine between transactions; gives whether a transaction may begin.
  private mutating func converse() -> Bool {
    while !isClosed, !hasFailedTLS {
      switch session.advance(input, &position, into: &output) {
      case .ready:
        flush()
        return true
      case .close: close()
      case .needInput: exchange(isWaiting: true)
      case .flush: flush()
      case .startTLS:
        flush()
        startTLS()
      case .failed(let verdict): failure = verdict
      case .needContent, .settled, .postponed: break
      }
    }
    return false
  }

  private mutating func flush() {
    if output.isEmpty { return }
    exchange(isWaiting: false)
  }

  /// Writes the output, and reads what has come; with `isWaiting` until something has.
  private mutating func exchange(isWaiting: Bool) {
    tell()
    if let lost, position == input.count { return session.fail(lost) }
    if position == input.count {
      input.removeAll(keepingCapacity: true)
      position = 0
    }
    // The server has its time for a whole reply, and for taking all of the output: a few octets of either
    // give it no more. It has another time for the next thing that it owes.
    if output.count > unwritten || session.replies != seenReplies || session.timeout != seenTimeout
    {
      renewDeadline()
    }
    dialogue.sent(output[unwritten...], isSecret: session.outputHoldsPassword)
    let arrived = input.count
    do throws(Link.Interruption) {
      try write(isWaiting: isWaiting)
    } catch {
      switch error {
      case .timeout: lose(.timeout)
      case .terminated: lose(.terminated)
      case .failed: lose(.connectionClosed)
      }
    }
    unwritten = output.count
    if input.count > arrived { isHandshaking = false }
    dialogue.received(input[arrived...])
  }

  private mutating func write(isWaiting: Bool) throws(Link.Interruption) {
    var written = 0
    defer { forget(written) }
    repeat {
      let room = Self.inputSize - input.count
      // Replies that nobody has asked for, more than there is room for, are for the machine first.
      if room == 0 { return }
      let isOpen = try link.exchange(
        output, from: &written, into: &input, room: room, isWaiting: isWaiting, until: deadline)
      if !isOpen { return lose(.connectionClosed) }
      if isWaiting, input.count > position { return }
    } while written < output.count
  }

  /// Removes what is written from the output. A password is overwritten.
  private mutating func forget(_ written: Int) {
    guard session.outputHoldsPassword else {
      output.removeFirst(min(written, output.count))
      return
    }
    let rest = Array(output.dropFirst(written))
    output.wipe()
    output = rest
    if output.isEmpty { session.outputHoldsPassword = false }
  }

  /// The connection is over; replies that have come still count.
  private mutating func lose(_ verdict: ClientSession.Verdict) {
    forget(output.count)
    if isHandshaking { hasFailedTLS = true } else { lost = verdict }
  }

  private mutating func close() {
    isClosed = true
    // What holds a password was for a session that has failed since.
    if session.outputHoldsPassword { forget(output.count) }
    if !output.isEmpty {
      dialogue.sent(output[...], isSecret: false)
      var written = 0
      _ = try? link.exchange(
        output, from: &written, into: &input, room: Self.inputSize, isWaiting: false,
        until: Deadline(inSeconds: 1))
      output.removeAll()
    }
  }

  private mutating func renewDeadline() {
    seenReplies = session.replies
    seenTimeout = session.timeout
    deadline = min(
      Deadline(inSeconds: min(session.timeout, settings.timeout)), sessionDeadline)
  }

  private mutating func startTLS() {
    flush()
    tell("starttls\n".utf8)
    guard let end = tunnel.take(),
      let encrypted = try? end.listener.accept(
        until: Deadline(inSeconds: 10), termination: termination, unlessEnded: end.plain)
    else {
      hasFailedTLS = true
      return
    }
    link.startTLS(plain: end.plain, encrypted: encrypted)
    isHandshaking = true
    dialogue.note("TLS")
    if !host.isTLSFirst {
      session.startedTLS(isVerified: host.level == .verified, into: &output)
    }
    renewDeadline()
  }
}
