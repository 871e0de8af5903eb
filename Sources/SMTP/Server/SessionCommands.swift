// The commands of a session: what each of them does in each state. A command that is refused throws its
// reply. The machine they belong to is in Session.swift.

import Octets

extension Session {
  /// Does what a command line says.
  @inline(__always)
  mutating func execute(
    _ input: Span<UInt8>, _ range: Range<Int>, isLast: Bool, into output: inout [UInt8]
  ) -> Action {
    let line = input.extracting(range)
    let command = Command(line)
    do throws(Reply) {
      idleCommands += 1
      if idleCommands > configuration.maximumIdleCommands { throw dismiss(.tooManyCommands) }
      switch command.verb {
      case .noop: return answer(.ok, into: &output)
      case .mail: return try mail(line, command, into: &output)
      case .rcpt: return try recipient(line, command, range, into: &output)
      case .data: return try data(command, into: &output)
      case .bdat: return try chunk(line, command, into: &output)
      case .rset: return try reset(command, into: &output)
      case .helo: return try hello(line, command, isExtended: false, into: &output)
      case .ehlo: return try hello(line, command, isExtended: true, into: &output)
      case .auth: return try authenticate(line, command, into: &output)
      case .startTLS: return try startTLS(command, isLast)
      case .quit: return try quit(command, into: &output)
      case .help: return help(into: &output)
      case .vrfy: return answer(try verify(command), into: &output)
      case .expn: throw .notImplemented
      case nil:
        let reply = unknown(line, command)
        guard configuration.hasFilters, dismissal == nil else { throw reply }
        state = .filtering(.unknown(line.copy(0..<line.count)), refused: state)
        return .proceed
      }
    } catch {
      let shown = range.lowerBound..<range.lowerBound + command.shown(line)
      return refuse(error, command: shown, into: &output)
    }
  }

  private func answer(_ reply: Reply, into output: inout [UInt8]) -> Action {
    output.append(reply)
    return .proceed
  }

  /// Ends the mail transaction, if there is one, and goes to `next`. If a message is open, which without
  /// its content can only be one that comes in chunks, the caller drops it.
  private mutating func endTransaction(to next: State) -> Action {
    let before = state
    state = next
    if case .chunks(let chunks) = before, chunks.content.isOpen { return .abort }
    return .proceed
  }

  /// HELO and EHLO: RFC 5321 §4.1.1.1. Either ends a mail transaction.
  private mutating func hello(
    _ line: Span<UInt8>, _ command: Command, isExtended: Bool, into output: inout [UInt8]
  ) throws(Reply) -> Action {
    let name = command.arguments
    if name.isEmpty { throw isExtended ? .ehloSyntax : .heloSyntax }
    let new = Hello(name: line.helloName(name), isExtended: isExtended)
    hello = new
    if configuration.hasFilters {
      return endTransaction(to: .filtering(.hello(new), refused: .ready))
    }
    greetBack(isExtended: isExtended, into: &output)
    return endTransaction(to: .ready)
  }

  /// The reply to HELO or EHLO.
  func greetBack(isExtended: Bool, into output: inout [UInt8]) {
    output.append(isExtended ? "250-" : "250 ")
    output += configuration.hostname
    output.append("\r\n")
    guard isExtended else { return }
    output.append("250-PIPELINING\r\n250-SIZE ")
    output.append(decimal: configuration.maximumSize)
    output.append("\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n")
    if takesDeliveryStatus { output.append("250-DSN\r\n") }
    output.append("250-LIMITS RCPTMAX=")
    output.append(decimal: configuration.maximumRecipients)
    output.append(" MAILMAX=")
    output.append(decimal: configuration.maximumTransactions)
    output.append("\r\n")
    if configuration.canStartTLS, !isTLS { output.append("250-STARTTLS\r\n") }
    if configuration.hasAuthentication, isSafe {
      output.append("250-AUTH PLAIN LOGIN")
      if configuration.acceptsAnyLogin { output.append(" CRAM-MD5") }
      output.append("\r\n")
    }
    output.append("250 ENHANCEDSTATUSCODES\r\n")
  }

  private var takesDeliveryStatus: Bool { configuration.offersDeliveryStatus && mayRelay }

  /// Whether a password may be asked for.
  private var isSafe: Bool {
    isTLS || configuration.allowsInsecureAuthentication || configuration.acceptsAnyLogin
  }

