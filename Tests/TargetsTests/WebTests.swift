import Octets
import SMTP
import Testing

@testable import Targets

@Suite struct WebRequestTests {
  private func configuration(
    url: String = "http://x.example/in", sender: String = "me@x.example", id: String = "1"
  ) throws -> [String] {
    let request = WebRequest(
      url: Array(url.utf8), contentType: "message/rfc822", size: 12, id: Array(id.utf8),
      sender: try #require(ReversePath(Array(sender.utf8))),
      recipient: try #require(Mailbox(Array("\"a\\\"b %\"@x.example".utf8))),
      authorities: Array("/certificates".utf8))
    return String(decoding: request.configuration, as: UTF8.self)
      .split(separator: "\n").map { String($0) }
  }

  @Test func form() throws {
    #expect(
      try configuration() == [
        "url = \"http://x.example/in\"", "request = \"POST\"", "upload-file = \"-\"",
        "cacert = \"/certificates\"", "user-agent = \"Postern\"",
        "header = \"Content-Type: message/rfc822\"", "header = \"Content-Length: 12\"",
        "header = \"Transfer-Encoding:\"", "header = \"Expect:\"", "header = \"Postern-Id: 1\"",
        "header = \"Postern-Sender: me@x.example\"",
        "header = \"Postern-Recipient: \\\"a\\\\\\\"b%20%25\\\"@x.example\"",
      ])
  }

  @Test func quotation() throws {
    let lines = try configuration(
      url: "http://x.example/\"\\", sender: "", id: "\n\r\nX: y\0\"\\é")
    #expect(lines.count == 12)
    #expect(lines[0] == "url = \"http://x.example/\\\"\\\\\"")
    #expect(lines[9] == "header = \"Postern-Id: %0A%0D%0AX:%20y%00\\\"\\\\%C3%A9\"")
    #expect(lines[10] == "header = \"Postern-Sender;\"")
  }

  @Test func argumentsAreHarmless() {
    let arguments = WebRequest.arguments(
      connectTimeout: 1, timeout: 2, sessionTimeout: 3, configuration: "/dev/fd/4")
    #expect(arguments.first == "-q")
    #expect(!arguments.contains { $0.hasPrefix("http") || $0 == "-L" || $0 == "--location" })
    #expect(arguments.joined(separator: " ").contains("--proto =http,https --max-redirs 0"))
    #expect(arguments.suffix(2) == ["-K", "/dev/fd/4"])
  }
}

@Suite struct WebSignatureTests {
  /// By Python: hmac.new(b"key", b"1796000000.hello", "sha256").
  @Test func value() {
    var signature = WebSignature(key: Array("key".utf8), seconds: 1_796_000_000)
    for piece in ["he", "", "llo"] { signature.take(Array(piece.utf8).span) }
    #expect(
      String(decoding: signature.text, as: UTF8.self)
        == "t=1796000000,v1=120cc8efc11961bc2d6753991911005343c3dc7e700c92075ba78e82609857de")
  }
}

@Suite struct WebAnswerTests {
  private func verdict(_ answer: String, _ line: String, exit: Int = 0) -> ClientSession.Verdict {
    var web = WebAnswer()
    let mayGoOn = [answer, "\n\(line)"].map { web.take(Array($0.utf8).span) }
    #expect(mayGoOn == [true, true])
    return web.verdict(exitStatus: exit)
  }

  @Test func everyStatus() {
    for status in 100...999 {
      let verdict = verdict("", "\(status) ")
      let expected: ClientSession.Verdict.Outcome =
        switch status {
        case 200...299: .delivered
        case 408, 425, 429: .deferred
        case 400...499: .refused
        default: .deferred
        }
      #expect(verdict.outcome == expected && verdict.code == status)
      let category = expected == .delivered ? 2 : expected == .refused ? 5 : 4
      #expect(verdict.status.category == category)
      #expect(String(decoding: verdict.text, as: UTF8.self) == "HTTP \(status)")
    }
  }

  @Test func meanings() {
    #expect(verdict("x", "404 ").status == .init(5, 1, 1))
    #expect(verdict("x", "413 ").status == .init(5, 3, 4))
    #expect(verdict("x", "403 ").status == .init(5, 7, 1))
    #expect(verdict("x", "429 ").scope == .destination)
    #expect(verdict("x", "500 ").scope == .recipient)
    #expect(verdict("x", "302 ").scope == .destination)
  }

  /// What the server says decides nothing but the words.
  @Test(arguments: [
    ("first\r\nsecond", "first"), ("\u{1b}[1m", "?[1m"), ("", ""), ("\n200 ", ""), ("200 ", "200"),
    (String(repeating: "x", count: 5000), String(repeating: "x", count: 400)),
  ])
  func words(_ answer: String, _ said: String) {
    let verdict = verdict(answer, "422 ")
    #expect(verdict.outcome == .refused)
    let expected = "HTTP 422" + (said.isEmpty ? "" : ": " + said)
    #expect(String(decoding: verdict.text, as: UTF8.self) == expected)
  }

  @Test func failures() {
    let refused = verdict("", "000 Failed to connect", exit: 7)
    #expect(refused.outcome == .deferred && refused.status == .init(4, 4, 1))
    #expect(refused.scope == .destination && refused.code == nil)
    #expect(String(decoding: refused.text, as: UTF8.self) == "Failed to connect")
    // A status that was said before the failure is no promise, and no refusal.
    for status in ["200 ", "404 "] { #expect(verdict("x", status, exit: 18).outcome == .deferred) }
    #expect(
      String(decoding: verdict("", "", exit: 99).text, as: UTF8.self)
        == "curl has failed (exit status 99)")
    #expect(verdict("", "").outcome == .deferred)
    #expect(verdict("garbage", "garbage").outcome == .deferred)
  }

  @Test func endlessAnswers() {
    var web = WebAnswer()
    let piece = [UInt8](repeating: 120, count: WebAnswer.limit / 4)
    let mayGoOn = (0...4).map { _ in web.take(piece.span) }
    #expect(mayGoOn == Array(repeating: true, count: 4) + [false])
  }
}
