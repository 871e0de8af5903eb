// What stands behind the colon of a route.

import Hosts
import SMTP
import Testing

@testable import Routes

@Suite("Targets of routes")
struct RouteTargetTests {
  static let targets: [(text: String, target: RouteTarget)] = [
    ("mail", .mail),
    ("  mx ", .exchangers),
    ("discard", .discard),
    ("maildir /srv/%d/%u", .maildir(path: octets("/srv/%d/%u"), size: nil)),
    (#"maildir "/srv/my mail" size=10M"#, .maildir(path: octets("/srv/my mail"), size: 10 << 20)),
    ("maildir /srv size=5000", .maildir(path: octets("/srv"), size: 5000)),
    ("smtp://a:26 lmtp:///run/s", .servers([url("smtp://a:26"), url("lmtp:///run/s")])),
    ("smtps://a?tls=verified", .servers([url("smtps://a?tls=verified")])),
    (#"exec /bin/a "b c" "" d\"e""#, .exec(["/bin/a", "b c", "", #"d\e"#].map(octets))),
    (#"exec /bin/a "b\"c\\d""#, .exec(["/bin/a", #"b"c\d"#].map(octets))),
    ("post https://a/b?c=d", .post(url: octets("https://a/b?c=d"), isJSON: false)),
    ("post-json http://[::1]:80/", .post(url: octets("http://[::1]:80/"), isJSON: true)),
    (
      "refuse We have moved: write to b@x",
      .refuse(.init(5, 7, 1), octets("We have moved: write to b@x"))
    ),
    ("refuse 5.1.6 moved", .refuse(.init(5, 1, 6), octets("moved"))),
    (#"refuse It is "closed"#, .refuse(.init(5, 7, 1), octets(#"It is "closed"#))),
  ]

  @Test("is read", arguments: targets)
  func isRead(_ text: String, _ target: RouteTarget) throws {
    #expect(try RouteTarget(octets(text)) == target)
  }

  @Test(
    "is refused",
    arguments: [
      "", "mai", "mail x", "mx 1", "discard all", "refuse", "refuse \u{E4}", "refuse 5.1.6",
      "maildir", "maildir srv", "maildir /%x", "maildir /a%", "maildir /a size=0",
      "maildir /a size=1T",
      "maildir /a b", "maildir /a size=1 b", "exec", "exec bin", #"exec "/a b"#, "exec /a\0b",
      "post", "post ftp://a",
      "post http://a http://b", "post-json a", "smtp://", "smtp://me@a", "smtp://a smtps://me@b",
      "smtp://a mail", "http://a",
      "relay:[a]:25",
    ])
  func isRefused(_ text: String) {
    #expect(throws: RouteTarget.Malformed.self) { try RouteTarget(octets(text)) }
  }

  @Test("a refusal has a text that fits into a reply")
  func refusalIsShort() {
    #expect(throws: RouteTarget.Malformed.self) {
      try RouteTarget(octets("refuse " + String(repeating: "x", count: 401)))
    }
  }
}

func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

private func url(_ text: String) -> ServerURL {
  guard let url = ServerURL(text) else { preconditionFailure(text) }
  return url
}
