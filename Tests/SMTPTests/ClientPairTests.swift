// The two machines against each other: what the client sends is what the server receives, byte for byte, for
// generated envelopes and contents.

import TestSupport
import Testing

@testable import SMTP

/// Numbers that look random and are the same for the same seed (xorshift).
struct Generator {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(seed + 1) &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// A number below `limit`.
  mutating func callAsFunction(_ limit: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int((state >> 11) % UInt64(limit))
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[self(elements.count)] }

  /// Content of line ends, dots and other octets, in every order.
  mutating func content(anyOctet: Bool) -> [UInt8] {
    let pieces = ["\r\n", "\n", "\r", ".", "x", "\r\n.\r\n", "\n.\n", "\r.\r", "a line\r\n"]
    var content: [UInt8] = []
    for _ in 0..<self(30) {
      switch self(12) {
      case 0: content += Array(repeating: UInt8(ascii: "y"), count: self(200))
      case 1: content += (0..<self(5)).map { _ in Array("long line of text\r\n".utf8) }.joined()
      case 2 where anyOctet: content.append(UInt8(self(256)))
      default: content += pick(pieces).utf8
      }
    }
    return content
  }
}

/// What lines are on the wire: RFC 5321 §2.3.8, done as simply as can be.
func asLines(_ content: [UInt8]) -> [UInt8] {
  var result: [UInt8] = []
  var index = 0
  while index < content.count {
    if content[index] == 13 || content[index] == 10 {
      index += content[index] == 13 && index + 1 < content.count && content[index + 1] == 10 ? 2 : 1
      result += [13, 10]
    } else {
      result.append(content[index])
      index += 1
    }
  }
  return result.isEmpty || result.last == 10 ? result : result + [13, 10]
}

@Suite struct ClientPairTests {
  private final class Pair {
    var client: ClientMachine
    var server: Machine
    var generator: Generator
    private var (toClient, toServer) = (0, 0)

    init(client: ClientMachine, server: Machine, generator: Generator) {
      self.client = client
      self.server = server
      self.generator = generator
    }

    /// What the server says to what is written, some of it, while the client sends content.
    private func hear(_ output: [UInt8]) -> [UInt8] {
      guard generator(2) == 0 else { return [] }
      server.receive(output[toServer...])
      toServer = output.count
      let said = server.output.count - toClient
      let count = said == 0 ? 0 : 1 + generator(said)
      defer { toClient += count }
      return Array(server.output[toClient..<toClient + count])
    }

    /// Carries octets between the two, cut anywhere, until nothing is left to say.
    func run() {
      client.hear = { [unowned self] in hear($0) }
      while !client.isClosed {
        let replies = server.output.count - toClient
        let commands = client.output.count - toServer
        precondition(replies + commands > 0, "both wait: \(client.verdicts) \(server.replies)")
        if replies > 0, commands == 0 || generator(2) == 0 {
          let count = 1 + generator(replies)
          toClient += count
          client.receive(server.output[toClient - count..<toClient])
        } else {
          let count = 1 + generator(commands)
          server.receive(client.output[toServer..<toServer + count])
          toServer += count
        }
      }
      server.receive(client.output[toServer...])
    }
  }

  private func envelope(_ generator: inout Generator) -> ClientSession.Transaction {
    let senders = ["", "a@x.example", "\"q <>\\\"\"@x.example", "a@bücher.example", "ü@x.example"]
    let locals = ["b#", "c.d#", "\"e f#\"", "ö#"]
    let domains = ["y.example", "[192.0.2.1]", "bücher.example", "foreign.example"]
    var recipients: [Recipient] = []
    for number in 0...generator(6) {
      // No two are the same: the server would make one of them.
      let local = generator.pick(locals).replacing("#", with: "\(number)")
      let address = "\(local)@\(generator.pick(domains))"
      var status = Recipient.DeliveryStatus()
      if generator(3) == 0 {
        status.notify = generator.pick([[], [.success], [.failure, .delay]])
      }
      if generator(3) == 0 { status.originalRecipient = Array("rfc822;o+2Bx@y".utf8) }
      recipients.append(
        Recipient(mailbox: Mailbox(Array(address.utf8))!, deliveryStatus: status))
    }
    var transaction = ClientSession.Transaction(
      from: ReversePath(Array(generator.pick(senders).utf8))!, to: recipients)
    transaction.body = generator.pick([.sevenBit, .eightBit, .binary])
    transaction.isUTF8 = generator(4) == 0
    if generator(2) == 0 { transaction.deliveryStatus.returned = .headers }
    if generator(2) == 0 { transaction.deliveryStatus.envelopeID = Array("id+2B".utf8) }
    return transaction
  }

