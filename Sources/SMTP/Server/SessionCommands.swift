// The commands of a session: what each of them does in each state. The machine they belong to is in
// Session.swift.

extension Session {
  private enum Outcome {
    case reply(Reply)
    case open(Envelope, Hello)
    /// The caller is to act before there is a reply.
    case action(Action)
    /// The reply is written already.
    case replied
  }

  mutating func execute(
    _ line: Span<UInt8>, at position: Range<Int>, _ isLast: Bool, into output: inout [UInt8]
  ) -> Action? {
    let command = Command(line)
    idleCommands += 1
    if idleCommands > configuration.maximumIdleCommands {
      dismiss(.tooManyCommands)
      output.append(.tooManyCommands)
      return .refused(.tooManyCommands, command: nil)
    }
    let reply: Reply
    switch command.verb {
    case .mail: reply = mail(line, command)
    case .rcpt: reply = recipient(line, command)
    case .noop: reply = .ok
    case .vrfy:
      reply =
        lacksAuthentication
        ? .authenticationRequired : command.hasArguments ? .cannotVerify : .vrfySyntax
    case .expn: reply = .notImplemented
    case .help:
      help(into: &output)
      return nil
    case nil: reply = unknown(line, command)
    case .helo, .ehlo, .auth, .startTLS, .bdat, .data, .rset, .quit:
      return executeAtLength(line, command, at: position, isLast, into: &output)
    }
    return answer(reply, command, line, at: position, into: &output)
  }

  /// Does a command that has more than a reply: it ends or opens something, or the caller is to act.
  private mutating func executeAtLength(
    _ line: Span<UInt8>, _ command: Command, at position: Range<Int>, _ isLast: Bool,
    into output: inout [UInt8]
  ) -> Action? {
    let hadOpenChunks = hasOpenChunks
    let outcome: Outcome =
      switch command.verb {
      case .helo: hello(line, command, isExtended: false, into: &output)
      case .ehlo: hello(line, command, isExtended: true, into: &output)
      case .auth: authenticate(line, command, into: &output)
      case .startTLS: startTLS(command, isLast)
      case .bdat: chunk(line, command)
      case .data: data(command)
      case .rset: .reply(reset(command))
      case .quit: .reply(quit(command))
      case .mail, .rcpt, .noop, .vrfy, .expn, .help, nil:
        preconditionFailure("this command has but a reply")
      }
    switch outcome {
    case .reply(let reply):
      if let action = answer(reply, command, line, at: position, into: &output) { return action }
    case .open(let envelope, let hello):
      output.append(.startContent)
      return .open(envelope, hello)
    case .action(let action): return action
    case .replied: break
    }
    return hadOpenChunks && !hasOpenChunks ? .abort : nil
  }

  private mutating func answer(
    _ reply: Reply, _ command: Command, _ line: Span<UInt8>, at position: Range<Int>,
    into output: inout [UInt8]
  ) -> Action? {
    if reply.isFailure {
      let shown = position.lowerBound..<position.lowerBound + command.shown(line)
      return refuse(reply, command: shown, into: &output)
    }
    output.append(reply)
    return nil
  }

  /// Whether the caller has a message open that arrives in chunks.
  private var hasOpenChunks: Bool {
    switch state {
    case .chunk(_, let chunks, _, _), .chunks(_, let chunks): chunks.content.isOpen
    case .start, .ready, .authenticating, .verifying, .startingTLS, .mail, .content, .storing,
      .closed:
      false
    }
  }

  /// Answers with a 4xx or 5xx, or, where the budget of errors is spent, with the 421 that ends
  /// the session.
  mutating func refuse(
    _ reply: Reply, command: Range<Int>?, into output: inout [UInt8]
  ) -> Action {
    var reply = reply
    if reply.isPermanentFailure {
      if errors >= configuration.maximumErrors {
        reply = .tooManyErrors
        dismiss(reply)
      } else {
        errors += 1
      }
    }
    output.append(reply)
    return .refused(reply, command: command)
  }

  /// HELO and EHLO: RFC 5321 §4.1.1.1. Either ends a mail transaction.
  private mutating func hello(
    _ line: Span<UInt8>, _ command: Command, isExtended: Bool, into output: inout [UInt8]
  ) -> Outcome {
    let name = command.arguments
    guard line.isHelloName(name) else {
      return .reply(isExtended ? .ehloSyntax : .heloSyntax)
    }
    state = .ready(Hello(name: line.copy(name), isExtended: isExtended))
    output.append(isExtended ? "250-" : "250 ")
    output += configuration.hostname
    output.append("\r\n")
    guard isExtended else { return .replied }
    output.append("250-PIPELINING\r\n250-SIZE ")
    output.append(decimal: UInt64(configuration.maximumSize))
    output.append("\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n")
    if configuration.offersDeliveryStatus { output.append("250-DSN\r\n") }
    output.append("250-LIMITS RCPTMAX=")
    output.append(decimal: UInt64(configuration.maximumRecipients))
    output.append(" MAILMAX=")
    output.append(decimal: UInt64(configuration.maximumTransactions))
    output.append("\r\n")
    if configuration.canStartTLS, !isTLS { output.append("250-STARTTLS\r\n") }
    if configuration.hasAccounts, isSafe { output.append("250-AUTH PLAIN LOGIN\r\n") }
    output.append("250 ENHANCEDSTATUSCODES\r\n")
    return .replied
  }

