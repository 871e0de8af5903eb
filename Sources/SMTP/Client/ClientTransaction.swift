// What a client is to send: the envelope and what must be known of the content before it is sent.

extension ClientSession {
  /// A message for some recipients.
  public struct Transaction: Sendable {
    public var reversePath: ReversePath
    /// At least one. There is no upper limit: those above `ClientSession.recipientLimit` are postponed.
    public var recipients: [Recipient]
    /// Octets of the content, if they are known: with CR LF as line ends, without added dots (RFC 1870 §5).
    public var size: Int?
    public var body = Body.sevenBit
    /// Whether SMTPUTF8 is asked for (RFC 6531). Addresses are looked at by the session.
    public var isUTF8 = false
    /// What the header has above ASCII.
    public var header = Header.ascii
    /// Whether a line has more than 998 octets (RFC 5321 §4.5.3.1.6).
    public var hasLongLines = false
    public var deliveryStatus = Envelope.DeliveryStatus()
    /// Whether the caller can give the message another form. Without that it is sent as it is, but for binary content,
    /// which is refused by a server that does not take it.
    public var canConvert = false

    public enum Header: Sendable {
      case ascii
      /// UTF-8, which is sent as it is with SMTPUTF8 where the server has that, and does not need it.
      case utf8
      /// Other octets, which nothing says the meaning of.
      case unknown
    }

    public enum Body: Sendable {
      /// ASCII in lines.
      case sevenBit
      /// Any octets in lines (RFC 6152).
      case eightBit
      /// Any octets, sent exactly as they are (RFC 3030 §3).
      case binary
    }

    public init(from reversePath: ReversePath, to recipients: [Recipient]) {
      self.reversePath = reversePath
      self.recipients = recipients
    }
  }

  /// What `begin` has done.
  public enum Beginning: Sendable {
    case begun
    /// Nothing was done: the server takes the message only in another form. Convert it, for a server of 7 bits with
    /// `toSevenBit`, and begin again.
    case needsConversion(toSevenBit: Bool)
  }
}

/// A mail transaction that is under way.
struct Delivery: Sendable {
  enum Standing: Sendable {
    /// No verdict yet.
    case waiting
    /// The server has accepted the recipient.
    case accepted
    /// There is a verdict.
    case settled
    /// There was a verdict before the recipient was named to the server, which will not be done.
    case skipped
  }

  let transaction: ClientSession.Transaction
  /// What is known of each recipient.
  private(set) var standings: [Standing]
  /// Recipients without a verdict, and those of them that the server has accepted.
  private(set) var unsettled: Int
  private(set) var accepted = 0
  /// Recipients that will be named to the server.
  var named = 0
  /// Recipients that have been looked at, to see which will be named.
  var checked = 0
  /// Whether MAIL has the parameter SMTPUTF8.
  let usesUTF8: Bool
  /// The next command to write and the next that the server answers: MAIL is 0, the RCPT of the first
  /// recipient is 1, and DATA follows the last.
  var toWrite = 0
  var toAnswer = 0
  /// How many recipients the server had accepted when it said that there were too many, if it has accepted none since.
  var limit: Int?
  /// Whether the server has taken MAIL.
  var isTaken = false
  /// The verdict on all that have none, or that they are to be given in another session; and how far that has been told.
  private(set) var verdict: ClientSession.Verdict?
  private(set) var isPostponed = false
  private var told = 0

  var content: ContentEncoder
  /// Octets of the message that belong to the chunk that was begun.
  var chunkRemaining = 0
  var isLastChunk = false
  /// Whether all of the message was brought, behind DATA.
  var isContentComplete = false
  /// Whether CR LF . CR LF has been given to the caller.
  var isEndWritten = false
  /// The refusal of DATA that was pipelined, until the reply to RSET shows that no reply was one too many:
  /// else the refusal was the last recipient's, and a 354 follows it.
  var refusal: ClientSession.Verdict?
  /// Whether the server waits for RSET: a chunk was refused (RFC 3030 §2).
  var needsReset = false

  static let none = Delivery(
    ClientSession.Transaction(from: .null, to: []), .dotStuffed, usesUTF8: false)

  init(
    _ transaction: ClientSession.Transaction, _ format: ContentEncoder.Format, usesUTF8: Bool
  ) {
    self.transaction = transaction
    self.usesUTF8 = usesUTF8
    content = ContentEncoder(format: format)
    standings = Array(repeating: .waiting, count: transaction.recipients.count)
    unsettled = standings.count
  }

  /// The command DATA.
  var data: Int { standings.count + 1 }

  /// The command that follows `command`: recipients that are skipped have none.
  func command(after command: Int) -> Int {
    var next = command + 1
    while next < data, standings[next - 1] == .skipped { next += 1 }
    return next
  }

  mutating func accept(_ recipient: Int) {
    guard standings[recipient] == .waiting else { return }
    limit = nil
    standings[recipient] = .accepted
    accepted += 1
  }

  /// Says that there is a verdict on a recipient; gives whether there was none.
  mutating func settle(_ recipient: Int, as standing: Standing = .settled) -> Bool {
    switch standings[recipient] {
    case .settled, .skipped: return false
    case .accepted: accepted -= 1
    case .waiting: break
    }
    standings[recipient] = standing
    unsettled -= 1
    return true
  }

  /// Says what has become of all recipients without a verdict. The first word counts.
  mutating func settleAll(_ verdict: ClientSession.Verdict) {
    if self.verdict == nil, !isPostponed { self.verdict = verdict }
  }

  /// Says that all recipients without a verdict are to be given in another session.
  mutating func postponeAll() { if verdict == nil { isPostponed = true } }

  /// The next recipient to be told what is said of all.
  mutating func nextToTell() -> Int? {
    guard verdict != nil || isPostponed else { return nil }
    while told < standings.count {
      told += 1
      if settle(told - 1) { return told - 1 }
    }
    return nil
  }

  /// The first recipient that is accepted and without a verdict.
  var firstAccepted: Int? { accepted == 0 ? nil : standings.firstIndex(of: .accepted) }
}
