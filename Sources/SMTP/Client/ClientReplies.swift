// What the server's replies mean for the client: RFC 5321 §4.3.2. A reply is read by ReplyReader.swift.

extension ClientSession {
  /// Takes a whole reply. Gives what the caller is to do about it, if anything.
  mutating func takeReply(into output: inout [UInt8]) -> Action? {
    replies += 1
    guard owed > 0 else { return takeUnexpectedReply() }
    owed -= 1
    switch state {
    case .greeting: takeGreeting(into: &output)
    case .hello, .plainHello: takeHello(into: &output)
    case .startingTLS: takeStartTLS(into: &output)
    case .authenticating(let step): takeAuthentication(step, into: &output)
    case .envelope: return takeEnvelope(into: &output)
    case .content: takeChunk()
    case .endOfData: return takeEndOfData()
    case .resetting: takeReset()
    case .handover, .ready, .closed: preconditionFailure("the server owes nothing")
    }
    return nil
  }

  /// The first digit of the reply's code.
  var replyClass: Int { reader.code / 100 }

  /// The reply as a verdict.
  private func verdict(_ scope: Verdict.Scope) -> Verdict {
    let outcome: Verdict.Outcome =
      switch replyClass {
      case 2: .delivered
      case 5: .refused
      default: .deferred
      }
    return Verdict(
      outcome, reader.code == 421 && completed == 0 ? .destination : scope, code: reader.code,
      reader.status ?? EnhancedStatusCode(replyClass, 0, 0), reader.text)
  }

  /// Ends the session by a reply that refuses more than a message, which says nothing about other hosts and
  /// other times: whatever it is, what was to be sent is deferred.
  private mutating func failByReply(quits: Bool = true) {
    guard replyClass >= 4 else { return fail(.protocolError, quits: false) }
    var verdict = verdict(.destination)
    verdict.outcome = .deferred
    // The server has ended the session itself by a 421 (RFC 5321 §3.8).
    fail(verdict, quits: quits && reader.code != 421)
  }

  /// A reply that answers nothing. The server may say at any time that it ends the session, and while the
  /// message is sent it may refuse it: in LMTP for the first recipient, since each has a reply.
  private mutating func takeUnexpectedReply() -> Action? {
    if state == .content, replyClass >= 4, configuration.isLMTP,
      let recipient = delivery.firstAccepted
    {
      let verdict = verdict(.recipient)
      _ = delivery.settle(recipient)
      failByReply(quits: false)
      return .settled(recipient: recipient, verdict)
    }
    if state == .content, replyClass >= 4 {
      delivery.settleAll(verdict(.message))
      failByReply(quits: false)
    } else if reader.code == 421 {
      failByReply()
    } else {
      fail(.unexpectedReply, quits: false)
    }
    return nil
  }

  private mutating func takeGreeting(into output: inout [UInt8]) {
    replyClass == 2 ? sayHello(into: &output) : failByReply()
  }

  /// The reply to EHLO, LHLO or HELO. A server that does not know EHLO gets HELO, but not inside of TLS,
  /// where it has known EHLO before.
  private mutating func takeHello(into output: inout [UInt8]) {
    if replyClass == 2 { return startTLSOrAuthenticate(into: &output) }
    extensions = ServerExtensions()
    if state == .hello, replyClass == 5, !configuration.isLMTP, protection == .none {
      say("HELO ", configuration.hostname, as: .plainHello, into: &output)
    } else {
      failByReply()
    }
  }

  private mutating func startTLSOrAuthenticate(into output: inout [UInt8]) {
    if configuration.startTLS == .verified, protection == .encrypted {
      fail(.tlsFailed, quits: true)
    } else if protection != .none || configuration.startTLS == .never {
      authenticate(into: &output)
    } else if extensions.hasStartTLS {
      say("STARTTLS", as: .startingTLS, into: &output)
    } else if configuration.requiresTLS {
      fail(.tlsNotOffered, quits: true)
    } else {
      authenticate(into: &output)
    }
  }

  /// RFC 3207 §4. What stands behind the reply was put there in clear text, to be taken for something that
  /// TLS protects (CVE-2011-0411).
  private mutating func takeStartTLS(into output: inout [UInt8]) {
    if reader.code == 220 {
      if hasMoreInput { fail(.inputBehindStartTLS, quits: false) } else { state = .handover }
    } else if replyClass < 4 || reader.code == 421 || configuration.requiresTLS {
      failByReply()
    } else {
      authenticate(into: &output)
    }
  }

  /// RFC 4954 §4. Who is let in is the server's business and may be set right: that no password was
  /// accepted is never the recipients' fault.
  private mutating func takeAuthentication(
    _ step: AuthenticationStep, into output: inout [UInt8]
  ) {
    switch (step, replyClass) {
    case (_, 3) where hasMoreInput: fail(.unexpectedReply, quits: false)
    case (.login, 3): sayLogin(into: &output)
    case (.name, 3): sayPassword(into: &output)
    case (.password, 2): becomeReady()
    // The server offers PLAIN and does not have it (RFC 4954 §4).
    case (.password, 5)
    where reader.code == 504 && !hasTriedLogin && extensions.hasAuthenticationLogin:
      sayAuthenticationLogin(into: &output)
    case (_, 4), (_, 5): failByReply()
    // A challenge that cannot be answered would take QUIT for a response.
    case (.login, _), (.name, _), (.password, _): fail(.protocolError, quits: false)
    }
  }

