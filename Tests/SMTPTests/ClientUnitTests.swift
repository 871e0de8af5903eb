// The client's machine where time matters, which no transcript shows: what the server says before it should.
// And what a caller must rely on: the password, the timeouts, the bounds.

import TestSupport
import Testing

@testable import SMTP

@Suite struct EarlyReplyTests {
  private static let message = OutgoingMessage(
    .init(from: .null, to: ["b@y.example", "c@y.example"].map { Recipient($0) }), Array("x".utf8))

  private func machine(
    _ change: (inout ClientSession.Configuration) -> Void = { _ in }, pieceSize: Int = 65_536
  ) -> ClientMachine {
    var configuration = ClientSession.Configuration(hostname: Array("client.example".utf8))
    change(&configuration)
    return ClientMachine(
      ClientSession(configuration), sending: [Self.message, Self.message], pieceSize: pieceSize)
  }

  /// Up to the reply to DATA, with PIPELINING.
  private static let start = [
    "220 x", "250-x\r\n250 PIPELINING", "250 a\r\n250 b\r\n250 c\r\n354 d",
  ]

  /// A reply that comes before the message has been sent is no answer to it, whatever it says.
  @Test func successBeforeTheEnd() {
    var machine = machine()
    for lines in Self.start.dropLast() { machine.receive("\(lines)\r\n".utf8) }
    machine.receive("\(Self.start.last!)\r\n250 early\r\n".utf8)
    #expect(!String(decoding: machine.output, as: UTF8.self).hasSuffix("\r\n.\r\n"))
    #expect(machine.verdicts.contains("<b@y.example> deferred message - 4.5.0 The server sent"))
    #expect(machine.isClosed)
  }

  /// A refusal that comes then is one: there is no other use for the connection.
  @Test(arguments: [
    ("552 5.3.4 Too big", "refused message 552"), ("451 4.3.0 Full", "deferred message 451"),
    ("421 4.3.2 Bye", "deferred destination 421"),
  ])
  func refusalBeforeTheEnd(_ reply: String, _ verdict: String) {
    var machine = machine()
    for lines in Self.start.dropLast() { machine.receive("\(lines)\r\n".utf8) }
    machine.receive("\(Self.start.last!)\r\n\(reply)\r\n".utf8)
    #expect(machine.verdicts.contains("<b@y.example> \(verdict)"))
    #expect(machine.verdicts.contains("<c@y.example> \(verdict)"))
    #expect(machine.verdicts.contains("failed deferred destination \(reply.prefix(3))"))
    #expect(machine.isClosed)
  }

  /// The end is not written while a reply is half there that nothing has asked for.
  @Test func halfAReplyBeforeTheEnd() {
    var machine = machine()
    for lines in Self.start.dropLast() { machine.receive("\(lines)\r\n".utf8) }
    machine.receive("\(Self.start.last!)\r\n25".utf8)
    #expect(!String(decoding: machine.output, as: UTF8.self).hasSuffix("\r\n.\r\n"))
    machine.receive("0 early\r\n".utf8)
    #expect(machine.isClosed && !machine.verdicts.contains("delivered"))
  }

  /// In LMTP each recipient has its own reply, so that an early refusal is one of the first.
  @Test func refusalBeforeTheEndOfLMTP() {
    var machine = machine { $0.isLMTP = true }
    for lines in Self.start.dropLast() { machine.receive("\(lines)\r\n".utf8) }
    machine.receive("\(Self.start.last!)\r\n552 5.2.2 Full\r\n".utf8)
    #expect(machine.verdicts.contains("<b@y.example> refused recipient 552"))
    #expect(machine.verdicts.contains("<c@y.example> deferred destination 552"))
    #expect(machine.isClosed)
  }

  /// Behind a reply too many a 5xx seems to answer DATA, and then the 354 comes: nobody is refused by that.
  @Test(arguments: ["550 c\r\n354 d\r\n", "550 c\r\n|354 d\r\n"])
  func refusalOfAnotherCommand(_ replies: String) {
    var machine = machine()
    for lines in ["220 x", "250-x\r\n250 PIPELINING", "250 a\r\n250 too many\r\n250 b"] {
      machine.receive("\(lines)\r\n".utf8)
    }
    for part in replies.split(separator: "|") { machine.receive(part.utf8) }
    #expect(machine.verdicts.contains("<b@y.example> deferred message - 4.5.0"))
    #expect(machine.isClosed && !machine.verdicts.contains("refused"))
  }

