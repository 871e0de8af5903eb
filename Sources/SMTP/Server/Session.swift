// The server's side of an SMTP session as a pure machine: RFC 5321, with PIPELINING (RFC 2920),
// SIZE (RFC 1870), 8BITMIME (RFC 6152), ENHANCEDSTATUSCODES (RFC 2034), AUTH (RFC 4954), STARTTLS
// (RFC 3207), CHUNKING and BINARYMIME (RFC 3030), SMTPUTF8 (RFC 6531) and LIMITS (RFC 9422).
//
// The caller hands over what has arrived and does the one action that it gets back, in a loop. The
// machine knows no file, no clock and no peer. Its laws, each of which a test checks:
//
// - How the input was cut never matters: the same octets give the same replies and messages.
// - Content is not copied: it comes back as ranges of the input.
// - Every command line gets one reply, and so does every content; nothing else does.
// - What was sent as content is never read as a command: after DATA only CR LF "." CR LF leads back to
//   commands, and after BDAT only the end of the octets that it announced, accepted or not.
//
// Commands are in SessionCommands.swift, content is in SessionContent.swift.

public struct Session: Sendable {
  /// The one thing that the caller does before it calls `advance` again.
  public enum Action: Sendable {
    /// Nothing was dealt with: write the output, and bring more input. What stands from `position` on is needed
    /// again.
    case needInput
    /// Nothing: commands or a piece of content were dealt with.
    case proceed
    /// Write the output: it has grown to `Session.outputLimit`.
    case flush
    /// Make a message for this envelope. If anything fails from here on, call `storeFailed`.
    indirect case open(Envelope, Hello)
    /// Append these octets of the input to the open message.
    case append(Range<Int>)
    /// Append CR LF to the open message, in the place of a bare LF.
    case appendLineEnd
    /// Make the open message durable, then call `stored` or `storeFailed`.
    case commit
    /// Drop the open message.
    case abort
    /// Find out whether `credentials` are right, then call `verified`; if they are not, after a delay.
    case verify
    /// Find out whether TLS can be started, then call `startTLS`.
    case startTLS
    /// Something was refused with this reply, which is in the output: log it. `command` is the part of the
    /// input that may be shown in a log; it is empty where that might hold content or a password.
    case refused(Reply, command: Range<Int>)
    /// Write the output and end the session.
    case close
  }

  /// Why a message could not be stored.
  public enum StoreFailure: Sendable {
    case noSpace
    case other
  }

  /// `advance` asks for the output to be written when it has this many octets or more.
  public static let outputLimit = 61_440
  /// What the caller's input buffer must be able to hold, in octets: the longest command line.
  public static let minimumInput = LineReader.authenticationLimit
  /// Failed authentications that a session may have; the last ends it.
  static let maximumFailures = 3

  enum State {
    /// No mail transaction, and before HELO or EHLO (`hello` is nil) none can begin. To `mail` by MAIL, to
    /// `authenticating` or `verifying` by AUTH, to `startingTLS` by STARTTLS.
    case ready
    /// A response to AUTH is to come. To `verifying`, or to `ready` if it is refused.
    case authenticating(AuthenticationExchange)
    /// The caller verifies who this is. To `ready`, or to `closed`, by `verified`.
    case verifying(Credentials)
    /// The caller sees whether TLS can be started. To `closed`, or back to `ready`, by `startTLS`.
    case startingTLS
    /// A mail transaction. To `content` by DATA, to `chunk` by BDAT, to `ready` by RSET, HELO and
    /// EHLO.
    indirect case mail(Envelope)
    /// The content of a message after DATA. To `storing` by its end, or to `ready` if it is refused.
    case content(Content, EndOfDataReader)
    /// A chunk after BDAT. To `chunks` by its end; by the end of the last to `storing`, or to `ready` if
    /// the message is refused.
    case chunk(Chunks, remaining: Int, isLast: Bool)
    /// Between two chunks. To `chunk` by BDAT, to `ready` by RSET, HELO and EHLO.
    case chunks(Chunks)
    /// The caller stores the message. To `ready` by `stored` and `storeFailed`.
    case storing
    /// The session is over.
    case closed
  }

  let configuration: Configuration
  let isTLS: Bool
  private var lines = LineReader()
  var state = State.ready
  /// How the client has introduced itself; nil until it has.
  var hello: Hello?
  /// Octets of a refused chunk that are still to come, which are passed over.
  var refusedOctets = 0
  /// Commands since a message was stored that have not helped to send one.
  var idleCommands = 0
  /// Mail transactions so far.
  var transactions = 0

  /// The reply, mostly a 421, with which the server has ended the session; nil if it has not.
  public private(set) var dismissal: Reply?
  /// 5xx replies so far.
  public private(set) var errors = 0
  /// Messages stored so far.
  public private(set) var messages = 0

