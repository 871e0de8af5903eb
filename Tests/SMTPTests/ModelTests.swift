// The states of a session, walked breadth first from the code itself: what leads from where to where
// is drawn in Sources/SMTP/Server/STATES.md, and what holds in every state is checked in every state.

import Foundation
import Testing

@testable import SMTP

/// What a client sends, or what the caller says, by the name that the diagram has for it.
private struct Symbol {
  let name: String
  let octets: [UInt8]
  /// Whether it is a command line where commands are expected.
  var isCommand = true

  init(_ name: String, _ text: String, isCommand: Bool = true) {
    self.name = name
    octets = Array(text.utf8)
    self.isCommand = isCommand
  }

  static let all = [
    Symbol("HELO", "HELO x\r\n"), Symbol("EHLO", "EHLO x\r\n"), Symbol("HELO", "HELO !\r\n"),
    Symbol("AUTH", "AUTH PLAIN\r\n"), Symbol("AUTH with response", "AUTH PLAIN AGEAYg==\r\n"),
    Symbol("STARTTLS", "STARTTLS\r\n"), Symbol("MAIL", "MAIL FROM:<>\r\n"),
    Symbol("MAIL", "MAIL FROM:<> BODY=BINARYMIME\r\n"), Symbol("RCPT", "RCPT TO:<a@b>\r\n"),
    Symbol("RCPT", "RCPT TO:<c@b>\r\n"), Symbol("RCPT", "RCPT TO:<>\r\n"),
    Symbol("DATA", "DATA\r\n"), Symbol("BDAT", "BDAT 1\r\n"),
    Symbol("BDAT", "BDAT 1 LAST\r\n"), Symbol("BDAT", "BDAT 0 LAST\r\n"),
    Symbol("malformed BDAT", "BDAT\r\n"), Symbol("malformed BDAT", "BDAT 1\n\r\n"),
    Symbol("RSET", "RSET\r\n"), Symbol("NOOP", "NOOP\r\n"),
    Symbol("QUIT", "QUIT\r\n"), Symbol("HTTP", "GET /\r\n"), Symbol("unknown", "FOO\r\n"),
    Symbol("response", "AGEAYg==\r\n"), Symbol("*", "*\r\n"),
    Symbol("octets", "x", isCommand: false), Symbol("end of data", "\r\n.\r\n", isCommand: false),
  ]
}

extension Session {
  /// The state's name, as in the enum; `start` is `ready` before HELO or EHLO.
  fileprivate var stateName: String {
    switch state {
    case .ready: hello == nil ? "start" : "ready"
    case .authenticating: "authenticating"
    case .verifying: "verifying"
    case .startingTLS: "startingTLS"
    case .mail: "mail"
    case .routing: "routing"
    case .filtering: "filtering"
    case .opening: "opening"
    case .content: "content"
    case .chunk: "chunk"
    case .chunks: "chunks"
    case .storing: "storing"
    case .closed: "closed"
    }
  }

  /// What tells two sessions apart for what they do next, as far as the walk goes.
  fileprivate var node: String {
    var node = "\(stateName) failures=\(failures) login=\(login != nil) refused=\(refusedOctets)"
    if let hello { node += " \(hello.isExtended)" }
    switch state {
    case .mail(let envelope): node += " \(envelope.recipients.count) \(envelope.isBinary)"
    case .content(let content, let reader):
      node += " \(content.isOpen) \(content.size > 3) \(reader)"
    case .chunk(let chunks, let remaining, let isLast):
      node += " \(chunks.content.isOpen) \(remaining) \(isLast)"
    case .chunks(let chunks): node += " \(chunks.content.isOpen)"
    case .ready, .authenticating, .verifying, .startingTLS, .routing, .filtering, .opening,
      .storing, .closed:
      break
    }
    return node
  }
}