  /// Whether a mail transaction is open, its content not included.
  private var isInTransaction: Bool {
    switch state {
    case .mail, .chunks: true
    case .ready, .authenticating, .verifying, .startingTLS, .routing, .filtering, .opening,
      .content, .chunk, .storing, .closed:
      false
    }
  }

  /// AUTH: RFC 4954 §4.
  private mutating func authenticate(
    _ line: Span<UInt8>, _ command: Command, into output: inout [UInt8]
  ) throws(Reply) -> Action {
    guard configuration.hasAuthentication else { throw .notImplemented }
    if isInTransaction { throw .inTransaction }
    guard let hello, hello.isExtended else { throw .ehloFirst }
    if login != nil { throw .alreadyAuthenticated }
    guard isSafe else { throw .encryptionRequired }
    guard let (mechanism, initial) = command.authArguments(line) else { throw .authSyntax }
    guard
      let exchange = AuthenticationExchange(
        mechanism: line, mechanism, acceptsAnyLogin: configuration.acceptsAnyLogin)
    else { throw .unknownMechanism }
    guard let initial else { return follow(.challenge(exchange), into: &output) }
    // "=" is an initial response of no octets.
    let isEmpty = line.matches("=", in: initial)
    let response = isEmpty ? initial.upperBound..<initial.upperBound : initial
    guard !exchange.hasServerFirst else { throw .malformedResponse }
    return follow(
      try exchange.respond(line, response, acceptsAnyLogin: configuration.acceptsAnyLogin),
      into: &output)
  }

  /// A line that answers a challenge; `*` cancels.
  mutating func respond(
    _ input: Span<UInt8>, _ line: Range<Int>, into output: inout [UInt8]
  ) -> Action {
    guard case .authenticating(let exchange) = state else {
      preconditionFailure("no response is waited for")
    }
    state = .ready
    do throws(Reply) {
      if input.matches("*", in: line) { throw .authenticationCancelled }
      return follow(
        try exchange.respond(input, line, acceptsAnyLogin: configuration.acceptsAnyLogin),
        into: &output)
    } catch {
      return refuse(error, into: &output)
    }
  }

  private mutating func follow(
    _ next: AuthenticationExchange.Next, into output: inout [UInt8]
  ) -> Action {
    switch next {
    case .challenge(let exchange):
      state = .authenticating(exchange)
      output.append(exchange.challenge)
      return .proceed
    case .verify(let credentials):
      state = .verifying(credentials)
      return .verify
    }
  }

  /// STARTTLS: RFC 3207 §4. What stands behind the command came in clear text: whoever put it there
  /// wanted it to be taken for something that TLS protects (CVE-2011-0411).
  private mutating func startTLS(_ command: Command, _ isLast: Bool) throws(Reply) -> Action {
    if isTLS { throw .alreadyTLS }
    guard configuration.canStartTLS else { throw .notImplemented }
    if command.hasArguments { throw .noArguments }
    if isInTransaction { throw .inTransaction }
    guard hello != nil else { throw .ehloFirst }
    guard isLast else { throw dismiss(.inputBehindStartTLS) }
    state = .startingTLS
    return .startTLS
  }

  /// What every command about mail needs first: a name and, where that is configured, a login (RFC 4954 §6).
  private func introduction() throws(Reply) -> Hello {
    guard let hello else { throw .helloFirst }
    if configuration.requiresAuthentication, login == nil { throw .authenticationRequired }
    return hello
  }

