// One client connection: the loop around the client's machine (SMTP/Client/), with its buffers and deadlines. It does what
// the machine wants of a connection, and gives its caller the rest, one step at a time:
//
//     while true {
//       switch conversation.next() {
//       case .exchange: conversation.exchange()
//       ...
//
// The seconds that the server has for each thing stand in `ClientSession.timeout` (RFC 5321 §4.5.3.2), and nowhere else.

import Octets
public import POSIX
public import SMTP

public struct Conversation: ~Copyable {
  /// What the caller does before it calls `next` again.
  public enum Step {
    /// Call `exchange`, which waits for the server.
    case exchange
    /// Call `begin` or `quit`.
    case ready
    /// Call `bring`, or `fail`.
    case needContent
    /// Call `startTLS` or `failTLS`.
    case startTLS
    /// This is the verdict on the recipient with this index in the transaction.
    indirect case settled(recipient: Int, ClientSession.Verdict)
    /// This one is for another transaction, which is in another session if `closed` comes before `ready`.
    case postponed(recipient: Int)
    /// The connection is over; `failure` says why, if there is a reason.
    case closed
  }

  /// How long the caller has patience, whatever the server may have by the RFC.
  public struct Patience: Sendable {
    /// Seconds for a reply at most.
    public var reply = 600
    /// For the whole session.
    public var session: Deadline?
    /// Seconds for the reply to a message when SIGTERM has come: without it the message would be sent once more.
    public var lastReply = 8
    /// Seconds in which the server may say goodbye. Some take it for an error if the client does not wait for that.
    public var farewell = 0

    public init() {}
  }

  private var link: Link
  private var session: ClientSession
  private let patience: Patience

  private var input: [UInt8] = []
  private var position = 0
  private var output: [UInt8] = []
  /// How many octets of the output are from before the last `exchange`, and of the input.
  private var unwritten = 0
  private var arrived = 0
  /// Whether `exchange` waits until something arrives.
  private var isWaiting = false
  private var deadline = Deadline(inSeconds: 0)
  /// Replies and the time-out when the deadline was set.
  private var seenReplies = 0
  private var seenTimeout = 0
  /// Why the connection is over, once it is.
  private var lost: ClientSession.Verdict?
  /// Whether a TLS program stands between us and the server and nothing has come through it.
  private var isHandshaking = false
  private var isClosed = false

  // The content that is being sent.
  private var piece: [UInt8] = []
  private var piecePosition = 0
  private var isLastPiece = false

  /// Why the session is over.
  public private(set) var failure: ClientSession.Verdict?
  /// Whether TLS has failed. No recipient has a verdict by that.
  public private(set) var hasFailedTLS = false
  /// Whether SIGTERM has come.
  public private(set) var isTerminated = false

  private static let inputSize = 16_384
  private static let outputSize = 65_536

  public init(
    _ session: consuming ClientSession, over link: consuming Link, patience: Patience = Patience()
  ) {
    self.session = session
    self.link = link
    self.patience = patience
    renewDeadline()
  }

  /// Whether the connection is over.
  public var isOver: Bool { isClosed || hasFailedTLS }

  /// Recipients that a transaction may have.
  public var recipientLimit: Int { session.recipientLimit }

  /// What the server offers.
  public var extensions: ServerExtensions { session.extensions }

  /// What the next `exchange` writes that none has tried to write before.
  public var newOutput: ArraySlice<UInt8> { output[unwritten...] }

  /// Whether a password is in it.
  public var outputHoldsPassword: Bool { session.outputHoldsPassword }

  /// What the last `exchange` has brought.
  public var newInput: ArraySlice<UInt8> { input[arrived...] }
}

// Steps.
extension Conversation {
  public mutating func next() -> Step {
    while !isOver {
      switch session.advance(input, &position, into: &output) {
      case .needInput:
        isWaiting = true
        return .exchange
      case .flush: if let step = flush() { return step }
      case .ready: return flush() ?? .ready
      case .startTLS: return flush() ?? .startTLS
      case .needContent: if let step = encode() { return step }
      case .settled(let recipient, let verdict):
        return .settled(recipient: recipient, verdict)
      case .postponed(let recipient): return .postponed(recipient: recipient)
      case .failed(let verdict): failure = verdict
      case .close: close()
      }
    }
    return .closed
  }

  private mutating func flush() -> Step? {
    if output.isEmpty { return nil }
    isWaiting = false
    return .exchange
  }