  /// Two replies to one command: the second is not taken for one to the next.
  @Test(arguments: 0..<6)
  func twoReplies(_ place: Int) {
    var machine = machine()
    var replies = ["220 x", "250 x", "250 MAIL", "250 RCPT", "250 RCPT", "354 DATA", "250 end"]
    replies[place] += "\r\n\(replies[place])"
    for reply in replies { machine.receive("\(reply)\r\n".utf8) }
    #expect(machine.isClosed && !machine.verdicts.contains("delivered"))
    #expect(machine.verdicts.contains("a reply that it did not owe"))
  }

  /// A server that has said something before a transaction begins.
  @Test(arguments: [
    ("421 4.4.2 Idle for too long", "failed deferred destination 421 4.4.2 Idle"),
    ("250 OK", "failed deferred destination - 4.5.0 The server sent a reply"),
  ])
  func repliesWhileIdle(_ reply: String, _ verdict: String) {
    var machine = machine()
    machine.receive("220 x\r\n250 x\r\n\(reply)\r\n".utf8.prefix(7))
    machine.receive("250 x\r\n\(reply)\r\n".utf8)
    #expect(machine.verdicts.hasPrefix(verdict))
    #expect(machine.output == Array("EHLO client.example\r\n".utf8))
  }

  /// CVE-2011-0411: octets behind the reply to STARTTLS.
  @Test(arguments: ["2", "250 x\r\n", "220 Go on\r\n"])
  func behindStartTLS(_ injected: String) {
    var machine = machine()
    machine.receive("220 x\r\n".utf8)
    machine.receive("250-x\r\n250 STARTTLS\r\n".utf8)
    machine.receive("220 Go ahead\r\n\(injected)".utf8)
    #expect(!machine.awaitsTLS && machine.isClosed)
    #expect(machine.verdicts.hasPrefix("failed deferred destination - 4.7.4 The server sent more"))
    #expect(String(decoding: machine.output, as: UTF8.self).hasSuffix("STARTTLS\r\n"))
  }

  /// RFC 3030: chunks are pipelined; one that is refused ends the message, and what is under way is finished.
  @Test func aChunkIsRefused() {
    var machine = ClientMachine(
      ClientSession(configuration(chunks: true)), sending: [Self.long, Self.long], pieceSize: 3)
    for reply in ["220 x", "250-x\r\n250-CHUNKING\r\n250 PIPELINING", "250 MAIL", "250 RCPT"] {
      machine.receive("\(reply)\r\n".utf8)
    }
    #expect(text(machine).hasSuffix("BDAT 3\r\nabcBDAT 3\r\ndefBDAT 4 LAST\r\ngh\r\n"))
    machine.receive("250 chunk\r\n552 Too big\r\n".utf8)
    #expect(machine.verdicts == "<b@y.example> refused message 552 5.0.0 Too big\n")
    machine.receive("250 not delivered all the same\r\n".utf8)
    #expect(text(machine).hasSuffix("LAST\r\ngh\r\nRSET\r\n"))
    machine.receive("250 RSET\r\n".utf8)
    #expect(text(machine).hasSuffix("RSET\r\nMAIL FROM:<>\r\n"))
  }

  /// Without PIPELINING each chunk waits for its reply, and nothing follows one that was refused but RSET.
  @Test func aChunkIsRefusedInTime() {
    var machine = ClientMachine(
      ClientSession(configuration(chunks: true)), sending: [Self.long], pieceSize: 3)
    for reply in ["220 x", "250-x\r\n250 CHUNKING", "250 MAIL", "250 RCPT", "250 chunk"] {
      machine.receive("\(reply)\r\n".utf8)
    }
    #expect(text(machine).hasSuffix("BDAT 3\r\nabcBDAT 3\r\ndef"))
    machine.receive("452 Full\r\n".utf8)
    #expect(text(machine).hasSuffix("BDAT 3\r\ndefRSET\r\n"))
    #expect(machine.verdicts == "<b@y.example> deferred message 452 4.0.0 Full\n")
  }

  /// How many replies an LMTP server gives to the last of them is not known: the session ends.
  @Test func aChunkIsRefusedByLMTP() {
    var configuration = configuration(chunks: true)
    configuration.isLMTP = true
    var machine = ClientMachine(
      ClientSession(configuration), sending: [Self.long], pieceSize: 3)
    for reply in ["220 x", "250-x\r\n250-CHUNKING\r\n250 PIPELINING", "250 MAIL", "250 RCPT"] {
      machine.receive("\(reply)\r\n".utf8)
    }
    machine.receive("552 Too big\r\n250 no\r\n".utf8)
    #expect(machine.verdicts.hasPrefix("<b@y.example> refused message 552 5.0.0 Too big\nfailed"))
    #expect(machine.isClosed)
  }

