// The server's side of an SMTP session as a pure machine: RFC 5321, with PIPELINING (RFC 2920),
// SIZE (RFC 1870), 8BITMIME (RFC 6152), ENHANCEDSTATUSCODES (RFC 2034), AUTH (RFC 4954), STARTTLS
// (RFC 3207), CHUNKING and BINARYMIME (RFC 3030), SMTPUTF8 (RFC 6531) and LIMITS (RFC 9422).
//
// The caller hands over what has arrived and does what it is told; the machine knows no file, no
// clock and no peer. Its laws, each of which a test holds it to:
//
// - How the input was cut never matters: the same octets give the same replies and messages.
// - Content is not copied: it comes back as ranges of the input.
// - Every command line gets one reply, and so does every content; nothing else does.
// - What was sent as content is never read as a command: after DATA nothing but CR LF "." CR LF leads
//   back to commands, after BDAT nothing but the octets that it announced, accepted or not.
//
// Content is in SessionContent.swift, commands are in SessionCommands.swift.

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
    /// See whether `credentials` let the client in, then call `verified`, after a delay if they do not.
    case verify
    /// See whether TLS can be started, then call `startTLS`.
    case startTLS
    /// Nothing: something was refused. Of a command, what may be shown in a log stands in this range
    /// of the input; of a message, and of what was no command, nothing.
    case refused(Reply, command: Range<Int>?)
    /// Write the output and end the session.
    case close
  }

  /// What `advance` has found.
  public struct Step: Sendable {
    public let action: Action
    /// How many octets of the input are done with. The rest is to be in the next call's input.
    public let consumed: Int
    /// Whether the peer got anywhere: a command or content came. The rest of a line that is refused
    /// already gets nowhere.
    public let isProgress: Bool

    init(_ action: Action, consumed: Int, isProgress: Bool = true) {
      self.action = action
      self.consumed = consumed
      self.isProgress = isProgress
    }
  }

  /// Why a message could not be stored.
  public enum StoreFailure: Sendable {
    case noSpace
    case other
  }

  /// Output above which `advance` asks for it to be written, in octets.
  public static let outputLimit = 61_440
  /// What the caller's input buffer must be able to hold, in octets: the longest command line.
  public static let minimumInput = LineReader.authenticationLimit
  /// Failed authentications that a session may have; the last ends it.
  static let maximumFailures = 3

  enum State {
    /// Before HELO or EHLO. To `ready`.
    case start
    /// No mail transaction. To `mail` by MAIL, to `authenticating` or `verifying` by AUTH, to
    /// `startingTLS` by STARTTLS.
    case ready(Hello)
    /// A response to AUTH is to come. To `verifying`, or to `ready` if it is refused.
    case authenticating(Hello, AuthenticationExchange)
    /// The caller verifies who this is. To `ready`, or to `closed`, by `verified`.
    case verifying(Hello, Credentials)
    /// The caller sees to TLS. To `closed`, or back to `ready`, by `startTLS`.
    case startingTLS(Hello)
    /// A mail transaction. To `content` by DATA, to `chunk` by BDAT, to `ready` by RSET, HELO and
    /// EHLO.
    case mail(Hello, Envelope)
    /// The content of a message after DATA. To `storing` by its end, or to `ready` if it is refused.
    case content(Hello, Content, EndOfDataReader)
    /// A chunk after BDAT. To `chunks` by its end; by that of the last to `storing`, or to `ready` if
    /// the message is refused.
    case chunk(Hello, Chunks, remaining: Int, isLast: Bool)
    /// Between two chunks. To `chunk` by BDAT, to `ready` by RSET, HELO and EHLO.
    case chunks(Hello, Chunks)
    /// The caller stores the message. To `ready` by `stored` and `storeFailed`.
    case storing(Hello)
    /// The session is over.
    case closed
  }

  let configuration: Configuration
  let isTLS: Bool
  private var lines = LineReader()
  var state = State.start
  /// Octets of a refused chunk that are still to come, which are passed over.
  var refusedOctets = 0
  /// Commands since a message was stored that have not helped to send one.
  var idleCommands = 0
  /// Mail transactions so far.
  var transactions = 0

  /// The reply, mostly a 421, with which the machine has ended the session; nil if it has not.
  public private(set) var dismissal: Reply?
  /// 5xx replies so far.
  public internal(set) var errors = 0
  /// Messages stored so far.
  public private(set) var messages = 0

  /// Who has authenticated; nil if nobody has.
  public internal(set) var login: [UInt8]?
  /// Failed authentications so far.
  public private(set) var failures = 0

  /// `isTLS` says whether TLS protects the session.
  public init(configuration: Configuration, isTLS: Bool) {
    self.configuration = configuration
    self.isTLS = isTLS
  }

  /// Writes the greeting. To be called once, first.
  public func greet(into output: inout [UInt8]) {
    output.append("220 ")
    output += configuration.hostname
    output.append(" ESMTP Postern\r\n")
  }

  /// Writes what a client gets that has spoken before it was greeted, instead of the greeting.
  public mutating func refuseEarlyTalker(into output: inout [UInt8]) {
    dismiss(.spokeFirst)
    output.append(.spokeFirst)
  }

  /// Goes on with `input`: what the last call has not consumed, and what has arrived since.
  public mutating func advance(_ input: Span<UInt8>, into output: inout [UInt8]) -> Step {
    var position = 0
    while true {
      if output.count >= Self.outputLimit {
        return Step(.flush, consumed: position, isProgress: position > 0)
      }
      if refusedOctets > 0 {
        let passedOver = min(refusedOctets, input.count - position)
        refusedOctets -= passedOver
        position += passedOver
        if refusedOctets > 0 {
          return Step(.needInput, consumed: position, isProgress: passedOver > 0)
        }
      }
      switch state {
      case .content(let hello, let content, let reader):
        if let step = advance(hello, content, reader, input, &position, into: &output) {
          return step
        }
      case .chunk(let hello, let chunks, let remaining, let isLast):
        if let step = advance(
          hello, chunks, remaining, isLast: isLast, input, &position, into: &output)
        {
          return step
        }
      case .start, .ready, .mail, .chunks:
        switch lines.next(in: input, from: position) {
        case .line(let line, let next):
          position = next
          let isLast = next == input.count
          if let action = execute(input.extracting(line), at: line, isLast, into: &output) {
            return Step(action, consumed: position)
          }
        case .fault(let reply, let next):
          if reply == .bdatSyntax { dismiss(reply) }
          let action = refuse(reply, command: nil, into: &output)
          return Step(action, consumed: next)
        case .needInput(let keep):
          return Step(.needInput, consumed: keep, isProgress: position > 0)
        }
      case .authenticating(let hello, let exchange):
        switch lines.next(in: input, from: position, isResponse: true) {
        case .line(let line, let next):
          position = next
          if let action = respond(input, line, exchange, hello, into: &output) {
            return Step(action, consumed: position)
          }
        case .fault(let reply, let next):
          state = .ready(hello)
          return Step(refuse(reply, command: nil, into: &output), consumed: next)
        case .needInput(let keep):
          return Step(.needInput, consumed: keep, isProgress: position > 0)
        }
      case .storing, .verifying, .startingTLS:
        preconditionFailure("the caller has not said how its part ended")
      case .closed:
        return Step(.close, consumed: input.count)
      }
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
    idleCommands = 0
    output.append("250 2.0.0 OK: stored as ")
    output += id
    output.append("\r\n")
  }

  /// The open message cannot be stored and is gone. While content arrives the rest of it is
  /// passed over, and the reply follows at its end.
  public mutating func storeFailed(_ failure: StoreFailure, into output: inout [UInt8]) {
    switch state {
    case .content(let hello, var content, let reader):
      content.fail(failure)
      state = .content(hello, content, reader)
    case .chunk(let hello, var chunks, let remaining, let isLast):
      chunks.content.fail(failure)
      state = .chunk(hello, chunks, remaining: remaining, isLast: isLast)
    case .storing(let hello):
      state = .ready(hello)
      output.append(failure.reply)
    case .start, .ready, .authenticating, .verifying, .startingTLS, .mail, .chunks, .closed:
      preconditionFailure("no message is open")
    }
  }

  /// What became of credentials.
  public enum Verdict: Sendable {
    case accepted
    case denied
    /// They could not be verified.
    case unavailable
  }

  /// What is to be verified; nil where nothing is.
  public var credentials: Credentials? {
    guard case .verifying(_, let credentials) = state else { return nil }
    return credentials
  }

  /// Ends what `verify` began. The password is overwritten: the caller is to hold no copy.
  public mutating func verified(_ verdict: Verdict, into output: inout [UInt8]) {
    guard case .verifying(let hello, var credentials) = state else {
      preconditionFailure("nobody is to be verified")
    }
    state = .ready(hello)
    credentials.password.wipe()
    switch verdict {
    case .accepted:
      login = credentials.login
      output.append(.authenticated)
    case .denied: fail(.authenticationFailed, into: &output)
    case .unavailable: fail(.authenticationUnavailable, into: &output)
    }
  }

  /// Answers an authentication that has failed; the last that a session may have ends it. One that nobody
  /// could verify counts as well: it costs more than one that is denied.
  private mutating func fail(_ reply: Reply, into output: inout [UInt8]) {
    failures += 1
    if failures < Self.maximumFailures {
      _ = refuse(reply, command: nil, into: &output)
    } else {
      dismiss(.tooManyFailures)
      output.append(.tooManyFailures)
    }
  }

  /// Ends the session on the machine's side; `reply`, a 421, is to be written.
  mutating func dismiss(_ reply: Reply) {
    state = .closed
    refusedOctets = 0
    dismissal = reply
  }

  /// Ends what `startTLS` began. Where it is possible, the caller writes the output and hands the
  /// connection over; this session is at its end.
  public mutating func startTLS(isPossible: Bool, into output: inout [UInt8]) {
    guard case .startingTLS(let hello) = state else { preconditionFailure("no TLS was asked for") }
    state = isPossible ? .closed : .ready(hello)
    output.append(isPossible ? .startTLS : .noTLS)
  }

  /// Ends the session from outside with `reply`, a 421. An open message is to be dropped.
  public mutating func interrupt(_ reply: Reply, into output: inout [UInt8]) {
    state = .closed
    output.append(reply)
  }
}

extension Session {
  /// Whether content is arriving.
  public var isReceivingContent: Bool {
    switch state {
    case .content, .chunk: true
    case .start, .ready, .authenticating, .verifying, .startingTLS, .mail, .chunks, .storing,
      .closed:
      false
    }
  }
}

extension Session.StoreFailure {
  var reply: Reply {
    switch self {
    case .noSpace: .noSpace
    case .other: .notStored
    }
  }
}