  /// Who has authenticated; nil if nobody has.
  public private(set) var login: [UInt8]?
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
    output.append(dismiss(.spokeFirst))
  }

  /// Goes on with `input` from `position` on, and moves `position` behind what is done with.
  public mutating func advance(
    _ input: Span<UInt8>, _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    if output.count >= Self.outputLimit { return .flush }
    if refusedOctets > 0 { return passOver(input, &position) }
    switch state {
    case .ready, .mail, .chunks, .authenticating:
      return advanceLines(input, &position, into: &output)
    case .content, .chunk: return advanceContent(input, &position, into: &output)
    case .storing, .verifying, .startingTLS:
      preconditionFailure("the caller has not said how its part ended")
    case .closed:
      position = input.count
      return .close
    }
  }

  /// Goes on with command lines or responses to AUTH.
  private mutating func advanceLines(
    _ input: Span<UInt8>, _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    var hasProceeded = false
    while true {
      switch lines.next(in: input, from: position, isResponse: isAuthenticating) {
      case .line(let line, let next):
        position = next
        let action =
          isAuthenticating
          ? respond(input, line, into: &output)
          : execute(input, line, isLast: next == input.count, into: &output)
        guard case .proceed = action, expectsLine, output.count < Self.outputLimit else {
          return action
        }
        hasProceeded = true
      case .fault(let reply, let next):
        position = next
        if isAuthenticating { state = .ready }
        if reply == .bdatSyntax { dismiss(reply) }
        return refuse(reply, into: &output)
      case .needInput(let keep):
        position = keep
        return hasProceeded ? .proceed : .needInput
      }
    }
  }

  private var expectsLine: Bool {
    switch state {
    case .ready, .mail, .chunks, .authenticating: true
    case .verifying, .startingTLS, .content, .chunk, .storing, .closed: false
    }
  }

  private var isAuthenticating: Bool {
    if case .authenticating = state { return true }
    return false
  }

  /// Passes over what has come of a refused chunk.
  private mutating func passOver(_ input: Span<UInt8>, _ position: inout Int) -> Action {
    let count = min(refusedOctets, input.count - position)
    if count == 0 { return .needInput }
    refusedOctets -= count
    position += count
    return .proceed
  }

  /// Answers with a 4xx or 5xx or, where the budget of errors is spent, with the 421 that ends the session.
  mutating func refuse(
    _ reply: Reply, command: Range<Int> = 0..<0, into output: inout [UInt8]
  ) -> Action {
    var reply = reply
    if reply.isPermanentFailure {
      if errors >= configuration.maximumErrors {
        reply = dismiss(.tooManyErrors)
      } else {
        errors += 1
      }
    }
    output.append(reply)
    return .refused(reply, command: command)
  }

  /// Ends the session on the machine's side. Gives `reply`, mostly a 421, which is to be written.
  @discardableResult
  mutating func dismiss(_ reply: Reply) -> Reply {
    state = .closed
    refusedOctets = 0
    dismissal = reply
    return reply
  }
}

// What the caller has to say.
extension Session {
  /// The message is durable under the name `id`.
  public mutating func stored(as id: [UInt8], into output: inout [UInt8]) {
    guard case .storing = state else { preconditionFailure("no message is stored") }
    state = .ready
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
    case .content(var content, let reader):
      content.fail(failure)
      state = .content(content, reader)
    case .chunk(var chunks, let remaining, let isLast):
      chunks.content.fail(failure)
      state = .chunk(chunks, remaining: remaining, isLast: isLast)
    case .storing:
      state = .ready
      output.append(failure.reply)
    case .ready, .authenticating, .verifying, .startingTLS, .mail, .chunks, .closed:
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
    guard case .verifying(let credentials) = state else { return nil }
    return credentials
  }

  /// Ends what `verify` began. The password is overwritten: the caller must not hold a copy.
  public mutating func verified(_ verdict: Verdict, into output: inout [UInt8]) {
    guard case .verifying(var credentials) = state else {
      preconditionFailure("nobody is to be verified")
    }
    state = .ready  // which leaves the only copy of the password here
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
      _ = refuse(reply, into: &output)
    } else {
      output.append(dismiss(.tooManyFailures))
    }
  }

  /// Ends what `startTLS` began. Where it is possible, the caller writes the output and hands the
  /// connection over; this session is at its end.
  public mutating func startTLS(isPossible: Bool, into output: inout [UInt8]) {
    guard case .startingTLS = state else { preconditionFailure("no TLS was asked for") }
    state = isPossible ? .closed : .ready
    output.append(isPossible ? .startTLS : .noTLS)
  }

  /// Ends the session from outside with `reply`, a 421. The caller drops an open message.
  public mutating func interrupt(_ reply: Reply, into output: inout [UInt8]) {
    output.append(dismiss(reply))
  }

  /// Whether content is arriving.
  public var isReceivingContent: Bool {
    switch state {
    case .content, .chunk: true
    case .ready, .authenticating, .verifying, .startingTLS, .mail, .chunks, .storing, .closed: false
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
