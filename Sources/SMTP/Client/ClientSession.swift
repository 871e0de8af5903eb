// The client's side of an SMTP session (RFC 5321) or of an LMTP session (RFC 2033) as a pure machine, with
// PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152), AUTH (RFC 4954), STARTTLS (RFC 3207),
// CHUNKING and BINARYMIME (RFC 3030), DSN (RFC 3461), SMTPUTF8 (RFC 6531) and LIMITS (RFC 9422).
//
// The caller hands over what the server has sent and does the one action that it gets back, in a loop. The
// machine knows no file, no clock and no socket. Its laws, each of which a test checks:
//
// - Each recipient of a transaction gets one verdict, or is postponed, before the transaction is over.
// - Where the server has done something in this session and then takes no more, what was to be sent is postponed to
//   another session, and only there is its answer a verdict.
// - *Delivered* needs a 2xx reply that answers the end of the content. *Refused* needs a 5xx reply, or a
//   message that needs what the server does not offer.
// - Every reply answers one command. A reply that answers no command, or breaks the grammar, ends the
//   session: what follows it would be taken for replies to other commands.
// - What the server said before TLS is forgotten, and a password is in the output only behind TLS that has
//   verified the server, unless the configuration says otherwise.
// - Content comes back as ranges of what the caller brings, and is sent as ContentEncoder.swift says.
//
// What replies mean is in ClientReplies.swift, what is written in ClientCommands.swift.

import Octets

public struct ClientSession: Sendable {
  /// The one thing that the caller does before it calls `advance` again.
  public enum Action: Sendable {
    /// Write the output and bring more input, or call `fail` if no more can come. Input may come before the
    /// output is written: a server may wait for its replies to be read before it reads on.
    case needInput
    /// Write all of the output. Input that comes meanwhile is to be read, and handed over afterwards, unless
    /// there is so much of it that the server may have stopped reading.
    case flush
    /// Write the output; then `begin` a transaction, or `quit`.
    case ready
    /// Bring more of the message if what was brought is used up, and call `encode` until it gives nil.
    case needContent
    /// Write the output and let TLS begin on the connection; then call `startedTLS`, or `fail`.
    case startTLS
    /// This is the verdict on the recipient with this index in the transaction.
    indirect case settled(recipient: Int, Verdict)
    /// The server takes no more recipients in this transaction, or no more transactions in this session: give
    /// this one in the next, which is in another session if `close` comes before `ready`.
    case postponed(recipient: Int)
    /// The session ends because of this. If it is about the destination it holds for whatever was not begun yet.
    /// `close` follows.
    indirect case failed(Verdict)
    /// Write the output if the server takes it, and close the connection.
    case close
  }

  /// `advance` asks for the output to be written when it has this many octets or more.
  public static let outputLimit = 16_384

  enum State: Equatable {
    /// The greeting is to come. To `hello`.
    case greeting
    /// EHLO or LHLO is sent; if EHLO is refused, to `plainHello`. To `startingTLS`, `authenticating` or
    /// `ready`.
    case hello
    /// HELO is sent. To `ready`.
    case plainHello
    /// STARTTLS is sent. To `handover`; if it is refused, to `authenticating` or `ready`.
    case startingTLS
    /// The caller lets TLS begin. To `hello` by `startedTLS`.
    case handover
    /// To `ready`.
    case authenticating(AuthenticationStep)
    /// No transaction. To `envelope` by `begin`.
    case ready
    /// MAIL, RCPT and DATA are sent. To `content`; to `resetting` if no recipient is left, or to
    /// `endOfData` if the server wants the message all the same.
    case envelope
    /// The message is sent. To `endOfData`; to `resetting` if a chunk is refused.
    case content
    /// The replies to the message are to come. To `ready`; to `resetting` if a chunk was refused.
    case endOfData
    /// RSET is sent. To `ready`.
    case resetting
    /// The session is over. Every state leads here.
    case closed
  }

  /// What the next reply to AUTH answers.
  enum AuthenticationStep: Equatable {
    /// AUTH LOGIN
    case login
    /// The login name of LOGIN.
    case name
    /// The password, by whatever mechanism.
    case password
  }