  /// Whether a password may be asked for.
  private var isSafe: Bool { isTLS || configuration.allowsInsecureAuthentication }

  /// AUTH: RFC 4954 §4.
  private mutating func authenticate(
    _ line: Span<UInt8>, _ command: Command, into output: inout [UInt8]
  ) -> Outcome {
    guard configuration.hasAccounts else { return .reply(.notImplemented) }
    switch state {
    case .mail, .chunks: return .reply(.inTransaction)
    case .ready(let hello) where hello.isExtended:
      if login != nil { return .reply(.alreadyAuthenticated) }
      guard isSafe else { return .reply(.encryptionRequired) }
      guard let (mechanism, initial) = command.authArguments(line) else {
        return .reply(.authSyntax)
      }
      guard let exchange = AuthenticationExchange(mechanism: line, mechanism) else {
        return .reply(.unknownMechanism)
      }
      guard let initial else {
        state = .authenticating(hello, exchange)
        output.append(exchange.firstChallenge)
        return .replied
      }
      // "=" is an initial response of no octets.
      let isEmpty = line.matches("=", in: initial)
      let response = isEmpty ? initial.upperBound..<initial.upperBound : initial
      return follow(exchange.respond(line, response), hello, into: &output)
    case .start, .ready, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing,
      .closed:
      return .reply(.ehloFirst)
    }
  }

  /// A line that answers a challenge; `*` cancels.
  mutating func respond(
    _ input: Span<UInt8>, _ line: Range<Int>, _ exchange: AuthenticationExchange, _ hello: Hello,
    into output: inout [UInt8]
  ) -> Action? {
    let progress: AuthenticationExchange.Progress =
      input.matches("*", in: line)
      ? .refuse(.authenticationCancelled) : exchange.respond(input, line)
    switch follow(progress, hello, into: &output) {
    case .reply(let reply): return refuse(reply, command: nil, into: &output)
    case .action(let action): return action
    case .replied, .open: return nil
    }
  }

  private mutating func follow(
    _ progress: AuthenticationExchange.Progress, _ hello: Hello, into output: inout [UInt8]
  ) -> Outcome {
    switch progress {
    case .challenge(let challenge, let exchange):
      state = .authenticating(hello, exchange)
      output.append(challenge)
      return .replied
    case .verify(let credentials):
      state = .verifying(hello, credentials)
      return .action(.verify)
    case .refuse(let reply):
      state = .ready(hello)
      return .reply(reply)
    }
  }

  /// STARTTLS: RFC 3207 §4. What stands behind the command came in clear text: whoever put it there
  /// wanted it to be taken for something that TLS protects (CVE-2011-0411).
  private mutating func startTLS(_ command: Command, _ isLast: Bool) -> Outcome {
    if isTLS { return .reply(.alreadyTLS) }
    guard configuration.canStartTLS else { return .reply(.notImplemented) }
    if command.hasArguments { return .reply(.noArguments) }
    switch state {
    case .ready(let hello):
      guard isLast else {
        dismiss(.inputBehindStartTLS)
        return .reply(.inputBehindStartTLS)
      }
      state = .startingTLS(hello)
      return .action(.startTLS)
    case .mail, .chunks: return .reply(.inTransaction)
    case .start, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing, .closed:
      return .reply(.ehloFirst)
    }
  }

  /// HELP: RFC 5321 §4.1.1.8. Lists the commands that can be used in this session.
  private func help(into output: inout [UInt8]) {
    output.append("214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT")
    if configuration.canStartTLS, !isTLS { output.append(" STARTTLS") }
    if configuration.hasAccounts, isSafe { output.append(" AUTH") }
    output.append("\r\n")
  }

  /// Whether the client must authenticate before it can send mail (RFC 4954 §6).
  private var lacksAuthentication: Bool { configuration.requiresAuthentication && login == nil }

  /// The reply to a command that needs a mail transaction where there is none.
  private var transactionNeeded: Reply {
    lacksAuthentication ? .authenticationRequired : .mailFirst
  }

