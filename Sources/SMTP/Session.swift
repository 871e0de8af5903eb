// The server's side of an SMTP session as a pure machine: RFC 5321, with PIPELINING (RFC 2920),
// SIZE (RFC 1870), 8BITMIME (RFC 6152) and ENHANCEDSTATUSCODES (RFC 2034).
//
// The caller hands over what has arrived and does what it is told; the machine knows no file, no
// clock and no peer. Its laws, each of which a test holds it to:
//
// - How the input was cut never matters: the same octets give the same replies and messages.
// - Content is not copied: it comes back as ranges of the input.
// - Every command line gets one reply, and so does every content; nothing else does.
// - After the content of a message has begun, nothing but CR LF "." CR LF leads back to commands.

public struct Session: Sendable {
  /// What the caller is to do before it calls again.
  public enum Action: Sendable {
    /// Write the output, drop what was consumed, and bring more input.
    case needInput
    /// Write the output: it has grown to `Session.outputLimit`.
    case flush
    /// Make a message for this envelope. What fails from here on is told by `storeFailed`.
    case open(Envelope, Hello)
    /// These octets of the input belong to the open message.
    case append(Range<Int>)
    /// Make the open message durable, then call `stored` or `storeFailed`.
    case commit
    /// Drop the open message.
    case abort
    /// Nothing: something was refused. A command of a known verb stands in this range of the input;
    /// nil for a message, and for a line that may be anything, such as a password out of place.
    case refused(Reply, command: Range<Int>?)
    /// Write the output and end the session.
    case close
  }

  /// What `advance` has found.
  public struct Step: Sendable {
    public let action: Action
    /// How many octets of the input are done with. The rest is to be in the next call's input.
    public let consumed: Int
  }

  /// Why a message could not be stored.
  public enum StoreFailure: Sendable {
    case noSpace
    case other
  }

  /// Output above which `advance` asks for it to be written, in octets.
  public static let outputLimit = 16_384
  /// What the caller's input buffer must be able to hold, in octets: the longest command line.
  public static let minimumInput = LineReader.limit

  private enum State {
    /// Before HELO or EHLO. To `ready`.
    case start
    /// No mail transaction. To `mail` by MAIL.
    case ready(Hello)
    /// A mail transaction. To `content` by DATA, to `ready` by RSET, HELO and EHLO.
    case mail(Hello, Envelope)
    /// The content of a message. To `storing` by its end, or to `ready` if it is refused.
    case content(Hello, Content)
    /// The caller stores the message. To `ready` by `stored` and `storeFailed`.
    case storing(Hello)
    /// The session is over.
    case closed
  }

  /// A message that is arriving.
  private struct Content: Sendable {
    var reader = EndOfDataReader()
    /// Octets so far, as RFC 1870 §5 counts them: without the dots that were added.
    var size = 0
    /// Whether the caller has a message open.
    var isOpen = true
    var failure: StoreFailure?
  }

  private let configuration: Configuration
  private var lines = LineReader()
  private var state = State.start

  /// 5xx replies so far.
  public private(set) var errors = 0
  /// Messages stored so far.
  public private(set) var messages = 0

  public init(configuration: Configuration) {
    self.configuration = configuration
  }

  /// Writes the greeting. To be called once, first.
  public func greet(into output: inout [UInt8]) {
    output.append("220 ")
    output += configuration.hostname
    output.append(" ESMTP Postern\r\n")
  }

  /// Goes on with `input`: what the last call has not consumed, and what has arrived since.
  public mutating func advance(_ input: Span<UInt8>, into output: inout [UInt8]) -> Step {
    var position = 0
    while true {
      switch state {
      case .content(let hello, let content):
        if let step = advance(content, hello, input, &position, into: &output) { return step }
      case .start, .ready, .mail:
        switch lines.next(in: input, from: position) {
        case .line(let line, let next):
          position = next
          if let action = execute(input.extracting(line), at: line, into: &output) {
            return Step(action: action, consumed: position)
          }
        case .fault(let reply, let next):
          let action = refuse(reply, command: nil, into: &output)
          return Step(action: action, consumed: next)
        case .needInput(let keep):
          return Step(action: .needInput, consumed: keep)
        }
      case .storing:
        preconditionFailure("the caller has not said how storing ended")
      case .closed:
        return Step(action: .close, consumed: input.count)
      }
      if output.count >= Self.outputLimit { return Step(action: .flush, consumed: position) }
    }
  }
}

