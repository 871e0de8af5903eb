// The server's side of an SMTP session as a pure machine: RFC 5321, with PIPELINING (RFC 2920),
// SIZE (RFC 1870), 8BITMIME (RFC 6152), ENHANCEDSTATUSCODES (RFC 2034), AUTH (RFC 4954), STARTTLS
// (RFC 3207), CHUNKING and BINARYMIME (RFC 3030), SMTPUTF8 (RFC 6531) and LIMITS (RFC 9422).
//
// The caller runs a loop: it calls `advance` with the input that has arrived, and carries out the one action that
// `advance` returns. Replies are appended to an output buffer, which the caller sends when an action says so. The
// machine knows no file, no clock and no peer. These laws hold, and a test checks each of them:
//
// - The same octets give the same replies and messages, whatever pieces they arrive in.
// - Content is not copied: the machine returns it as ranges of the input.
// - Each command line gets one reply, the content after DATA gets one more, and a chunk and its BDAT get one reply
//   together. The greeting and the reply that ends a session are the only others.
// - Content is never read as commands. After DATA only CR LF "." CR LF leads back to commands, and after BDAT only the
//   end of the octets that it announced, even if they are refused.
//
// SessionCommands.swift contains the commands, SessionContent.swift the content of messages, and SessionFilters.swift what
// filters are asked.

import Octets

public struct Session: Sendable {
  /// The one thing that the caller does before it calls `advance` again.
  public enum Action: Sendable {
    /// Write the output, then bring more input. Keep the input from `position` on, because it is needed again.
    /// Since the last action no command and no content was complete enough to be processed.
    case needInput
    /// Do nothing, and call `advance` again: commands or a piece of content have been processed.
    case proceed
    /// Write the output, because it has grown to `Session.outputLimit`.
    case flush
    /// Open a message for this envelope. If opening it, or a later step of storing it, fails, call `storeFailed`.
    indirect case open(Envelope, Hello)
    /// Append these octets of the input to the open message.
    case append(Range<Int>)
    /// Append CR LF to the open message. The client sent a bare LF, which is replaced.
    case appendLineEnd
    /// Make the open message durable, then call `stored` or `storeFailed`.
    case commit
    /// Drop the open message.
    case abort
    /// Find out where the mail for `routedMailbox` goes, then call `routed`. `command` is as in `refused`.
    case route(command: Range<Int>)
    /// Ask the filters about `filterQuestion`, then call `filtered`.
    case filter
    /// Find out whether `credentials` are right, then call `verified`. If they are wrong, wait before that call.
    case verify
    /// Find out whether TLS can be started, then call `startTLS`.
    case startTLS
    /// Log that something was refused. The reply is in the output already. `command` is the part of the input that
    /// may be shown in a log; it is empty if the input might contain content or a password.
    case refused(Reply, command: Range<Int>)
    /// Write the output and end the session.
    case close
  }

  /// Why a message could not be stored.
  public enum StoreFailure: Sendable {
    case noSpace
    case other
  }

  /// When the output has this many octets or more, `advance` returns `flush`.
  public static let outputLimit = 61_440
  /// The least size of the caller's input buffer in octets: it must hold the longest command line.
  public static let minimumInput = LineReader.authenticationLimit
  /// The failed authentication with this number ends the session.
  static let maximumFailures = 3

  /// STATES.md beside this file has a drawing of the states.
  enum State: Sendable {
    /// There is no mail transaction. Before HELO or EHLO (`hello` is nil) none can begin. Next: `mail` after MAIL,
    /// `authenticating` or `verifying` after AUTH, `startingTLS` after STARTTLS.
    case ready
    /// The client has to send a response for AUTH. Next: `verifying`, or `ready` if the response is refused.
    case authenticating(AuthenticationExchange)
    /// The caller verifies the credentials, and then calls `verified`. Next: `ready`, or `closed` after too many
    /// failures.
    case verifying(Credentials)
    /// The caller finds out whether TLS can be started, and then calls `startTLS`. Next: `closed` if it can, since a
    /// new session follows under TLS, and otherwise `ready`.
    case startingTLS
    /// A mail transaction, before any content. Next: `routing` after RCPT where the caller routes, `content` after
    /// DATA, `chunk` after BDAT, `ready` after RSET, HELO or EHLO.
    indirect case mail(Envelope)
    /// The caller finds out where the mail for a recipient goes, and then calls `routed`. Next: `mail`.
    indirect case routing(Envelope, Mailbox, Recipient.DeliveryStatus)
    /// The caller asks its filters, and then calls `filtered`. Next: the state that the command leads to, or the one that
    /// goes with the question.
    indirect case filtering(FilterQuestion, refused: State)
    /// The filters have let content begin. Next: `content`, or `chunk` where one was announced.
    indirect case opening(Envelope, ChunkArguments?)
    /// The content after DATA is arriving. Next, at its end: `storing`, or `ready` if the message is refused.
    case content(Content, EndOfDataReader)
    /// A chunk after BDAT is arriving. Next, at its end: `chunks`. At the end of the last chunk: `storing`, or `ready`
    /// if the message is refused.
    case chunk(Chunks, remaining: Int, isLast: Bool)
    /// Between two chunks. Next: `chunk` after BDAT, `ready` after RSET, HELO or EHLO.
    case chunks(Chunks)
    /// The caller makes the message durable, and then calls `stored` or `storeFailed`. Next: `ready`.
    case storing
    /// The session is over.
    case closed
  }

