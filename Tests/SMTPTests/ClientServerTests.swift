// Generated servers, each with a message or two, against a model that knows what the server has meant: the
// verdicts are what it has said, nobody counts as delivered without its 2xx to the message, nobody as refused
// without a 5xx. POSTERN_GENERATED_SERVERS=100000 says how many there are.

import Foundation
import TestSupport
import Testing

@testable import SMTP

/// A server that answers whatever it likes, and remembers what that means for each recipient.
private struct WhimsicalServer {
  enum Outcome {
    case delivered, deferred, refused, unknown
  }

  enum Mood: CaseIterable {
    /// Follows the protocol, and refuses what it likes.
    case proper
    /// Once hangs up, says 421 or something that is no reply.
    case dying
    /// Once says something more than it should.
    case talkative
  }

  let mood: Mood
  let isLMTP: Bool
  let hasChunking: Bool
  var generator: Generator
  /// What the client will read.
  var output: [UInt8] = []
  var isClosed = false
  /// What has become of whom, `message recipient`.
  var outcomes: [String: Outcome] = [:]
  /// Whether something was said that the client did not ask for: what it makes of that is not modelled.
  var hasTalked = false
  /// Who has had a 2xx to a message, and whether there was any 5xx.
  var promised: Set<String> = []
  var hasRefused = false
  /// Of whose message the server has read a part only, while the client may have sent it all.
  var mayBeUnknown: Set<String> = []

  /// Whose message was refused at MAIL: if they are named in another transaction, that was about others.
  private var presumed: Set<String> = []

  /// Whom a refusal of DATA concerns that no reply to RSET has followed: the client may not be sure of it.
  var mayBeDeferred: Set<String> = []

  private var input: [UInt8] = []
  private var message: String?
  private var accepted: [String] = []
  /// Recipients of each message, by its reverse-path.
  private let recipients: [String: [String]]
  private var isInContent = false
  private var isAnswering = false
  private var chunk: (rest: Int, isLast: Bool)?
  private var isChunkRefused = false
  /// Commands until the whim of its mood.
  private var patience: Int

  init(
    _ mood: Mood, isLMTP: Bool, hasChunking: Bool, _ recipients: [String: [String]],
    _ generator: Generator
  ) {
    self.mood = mood
    self.isLMTP = isLMTP
    self.hasChunking = hasChunking
    self.recipients = recipients
    self.generator = generator
    patience = self.generator(14)
    say("220 x")
  }

  mutating func receive(_ octets: ArraySlice<UInt8>) {
    input += octets
    while !isClosed {
      if let chunk {
        guard input.count >= chunk.rest else { return }
        input.removeFirst(chunk.rest)
        self.chunk = nil
        endChunk(isLast: chunk.isLast)
      } else if isInContent {
        guard let end = endOfContent else { return }
        input.removeFirst(end)
        isInContent = false
        endMessage()
      } else {
        guard let end = input.firstIndex(of: 10) else { return }
        let line = String(decoding: input[..<(end - 1)], as: UTF8.self)
        input.removeFirst(end + 1)
        execute(line)
      }
    }
  }

  /// Behind CR LF . CR LF, or . CR LF at the beginning.
  private var endOfContent: Int? {
    if input.starts(with: [46, 13, 10]) { return 3 }
    guard input.count >= 5 else { return nil }
    return (5...input.count).first { input[$0 - 5..<$0].elementsEqual([13, 10, 46, 13, 10]) }
  }

  private mutating func say(_ reply: String) {
    if isClosed { return }
    if patience == 0 {
      patience = -1
      switch mood {
      case .proper: break
      // Of the answers that LMTP has for each recipient nobody can say which is one too many.
      case .talkative where isLMTP && isAnswering: break
      case .dying: return die()
      case .talkative:
        hasTalked = true
        let more = generator.pick([
          "250 more", "354 more", "550 more", "452 4.5.3 more", "250-a\r\n250 b",
        ])
        if more.hasPrefix("5") { hasRefused = true }
        // Behind a message it can only be an answer to it.
        if more.hasPrefix("250"), let message, isAnswering {
          for recipient in accepted { promised.insert("\(message) \(recipient)") }
        }
        output += "\(more)\r\n".utf8
      }
    }
    patience -= 1
    if reply.hasPrefix("5") { hasRefused = true }
    output += "\(reply)\r\n".utf8
  }