// What the caller has to say.
extension Session {
  /// The message is durable under the name `id`.
  public mutating func stored(as id: [UInt8], into output: inout [UInt8]) {
    guard case .storing(let hello) = state else { preconditionFailure("no message is stored") }
    state = .ready(hello)
    messages += 1
    output.append("250 2.0.0 OK: stored as ")
    output += id
    output.append("\r\n")
  }

  /// The open message cannot be stored and is gone. While content arrives the rest of it is
  /// passed over, and the reply follows at its end.
  public mutating func storeFailed(_ failure: StoreFailure, into output: inout [UInt8]) {
    switch state {
    case .content(let hello, var content):
      content.isOpen = false
      content.failure = failure
      state = .content(hello, content)
    case .storing(let hello):
      state = .ready(hello)
      output.append(failure.reply)
    case .start, .ready, .mail, .closed:
      preconditionFailure("no message is open")
    }
  }

  /// Why the caller ends the session.
  public enum Interruption: Sendable {
    case timeout
    case shuttingDown
  }

  /// Ends the session from outside with a 421. An open message is to be dropped.
  public mutating func interrupt(_ reason: Interruption, into output: inout [UInt8]) {
    state = .closed
    switch reason {
    case .timeout: output.append(.timeout)
    case .shuttingDown: output.append(.shuttingDown)
    }
  }
}

extension Session.StoreFailure {
  fileprivate var reply: Reply {
    switch self {
    case .noSpace: .noSpace
    case .other: .notStored
    }
  }
}

// Content.
extension Session {
  private mutating func advance(
    _ before: Content, _ hello: Hello, _ input: Span<UInt8>, _ position: inout Int,
    into output: inout [UInt8]
  ) -> Step? {
    var content = before
    switch content.reader.next(in: input, from: position) {
    case .content(let range):
      position = range.upperBound
      content.size += min(range.count, Int.max - content.size)
      let isDoomed = refusal(of: content) != nil
      let wasOpen = content.isOpen
      if isDoomed { content.isOpen = false }
      state = .content(hello, content)
      guard wasOpen else { return nil }
      return Step(action: isDoomed ? .abort : .append(range), consumed: position)
    case .end(let next):
      position = next
      if let reply = refusal(of: content) ?? content.failure?.reply {
        state = .ready(hello)
        return Step(action: refuse(reply, command: nil, into: &output), consumed: next)
      }
      state = .storing(hello)
      return Step(action: .commit, consumed: next)
    case .needInput(let keep):
      state = .content(hello, content)
      return Step(action: .needInput, consumed: keep)
    }
  }

  /// What is wrong with the content so far. The order is fixed, so that the reply does not depend
  /// on which fault was seen first.
  private func refusal(of content: Content) -> Reply? {
    switch configuration.bareLineEnds {
    case .reject: if content.reader.hasSeenBareLineEnd { return .bareLineEnd }
    case .keep: break
    }
    return content.size > configuration.maximumSize ? .tooBig : nil
  }
}

// Commands.
extension Session {
  private enum Outcome {
    case reply(Reply)
    case open(Envelope, Hello)
    /// The reply is written already.
    case replied
  }

  private mutating func execute(
    _ line: Span<UInt8>, at position: Range<Int>, into output: inout [UInt8]
  ) -> Action? {
    let command = Command(line)
    let outcome: Outcome =
      switch command.verb {
      case .helo: hello(line, command, isExtended: false, into: &output)
      case .ehlo: hello(line, command, isExtended: true, into: &output)
      case .mail: .reply(mail(line, command))
      case .rcpt: .reply(recipient(line, command))
      case .data: data(command)
      case .rset: .reply(reset(command))
      case .noop: .reply(.ok)
      case .vrfy: .reply(command.hasArguments ? .cannotVerify : .vrfySyntax)
      case .expn: .reply(.notImplemented)
      case .help: .reply(.help)
      case .quit: .reply(quit(command))
      case nil: .reply(.unknownCommand)
      }
    switch outcome {
    case .reply(let reply):
      if reply.isFailure {
        let range = command.verb == nil ? nil : position
        return refuse(reply, command: range, into: &output)
      }
      output.append(reply)
      return nil
    case .open(let envelope, let hello):
      output.append(.startContent)
      return .open(envelope, hello)
    case .replied: return nil
    }
  }