  /// A server answers the last chunk as soon as it has its octets, whether or not the client has looked for
  /// that yet.
  @Test(arguments: [false, true], ["abcdefgh", "abcdef\r\n", ""])
  func theLastChunkIsAnsweredAtOnce(_ isLMTP: Bool, _ content: String) {
    for body in [ClientSession.Transaction.Body.sevenBit, .binary] {
      for reply in ["250 stored\r\n", "552 5.3.4 Too big\r\n"] {
        var configuration = configuration(chunks: true)
        configuration.isLMTP = isLMTP
        var message = OutgoingMessage(
          .init(from: .null, to: ["b@y.example", "c@y.example"].map { Recipient($0) }),
          Array(content.utf8))
        message.transaction.body = body
        var machine = ClientMachine(
          ClientSession(configuration), sending: [message], pieceSize: 5)
        var isAnswered = false
        machine.hear = { output in
          guard !isAnswered, let last = output.firstRange(of: " LAST\r\n".utf8) else { return [] }
          // The length stands in front of LAST.
          let digits = output[..<last.lowerBound].split(separator: 32).last!
          guard Int(String(decoding: digits, as: UTF8.self)) == output.count - last.upperBound
          else { return [] }
          isAnswered = true
          let others = output.ranges(of: "BDAT ".utf8).count - 1
          return Array(
            (String(repeating: "250 chunk\r\n", count: others) + reply
              + (isLMTP ? "450 no\r\n" : "")).utf8)
        }
        for line in [
          "220 x", "250-x\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 PIPELINING", "250 MAIL",
          "250 RCPT", "250 RCPT",
        ] {
          machine.receive("\(line)\r\n".utf8)
        }
        #expect(isAnswered)
        let first = reply.hasPrefix("2") ? "delivered" : "refused"
        let scope = isLMTP ? "recipient" : "message"
        #expect(machine.verdicts.contains("<b@y.example> \(first) \(scope) \(reply.prefix(3))"))
        #expect(machine.verdicts.contains("<c@y.example> \(isLMTP ? "deferred" : first) \(scope)"))
        #expect(!machine.verdicts.contains("failed"))
      }
    }
  }

  private static let long = OutgoingMessage(
    .init(from: .null, to: [Recipient("b@y.example")]), Array("abcdefgh".utf8))

  private func configuration(chunks: Bool) -> ClientSession.Configuration {
    var configuration = ClientSession.Configuration(hostname: Array("client.example".utf8))
    configuration.usesChunks = chunks
    return configuration
  }

  private func text(_ machine: ClientMachine) -> String {
    String(decoding: machine.output, as: UTF8.self)
  }
}

extension Recipient {
  init(_ address: String) { self.init(mailbox: Mailbox(Array(address.utf8))!) }
}

@Suite struct ClientBoundsTests {
  /// The octets of the password are overwritten where they were, however the authentication ends.
  @Test(arguments: [
    ["AUTH PLAIN\r\n", "235 OK\r\n"], ["AUTH PLAIN\r\n", "535 No\r\n"],
    ["AUTH PLAIN\r\n", "what\r\n"], ["AUTH PLAIN\r\n250 one too many\r\n"],
    ["AUTH LOGIN\r\n", "334 a\r\n", "334 b\r\n", "235 OK\r\n"],
    ["AUTH LOGIN\r\n", "334 a\r\n", "334 b\r\n250 one too many\r\n"], ["HELP\r\n"],
  ])
  func passwordIsWiped(_ replies: [String]) {
    for isVerified in [true, false] {
      let secret = Array(repeating: UInt8(0xA7), count: 3000)
      var session = ClientSession(
        .init(hostname: Array("x".utf8)), protection: isVerified ? .verified : .encrypted,
        account: .init(login: Array("user".utf8), password: secret.map { $0 }))
      var output: [UInt8] = []
      feed(&session, "220 x\r\n", &output)
      // Where the octets are: after the free, too, but that they may have been given to something else.
      let memory = unsafe session.account!.password.withUnsafeBufferPointer { unsafe $0 }
      #expect(unsafe memory.elementsEqual(secret))
      feed(&session, "250-x\r\n250 \(replies[0])", &output)
      for reply in replies.dropFirst() { feed(&session, reply, &output) }
      #expect(session.account == nil)
      #expect(unsafe memory.count { $0 == 0xA7 } < 100)
    }
  }