  /// Begins a transaction, as `ClientSession.begin` does.
  public mutating func begin(
    _ transaction: ClientSession.Transaction
  ) -> ClientSession.Beginning {
    piece = []
    (piecePosition, isLastPiece) = (0, false)
    defer { renewDeadline() }
    return session.begin(transaction)
  }

  /// A piece of the message. `isLast` says that no other follows.
  public mutating func bring(_ octets: consuming [UInt8], isLast: Bool) {
    piece = octets
    (piecePosition, isLastPiece) = (0, isLast)
  }

  /// Sends what there is of the message; gives what is to be done before that goes on, or nil if the machine knows.
  private mutating func encode() -> Step? {
    if let lost {
      session.fail(lost)
      return nil
    }
    if piecePosition == piece.count, !isLastPiece { return .needContent }
    while let range = session.encode(piece, &piecePosition, isLast: isLastPiece, into: &output) {
      output.append(contentsOf: piece[range])
      if output.count >= Self.outputSize { break }
    }
    return output.count >= Self.outputSize ? flush() : nil
  }

  /// Ends the session without another word: the message cannot be read to its end.
  public mutating func fail(_ verdict: ClientSession.Verdict) { session.fail(verdict) }

  /// Ends the session between transactions.
  public mutating func quit() { session.quit() }

  /// Ends the session, since the caller is to end.
  public mutating func terminate() {
    isTerminated = true
    failure = .terminated
    close()
  }

  /// Everything goes through a TLS program from now on. `isFirst` says that it does from the beginning of the session.
  public mutating func startTLS(
    plain: consuming FileDescriptor, encrypted: consuming FileDescriptor, isVerified: Bool,
    isFirst: Bool
  ) {
    link.startTLS(plain: plain, encrypted: encrypted)
    isHandshaking = true
    if !isFirst { session.startedTLS(isVerified: isVerified, into: &output) }
    renewDeadline()
  }

  public mutating func failTLS() { hasFailedTLS = true }
}

// The connection.
extension Conversation {
  /// Writes the output, and reads what has come; waits for that if the machine does.
  public mutating func exchange() {
    arrived = input.count
    if let lost, position == input.count { return session.fail(lost) }
    if position == input.count {
      input.removeAll(keepingCapacity: true)
      position = 0
      arrived = 0
    }
    // The server has its time for a whole reply, and for taking all of the output: a few octets of either give it no more.
    // It has another time for the next thing that it owes.
    if output.count > unwritten || session.replies != seenReplies || session.timeout != seenTimeout
    {
      renewDeadline()
    }
    do throws(Interruption) {
      try write()
    } catch {
      switch error {
      case .timeout: lose(isTerminated ? .terminated : .timeout)
      case .terminated: waitForLastReply()
      case .endOfInput, .failed: lose(.connectionClosed)
      }
    }
    unwritten = output.count
    if input.count > arrived { isHandshaking = false }
  }

  private mutating func write() throws(Interruption) {
    var written = 0
    defer { forget(written) }
    repeat {
      let room = Self.inputSize - input.count
      // Replies that nobody has asked for, more than there is room for, are for the machine first.
      if room == 0 { return }
      try link.exchange(
        output, from: &written, into: &input, room: room, isWaiting: isWaiting, until: deadline)
      if isWaiting, input.count > position { return }
    } while written < output.count
  }

  /// SIGTERM has come. A server that has the whole message is still listened to, for a while.
  private mutating func waitForLastReply() {
    isTerminated = true
    guard session.isAtEndOfData else { return lose(.terminated) }
    link.ignoreTermination()
    renewDeadline()
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
    if output.isEmpty || lost != nil { return }
    input.removeAll()
    (position, arrived) = (0, 0)
    var written = 0
    try? link.exchange(
      output, from: &written, into: &input, room: Self.inputSize,
      isWaiting: patience.farewell > 0,
      until: Deadline(inSeconds: max(1, patience.farewell)))
  }

  private mutating func renewDeadline() {
    seenReplies = session.replies
    seenTimeout = session.timeout
    deadline = Deadline(
      inMilliseconds: Int64(min(session.timeout, patience.reply)) * Self.millisecondsInASecond)
    if let whole = patience.session { deadline = min(deadline, whole) }
    if isTerminated { deadline = min(deadline, Deadline(inSeconds: patience.lastReply)) }
  }

  /// Tests of debug builds may let the time for replies pass faster.
  private static var millisecondsInASecond: Int64 {
    #if DEBUG
      Process.environment("POSTERN_SECOND").flatMap { Int64($0) } ?? 1000
    #else
      1000
    #endif
  }
}