  /// Answers with a 4xx or 5xx, or, where the budget of errors is spent, with the 421 that ends
  /// the session.
  private mutating func refuse(
    _ reply: Reply, command: Range<Int>?, into output: inout [UInt8]
  ) -> Action {
    var reply = reply
    if reply.isPermanentFailure {
      if errors >= configuration.maximumErrors {
        state = .closed
        reply = .tooManyErrors
      } else {
        errors += 1
      }
    }
    output.append(reply)
    return .refused(reply, command: command)
  }

  /// HELO and EHLO: RFC 5321 §4.1.1.1. Either ends a mail transaction. A name with underscores is
  /// tolerated: many machines have one, and nothing is decided by it.
  private mutating func hello(
    _ line: Span<UInt8>, _ command: Command, isExtended: Bool, into output: inout [UInt8]
  ) -> Outcome {
    let name = command.arguments
    let end =
      line.domain(from: name.lowerBound, allowing: UInt8(ascii: "_"))
      ?? line.addressLiteral(from: name.lowerBound)
    guard end == name.upperBound else {
      return .reply(isExtended ? .ehloSyntax : .heloSyntax)
    }
    state = .ready(Hello(name: line.copy(name), isExtended: isExtended))
    output.append(isExtended ? "250-" : "250 ")
    output += configuration.hostname
    output.append("\r\n")
    guard isExtended else { return .replied }
    output.append("250-PIPELINING\r\n250-SIZE ")
    output.append(decimal: UInt64(configuration.maximumSize))
    output.append("\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n")
    return .replied
  }

  /// MAIL: RFC 5321 §4.1.1.2.
  private mutating func mail(_ line: Span<UInt8>, _ command: Command) -> Reply {
    switch state {
    case .start: return .helloFirst
    case .mail, .content, .storing, .closed: return .nestedMail
    case .ready(let hello):
      guard let start = line.startOfPath(in: command.arguments, behind: "from:") else {
        return .mailSyntax
      }
      guard let (path, end) = line.reversePath(from: start) else { return .badSender }
      var parameters = ParameterReader(from: end)
      var seen = MailParameters()
      while let parameter = parameters.next(in: line) {
        if let reply = seen.take(parameter, line, hello, maximumSize: configuration.maximumSize) {
          return reply
        }
      }
      guard parameters.isAtEnd else { return .mailSyntax }
      state = .mail(hello, Envelope(from: path))
      return .senderOK
    }
  }

  /// RCPT: RFC 5321 §4.1.1.3. There are no parameters yet.
  private mutating func recipient(_ line: Span<UInt8>, _ command: Command) -> Reply {
    switch state {
    case .start: return .helloFirst
    case .ready, .content, .storing, .closed: return .mailFirst
    case .mail(let hello, var envelope):
      guard let start = line.startOfPath(in: command.arguments, behind: "to:") else {
        return .rcptSyntax
      }
      guard let (mailbox, end) = line.forwardPath(from: start) else { return .badRecipient }
      var parameters = ParameterReader(from: end)
      guard parameters.next(in: line) == nil else { return .unknownParameter }
      guard parameters.isAtEnd else { return .rcptSyntax }
      guard configuration.accepts(mailbox) else { return .relayingDenied }
      guard envelope.recipients.count < configuration.maximumRecipients else {
        return .tooManyRecipients
      }
      state = .ready(hello)  // so that the envelope is not copied to be changed
      envelope.add(mailbox)
      state = .mail(hello, envelope)
      return .recipientOK
    }
  }

  /// DATA: RFC 5321 §4.1.1.4.
  private mutating func data(_ command: Command) -> Outcome {
    if command.hasArguments { return .reply(.noArguments) }
    switch state {
    case .start: return .reply(.helloFirst)
    case .ready, .content, .storing, .closed: return .reply(.mailFirst)
    case .mail(let hello, let envelope):
      if envelope.recipients.isEmpty { return .reply(.recipientFirst) }
      state = .content(hello, Content())
      return .open(envelope, hello)
    }
  }

  /// RSET: RFC 5321 §4.1.1.5.
  private mutating func reset(_ command: Command) -> Reply {
    if command.hasArguments { return .noArguments }
    if case .mail(let hello, _) = state { state = .ready(hello) }
    return .ok
  }

  /// QUIT: RFC 5321 §4.1.1.10.
  private mutating func quit(_ command: Command) -> Reply {
    if command.hasArguments { return .noArguments }
    state = .closed
    return .goodbye
  }
}