  let configuration: Configuration
  var state = State.greeting
  var reader = ReplyReader()
  var protection: Protection
  /// Nil when it is not needed any more.
  var account: Account?
  /// Whether AUTH LOGIN was tried, which is where PLAIN is not known.
  var hasTriedLogin = false
  /// The transaction that is under way.
  var delivery = Delivery.none
  /// Replies that the server owes.
  var owed = 1
  /// Whether input stands behind the reply that is taken now.
  var hasMoreInput = false
  /// The domains that the session names to the server, where it limits them.
  var domains: [[UInt8]] = []
  /// Whether recipients were postponed that this session cannot name.
  var needsAnotherSession = false
  /// Transactions that the server has taken and that the session has outlived. So the server is there, and what it says
  /// to the next may be about the number of mails in a session.
  var completed = 0
  /// Whether the server ends its lines in LF alone: its greeting did, or its reply to EHLO.
  var isLineFeedServer = false
  /// The number of recipients that the server has taken in a transaction before it said that there were too many.
  var learnedLimit = Int.max
  /// Why the session ends, until that is told.
  var failure: Verdict?
  /// Whether QUIT is to be written at the end.
  var quits = false

  /// What the server offers. Empty until it has answered EHLO or LHLO.
  public internal(set) var extensions = ServerExtensions()
  /// Transactions so far.
  var transactions = 0
  /// Whole replies so far. The time that the server has for a reply starts anew when this has changed, not
  /// when some octets have come.
  public internal(set) var replies = 0
  /// Whether the output may hold a password. It is set when AUTH is written, and the caller sets it back
  /// after it has written the output and wiped it. If the session fails before that, the output is not
  /// written.
  public var outputHoldsPassword = false

  /// `protection` is what the connection has at its beginning. The password of `account` is overwritten
  /// when it is not needed any more: the caller must not hold a copy.
  public init(
    _ configuration: Configuration, protection: Protection = .none,
    account: consuming Account? = nil
  ) {
    precondition(configuration.hasProperName, "no name to say hello with")
    self.configuration = configuration
    self.protection = protection
    self.account = account
  }

  /// Goes on with `input` from `position` on, and moves `position` behind what is done with. All input is
  /// used up before more is asked for. `output` holds what the caller has not written yet.
  public mutating func advance(
    _ input: Span<UInt8>, _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    while true {
      if let recipient = delivery.nextToTell() {
        guard let verdict = delivery.verdict else { return .postponed(recipient: recipient) }
        return .settled(recipient: recipient, verdict)
      }
      if state == .closed {
        position = input.count
        return end(into: &output)
      }
      if position < input.count {
        reader.takesLineFeed = takesLineFeed
        switch reader.next(in: input, &position) {
        case .needInput: break
        case .malformed: fail(.protocolError)
        case .line(let isFirst, let isLast):
          if state == .hello, !isFirst, reader.code / 100 == 2 {
            let line = reader.line
            extensions.take(line.span)
          }
          guard isLast else { break }
          noteLineEnd()
          // An empty line is no reply, but nothing at all may stand between STARTTLS and TLS.
          hasMoreInput =
            state == .startingTLS
            ? position < input.count : !input.holdsLineEndsAlone(from: position)
          if let action = takeReply(into: &output) { return action }
        }
        continue
      }
      hasMoreInput = false
      // Nothing may be sent within a reply that nothing has asked for: it would be taken for an answer.
      if reader.isWithinReply, owed == 0 { return .needInput }
      if let action = proceed(into: &output) { return action }
    }
  }

  /// Whether a bare LF may end a line of a reply: everywhere with a server that has begun so, and behind the message
  /// with every other, since one that is taken for an error would bring the message again and again.
  private var takesLineFeed: Bool {
    switch state {
    case .greeting, .hello, .plainHello: true
    case .endOfData: isLineFeedServer || owed == 1
    case .startingTLS, .handover, .authenticating, .ready, .envelope, .content, .resetting, .closed:
      isLineFeedServer
    }
  }

  /// A reply has ended. If its bare LF was text to the server, the rest of it would be taken for another reply: so the
  /// session ends with it.
  private mutating func noteLineEnd() {
    switch state {
    case .greeting, .hello, .plainHello: isLineFeedServer = reader.endedInLineFeed
    case .endOfData: if reader.endedInLineFeed, !isLineFeedServer { needsAnotherSession = true }
    case .startingTLS, .handover, .authenticating, .ready, .envelope, .content, .resetting, .closed:
      break
    }
  }

  /// What is to be done when all input is used up; nil if the state has changed.
  private mutating func proceed(into output: inout [UInt8]) -> Action? {
    switch state {
    case .greeting, .hello, .plainHello, .startingTLS, .authenticating, .resetting:
      return .needInput
    case .handover: return .startTLS
    case .ready:
      guard !needsAnotherSession, transactions < transactionLimit else {
        quit()
        return nil
      }
      return .ready
    case .envelope: return writeEnvelope(into: &output)
    case .content: return proceedContent(into: &output)
    case .endOfData:
      if owed > 0 { return .needInput }
      endTransaction(withReset: delivery.needsReset, into: &output)
      return nil
    case .closed: return nil
    }
  }