  let configuration: Configuration
  let isTLS: Bool
  private var lines = LineReader()
  var state = State.ready
  /// The last HELO or EHLO of the client; nil until it has sent one.
  var hello: Hello?
  /// How many octets of a refused chunk are still to come. They are ignored.
  var refusedOctets = 0
  /// How many commands that do not help to send a message have come since the last message was stored.
  var idleCommands = 0
  /// Mail transactions so far.
  var transactions = 0
  /// The parameters of the last MAIL or RCPT as they were written, for filters.
  public internal(set) var filterParameters: [[UInt8]] = []

  /// The reply, mostly a 421, with which the server has ended the session; nil if the server has not ended it.
  public private(set) var dismissal: Reply?
  /// 5xx replies so far.
  public private(set) var errors = 0
  /// Messages stored so far.
  public private(set) var messages = 0

  /// Who has authenticated; nil if nobody has.
  public private(set) var login: [UInt8]?
  /// How; nil if nobody has.
  public private(set) var mechanism: Mechanism?
  /// The reverse-paths that the login may use; nil: any.
  var senders: AllowedSenders?
  /// Failed authentications so far.
  public private(set) var failures = 0

  /// `isTLS` says whether TLS protects the session.
  public init(configuration: Configuration, isTLS: Bool) {
    self.configuration = configuration
    self.isTLS = isTLS
  }

  /// Writes the greeting. Call this once, before anything else.
  public func greet(into output: inout [UInt8]) {
    output.append("220 ")
    output += configuration.hostname
    output.append(" ESMTP Postern\r\n")
  }

  /// Ends the session of a client that spoke before the greeting. Call this instead of `greet`.
  public mutating func refuseEarlyTalker(into output: inout [UInt8]) {
    output.append(dismiss(.spokeFirst))
  }

  /// Processes `input` from `position` on, until there is something for the caller to do. Moves `position` behind the
  /// input that has been processed. Appends replies to `output`.
  public mutating func advance(
    _ input: Span<UInt8>, _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    if output.count >= Self.outputLimit { return .flush }
    if refusedOctets > 0 { return passOver(input, &position) }
    switch state {
    case .ready, .mail, .chunks, .authenticating:
      return advanceLines(input, &position, into: &output)
    case .content, .chunk: return advanceContent(input, &position, into: &output)
    case .filtering: return .filter
    case .opening(let envelope, let chunk): return open(envelope, chunk, into: &output)
    case .storing, .verifying, .startingTLS, .routing:
      preconditionFailure("the caller has not said how its part ended")
    case .closed:
      position = input.count
      return .close
    }
  }

  /// Processes command lines, or responses to AUTH.
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
    case .verifying, .startingTLS, .routing, .filtering, .opening, .content, .chunk, .storing,
      .closed:
      false
    }
  }

  private var isAuthenticating: Bool {
    if case .authenticating = state { return true }
    return false
  }

  /// Ignores those octets of a refused chunk that have arrived.
  private mutating func passOver(_ input: Span<UInt8>, _ position: inout Int) -> Action {
    let count = min(refusedOctets, input.count - position)
    if count == 0 { return .needInput }
    refusedOctets -= count
    position += count
    return .proceed
  }

  /// Answers with `reply`, a 4xx or 5xx. If it is a 5xx and the client has had as many of them as it may, answers with
  /// a 421 that ends the session instead.
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

  /// Moves to `closed` because the server ends the session. Returns `reply`, mostly a 421, for the caller to write.
  @discardableResult
  mutating func dismiss(_ reply: Reply) -> Reply {
    state = .closed
    refusedOctets = 0
    dismissal = reply
    return reply
  }
}

// What the caller calls to report how an action ended, or to end the session.
extension Session {
  /// Reports, after `commit`, that the message `id` is durable. This adds its 250 to the output.
  public mutating func stored(as id: [UInt8], into output: inout [UInt8]) {
    guard case .storing = state else { preconditionFailure("no message is stored") }
    state = .ready
    messages += 1
    idleCommands = 0
    output.append("250 2.0.0 OK: stored as ")
    output += id
    output.append("\r\n")
  }

