// Runs the client's session machine over a server's octets, cut as the test likes, sends messages by it, and
// keeps what it wrote and what became of each recipient. What every run must keep is checked here.

package import SMTP

/// A message to be sent.
package struct OutgoingMessage: Sendable {
  package var transaction: ClientSession.Transaction
  package var content: [UInt8]

  package init(_ transaction: ClientSession.Transaction, _ content: [UInt8]) {
    self.transaction = transaction
    self.content = content
  }
}

package struct ClientMachine {
  /// What a client has come to know.
  package enum Event: Equatable {
    case settled(message: Int, recipient: [UInt8], ClientSession.Verdict)
    case postponed(message: Int, recipient: [UInt8])
    /// The message could have been converted to 7 bits; it is not sent.
    case needsConversion(message: Int)
    case failed(ClientSession.Verdict)
  }

  package private(set) var output: [UInt8] = []
  package private(set) var events: [Event] = []
  package private(set) var isClosed = false
  /// Whether TLS is to begin.
  package private(set) var awaitsTLS = false

  package private(set) var session: ClientSession
  private var messages: [OutgoingMessage]
  /// The message that is sent now, and what of it has been sent.
  private var current = -1
  private var transaction: ClientSession.Transaction?
  private var isSettled: [Bool] = []
  private var postponed: [Recipient] = []
  private var sent = 0
  private var position = 0
  /// Octets of a message that are brought at once.
  private let pieceSize: Int
  /// Whether the last piece is known to be the last when it is brought.
  private let knowsEnd: Bool

  /// Is asked while content is sent, whenever octets have been written, what the server has said to all that
  /// was written so far.
  package var hear: ((_ output: [UInt8]) -> [UInt8])?

  package init(
    _ session: ClientSession, sending messages: [OutgoingMessage], pieceSize: Int = 65_536,
    knowsEnd: Bool = true
  ) {
    self.session = session
    self.messages = messages
    self.pieceSize = pieceSize
    self.knowsEnd = knowsEnd
  }

  /// Brings more from the server and follows the machine until it needs more.
  package mutating func receive(_ octets: some Sequence<UInt8>) {
    if isClosed { return }
    var input = Array(octets)
    var position = 0
    while !isClosed, !awaitsTLS {
      let before = position
      var written: [UInt8] = []
      let action = session.advance(input.span, &position, into: &written)
      precondition(written.count < ClientSession.outputLimit + 1024)
      output += written
      precondition(before...input.count ~= position)
      switch action {
      case .needInput:
        precondition(position == input.count, "the machine leaves input lying")
        return
      case .flush: break
      case .ready: beginNext()
      case .needContent: input += sendPiece()
      case .startTLS:
        precondition(position == input.count, "input behind STARTTLS")
        awaitsTLS = true
      case .settled(let recipient, let verdict):
        events.append(.settled(message: current, recipient: settle(recipient), verdict))
      case .postponed(let recipient):
        events.append(.postponed(message: current, recipient: settle(recipient)))
        postponed.append(transaction!.recipients[recipient])
      case .failed(let verdict): events.append(.failed(verdict))
      case .close:
        finish()
        isClosed = true
      }
    }
  }

  package mutating func startTLS(isVerified: Bool) {
    precondition(awaitsTLS)
    awaitsTLS = false
    session.startedTLS(isVerified: isVerified, into: &output)
    receive([])
  }

  package mutating func fail(_ verdict: ClientSession.Verdict) {
    awaitsTLS = false
    session.fail(verdict)
    receive([])
  }

  private mutating func settle(_ recipient: Int) -> [UInt8] {
    precondition(!isSettled[recipient], "two verdicts on a recipient")
    isSettled[recipient] = true
    return transaction!.recipients[recipient].mailbox.octets
  }

  /// The transaction is over: each recipient has a verdict or is postponed.
  private mutating func finish() {
    precondition(isSettled.allSatisfy { $0 }, "no verdict on a recipient")
    transaction = nil
    isSettled = []
    sent = 0
    position = 0
  }

  private mutating func beginNext() {
    finish()
    if postponed.isEmpty { current += 1 }
    guard current < messages.count else { return session.quit() }
    var transaction = messages[current].transaction
    if !postponed.isEmpty { transaction.recipients = postponed }
    postponed = []
    switch session.begin(transaction) {
    case .begun:
      self.transaction = transaction
      isSettled = Array(repeating: false, count: transaction.recipients.count)
    case .needsConversion: events.append(.needsConversion(message: current))
    }
  }

  /// Sends what is left of a piece, or as much of it as goes before the server says something, which this
  /// returns.
  private mutating func sendPiece() -> [UInt8] {
    let content = messages[current].content
    if position == min(pieceSize, content.count - sent) {
      sent += position
      position = 0
    }
    let piece = Array(content[sent...].prefix(pieceSize))
    let isLast = knowsEnd ? sent + piece.count == content.count : piece.isEmpty
    while true {
      let before = position
      guard let range = session.encode(piece.span, &position, isLast: isLast, into: &output)
      else { return hear?(output) ?? [] }
      precondition(range == before..<position, "content is left out or repeated")
      output += piece[range]
      if let heard = hear?(output), !heard.isEmpty { return heard }
    }
  }
}