  private mutating func end(into output: inout [UInt8]) -> Action {
    if let failure {
      self.failure = nil
      return .failed(failure)
    }
    if quits {
      quits = false
      output.append("QUIT\r\n")
    }
    return .close
  }

  /// Whether the server has the whole message and its reply is to come.
  public var isAtEndOfData: Bool { state == .endOfData }

  /// Seconds that the server has for what it owes now, or for taking the message: RFC 5321 §4.5.3.2.
  public var timeout: Int {
    switch state {
    case .endOfData: 600
    case .content: owed > 0 ? 300 : 180  // a chunk that was sent is the server's work
    case .envelope: delivery.toAnswer == delivery.data ? 120 : 300
    case .greeting, .hello, .plainHello, .startingTLS, .handover, .authenticating, .ready,
      .resetting, .closed:
      300
    }
  }
}

// What the caller has to say.
extension ClientSession {
  /// TLS has begun, and what is written next goes through it. `isVerified` says that the server's name was
  /// verified. Nothing happens if the session has ended meanwhile.
  public mutating func startedTLS(isVerified: Bool, into output: inout [UInt8]) {
    guard state == .handover else { return }
    if configuration.startTLS == .verified, !isVerified { return fail(.tlsFailed) }
    protection = isVerified ? .verified : .encrypted
    sayHello(into: &output)
  }

  /// Ends the session without another word to the server: the connection is lost, TLS does not begin, or
  /// the message cannot be read to its end. All recipients without a verdict get this one, but where the
  /// whole message has been sent, their outcome is unknown. Replies that have come are to be handed over
  /// first.
  public mutating func fail(_ verdict: Verdict) { fail(verdict, quits: false) }

  /// Ends the session between transactions.
  public mutating func quit() {
    guard state == .ready else { preconditionFailure("a transaction is under way") }
    quits = true
    close()
  }

  /// Recipients that a transaction may have.
  public var recipientLimit: Int {
    min(max(configuration.maximumRecipients, 1), extensions.maximumRecipients ?? .max, learnedLimit)
  }

  /// Transactions that the session may have.
  private var transactionLimit: Int {
    min(max(configuration.maximumTransactions, 1), extensions.maximumTransactions ?? .max)
  }

  mutating func fail(_ verdict: Verdict, quits: Bool) {
    guard state != .closed else { return }
    self.quits = quits
    defer { close() }
    if completed > 0, hasLeftUnasked(verdict) { return delivery.postponeAll() }
    var judgement = verdict
    // A host that has taken MAIL, or a message before, is there: what happens then says nothing about other messages.
    if completed > 0 || verdict.code == nil && delivery.isTaken, verdict.scope == .destination {
      judgement.scope = .message
    }
    failure = judgement
    if state == .endOfData, verdict.code == nil || configuration.isLMTP {
      judgement.outcome = .unknown
    }
    delivery.settleAll(judgement)
  }

  /// Whether the connection was lost as a server does that which takes no more mails in a session, or closes one that was
  /// idle: before it had the whole message.
  private func hasLeftUnasked(_ verdict: Verdict) -> Bool {
    switch state {
    case .envelope: verdict == .connectionClosed || verdict == .timeout && !delivery.isTaken
    case .content: verdict == .connectionClosed
    case .greeting, .hello, .plainHello, .startingTLS, .handover, .authenticating, .ready,
      .endOfData, .resetting, .closed:
      false
    }
  }

  /// Ends the session, on which the server takes nothing more: what is left is for another.
  mutating func endForAnother(quits: Bool) {
    delivery.postponeAll()
    self.quits = quits
    close()
  }

  private mutating func close() {
    state = .closed
    forgetAccount()
  }

  /// Overwrites the password.
  mutating func forgetAccount() {
    account?.password.wipe()
    account = nil
  }
}

// For a caller that keeps octets in arrays: a span of one property of a structure keeps the compiler from changing the
// others.
extension ClientSession {
  public mutating func advance(
    _ input: borrowing [UInt8], _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    advance(input.span, &position, into: &output)
  }

  public mutating func encode(
    _ content: borrowing [UInt8], _ position: inout Int, isLast: Bool, into output: inout [UInt8]
  ) -> Range<Int>? {
    encode(content.span, &position, isLast: isLast, into: &output)
  }
}