  /// The reply to MAIL, RCPT or DATA.
  private mutating func takeEnvelope(into output: inout [UInt8]) -> Action? {
    let command = delivery.toAnswer
    delivery.toAnswer = delivery.command(after: command)
    if reader.code == 421 {
      completed > 0 ? endForAnother(quits: false) : failByReply()
    } else if command == delivery.data {
      takeData(into: &output)
    } else if replyClass == 3 {
      fail(.protocolError, quits: false)
    } else if command == 0 {
      takeMail()
    } else {
      return takeRecipient(command - 1)
    }
    return nil
  }

  /// The reply to MAIL. That the server defers one behind others is how it says that a session has mails enough, unless
  /// it is about the address.
  private mutating func takeMail() {
    if replyClass == 2 {
      delivery.isTaken = true
    } else if replyClass == 4, completed > 0, reader.status?.subject != 1 {
      delivery.postponeAll()
      needsAnotherSession = true
    } else {
      delivery.settleAll(verdict(.message))
    }
  }

  private mutating func takeRecipient(_ recipient: Int) -> Action? {
    if replyClass == 2 {
      delivery.accept(recipient)
      return nil
    }
    guard delivery.settle(recipient) else { return nil }
    if delivery.accepted > 0, saysLimit {
      delivery.limit = delivery.accepted
      return .postponed(recipient: recipient)
    }
    // The first recipient of a transaction is one too many only for a session that has had others.
    if completed > 0, saysLimit {
      needsAnotherSession = true
      return .postponed(recipient: recipient)
    }
    var verdict = verdict(.recipient)
    if replyClass == 5, saysLimit { verdict.outcome = .deferred }
    return .settled(recipient: recipient, verdict)
  }

  /// Whether the reply to RCPT may say that there are recipients enough: RFC 5321 §4.5.3.1.10, which wants 552 to be read
  /// as 452. Other servers say 450 4.7.0, or 550 5.5.3. The codes have other meanings, too, which an enhanced status
  /// code shows.
  private var saysLimit: Bool {
    guard let status = reader.status else {
      return reader.code == 452 || reader.code == 552 && delivery.accepted > 0
    }
    if status.subject == 5, status.detail == 3 { return true }
    return replyClass == 4 && status.subject == 7 && status.detail == 0
  }

  private mutating func takeData(into output: inout [UInt8]) {
    if let limit = delivery.limit { learnedLimit = min(learnedLimit, limit) }
    if replyClass == 2 || replyClass == 3 && delivery.accepted == 0 && configuration.isLMTP {
      fail(.protocolError, quits: false)
    } else if replyClass == 3, delivery.accepted == 0 {
      // The server wants a message although it has accepted no recipient (RFC 2920 §3.1). An empty one is
      // sent, and its reply is ignored.
      say(".", as: .endOfData, into: &output)
    } else if replyClass == 3 {
      state = .content
    } else if extensions.hasPipelining, delivery.accepted > 0 {
      delivery.refusal = verdict(.message)
      say("RSET", as: .resetting, into: &output)
    } else {
      delivery.settleAll(verdict(.message))
    }
  }

  /// The reply to a chunk that is not the last.
  private mutating func takeChunk() {
    if replyClass == 2 { return }
    if replyClass == 3 { return fail(.protocolError, quits: false) }
    delivery.needsReset = true
    delivery.settleAll(verdict(.message))
    // No RFC says how many replies an LMTP server gives to the chunks that follow.
    if reader.code == 421 || configuration.isLMTP { failByReply(quits: false) }
  }

  /// A reply to the end of the message, or to a chunk in front of the last. LMTP has a reply for each
  /// recipient that was accepted (RFC 2033 §4.2).
  private mutating func takeEndOfData() -> Action? {
    let isEnd = configuration.isLMTP ? owed < delivery.accepted : owed == 0
    guard isEnd else {
      takeChunk()
      return nil
    }
    if replyClass == 3 {
      fail(.protocolError, quits: false)
    } else if configuration.isLMTP, let recipient = delivery.firstAccepted {
      let verdict = verdict(.recipient)
      _ = delivery.settle(recipient)
      if reader.code == 421 { failByReply() }
      return .settled(recipient: recipient, verdict)
    } else {
      delivery.settleAll(verdict(.message))
      if reader.code == 421 { failByReply() }
    }
    return nil
  }

  private mutating func takeReset() {
    guard replyClass == 2 else {
      guard completed > 0, delivery.refusal == nil else { return failByReply() }
      return endForAnother(quits: reader.code != 421)
    }
    if let refusal = delivery.refusal { delivery.settleAll(refusal) }
    state = .ready
  }
}