  /// MAIL: RFC 5321 §4.1.1.2.
  private mutating func mail(
    _ line: Span<UInt8>, _ command: Command, into output: inout [UInt8]
  ) throws(Reply) -> Action {
    let hello = try introduction()
    guard case .ready = state else { throw .nestedMail }
    if transactions >= configuration.maximumTransactions { throw dismiss(.tooManyTransactions) }
    guard let start = line.startOfPath(in: command.arguments, behind: "from:") else {
      throw .mailSyntax
    }
    guard let (path, end) = senderPath(line, from: start) else { throw .badSender }
    var reader = ParameterReader(from: end)
    var parameters = MailParameters()
    while let parameter = reader.next(in: line) {
      if !hello.isExtended { throw .unknownParameter }
      if let reply = parameters.take(
        parameter, line, configuration, takesDeliveryStatus: takesDeliveryStatus)
      {
        throw reply
      }
    }
    guard reader.isAtEnd else { throw .mailSyntax }
    if case .mailbox(let mailbox) = path, !mailbox.isASCII, !parameters.isUTF8 { throw .needsUTF8 }
    if let senders, !senders.contains(path) {
      throw senders.isFaulty ? .faultyLine : .senderDenied
    }
    transactions += 1
    idleCommands -= 1
    let envelope = Envelope(from: path, parameters)
    if configuration.hasFilters {
      filterParameters = line.words(from: end)
      state = .filtering(.mail(envelope), refused: .ready)
      return .proceed
    }
    state = .mail(envelope)
    return answer(.senderOK, into: &output)
  }

  /// RCPT: RFC 5321 §4.1.1.3.
  private mutating func recipient(
    _ line: Span<UInt8>, _ command: Command, _ range: Range<Int>, into output: inout [UInt8]
  ) throws(Reply) -> Action {
    let hello = try introduction()
    guard let isUTF8 = isUTF8Transaction else { throw outsideMail }
    guard let start = line.startOfPath(in: command.arguments, behind: "to:") else {
      throw .rcptSyntax
    }
    guard let (mailbox, end) = recipientPath(line, from: start) else { throw .badRecipient }
    var reader = ParameterReader(from: end)
    var parameters = RecipientParameters()
    while let parameter = reader.next(in: line) {
      if !hello.isExtended { throw .unknownParameter }
      if let reply = parameters.take(parameter, line, takesDeliveryStatus: takesDeliveryStatus) {
        throw reply
      }
    }
    guard reader.isAtEnd else { throw .rcptSyntax }
    guard mailbox.isASCII || isUTF8 else { throw .needsUTF8 }
    if configuration.hasFilters { filterParameters = line.words(from: end) }
    if configuration.routesRecipients {
      askForRoute(of: mailbox, parameters.deliveryStatus)
      return .route(command: range.lowerBound..<range.lowerBound + command.shown(line))
    }
    let route = mailbox.isAt(configuration.domains) ? Route.local : .foreign
    if let reply = try add(mailbox, parameters.deliveryStatus, route) { output.append(reply) }
    return .proceed
  }

  /// Whether the mail transaction has SMTPUTF8; nil outside of one. (The envelope is not copied for this.)
  private var isUTF8Transaction: Bool? {
    if case .mail(let envelope) = state { return envelope.isUTF8 }
    return nil
  }

  private mutating func askForRoute(of mailbox: Mailbox, _ status: Recipient.DeliveryStatus) {
    guard case .mail(let envelope) = state else { return }
    state = .routing(envelope, mailbox, status)
  }

  /// Adds a recipient to the mail transaction, or says why not. Nil: filters are asked first.
  mutating func add(
    _ mailbox: Mailbox, _ status: Recipient.DeliveryStatus, _ route: Route
  ) throws(Reply) -> Reply? {
    guard case .mail(var envelope) = state else { throw outsideMail }
    var isQueued = false
    switch route {
    case .local:
      if configuration.relays, !mayRelay, mailbox.hasRoute { throw .routeDenied }
    case .queue: isQueued = true
    case .foreign:
      guard configuration.relays, mayRelay else { throw .relayingDenied }
      isQueued = true
    case .unknown: throw .noMailbox
    case .closedList: throw .postDenied
    case .refused(let code, _, _): throw code < 500 ? .recipientDeferred : .recipientRefused
    case .faulty: throw .faultyLine
    case .unavailable: throw .notRouted
    }
    let recipient = Recipient(mailbox: mailbox, deliveryStatus: status, isQueued: isQueued)
    guard envelope.recipients.count < configuration.maximumRecipients,
      envelope.hasRoom(for: recipient)
    else { throw .tooManyRecipients }
    if configuration.hasFilters {
      state = .filtering(.recipient(recipient), refused: state)
      return nil
    }
    state = .ready  // so that the envelope is not copied to be changed
    envelope.add(recipient)
    state = .mail(envelope)
    idleCommands -= 1
    return .recipientOK
  }

  /// The reply to RCPT, DATA and BDAT where they may not come.
  private var outsideMail: Reply {
    if case .chunks = state { return .afterChunk }
    return .mailFirst
  }

