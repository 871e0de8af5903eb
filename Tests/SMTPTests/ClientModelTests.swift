// The states of the client's session, walked breadth first from the code itself: what leads from where to
// where is drawn in Sources/SMTP/Client/STATES.md.

import Foundation
import Testing

@testable import SMTP

extension ClientSession {
  fileprivate var stateName: String {
    switch state {
    case .greeting: "greeting"
    case .hello: "hello"
    case .plainHello: "plainHello"
    case .startingTLS: "startingTLS"
    case .handover: "handover"
    case .authenticating: "authenticating"
    case .ready: "ready"
    case .envelope: "envelope"
    case .content: "content"
    case .endOfData: "endOfData"
    case .resetting: "resetting"
    case .closed: "closed"
    }
  }

  /// What tells two sessions apart for what they do next, as far as the walk goes.
  fileprivate var node: String {
    "\(state) \(protection) \(account == nil) \(owed) \(extensions) \(delivery.standings) "
      + "\(delivery.toAnswer) \(delivery.isContentComplete) \(delivery.needsReset) \(delivery.chunkRemaining)"
  }
}

@Suite struct ClientModelTests {
  private static let replies = [
    "2xx": "220 x",
    "2xx with extensions": "250-x\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN",
    "2xx with CHUNKING": "250-x\r\n250-CHUNKING\r\n250 AUTH LOGIN", "3xx": "354 x", "4xx": "450 x",
    "5xx": "550 x", "421": "421 x", "no reply": "x",
  ]

  private struct Walker {
    var session: ClientSession
    var edges: Set<[String]> = []

    private mutating func record(_ before: String, _ cause: String) {
      guard session.stateName != before else { return }
      // Extensions are news only in front of a transaction.
      edges.insert([before, cause, session.stateName])
    }

    /// Gives the session a reply and does the caller's part, until the server is to speak again.
    mutating func feed(_ name: String, _ text: String) {
      var output: [UInt8] = []
      var position = 0
      let input = Array("\(text)\r\n".utf8)
      var cause = String(name.prefix { $0 != " " || name == "no reply" })
      while true {
        let before = session.stateName
        let action = session.advance(input.span, &position, into: &output)
        record(before, cause)
        let acting = session.stateName
        switch action {
        case .needInput, .close: return
        case .flush: output.removeAll()
        case .settled, .postponed, .failed: break
        case .startTLS:
          session.startedTLS(isVerified: true, into: &output)
          cause = "TLS begins"
        case .ready:
          if position < input.count { break }
          let recipients = ["a@b", "c@b"].map { Recipient(mailbox: Mailbox(Array($0.utf8))!) }
          _ = session.begin(.init(from: .null, to: recipients))
          cause = "begin"
        case .needContent:
          var sent = 0
          let content: [UInt8] = [120]
          while session.encode(content.span, &sent, isLast: true, into: &output) != nil {}
          cause = "the message"
        }
        record(acting, cause)
      }
    }
  }

  private static let walk: (edges: Set<[String]>, sessions: Int) = {
    var edges: Set<[String]> = []
    var seen: Set<String> = []
    var queue: [Walker] = []
    for isLMTP in [false, true] {
      for startTLS in [ClientSession.Configuration.StartTLS.never, .opportunistic, .required] {
        var configuration = ClientSession.Configuration(hostname: [120])
        configuration.isLMTP = isLMTP
        configuration.startTLS = startTLS
        configuration.allowsInsecureAuthentication = true
        configuration.usesChunks = true
        for account in [nil, ClientSession.Account(login: [120], password: [121])] {
          queue.append(Walker(session: ClientSession(configuration, account: account)))
        }
      }
    }
    var next = 0
    while next < queue.count {
      let walker = queue[next]
      next += 1
      let key = "\(walker.session.node) \(walker.session.configuration)"
      guard seen.insert(key).inserted, walker.session.transactions < 2 else { continue }
      for (name, text) in replies {
        var follower = walker
        follower.edges = []
        follower.feed(name, text)
        edges.formUnion(follower.edges)
        queue.append(follower)
      }
    }
    return (edges, seen.count)
  }()

  @Test func everyStateIsReached() {
    #expect(Set(Self.walk.edges.flatMap { [$0[0], $0[2]] }).count == 12)
    #expect(Self.walk.sessions > 40)
  }

  /// The committed diagram is the one that the walk finds. `POSTERN_UPDATE=1` writes it.
  @Test func diagramIsUpToDate() throws {
    var labels: [[String]: Set<String>] = [:]
    for edge in Self.walk.edges where edge[2] != "closed" {
      labels[[edge[0], edge[2]], default: []].insert(edge[1])
    }
    let lines = labels.map { nodes, names in
      "    \(nodes[0]) --> \(nodes[1]): \(names.sorted().joined(separator: ", "))"
    }.sorted()
    let text = """
      # The states of a client's session

      Made by `Tests/SMTPTests/ClientModelTests.swift`, which walks the machine and fails when this is out
      of date; `POSTERN_UPDATE=1 swift test --filter ClientModelTests` makes it anew. What stays in its state
      is not shown, nor what leads to `closed`: a 421, a malformed or unexpected reply, a lost connection
      (from every state), and each refusal before a transaction. `begin`, `the message` and `TLS begins` are
      the caller's part; what follows from them without a reply has the same name.

      ```mermaid
      stateDiagram-v2
          [*] --> greeting
      \(lines.joined(separator: "\n"))
          ready --> closed: quit
          closed --> [*]
      ```

      """
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/SMTP/Client/STATES.md")
    if ProcessInfo.processInfo.environment["POSTERN_UPDATE"] != nil {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == text)
  }
}
