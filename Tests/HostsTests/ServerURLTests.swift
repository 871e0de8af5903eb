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

  @Test("Parameters, in any order")
  func parameters() throws {
    let url = try #require(
      ServerURL("lmtp:///run/lmtp?ask&rate=100/m&messages=20&tls=required&recipients=1000000"))
    #expect(url.isAsked && url.level == .required && url.place == .socket("/run/lmtp"))
    #expect(url.limits.recipients == 1_000_000 && url.limits.messages == 20)
    #expect(url.limits.rate == .init(100, in: 60))
    #expect(ServerURL("smtp://x?rate=1/s")?.limits.rate == .init(1, in: 1))
    #expect(ServerURL("smtps://me@x/?rate=7/h")?.limits.rate == .init(7, in: 3600))
    let plain = try #require(ServerURL("smtp://x"))
    #expect(plain.limits == ServerLimits() && !plain.isAsked)
    #expect(ServerURL("smtp://x?ask")?.isAsked == true)
    #expect(ServerURL("lmtp://x?ask")?.level == .opportunistic)
  }

  @Test(
    "Unknown, repeated and malformed parameters",
    arguments: [
      "", "tls", "tls=none&", "&tls=none", "tls=none&tls=none", "tls=required&tls=verified",
      "ask&ask", "ask=", "ask=yes", "recipients", "recipients=", "recipients=0", "recipients=-1",
      "recipients=+1", "recipients=1x", "recipients=1000001", "recipients=99999999999999999999",
      "recipients=1&recipients=1", "messages=0", "messages=1&messages=2", "messages",
      "rate=1", "rate=/m", "rate=1/", "rate=0/m", "rate=1/d", "rate=1/min", "rate=1m",
      "rate=1/m&rate=1/m", "rate", "rates=1/m", "TLS=none", "=", "recipients=1=2",
    ])
  func malformedParameters(_ text: String) { #expect(ServerURL("smtp://x?\(text)") == nil) }

  @Test("Only a server that is spoken to without a password, and first in clear text, can be asked")
  func asking() {
    #expect(ServerURL("smtp://me@x?ask") == nil)
    #expect(ServerURL("smtps://x?ask") == nil)
    #expect(ServerURL("lmtp://me@x?ask") == nil)
  }

  @Test("Several, with blanks between; the one that is wrong is named")
  func list() throws {
    #expect(try ServerURL.list("") == [] && ServerURL.list(" \t ") == [])
    let two = try ServerURL.list("  smtp://x?tls=none\tlmtp:///y ")
    #expect(two == [ServerURL("smtp://x?tls=none"), ServerURL("lmtp:///y")])
    do {
      _ = try ServerURL.list("smtp://x smtp://y?z smtp://")
      #expect(Bool(false))
    } catch {
      #expect(error.word == "smtp://y?z")
    }
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