  /// DATA: RFC 5321 §4.1.1.4.
  private mutating func data(_ command: Command, into output: inout [UInt8]) throws(Reply) -> Action
  {
    if command.hasArguments { throw .noArguments }
    _ = try introduction()
    guard case .mail(let envelope) = state else { throw outsideMail }
    if envelope.recipients.isEmpty { throw .recipientFirst }
    if envelope.isBinary { throw .binaryNeedsChunks }
    return begin(envelope, nil, into: &output)
  }

  /// The content of a message begins, once filters let it.
  private mutating func begin(
    _ envelope: Envelope, _ chunk: ChunkArguments?, into output: inout [UInt8]
  ) -> Action {
    guard configuration.hasFilters else { return open(envelope, chunk, into: &output) }
    state = .filtering(.data(envelope, chunk), refused: .ready)
    return .proceed
  }

  mutating func open(
    _ envelope: Envelope, _ chunk: ChunkArguments?, into output: inout [UInt8]
  ) -> Action {
    // Nothing leads here without it.
    let hello = hello ?? Hello(name: [], isExtended: false)
    let stopsAtBareLineFeed = configuration.bareLineEnds == .normalize
    if let chunk {
      let lineEnds =
        envelope.isBinary ? nil : LineEndChecker(stopsAtBareLineFeed: stopsAtBareLineFeed)
      state = .chunk(Chunks(lineEnds: lineEnds), remaining: chunk.size, isLast: chunk.isLast)
    } else {
      state = .content(Content(), EndOfDataReader(stopsAtBareLineFeed: stopsAtBareLineFeed))
      output.append(.startContent)
    }
    return .open(envelope, hello)
  }

  /// BDAT: RFC 3030 §2. The octets of a chunk that is refused are passed over. Where the command does not
  /// say how many octets follow, they cannot be told from commands: that ends the session.
  private mutating func chunk(
    _ line: Span<UInt8>, _ command: Command, into output: inout [UInt8]
  ) throws(Reply) -> Action {
    guard let (size, isLast) = command.chunkArguments(line) else { throw dismiss(.bdatSyntax) }
    do throws(Reply) {
      _ = try introduction()
      if case .chunks(let chunks) = state {
        idleCommands -= size > 0 ? 1 : 0
        state = .chunk(chunks, remaining: size, isLast: isLast)
        return .proceed
      }
      guard case .mail(let envelope) = state else { throw outsideMail }
      if envelope.recipients.isEmpty { throw .recipientFirst }
      return begin(envelope, ChunkArguments(size: size, isLast: isLast), into: &output)
    } catch {
      refusedOctets = size
      throw error
    }
  }

  /// RSET: RFC 5321 §4.1.1.5.
  private mutating func reset(_ command: Command, into output: inout [UInt8]) throws(Reply)
    -> Action
  {
    if command.hasArguments { throw .noArguments }
    output.append(.ok)
    return endTransaction(to: .ready)
  }

  /// HELP: RFC 5321 §4.1.1.8. Lists the commands that can be used in this session.
  private func help(into output: inout [UInt8]) -> Action {
    output.append("214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT")
    if configuration.canStartTLS, !isTLS { output.append(" STARTTLS") }
    if configuration.hasAuthentication, isSafe { output.append(" AUTH") }
    output.append("\r\n")
    return .proceed
  }

  /// VRFY: RFC 5321 §3.5.3.
  private func verify(_ command: Command) throws(Reply) -> Reply {
    if configuration.requiresAuthentication, login == nil { throw .authenticationRequired }
    guard command.hasArguments else { throw .vrfySyntax }
    return .cannotVerify
  }

  /// The reply to a verb that does not exist. A method of HTTP ends the session: a browser that was made to
  /// talk to a mail server sends lines behind it that would be read as commands.
  private mutating func unknown(_ line: Span<UInt8>, _ command: Command) -> Reply {
    command.isHTTP(line) ? dismiss(.notSMTP) : .unknownCommand
  }

  /// QUIT: RFC 5321 §4.1.1.10.
  private mutating func quit(_ command: Command, into output: inout [UInt8]) throws(Reply) -> Action
  {
    if command.hasArguments { throw .noArguments }
    output.append(.goodbye)
    return endTransaction(to: .closed)
  }
}