  /// The password may be in the output still when the server has replied to it already.
  @Test func outputHoldsPassword() {
    var session = ClientSession(
      .init(hostname: Array("x".utf8)), protection: .verified,
      account: .init(login: Array("user".utf8), password: Array("secret".utf8)))
    var output: [UInt8] = []
    feed(&session, "220 x\r\n", &output)
    #expect(!session.outputHoldsPassword)
    feed(&session, "250-x\r\n250 AUTH PLAIN\r\n", &output)
    #expect(session.outputHoldsPassword)
    feed(&session, "235 OK\r\n", &output)
    #expect(session.outputHoldsPassword)
    session.outputHoldsPassword = false
    _ = session.begin(.init(from: .null, to: [Recipient("a@b")]))
    feed(&session, "", &output)
    #expect(!session.outputHoldsPassword)
  }

  /// What a deadline for a whole reply needs: lines and parts of lines do not count.
  @Test func repliesAreCounted() {
    var session = ClientSession(.init(hostname: Array("x".utf8)))
    var output: [UInt8] = []
    for (octets, replies) in [
      ("220-x\r\n", 0), ("2", 0), ("20 x\r", 0), ("\n", 1), ("250-x\r\n250-y\r\n", 1),
      ("250 PIPELINING\r\n", 2),
    ] {
      feed(&session, octets, &output)
      #expect(session.replies == replies)
    }
    _ = session.begin(.init(from: .null, to: [Recipient("a@b"), Recipient("c@d")]))
    feed(&session, "", &output)
    for replies in 3...5 {
      feed(&session, "250 x\r\n", &output)
      #expect(session.replies == replies)
    }
  }

  /// RFC 3461 §4: `=` and spaces are no xtext, and an ENVID has 100 octets at most.
  @Test(arguments: [("a=b", false), ("a b", false), ("a+3Db", true)])
  func parametersAreXtext(_ value: String, _ isProper: Bool) {
    #expect(commands(envelopeID: value, original: "rfc822;x").contains(" ENVID=") == isProper)
    #expect(commands(envelopeID: "x", original: "rfc822;\(value)").contains(" ORCPT=") == isProper)
  }

  @Test func longEnvelopeIDs() {
    for count in [100, 101] {
      let value = String(repeating: "x", count: count)
      #expect(commands(envelopeID: value, original: "a;x").contains(" ENVID=") == (count == 100))
    }
  }

  private func commands(envelopeID: String, original: String) -> String {
    var session = ClientSession(.init(hostname: Array("x".utf8)))
    var output: [UInt8] = []
    feed(&session, "220 x\r\n", &output)
    feed(&session, "250-x\r\n250-PIPELINING\r\n250 DSN\r\n", &output)
    var status = Recipient.DeliveryStatus()
    status.originalRecipient = Array(original.utf8)
    var transaction = ClientSession.Transaction(
      from: .null, to: [.init(mailbox: Mailbox(Array("a@b".utf8))!, deliveryStatus: status)])
    transaction.deliveryStatus.envelopeID = Array(envelopeID.utf8)
    _ = session.begin(transaction)
    feed(&session, "", &output)
    return String(decoding: output, as: UTF8.self)
  }

  /// A client says EHLO with a name that every server takes.
  @Test(arguments: [
    ("mail.example", true), ("[192.0.2.1]", true), ("[IPv6:2001:db8::1]", true), ("x", true),
    ("", false), ("::1", false), ("[::1]", false), ("a_b", false), ("x.", false), ("x y", false),
  ])
  func names(_ name: String, _ isProper: Bool) {
    #expect(ClientSession.Configuration(hostname: Array(name.utf8)).hasProperName == isProper)
  }

  /// The session may end while TLS begins.
  @Test func startedTLSTooLate() {
    var session = ClientSession(.init(hostname: Array("x".utf8)))
    var output: [UInt8] = []
    for text in ["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 x\r\n"] {
      feed(&session, text, &output)
    }
    let written = output
    session.fail(.terminated)
    session.startedTLS(isVerified: true, into: &output)
    #expect(output == written)
  }

  /// A transaction has room for one recipient, or nothing would ever be sent.
  @Test(arguments: [0, -1, Int.min])
  func someRecipient(_ limit: Int) {
    var configuration = ClientSession.Configuration(hostname: Array("x".utf8))
    configuration.maximumRecipients = limit
    #expect(ClientSession(configuration).recipientLimit == 1)
  }

  /// Bits that mean nothing are not kept: they would write NOTIFY without a value.
  @Test func notifyBits() {
    #expect(Recipient.Notify(rawValue: 8).isEmpty)
    #expect(Recipient.Notify(rawValue: 12) == .delay)
  }