  /// Ends the session instead of a reply: whoever has no verdict has a reason to be tried again.
  private mutating func die() {
    output +=
      generator.pick(["421 4.3.2 bye\r\n", "", "2", "what?\r\n", "250-a\r\n", "250+a\r\n"])
      .utf8
    isClosed = true
  }

  private mutating func execute(_ line: String) {
    let verb = line.prefix(4)
    switch verb {
    case "EHLO", "LHLO":
      let chunking = hasChunking ? "250-CHUNKING\r\n250-BINARYMIME\r\n" : ""
      say("250-x\r\n\(chunking)\(generator(2) == 0 ? "250-PIPELINING\r\n" : "")250 HELP")
    case "MAIL":
      message = nil
      accepted = []
      isChunkRefused = false
      let path = String(line.dropFirst(11).prefix { $0 != ">" })
      let reply = generator.pick(["250", "250", "250", "250", "450", "550"])
      say("\(reply) MAIL")
      if isClosed { return conclude(path, .deferred) }
      if reply == "250" {
        message = path
      } else {
        for recipient in recipients[path]! where outcomes["\(path) \(recipient)"] == nil {
          presumed.insert("\(path) \(recipient)")
        }
        conclude(path, reply == "450" ? .deferred : .refused)
      }
    case "RCPT":
      guard let message else { return say("503 MAIL first") }
      let recipient = String(line.dropFirst(9).prefix { $0 != ">" })
      if presumed.remove("\(message) \(recipient)") != nil {
        outcomes["\(message) \(recipient)"] = nil
      }
      let reply = generator.pick(["250", "250", "250", "450", "550", "452 4.5.3", "552"])
      say("\(reply) RCPT")
      if isClosed { return conclude(message, .deferred) }
      if reply == "250" {
        accepted.append(recipient)
      } else if accepted.isEmpty || reply == "450" || reply == "550" {
        settle(message, recipient, reply.hasPrefix("5") ? .refused : .deferred)
      }
    case "DATA":
      guard let message, !accepted.isEmpty else {
        // Some servers say 354 all the same.
        if !isLMTP, generator(2) == 0 {
          say("354 DATA")
          isInContent = true
        } else {
          say("503 DATA")
        }
        if isClosed, let message { conclude(message, .deferred) }
        return
      }
      let reply = generator.pick(["354", "354", "354", "450", "550"])
      say("\(reply) DATA")
      if isClosed { return conclude(message, .deferred) }
      isInContent = reply == "354"
      if !isInContent {
        settleAccepted(reply == "450" ? .deferred : .refused)
        mayBeDeferred = Set(accepted.map { "\(message) \($0)" })
      }
    case "BDAT":
      let words = line.split(separator: " ")
      chunk = (Int(words[1])!, words.count == 3)
    case "RSET":
      message = nil
      say("250 RSET")
      if !isClosed { mayBeDeferred = [] }
    case "QUIT": isClosed = true
    default: say("500 \(verb)")
    }
  }

  private mutating func endChunk(isLast: Bool) {
    guard let message, !isChunkRefused else { return say("503 BDAT") }
    if isLast { return endMessage() }
    let reply = generator.pick(["250", "250", "250", "450", "550"])
    say("\(reply) BDAT")
    if isClosed {
      for recipient in accepted { mayBeUnknown.insert("\(message) \(recipient)") }
      return conclude(message, .deferred)
    }
    isChunkRefused = reply != "250"
    if isChunkRefused { settleAccepted(reply == "450" ? .deferred : .refused) }
  }

  /// Answers the message, once or for each recipient.
  private mutating func endMessage() {
    guard let message, !accepted.isEmpty else { return say("554 Nobody") }
    isAnswering = true
    defer { isAnswering = false }
    for recipient in isLMTP ? accepted : [""] {
      let reply = generator.pick(["250", "250", "450", "550"])
      let before = output.count
      say("\(reply) end")
      if isClosed {
        // 421 is an answer; in LMTP for one recipient.
        if output[before...].starts(with: "421".utf8) {
          if isLMTP { settle(message, recipient, .deferred) } else { settleAccepted(.deferred) }
        }
        settleAccepted(.unknown)
        return
      }
      for recipient in isLMTP ? [recipient] : accepted {
        if reply == "250" { promised.insert("\(message) \(recipient)") }
        settle(
          message, recipient, reply == "250" ? .delivered : reply == "450" ? .deferred : .refused)
      }
    }
    self.message = nil
    accepted = []
  }

