// What a client writes: RFC 5321 §4.1.1, and which commands go out together (RFC 2920 §3.1): MAIL, all RCPT
// and DATA are a group; everything else waits for its reply.

import Octets

extension ClientSession {
  /// Writes a command that waits for its reply. What has come already cannot be that.
  mutating func say(
    _ verb: StaticString, _ argument: [UInt8] = [], as next: State, into output: inout [UInt8]
  ) {
    if hasMoreInput { return fail(.unexpectedReply, quits: false) }
    output.append(verb)
    output += argument
    output.append("\r\n")
    owed += 1
    state = next
  }

  /// EHLO or LHLO. What the server has said before is forgotten.
  mutating func sayHello(into output: inout [UInt8]) {
    extensions = ServerExtensions()
    say(configuration.isLMTP ? "LHLO " : "EHLO ", configuration.hostname, as: .hello, into: &output)
  }

  /// AUTH, if the client has an account (RFC 4954 §4). Where the session may fail no second reference to the
  /// password is held: wiping would overwrite a copy.
  mutating func authenticate(into output: inout [UInt8]) {
    guard account != nil else { return becomeReady() }
    if protection != .verified, !configuration.allowsInsecureAuthentication {
      fail(.passwordNeedsTLS, quits: true)
    } else if hasMoreInput {
      fail(.unexpectedReply, quits: false)
    } else if extensions.hasAuthenticationPlain {
      sayPlain(into: &output)
    } else if extensions.hasAuthenticationLogin {
      sayAuthenticationLogin(into: &output)
    } else {
      fail(.authenticationNotOffered, quits: true)
    }
  }

  mutating func sayAuthenticationLogin(into output: inout [UInt8]) {
    hasTriedLogin = true
    say("AUTH LOGIN", as: .authenticating(.login), into: &output)
  }

  private mutating func sayPlain(into output: inout [UInt8]) {
    guard let account else { return }
    var message: [UInt8] = []
    message.reserveCapacity(2 + account.login.count + account.password.count)
    message.append(0)
    message += account.login
    message.append(0)
    message += account.password
    outputHoldsPassword = true
    sayBase64("AUTH PLAIN ", message, as: .authenticating(.password), into: &output)
    message.wipe()
  }

  mutating func sayLogin(into output: inout [UInt8]) {
    sayBase64("", account?.login ?? [], as: .authenticating(.name), into: &output)
  }

  mutating func sayPassword(into output: inout [UInt8]) {
    outputHoldsPassword = true
    sayBase64("", account?.password ?? [], as: .authenticating(.password), into: &output)
  }

  /// The caller has seen that no input follows.
  private mutating func sayBase64(
    _ verb: StaticString, _ octets: [UInt8], as next: State, into output: inout [UInt8]
  ) {
    // Room for all of it, so that the output does not leave a copy behind when it grows.
    output.reserveCapacity(output.count + octets.count / 3 * 4 + 32)
    output.append(verb)
    output.append(base64: octets.span)
    say("", as: next, into: &output)
  }

  mutating func becomeReady() {
    forgetAccount()
    state = .ready
  }
}

// The transaction.
extension ClientSession {
  /// Begins a transaction. What cannot be sent to this server is settled without a word to it.
  public mutating func begin(_ transaction: Transaction) -> Beginning {
    guard state == .ready else { preconditionFailure("a transaction is under way") }
    precondition(!transaction.recipients.isEmpty, "a transaction without recipients")
    let takesBinary = extensions.hasChunking && extensions.hasBinaryMIME
    let takesEightBit = extensions.hasEightBitMIME || extensions.hasSMTPUTF8
    let usesUTF8 =
      extensions.hasSMTPUTF8 && (transaction.needsUTF8 || transaction.header == .utf8)
    let isTaken = transaction.body != .binary || takesBinary
    let isOdd =
      !isTaken || transaction.body == .eightBit && !takesEightBit
      || transaction.body != .binary && transaction.hasLongLines
      || transaction.header == .utf8 && !usesUTF8
    if isOdd, transaction.canConvert { return .needsConversion(toSevenBit: !takesEightBit) }
    let isChunked =
      transaction.body == .binary || configuration.usesChunks && extensions.hasChunking
    let format: ContentEncoder.Format =
      transaction.body == .binary ? .binary : isChunked ? .lines : .dotStuffed
    delivery = Delivery(transaction, format, usesUTF8: usesUTF8)
    state = .envelope
    if !isTaken {
      delivery.settleAll(.needsConversion)
    } else if let size = transaction.size, size > extensions.maximumSize ?? .max {
      delivery.settleAll(.tooBig)
    } else if !usesUTF8, transaction.isUTF8 || transaction.reversePath.needsUTF8 {
      delivery.settleAll(.needsUTF8)
    }
    return .begun
  }