  /// Reports that the open message could not be stored and was dropped. If content is still arriving, the rest of it
  /// is ignored, and the client gets the reply at its end.
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
    case .ready, .authenticating, .verifying, .startingTLS, .mail, .routing, .filtering, .opening,
      .chunks, .closed:
      preconditionFailure("no message is open")
    }
  }

  /// The result of verifying credentials.
  public enum Verdict: Sendable {
    case accepted
    case denied
    /// They could not be verified.
    case unavailable
  }

  /// The credentials that the caller has to verify; nil except after `verify`.
  public var credentials: Credentials? {
    guard case .verifying(let credentials) = state else { return nil }
    return credentials
  }

  /// Reports the result of `verify`. The password is overwritten here, so the caller must not keep a copy. `senders` says
  /// which reverse-paths the login may use; nil: any.
  public mutating func verified(
    _ verdict: Verdict, senders: AllowedSenders? = nil, into output: inout [UInt8]
  ) {
    guard case .verifying(var credentials) = state else {
      preconditionFailure("nobody is to be verified")
    }
    state = .ready  // which leaves the only copy of the password here
    credentials.password.wipe()
    switch verdict {
    case .accepted:
      login = credentials.login
      mechanism = credentials.mechanism
      self.senders = senders
      output.append(.authenticated)
    case .denied: fail(.authenticationFailed, into: &output)
    case .unavailable: fail(.authenticationUnavailable, into: &output)
    }
  }

  /// Answers a failed authentication, and ends the session after too many. An authentication that could not be verified
  /// counts as failed too, because it costs the server at least as much.
  private mutating func fail(_ reply: Reply, into output: inout [UInt8]) {
    failures += 1
    if failures < Self.maximumFailures {
      _ = refuse(reply, into: &output)
    } else {
      output.append(dismiss(.tooManyFailures))
    }
  }

  /// Where the mail for a recipient goes.
  public enum Route: Sendable {
    /// The mail directory.
    case local
    /// The queue, whoever sends it.
    case queue
    /// Another host: the queue, if the client may relay.
    case foreign
    /// There is no such mailbox.
    case unknown
    /// A mailing list, to which this sender may not post.
    case closedList
    /// The recipient is refused with this code, a 4xx or 5xx, and this text in printable ASCII.
    case refused(code: Int, EnhancedStatusCode, [UInt8])
    /// A line of the configuration is about the recipient, and is wrong.
    case faulty
    /// It could not be found out.
    case unavailable
  }

  /// The recipient that the caller has to route; nil except after `route`.
  public var routedMailbox: Mailbox? {
    guard case .routing(_, let mailbox, _) = state else { return nil }
    return mailbox
  }

  /// Whether the mail transaction of `routedMailbox` has SMTPUTF8.
  public var isRoutingUTF8: Bool {
    guard case .routing(let envelope, _, _) = state else { return false }
    return envelope.isUTF8
  }

  /// Who sends to `routedMailbox`.
  public var routedSender: ReversePath? {
    guard case .routing(let envelope, _, _) = state else { return nil }
    return envelope.reversePath
  }

  /// Reports the result of `route`. Returns the reply, if it refuses the recipient.
  public mutating func routed(_ route: Route, into output: inout [UInt8]) -> Reply? {
    guard case .routing(let envelope, let mailbox, let status) = state else {
      preconditionFailure("no recipient is to be routed")
    }
    state = .mail(envelope)
    do throws(Reply) {
      if let reply = try add(mailbox, status, route) { output.append(reply) }
      return nil
    } catch {
      let start = output.count
      guard case .refused(let reply, _) = refuse(error, into: &output) else { return nil }
      if reply == error, case .refused(let code, let status, let text) = route {
        output.replaceSubrange(
          start..., with: Array("\(code) ".utf8) + status.octets + [.space] + text)
        output.append("\r\n")
      }
      return reply
    }
  }

  /// Reports whether TLS can be started, after the action `startTLS`. If it can, this session ends: the caller writes
  /// the output and hands the connection over to stunnel.
  public mutating func startTLS(isPossible: Bool, into output: inout [UInt8]) {
    guard case .startingTLS = state else { preconditionFailure("no TLS was asked for") }
    state = isPossible ? .closed : .ready
    output.append(isPossible ? .startTLS : .noTLS)
  }

  /// Ends the session with `reply`, a 421, for a reason that only the caller knows, such as a timeout. The caller must
  /// drop an open message.
  public mutating func interrupt(_ reply: Reply, into output: inout [UInt8]) {
    output.append(dismiss(reply))
  }

  /// Whether the client may relay, and reports are made as it asks.
  public var mayRelay: Bool {
    login != nil && !configuration.acceptsAnyLogin || configuration.isSubmission
  }

  /// Whether content is arriving.
  public var isReceivingContent: Bool {
    switch state {
    case .content, .chunk: true
    case .ready, .authenticating, .verifying, .startingTLS, .mail, .routing, .filtering, .opening,
      .chunks, .storing, .closed:
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
