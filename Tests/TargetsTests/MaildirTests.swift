import Octets
import SMTP
import Testing

@testable import Targets

@Suite struct MaildirPathTests {
  private func path(_ template: String, _ address: String) throws -> String? {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    let local = try #require(LocalAddress(mailbox))
    return MaildirPath(Array(template.utf8), for: local)
      .map { "/" + $0.components.map { $0.name }.joined(separator: "/") }
  }

  @Test(arguments: [
    ("me@x.example", "/mail/x.example/me"),
    ("Me+Tag@X.Example.", "/mail/x.example/me"),
    ("+tag@x.example", "/mail/x.example/+tag"),
    ("\"Me\"@x.example", "/mail/x.example/me"),
    ("me@bücher.example", "/mail/xn--bcher-kva.example/me"),
    ("\"..\"@x.example", "/mail/x.example/%2E%2E"),
    ("\".\"@x.example", "/mail/x.example/%2E"),
    ("\"...\"@x.example", "/mail/x.example/..."),
    ("\"../../etc\"@x.example", "/mail/x.example/..%2F..%2Fetc"),
    ("%2e%2e@x.example", "/mail/x.example/%252e%252e"),
    ("\"a b\"@x.example", "/mail/x.example/a%20b"),
    ("$(id);`id`@x.example", nil),
    ("é@x.example", "/mail/x.example/%C3%A9"),
    ("a/b@x.example", "/mail/x.example/a%2Fb"),
    ("me@[127.0.0.1]", "/mail/%5B127.0.0.1%5D/me"),
    ("\"\"@x.example", nil),
    ("postmaster", nil),
  ])
  func expansion(_ address: String, _ expected: String?) throws {
    guard Mailbox(Array(address.utf8)) != nil else { return }
    #expect(try path("/mail/%d/%u", address) == expected)
  }

  @Test func partsOfNames() throws {
    #expect(try path("//mail/./box-%u.%d/", "me@x.example") == "/mail/./box-me.x.example")
    // Together with what stands beside it, too.
    #expect(try path("/mail/.%u", "\".\"@x.example") == "/mail/.%2E")
  }

  @Test func longNames() throws {
    let name = String(repeating: "é", count: 42)  // 84 octets, 252 when encoded
    #expect(try path("/%u", "\(name)@x.example")?.utf8.count == 253)
    #expect(try path("/xxx%u", "\(name)@x.example")?.utf8.count == 256)
    #expect(try path("/xxxx%u", "\(name)@x.example") == nil)
  }

  @Test func onlyTheAddressIsMarked() throws {
    let address = try #require(Mailbox(Array("me@x.example".utf8)).flatMap { LocalAddress($0) })
    let path = try #require(MaildirPath(Array("/mail/%d/in".utf8), for: address))
    #expect(path.components.map { $0.isFromAddress } == [false, true, false])
  }
}

@Suite struct MaildirNameTests {
  private let name = MaildirName(
    entry: "0123456789abcdef".utf8, recipient: Array("me@x.example".utf8), seconds: 1_796_000_000,
    host: Array("a/b:c".utf8))

  private func isName(_ text: String) -> Bool { name.isName(Array(text.utf8).span) }

  @Test func form() {
    let text = name.name(size: 1234)
    #expect(text.hasPrefix("1796000000.Q0123456789abcdefR"))
    #expect(text.hasSuffix(".a\\057b\\072c,S=1234"))
    #expect(text.utf8.allSatisfy { $0.isPrintable && $0 != UInt8(ascii: "/") && $0 != .colon })
  }

  @Test func sameMessage() {
    let text = name.name(size: 1234)
    let base = String(text.dropLast(7))
    for suffix in ["", ",S=1234", ",S=1", ":2,", ",S=1234:2,RS", ",S=1234,W=1300:2,"] {
      #expect(isName(base + suffix))
    }
    for other in [String(base.dropLast()), base + "x,S=1234", "x" + base, ""] {
      #expect(!isName(other))
    }
  }

  @Test func othersHaveOtherNames() {
    func text(_ entry: String, _ recipient: String) -> String {
      MaildirName(
        entry: entry.utf8, recipient: Array(recipient.utf8), seconds: 1, host: Array("h".utf8)
      ).name(size: 1)
    }
    let names: Set = [
      text("a", "b@x"), text("a", "c@x"), text("b", "b@x"), text("ab", "@x"), text("../a", "b@x"),
      text(String(repeating: "a", count: 40), "b@x"),
      text(String(repeating: "a", count: 41), "b@x"),
    ]
    #expect(names.count == 7)
    #expect(text("a", "b@x") == text("a", "b@x"))
    #expect(!text("../a", "b@x").contains("/"))
    #expect(text(String(repeating: "a", count: 400), "b@x").utf8.count < 100)
  }

  @Test(arguments: [
    ("1.Q2.h,S=12", 12), ("1.Q2.h,S=12:2,S", 12), ("1.Q2.h,S=12,W=13:2,S", 12),
    ("1.Q2.h,W=13,S=12:2,S", 12), ("1.Q2.h:2,S=5", nil), ("1.Q2.h", nil), ("1.Q2.h,S=", nil),
    ("1.Q2.h,S=x", nil), ("1.Q2.h,S=1x", nil), ("1.Q2.h,s=1", nil),
    ("1.h,S=99999999999999999999", Int.max),
  ])
  func size(_ text: String, _ size: Int?) {
    #expect(MaildirName.size(of: Array(text.utf8).span) == size)
  }
}
