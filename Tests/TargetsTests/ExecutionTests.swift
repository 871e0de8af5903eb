import Octets
import SMTP
import Testing

@testable import Targets

@Suite struct ExitVerdictTests {
  private let refusals: [Int: String] = [
    64: "5.3.0", 65: "5.6.0", 66: "5.3.0", 67: "5.1.1", 68: "5.1.2", 69: "5.3.0", 70: "5.3.0",
    72: "5.3.0", 73: "5.2.0", 76: "5.5.0", 77: "5.7.0",
  ]

  @Test func everyStatus() {
    for status in 0...255 {
      let verdict = ClientSession.Verdict.exited(status, [])
      let code = String(decoding: verdict.status.octets, as: UTF8.self)
      if status == 0 {
        #expect(verdict.outcome == .delivered && code == "2.0.0")
      } else if let refusal = refusals[status] {
        #expect(verdict.outcome == .refused && code == refusal)
      } else {
        #expect(verdict.outcome == .deferred && code == (status == 78 ? "4.3.5" : "4.3.0"))
      }
      #expect(!verdict.text.isEmpty)
      #expect(verdict.scope == .recipient)
    }
  }

  @Test func reasons() {
    let line = Array("no such user".utf8)
    #expect(ClientSession.Verdict.exited(67, line).text == line)
    #expect(
      String(decoding: ClientSession.Verdict.exited(75, []).text, as: UTF8.self)
        == "temporary failure (exit status 75)")
    #expect(ClientSession.Verdict.signalled(9, line).outcome == .deferred)
    #expect(
      String(decoding: ClientSession.Verdict.signalled(9, line).text, as: UTF8.self)
        == "the program was killed by signal 9: no such user")
    #expect(ClientSession.Verdict.overtime(seconds: 5).outcome == .deferred)
    #expect(ClientSession.Verdict.unstartable("x").scope == .destination)
  }
}

@Suite struct LastLineTests {
  private func last(_ pieces: [String]) -> String {
    var line = LastLine()
    for piece in pieces { line.append(Array(piece.utf8).span) }
    return String(decoding: line.text, as: UTF8.self)
  }

  @Test(arguments: [
    ([], ""), (["a"], "a"), (["a\nb\n"], "b"), (["a\nb\n\n \r\n\n"], "b"), (["a\r\nb\r\n"], "b"),
    (["one\ntw", "o\n"], "two"), (["\n\n"], ""), ([" a\tb\u{1b}[0m \n"], "a b?[0m"),
    (["é\n"], "??"),
  ])
  func lines(_ pieces: [String], _ expected: String) { #expect(last(pieces) == expected) }

  @Test func flood() {
    let flood = String(repeating: "x", count: 5000)
    #expect(last(["first\n", flood, "\nlast\n"]) == "last")
    #expect(last([flood + flood]) == String(repeating: "x", count: LastLine.longestReason))
    #expect(last(Array(repeating: "abc\n", count: 5000)) == "abc")
    #expect(last(["first\n", String(repeating: "\n", count: 4096)]) == "")
    #expect(last(["first\n", String(repeating: "\n", count: 4089)]) == "first")
  }
}

@Suite struct DeliveredToTests {
  private func fields(_ text: String, step: Int) -> DeliveredTo {
    var fields = DeliveredTo()
    let octets = Array(text.utf8)
    for start in stride(from: 0, to: octets.count, by: step) {
      fields.take(octets[start..<min(start + step, octets.count)].span)
    }
    fields.end()
    return fields
  }

  private func isLoop(_ text: String, for address: String = "me+tag@x.example") throws -> Bool {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    let answers = Set([1, 3, 100_000].map { fields(text, step: $0).isLoop(for: mailbox) })
    #expect(answers.count == 1)
    return answers.contains(true)
  }

  @Test(arguments: [
    "Delivered-To: me+tag@x.example\n\n", "delivered-TO:\tME+tag@X.Example \r\n\r\n",
    "Subject: x\r\nDelivered-To:\r\n me+tag@x.example\r\nTo: you\r\n\r\n",
    "A: b\nDelivered-To: you@x.example\nDelivered-To: me+tag@x.example",
  ])
  func same(_ text: String) throws { #expect(try isLoop(text)) }

  @Test(arguments: [
    "", "Delivered-To: me@x.example\n\n", "Delivered-To: me+tag@y.example\n\n",
    "Subject: x\n\nDelivered-To: me+tag@x.example\n", "X-Delivered-To: me+tag@x.example\n\n",
    " Delivered-To: me+tag@x.example\n\n", "Delivered-To: <>\n\n", "Delivered-To:\n\n",
  ])
  func others(_ text: String) throws { #expect(try !isLoop(text)) }

  @Test func many() throws {
    let field = "Delivered-To: you@x.example\r\n"
    #expect(try !isLoop(String(repeating: field, count: 99)))
    #expect(try isLoop(String(repeating: field, count: 100)))
    let long = "Delivered-To: " + String(repeating: "x", count: 5000) + "\r\n"
    #expect(try isLoop(long + "Delivered-To: me+tag@x.example\r\n\r\n"))
  }
}

@Suite struct RecipientTests {
  @Test(arguments: [
    ("me+tag@x.example", "tag"), ("me@x.example", ""), ("me+a+b@x.example", "a+b"),
    ("+a@x.example", ""), ("\"me+a b\"@x.example", "a b"), ("\"me+a\\\"b\"@x.example", "a\"b"),
    ("me+A@x.example", "A"), ("me+@x.example", ""),
  ])
  func tags(_ address: String, _ tag: String) throws {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    #expect(String(decoding: mailbox.tag, as: UTF8.self) == tag)
  }

  @Test func environment() throws {
    let mailbox = try #require(Mailbox(Array("\"Me;$(id)+x\"@X.Example".utf8)))
    let entries = deliveryEnvironment(
      sender: .null, recipient: mailbox, home: Array("/var/lib/me".utf8)
    ).map { String(decoding: $0, as: UTF8.self) }
    #expect(
      entries == [
        "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C", "HOME=/var/lib/me", "SENDER=",
        "RECIPIENT=\"Me;$(id)+x\"@X.Example", "LOCAL=\"Me;$(id)+x\"", "DOMAIN=X.Example",
        "EXTENSION=x",
      ])
  }

  @Test func fields() throws {
    let mailbox = try #require(Mailbox(Array("me@x.example".utf8)))
    let fields = deliveryFields(
      sender: .null, recipient: mailbox, fields: Array("List-Id: <l>\r\n".utf8))
    #expect(
      String(decoding: fields, as: UTF8.self)
        == "Return-Path: <>\r\nDelivered-To: me@x.example\r\nList-Id: <l>\r\n")
  }
}

@Suite struct LineFeedsTests {
  @Test(arguments: [
    ("", ""), ("a\r\nb\r\n", "a\nb\n"), ("a\nb", "a\nb"), ("a\rb", "a\rb"), ("a\r", "a\r"),
    ("\r\r\n\n\r", "\r\n\n\r"), ("\r\n", "\n"), ("\r\n\r\n", "\n\n"),
  ])
  func lines(_ text: String, _ expected: String) {
    let octets = Array(text.utf8)
    for step in 1...4 {
      var lines = LineFeeds()
      var output: [UInt8] = []
      for start in stride(from: 0, to: octets.count, by: step) {
        lines.append(octets[start..<min(start + step, octets.count)].span, to: &output)
      }
      lines.end(&output)
      #expect(output == Array(expected.utf8))
    }
    #expect(octets.withLineFeeds == Array(expected.utf8))
  }
}