  /// Writes what may be written of MAIL, RCPT and DATA; gives nil when the state has changed.
  mutating func writeEnvelope(into output: inout [UInt8]) -> Action? {
    while delivery.checked < delivery.standings.count {
      if let action = checkRecipient() { return action }
    }
    let isChunked = delivery.content.format != .dotStuffed
    let isPipelined = extensions.hasPipelining && !isChunked
    while owed == 0 || isPipelined {
      if output.count >= Self.outputLimit { return .flush }
      let command = delivery.toWrite
      if delivery.unsettled == 0 || command > delivery.data {
        if owed > 0 { return .needInput }
        endTransaction(withReset: command > 0, into: &output)
        return nil
      }
      if command == delivery.data {
        if isChunked {
          state = .content
          return nil
        }
        output.append("DATA\r\n")
      } else if command == 0 {
        transactions += 1
        writeMail(into: &output)
      } else {
        writeRecipient(delivery.transaction.recipients[command - 1], into: &output)
      }
      owed += 1
      delivery.toWrite = delivery.command(after: command)
    }
    return .needInput
  }
}

extension ClientSession {
  /// Looks whether a recipient can be named to the server in this transaction.
  private mutating func checkRecipient() -> Action? {
    let recipient = delivery.checked
    delivery.checked += 1
    let mailbox = delivery.transaction.recipients[recipient].mailbox
    if !delivery.usesUTF8, mailbox.ascii == nil {
      guard delivery.settle(recipient, as: .skipped) else { return nil }
      return .settled(recipient: recipient, .needsUTF8)
    }
    if delivery.named < recipientLimit, isWithinDomainLimit(mailbox) {
      delivery.named += 1
      return nil
    }
    return delivery.settle(recipient, as: .skipped) ? .postponed(recipient: recipient) : nil
  }

  /// Whether the session may name the mailbox's domain to the server. The limit is one of the session (RFC
  /// 9422 §4.3), so that what it postpones needs another.
  private mutating func isWithinDomainLimit(_ mailbox: Mailbox) -> Bool {
    guard let limit = extensions.maximumDomains else { return true }
    if domains.contains(where: { $0.equalsIgnoringCase(mailbox.domain) }) { return true }
    guard domains.count < limit else {
      needsAnotherSession = true
      return false
    }
    domains.append([UInt8](mailbox.domain))
    return true
  }

  /// MAIL with the parameters that the server knows.
  private func writeMail(into output: inout [UInt8]) {
    let transaction = delivery.transaction
    output.append("MAIL FROM:<")
    if case .mailbox(let mailbox) = transaction.reversePath { write(mailbox, into: &output) }
    output.append(">")
    if extensions.hasSize, let size = transaction.size {
      output.append(" SIZE=")
      output.append(decimal: max(size, 0))
    }
    switch transaction.body {
    case .sevenBit: break
    case .eightBit: if extensions.hasEightBitMIME { output.append(" BODY=8BITMIME") }
    case .binary: output.append(" BODY=BINARYMIME")
    }
    if delivery.usesUTF8 { output.append(" SMTPUTF8") }
    guard extensions.hasDeliveryStatus else { return output.append("\r\n") }
    switch transaction.deliveryStatus.returned {
    case .full: output.append(" RET=FULL")
    case .headers: output.append(" RET=HDRS")
    case nil: break
    }
    if let envelopeID = transaction.deliveryStatus.envelopeID, envelopeID.count <= 100,
      isXtext(envelopeID.span)
    {
      output.append(" ENVID=")
      output += envelopeID
    }
    output.append("\r\n")
  }

  private func writeRecipient(_ recipient: Recipient, into output: inout [UInt8]) {
    output.append("RCPT TO:<")
    write(recipient.mailbox, into: &output)
    output.append(">")
    guard extensions.hasDeliveryStatus else { return output.append("\r\n") }
    if let notify = recipient.deliveryStatus.notify {
      output.append(" NOTIFY=")
      if notify.isEmpty { output.append("NEVER") }
      if notify.contains(.success) { output.append("SUCCESS") }
      if notify.contains(.failure) {
        output.append(notify.contains(.success) ? ",FAILURE" : "FAILURE")
      }
      if notify.contains(.delay) { output.append(notify == .delay ? "DELAY" : ",DELAY") }
    }
    if let original = recipient.deliveryStatus.originalRecipient, original.count <= 500,
      original.span.isTypedAddress(0..<original.count)
    {
      output.append(" ORCPT=")
      output += original
    }
    output.append("\r\n")
  }

  private func write(_ mailbox: Mailbox, into output: inout [UInt8]) {
    output += delivery.usesUTF8 ? mailbox.octets : mailbox.ascii ?? mailbox.octets
  }

  /// Ends the transaction; `withReset` says that the server still has it.
  mutating func endTransaction(withReset: Bool, into output: inout [UInt8]) {
    if delivery.isTaken { completed += 1 }
    delivery = .none
    if withReset {
      say("RSET", as: .resetting, into: &output)
    } else {
      state = .ready
    }
  }
}

extension ClientSession.Transaction {
  /// Whether it can be sent only with SMTPUTF8.
  var needsUTF8: Bool {
    isUTF8 || reversePath.needsUTF8 || recipients.contains { $0.mailbox.ascii == nil }
  }
}