  /// MAIL: RFC 5321 §4.1.1.2.
  private mutating func mail(_ line: Span<UInt8>, _ command: Command) -> Reply {
    switch state {
    case .start: return .helloFirst
    case .mail, .chunks, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing,
      .closed:
      return .nestedMail
    case .ready(let hello):
      if lacksAuthentication { return .authenticationRequired }
      if transactions >= configuration.maximumTransactions {
        dismiss(.tooManyTransactions)
        return .tooManyTransactions
      }
      guard let start = line.startOfPath(in: command.arguments, behind: "from:") else {
        return .mailSyntax
      }
      guard let (path, end) = line.reversePath(from: start) else { return .badSender }
      var reader = ParameterReader(from: end)
      var parameters = MailParameters()
      while let parameter = reader.next(in: line) {
        if !hello.isExtended { return .unknownParameter }
        if let reply = parameters.take(parameter, line, configuration) { return reply }
      }
      guard reader.isAtEnd else { return .mailSyntax }
      if case .mailbox(let mailbox) = path, !mailbox.isASCII, !parameters.isUTF8 {
        return .needsUTF8
      }
      transactions += 1
      idleCommands -= 1
      state = .mail(hello, Envelope(from: path, parameters))
      return .senderOK
    }
  }

  /// RCPT: RFC 5321 §4.1.1.3.
  private mutating func recipient(_ line: Span<UInt8>, _ command: Command) -> Reply {
    switch state {
    case .start: return .helloFirst
    case .ready, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing, .closed:
      return transactionNeeded
    case .chunks: return .afterChunk
    case .mail(let hello, var envelope):
      guard let start = line.startOfPath(in: command.arguments, behind: "to:") else {
        return .rcptSyntax
      }
      guard let (mailbox, end) = line.forwardPath(from: start) else { return .badRecipient }
      var reader = ParameterReader(from: end)
      var parameters = RecipientParameters()
      while let parameter = reader.next(in: line) {
        if !hello.isExtended { return .unknownParameter }
        if let reply = parameters.take(parameter, line, configuration) { return reply }
      }
      guard reader.isAtEnd else { return .rcptSyntax }
      guard mailbox.isASCII || envelope.isUTF8 else { return .needsUTF8 }
      guard configuration.accepts(mailbox) else { return .relayingDenied }
      guard envelope.recipients.count < configuration.maximumRecipients,
        envelope.hasRoom(for: mailbox)
      else {
        return .tooManyRecipients
      }
      state = .ready(hello)  // so that the envelope is not copied to be changed
      envelope.add(Recipient(mailbox: mailbox, deliveryStatus: parameters.deliveryStatus))
      state = .mail(hello, envelope)
      idleCommands -= 1
      return .recipientOK
    }
  }

  /// DATA: RFC 5321 §4.1.1.4.
  private mutating func data(_ command: Command) -> Outcome {
    if command.hasArguments { return .reply(.noArguments) }
    switch state {
    case .start: return .reply(.helloFirst)
    case .ready, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing, .closed:
      return .reply(transactionNeeded)
    case .chunks: return .reply(.afterChunk)
    case .mail(let hello, let envelope):
      if envelope.recipients.isEmpty { return .reply(.recipientFirst) }
      if envelope.isBinary { return .reply(.binaryNeedsChunks) }
      state = .content(hello, Content(), EndOfDataReader())
      return .open(envelope, hello)
    }
  }

  /// BDAT: RFC 3030 §2. The octets of a chunk that is refused are passed over. Of a command that does
  /// not say how many there are, what follows cannot be told from commands: it ends the session.
  private mutating func chunk(_ line: Span<UInt8>, _ command: Command) -> Outcome {
    guard let (size, isLast) = command.chunkArguments(line) else {
      dismiss(.bdatSyntax)
      return .reply(.bdatSyntax)
    }
    func refuse(_ reply: Reply) -> Outcome {
      refusedOctets = size
      return .reply(reply)
    }
    switch state {
    case .start: return refuse(.helloFirst)
    case .ready, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing, .closed:
      return refuse(transactionNeeded)
    case .mail(let hello, let envelope):
      if envelope.recipients.isEmpty { return refuse(.recipientFirst) }
      let lineEnds = envelope.isBinary ? nil : LineEndChecker()
      state = .chunk(hello, Chunks(lineEnds: lineEnds), remaining: size, isLast: isLast)
      return .action(.open(envelope, hello))
    case .chunks(let hello, let chunks):
      idleCommands -= size > 0 ? 1 : 0
      state = .chunk(hello, chunks, remaining: size, isLast: isLast)
      return .replied
    }
  }

  /// RSET: RFC 5321 §4.1.1.5.
  private mutating func reset(_ command: Command) -> Reply {
    if command.hasArguments { return .noArguments }
    switch state {
    case .mail(let hello, _), .chunks(let hello, _): state = .ready(hello)
    case .start, .ready, .authenticating, .verifying, .startingTLS, .content, .chunk, .storing,
      .closed:
      break
    }
    return .ok
  }

  /// A verb that is none. A browser that was made to talk to a mail server would have what it sends
  /// behind its first lines taken for commands: whoever speaks HTTP is dismissed at once.
  private mutating func unknown(_ line: Span<UInt8>, _ command: Command) -> Reply {
    guard command.isHTTP(line) else { return .unknownCommand }
    dismiss(.notSMTP)
    return .notSMTP
  }

  /// QUIT: RFC 5321 §4.1.1.10.
  private mutating func quit(_ command: Command) -> Reply {
    if command.hasArguments { return .noArguments }
    state = .closed
    return .goodbye
  }
}
