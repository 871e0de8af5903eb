// URLs of servers, as SMTP_SMARTHOST and --server have them.

import Testing

@testable import Hosts

struct ServerURLTests {
  @Test(
    "A host, its port, its TLS",
    arguments: [
      ("smtp://mail.example", "mail.example", 25, TLSLevel.opportunistic),
      ("smtp://MAIL.example:2525/", "mail.example", 2525, .opportunistic),
      ("smtp://mail.example.", "mail.example.", 25, .opportunistic),
      ("smtp://me@mail.example", "mail.example", 587, .verified),
      ("smtp://me@mail.example?tls=required", "mail.example", 587, .required),
      ("smtp://[::1]", "::1", 25, .opportunistic),
      ("smtp://[::1]:26?tls=none", "::1", 26, .none),
      ("smtps://mail.example", "mail.example", 465, .verified),
      ("smtps://mail.example?tls=required", "mail.example", 465, .required),
      ("lmtp://mail.example", "mail.example", 24, .opportunistic),
    ])
  func hosts(_ text: String, _ name: String, _ port: UInt16, _ level: TLSLevel) throws {
    let url = try #require(ServerURL(text))
    #expect(url.place == .host(Array(name.utf8), port: port))
    #expect(url.level == level)
    #expect(url.isLMTP == text.hasPrefix("lmtp"))
    #expect(url.isTLSFirst == text.hasPrefix("smtps"))
  }

  @Test func socket() throws {
    let url = try #require(ServerURL("lmtp:///run/a%20b"))
    #expect(url.place == .socket("/run/a b"))
    #expect(url.isLMTP && url.level == .none && url.user == nil)
  }

  @Test("A user may have any octet but NUL, percent-encoded")
  func user() {
    #expect(ServerURL("smtp://a%40b%3a@x")?.user == Array("a@b:".utf8))
    #expect(ServerURL("smtp://a@b@x")?.user == Array("a@b".utf8))
  }

  @Test(
    "No such URL",
    arguments: [
      "", "mail.example", "mail.example:25", "smtp:", "smtp://", "http://x", "smtp://x:0",
      "smtp://x:65536", "smtp://x:", "smtp://x/path", "smtp://x?tls=maybe", "smtp://x?other=none",
      "smtps://x?tls=none", "smtps://x?tls=opportunistic", "smtp://@x", "smtp://a%0@x",
      "smtp://a%00@x", "lmtp:///a%00", "smtp://a b", "smtp://a\u{7f}", "smtp://[::1", "SMTP://x",
    ])
  func malformed(_ text: String) { #expect(ServerURL(text) == nil) }
}