  @Test(arguments: 0..<8)
  func whatIsSentIsReceived(_ part: Int) {
    for seed in part * 100..<(part + 1) * 100 {
      var generator = Generator(seed)
      var settings = Configuration(hostname: Array("mail.example.org".utf8))
      settings.offersDeliveryStatus = true
      settings.isSubmission = true
      settings.domains = ["y.example", "[192.0.2.1]", "xn--bcher-kva.example"].map {
        Array($0.utf8)
      }
      settings.maximumRecipients = 1 + generator(4)
      settings.hasAccounts = true
      settings.requiresAuthentication = generator(2) == 0
      var configuration = ClientSession.Configuration(hostname: Array("client.example".utf8))
      configuration.usesChunks = generator(2) == 0
      configuration.maximumRecipients = 1 + generator(5)
      let messages = (0..<1 + generator(3)).map { _ in
        let transaction = envelope(&generator)
        return OutgoingMessage(
          transaction, generator.content(anyOctet: transaction.body != .sevenBit))
      }
      let pair = Pair(
        client: ClientMachine(
          ClientSession(
            configuration, protection: .verified,
            account: .init(login: Array("user".utf8), password: Array("secret".utf8))),
          sending: messages, pieceSize: 1 + generator(100), knowsEnd: generator(2) == 0),
        server: Machine(settings, isTLS: true), generator: generator)
      pair.run()
      check(pair, messages, seed)
    }
  }

  private func check(_ pair: Pair, _ messages: [OutgoingMessage], _ seed: Int) {
    // Who has got which message: by content, since the envelopes may be split.
    var delivered: [String] = []
    var refused = 0
    for event in pair.client.events {
      switch event {
      case .settled(let message, let recipient, let verdict):
        if verdict.outcome == .delivered {
          delivered.append(line(recipient, messages[message]))
        } else {
          #expect(verdict.code == 550 && verdict.status.octets == Array("5.7.1".utf8), "\(seed)")
          refused += 1
        }
      case .postponed: break
      case .needsConversion, .failed: Issue.record("\(event) \(seed)")
      }
    }
    var received: [String] = []
    for (envelope, stored) in zip(pair.server.envelopes, pair.server.messages) {
      for recipient in envelope.recipients {
        received.append(
          line(envelope.reversePath, recipient, envelope.deliveryStatus, stored.content))
      }
    }
    #expect(delivered.sorted() == received.sorted(), "\(seed)")
    let count = messages.map(\.transaction.recipients.count).reduce(0, +)
    #expect(pair.client.events.count { if case .settled = $0 { true } else { false } } == count)
    #expect(pair.server.envelopes.count == pair.server.messages.count)
  }

  private func line(_ address: [UInt8], _ message: OutgoingMessage) -> String {
    let transaction = message.transaction
    return line(
      transaction.reversePath, transaction.recipients.first { $0.mailbox.octets == address }!,
      transaction.deliveryStatus,
      transaction.body == .binary ? message.content : asLines(message.content))
  }

  /// What there is to know of a message for one recipient. A domain may be sent in UTF-8 or as A-labels.
  private func line(
    _ reversePath: ReversePath, _ recipient: Recipient, _ status: Envelope.DeliveryStatus,
    _ content: [UInt8]
  ) -> String {
    var sender: [UInt8] = []
    if case .mailbox(let mailbox) = reversePath { sender = mailbox.canonical }
    return
      "\(sender) \(recipient.mailbox.canonical) \(recipient.deliveryStatus) \(status) \(content)"
  }
}