  private mutating func settle(_ message: String, _ recipient: String, _ outcome: Outcome) {
    if outcomes["\(message) \(recipient)"] == nil { outcomes["\(message) \(recipient)"] = outcome }
  }

  private mutating func settleAccepted(_ outcome: Outcome) {
    for recipient in accepted { settle(message!, recipient, outcome) }
  }

  /// This is for all recipients of a message of whom nothing is known.
  private mutating func conclude(_ message: String, _ outcome: Outcome) {
    for recipient in recipients[message]! { settle(message, recipient, outcome) }
  }
}

@Suite struct ClientServerTests {
  private static let servers =
    ProcessInfo.processInfo.environment["POSTERN_GENERATED_SERVERS"].flatMap { Int($0) } ?? 5000

  @Test(arguments: 0..<20)
  func verdictsAreWhatTheServerSaid(_ part: Int) {
    for seed in stride(from: part, to: Self.servers, by: 20) {
      guard run(seed) else { return }
    }
  }

  /// Gives whether all was well.
  private func run(_ seed: Int) -> Bool {
    var generator = Generator(seed)
    let names = (0..<1 + generator(2)).map { "m\($0)@x" }
    let recipients = names.map { _ in (0..<1 + generator(4)).map { "r\($0)@y" } }
    let messages = zip(names, recipients).map { name, recipients in
      OutgoingMessage(
        .init(from: ReversePath(Array(name.utf8))!, to: recipients.map { Recipient($0) }),
        generator.content(anyOctet: false))
    }
    let mood = generator.pick(WhimsicalServer.Mood.allCases)
    // Behind BDAT a reply too many cannot be told from one that is owed (ClientConfiguration.swift).
    let hasChunking = mood != .talkative && generator(2) == 0
    var configuration = ClientSession.Configuration(hostname: Array("client.example".utf8))
    configuration.isLMTP = generator(3) == 0
    configuration.usesChunks = true
    var server = WhimsicalServer(
      mood, isLMTP: configuration.isLMTP, hasChunking: hasChunking,
      Dictionary(uniqueKeysWithValues: zip(names, recipients)), generator)
    var client = ClientMachine(
      ClientSession(configuration), sending: messages, pieceSize: 1 + generator(60),
      knowsEnd: generator(2) == 0)
    var (toClient, toServer) = (0, 0)
    // The server may answer between any two pieces of the content.
    client.hear = { output in
      guard !server.isClosed, generator(2) == 0 else { return [] }
      server.receive(output[toServer...])
      toServer = output.count
      let said = server.output.count - toClient
      let count = said == 0 ? 0 : 1 + generator(said)
      defer { toClient += count }
      return Array(server.output[toClient..<toClient + count])
    }
    while !client.isClosed {
      if client.output.count > toServer, !server.isClosed {
        server.receive(client.output[toServer...])
        toServer = client.output.count
      } else if server.output.count > toClient {
        let count = 1 + generator(server.output.count - toClient)
        toClient += count
        client.receive(server.output[toClient - count..<toClient])
      } else {
        client.fail(server.isClosed ? .connectionClosed : .timeout)
      }
    }
    return check(client, server, messages, seed)
  }

  private func check(
    _ client: ClientMachine, _ server: WhimsicalServer, _ messages: [OutgoingMessage], _ seed: Int
  ) -> Bool {
    for case .settled(let message, let recipient, let verdict) in client.events {
      let name = "m\(message)@x \(String(decoding: recipient, as: UTF8.self))"
      let model = server.outcomes[name]
      var isRight = verdict.outcome != .delivered || server.promised.contains(name)
      if verdict.outcome == .refused { isRight = server.hasRefused && verdict.code! / 100 == 5 }
      if !server.hasTalked {
        // Of whom the server has heard nothing nothing can be known.
        isRight = isRight && "\(verdict.outcome)" == "\(model ?? .deferred)"
        if verdict.outcome == .deferred, server.mayBeDeferred.contains(name) { isRight = true }
        if verdict.outcome == .unknown, server.mayBeUnknown.contains(name) { isRight = true }
      }
      guard isRight else {
        Issue.record(
          "seed \(seed):\(name) \(verdict.outcome), but \(model.map { "\($0)" } ?? "-")")
        return false
      }
    }
    return true
  }
}