/// A session, what has been seen of it, and the laws that it must keep.
private struct Walker {
  var session: Session
  /// Input that the machine has not consumed.
  var pending: [UInt8] = []
  var hasOpenMessage = false
  /// Which way the caller's parts end: each of their endings is walked.
  let fails: Bool
  /// Whether the first error is one too many. What that leads to is not drawn.
  var hasNoBudget = false
  var hasFilters: Bool { session.configuration.hasFilters }

  typealias Edge = (from: String, by: String, to: String)

  /// Feeds a symbol; gives the edges that it led along and the replies that it drew.
  mutating func feed(_ symbol: Symbol) -> (edges: [Edge], replies: Int) {
    var edges: [Edge] = []
    var output: [UInt8] = []
    // In a chunk everything is octets, and a line that is awaited is a response, whatever it says.
    var cause =
      switch session.state {
      case .chunk: "octets"
      case .authenticating where symbol.name != "*": "response"
      default: symbol.name
      }
    let input = pending + symbol.octets
    var position = 0
    while true {
      let before = session.stateName
      let action = session.advance(input.span, &position, into: &output)
      record(&edges, before, cause)
      let acting = session.stateName
      switch action {
      case .open:
        #expect(!hasOpenMessage && (acting == "content" || acting == "chunk"))
        hasOpenMessage = true
      case .append, .appendLineEnd: #expect(hasOpenMessage, "content outside a transaction")
      case .commit:
        #expect(hasOpenMessage && acting == "storing")
        hasOpenMessage = false
        cause = fails ? "not stored" : "stored"
        if fails {
          session.storeFailed(.other, into: &output)
        } else {
          session.stored(as: [120], into: &output)
        }
        record(&edges, acting, cause)
      case .abort:
        #expect(hasOpenMessage)
        hasOpenMessage = false
      case .route:
        let isKnown = session.routedMailbox?.octets == Array("a@b".utf8)
        cause = isKnown ? "accepted" : "refused"
        let reply = session.routed(isKnown ? .local : .unknown, into: &output)
        #expect((reply == nil) == isKnown || session.stateName == "closed")
        record(&edges, acting, cause)
      case .filter:
        cause = fails ? "filtered" : "passed"
        session.filtered(fails ? .rejected : .proceed, into: &output)
        record(&edges, acting, cause)
      case .verify:
        cause = fails ? "denied" : "accepted"
        session.verified(fails ? .denied : .accepted, into: &output)
        record(&edges, acting, cause)
      case .startTLS:
        cause = fails ? "no TLS" : "TLS starts"
        session.startTLS(isPossible: !fails, into: &output)
        record(&edges, acting, cause)
      case .proceed, .refused, .flush: break
      case .needInput, .close:
        #expect(session.dismissal == nil || session.stateName == "closed")
        if case .needInput = action {
          #expect(session.dismissal == nil, "dismissed, yet goes on")
        }
        pending = Array(input[position...])
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\r\n")
        return (edges, lines.count { $0.dropFirst(3).first != "-" })
      }
    }
  }

  private func record(_ edges: inout [Edge], _ before: String, _ cause: String) {
    if session.stateName != before { edges.append((before, cause, session.stateName)) }
  }
}

@Suite struct ModelTests {
  private static var start: [Walker] {
    var configuration = Configuration(hostname: [120])
    configuration.hasAccounts = true
    configuration.allowsInsecureAuthentication = true
    configuration.canStartTLS = true
    configuration.maximumSize = 4
    configuration.routesRecipients = true
    let session = Session(configuration: configuration, isTLS: false)
    configuration.hasFilters = true
    let filtered = Session(configuration: configuration, isTLS: false)
    configuration.hasFilters = false
    configuration.maximumErrors = 0
    let strict = Session(configuration: configuration, isTLS: false)
    return [session, filtered].flatMap { session in
      [false, true].map { Walker(session: session, fails: $0) }
    }
      + [Walker(session: strict, fails: false, hasNoBudget: true)]
  }

