// The session in which sendmail(1) hands a message in: the loop around the client's machine, on the submission socket.

import POSIX
import SMTP

struct SendmailSubmission: ~Copyable {
  private let header: [UInt8]
  private let spool: SendmailSpool
  private var link: Link
  private var session: ClientSession
  private var input: [UInt8] = []
  private var position = 0
  private var output: [UInt8] = []
  private var deadline = Deadline(inSeconds: 300)
  private var seenReplies = 0
  /// Why the connection is over, once it is.
  private var lost: ClientSession.Verdict?
  /// Why the session is over.
  private var failure: ClientSession.Verdict?
  private var isClosed = false

  // The content that is being sent.
  private var piece: [UInt8] = []
  private var piecePosition = 0
  private var offset = 0
  private var isLast = false

  /// What has become of each recipient.
  private(set) var verdicts: [ClientSession.Verdict] = []

  private static let inputSize = 16_384
  private static let outputSize = 65_536

  init(
    _ socket: consuming FileDescriptor, hostname: [UInt8], header: [UInt8],
    spool: consuming SendmailSpool
  ) {
    link = Link(socket, termination: -1)
    self.header = header
    self.spool = spool
    var configuration = ClientSession.Configuration(hostname: hostname)
    configuration.startTLS = .never
    // The server says how many it takes.
    configuration.maximumRecipients = .max
    session = ClientSession(configuration)
  }

  /// Sends the message to all recipients of `transaction`, in as many transactions as the server wants.
  mutating func send(_ transaction: ClientSession.Transaction) {
    let recipients = transaction.recipients
    verdicts = Array(repeating: .connectionClosed, count: recipients.count)
    var pending = Array(recipients.indices)
    while !pending.isEmpty, converse() {
      let current = Array(pending.prefix(session.recipientLimit))
      var next = transaction
      next.recipients = current.map { recipients[$0] }
      pending = transact(next, current) + pending.dropFirst(current.count)
    }
    if let failure { for index in pending { verdicts[index] = failure } }
    if pending.isEmpty, converse() {
      session.quit()
      _ = converse()
    }
  }

  /// One transaction; gives the recipients that are to have another.
  private mutating func transact(
    _ transaction: ClientSession.Transaction, _ current: [Int]
  ) -> [Int] {
    piece = header
    (piecePosition, offset, isLast) = (0, 0, false)
    _ = session.begin(transaction)
    renewDeadline()
    var postponed: [Int] = []
    while true {
      switch session.advance(input, &position, into: &output) {
      case .ready:
        flush()
        return postponed
      case .close:
        close()
        return postponed
      case .settled(let recipient, let verdict): verdicts[current[recipient]] = verdict
      case .postponed(let recipient): postponed.append(current[recipient])
      case .needContent: bring()
      case .needInput: exchange(isWaiting: true)
      case .flush: flush()
      case .failed(let verdict): failure = verdict
      case .startTLS: session.fail(.tlsFailed)
      }
    }
  }

  /// Runs the machine between transactions; gives whether a transaction may begin.
  private mutating func converse() -> Bool {
    while !isClosed {
      switch session.advance(input, &position, into: &output) {
      case .ready:
        flush()
        return true
      case .close: close()
      case .needInput: exchange(isWaiting: true)
      case .flush: flush()
      case .failed(let verdict): failure = verdict
      case .startTLS: session.fail(.tlsFailed)
      case .needContent, .settled, .postponed: break
      }
    }
    return false
  }

  private mutating func bring() {
    if let lost { return session.fail(lost) }
    if piecePosition == piece.count, !isLast {
      piece.removeAll(keepingCapacity: true)
      piecePosition = 0
      do throws(Errno) {
        let count = try spool.read(into: &piece, at: offset)
        offset += count
        isLast = count == 0
      } catch {
        return session.fail(.contentFailed)
      }
    }
    while let range = session.encode(piece, &piecePosition, isLast: isLast, into: &output) {
      output.append(contentsOf: piece[range])
      if output.count >= Self.outputSize { flush() }
      if position < input.count || lost != nil { return }
    }
    if output.count >= Self.outputSize { flush() }
  }

  private mutating func flush() { if !output.isEmpty { exchange(isWaiting: false) } }

  /// Writes the output, and reads what has come; with `isWaiting` until something has.
  private mutating func exchange(isWaiting: Bool) {
    if let lost, position == input.count { return session.fail(lost) }
    if position == input.count {
      input.removeAll(keepingCapacity: true)
      position = 0
    }
    if !output.isEmpty || session.replies != seenReplies { renewDeadline() }
    var written = 0
    do throws(Link.Interruption) {
      repeat {
        let room = Self.inputSize - input.count
        if room == 0 { break }
        let isOpen = try link.exchange(
          output, from: &written, into: &input, room: room, isWaiting: isWaiting, until: deadline)
        if !isOpen {
          lost = .connectionClosed
          written = output.count
        }
        if isWaiting, input.count > position { break }
      } while written < output.count
    } catch {
      lost = error == .timeout ? .timeout : .connectionClosed
      written = output.count
    }
    output.removeFirst(min(written, output.count))
  }

  private mutating func close() {
    isClosed = true
    if lost != nil { return }
    input.removeAll()
    var written = 0
    // The server's farewell is waited for: to be left before it would be an error to the server.
    _ = try? link.exchange(
      output, from: &written, into: &input, room: Self.inputSize, isWaiting: true,
      until: Deadline(inSeconds: 5))
  }

  private mutating func renewDeadline() {
    seenReplies = session.replies
    deadline = Deadline(inSeconds: session.timeout)
  }
}