  /// A server works on a chunk before it replies.
  @Test func timeoutOfAChunk() {
    var configuration = ClientSession.Configuration(hostname: Array("x".utf8))
    configuration.usesChunks = true
    var session = ClientSession(configuration)
    var output: [UInt8] = []
    feed(&session, "220 x\r\n", &output)
    feed(&session, "250-x\r\n250 CHUNKING\r\n", &output)
    _ = session.begin(.init(from: .null, to: [Recipient("a@b")]))
    for text in ["", "250 x\r\n", "250 x\r\n"] { feed(&session, text, &output) }
    #expect(session.timeout == 180)
    var position = 0
    let piece: [UInt8] = [120]
    while session.encode(piece.span, &position, isLast: false, into: &output) != nil {}
    feed(&session, "", &output)
    #expect(session.timeout == 300)
  }

  /// RFC 5321 §4.5.3.2.
  @Test func timeouts() {
    var session = ClientSession(.init(hostname: Array("x".utf8)))
    var output: [UInt8] = []
    #expect(session.timeout == 300)
    feed(&session, "220 x\r\n", &output)
    feed(&session, "250 x\r\n", &output)
    _ = session.begin(.init(from: .null, to: [Recipient("a@b")]))
    feed(&session, "", &output)
    #expect(session.timeout == 300)
    feed(&session, "250 x\r\n", &output)
    feed(&session, "250 x\r\n", &output)
    #expect(session.timeout == 120)
    feed(&session, "354 x\r\n", &output)
    #expect(session.timeout == 180)
    var position = 0
    let empty: [UInt8] = []
    let range = session.encode(empty.span, &position, isLast: true, into: &output)
    #expect(range == nil)
    feed(&session, "", &output)
    #expect(session.timeout == 600)
  }

  /// A 250 that has come before the end of the message was written does not answer the message, and a 5xx
  /// does. What the caller has not written is in the output still.
  @Test(arguments: [("250 x\r\n", "deferred"), ("552 x\r\n", "refused")])
  func replyBeforeTheEnd(_ reply: String, _ outcome: String) {
    var session = ClientSession(.init(hostname: Array("x".utf8)))
    var output: [UInt8] = []
    feed(&session, "220 x\r\n", &output)
    feed(&session, "250 x\r\n", &output)
    _ = session.begin(.init(from: .null, to: [Recipient("a@b")]))
    for text in ["", "250 x\r\n", "250 x\r\n", "354 x\r\n"] { feed(&session, text, &output) }
    output = []
    var (position, none) = (0, 0)
    let empty: [UInt8] = []
    #expect(session.encode(empty.span, &position, isLast: true, into: &output) == nil)
    guard case .flush = session.advance(empty.span, &none, into: &output) else {
      Issue.record("the end is not to be written")
      return
    }
    #expect(output == Array(".\r\n".utf8))
    output = Array("\r\n".utf8)  // the rest
    let input = Array(reply.utf8)
    guard case .settled(0, let verdict) = session.advance(input.span, &position, into: &output)
    else {
      Issue.record("no verdict")
      return
    }
    #expect("\(verdict.outcome)" == outcome)
  }

  /// However many recipients there are, and however long their commands, the output is bounded.
  @Test func outputIsBounded() {
    var configuration = ClientSession.Configuration(hostname: Array("x".utf8))
    configuration.maximumRecipients = 10_000
    var session = ClientSession(configuration)
    var output: [UInt8] = []
    feed(&session, "220 x\r\n", &output)
    feed(&session, "250-x\r\n250 PIPELINING\r\n", &output)
    let recipients = (0..<10_000).map { Recipient("\(String(repeating: "x", count: 200))\($0)@b") }
    _ = session.begin(.init(from: .null, to: recipients))
    var (written, flushes) = (0, 0)
    while true {
      output = []
      var position = 0
      let empty: [UInt8] = []
      let action = session.advance(empty.span, &position, into: &output)
      #expect(output.count < ClientSession.outputLimit + 1024)
      written += output.count
      guard case .flush = action else { break }
      flushes += 1
    }
    #expect(written > 2_000_000 && flushes > 100)
  }

  private func feed(_ session: inout ClientSession, _ text: String, _ output: inout [UInt8]) {
    var position = 0
    let input = Array(text.utf8)
    while true {
      switch session.advance(input.span, &position, into: &output) {
      case .needInput, .ready, .needContent, .startTLS, .close: return
      case .flush: output = []
      case .settled, .postponed, .failed: break
      }
    }
  }
}