  /// All sessions that are different, and the edges between their states.
  private static let walk: (walkers: [Walker], edges: Set<[String]>) = {
    var edges: Set<[String]> = []
    var seen: Set<String> = []
    var all: [Walker] = []
    var queue = start[...]
    while let walker = queue.popFirst() {
      // A line without its end is no state of its own.
      guard walker.pending.isEmpty,
        seen.insert(
          "\(walker.session.node) \(walker.fails) \(walker.hasNoBudget) \(walker.hasFilters)"
        ).inserted
      else { continue }
      all.append(walker)
      for symbol in Symbol.all {
        var next = walker
        let before = walker.session.stateName
        let (passed, replies) = next.feed(symbol)
        for edge in passed where !walker.hasNoBudget {
          edges.insert([edge.from, edge.by, edge.to])
        }
        checkReplies(symbol, before, walker, next, replies)
        queue.append(next)
      }
    }
    return (all, edges)
  }()

  /// No reply without a command, and none but one for each.
  private static func checkReplies(
    _ symbol: Symbol, _ before: String, _ walker: Walker, _ next: Walker, _ replies: Int
  ) {
    switch before {
    case "closed": #expect(replies == 0)
    case "content": #expect(replies == (next.session.stateName == "content" ? 0 : 1))
    case "start", "ready", "mail", "chunks", "authenticating":
      // The rest of a refused chunk and an unfinished line swallow what follows them.
      guard walker.pending.isEmpty, walker.session.refusedOctets == 0 else { return }
      // A command whose chunk has not come yet has its reply still before it.
      let waits = next.session.stateName == "chunk"
      if symbol.isCommand { #expect(replies == (waits ? 0 : 1), "\(before) \(symbol.name)") }
      if symbol.name == "octets" { #expect(replies == 0) }
    default: break
    }
  }

  @Test func everyStateIsReached() {
    let states = Set(Self.walk.edges.flatMap { [$0[0], $0[2]] })
    #expect(states.count == 14)
    #expect(Self.walk.walkers.count > 40)
  }

  /// From every state a client comes to the end by QUIT: behind the end of the content that it is in.
  @Test func quitEndsFromEverywhere() {
    for walker in Self.walk.walkers {
      var walker = walker
      let ends = ["end of data", "octets", "end of data", "NOOP", "QUIT"]
      for name in ends where walker.session.stateName != "closed" {
        for symbol in Symbol.all where symbol.name == name {
          // The end of data is for content, octets are for chunks.
          let isContent = walker.session.stateName == "content"
          let isChunk = walker.session.stateName == "chunk" || walker.session.refusedOctets > 0
          guard symbol.isCommand || (name == "octets" ? isChunk : isContent) else { continue }
          _ = walker.feed(symbol)
        }
      }
      #expect(walker.session.stateName == "closed", "\(walker.session.node) \(walker.pending)")
    }
  }

  /// The committed diagram is the one that the walk finds. `POSTERN_UPDATE=1` writes it.
  @Test func diagramIsUpToDate() throws {
    var labels: [[String]: Set<String>] = [:]
    for edge in Self.walk.edges { labels[[edge[0], edge[2]], default: []].insert(edge[1]) }
    let lines = labels.map { nodes, names in
      "    \(nodes[0]) --> \(nodes[1]): \(names.sorted().joined(separator: ", "))"
    }.sorted()
    let text = """
      # The states of a session

      Made by `Tests/SMTPTests/ModelTests.swift`, which walks the machine and fails when this is out of
      date; `POSTERN_UPDATE=1 swift test --filter ModelTests` makes it anew. What stays in its state is
      not shown; a 421 may lead from every state to `closed`. `routing`, `filtering`, `verifying`,
      `startingTLS` and `storing` wait for the caller, who says how its part has ended.

      ```mermaid
      stateDiagram-v2
          [*] --> start
      \(lines.joined(separator: "\n"))
          closed --> [*]
      ```

      """
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/SMTP/Server/STATES.md")
    if ProcessInfo.processInfo.environment["POSTERN_UPDATE"] != nil {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == text)
  }
}
