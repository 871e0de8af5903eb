// Addresses without a domain, in the header of a message that a program of this machine hands in.

import MIME
import Testing

@Suite struct CompletionTests {
  private func completed(_ text: String, pieces: Int = .max) -> String {
    var completion = AddressCompletion(domain: Array("h.example".utf8))
    let octets = Array(text.utf8)
    var output: [UInt8] = []
    var start = 0
    while start < octets.count {
      let end = min(start + min(pieces, octets.count), octets.count)
      completion.take(octets.span.extracting(start..<end), into: &output)
      start = end
    }
    completion.finish(into: &output)
    return String(decoding: output, as: UTF8.self)
  }

  @Test(arguments: [
    ("From: root (Cron Daemon)", "From: root@h.example (Cron Daemon)"),
    ("From: \"(Cron Daemon)\" <root>", "From: \"(Cron Daemon)\" <root@h.example>"),
    ("to:root", "to:root@h.example"), ("TO : root\t", "TO : root@h.example\t"),
    ("To: root, a@x.example,b", "To: root@h.example, a@x.example,b@h.example"),
    (
      "To: a@x.example (root, the admin), root", "To: a@x.example (root, the admin), root@h.example"
    ),
    ("To: Friends: a, B C <b>; , d", "To: Friends: a@h.example, B C <b@h.example>; , d@h.example"),
    ("To: undisclosed-recipients:;", "To: undisclosed-recipients:;"),
    ("To: \"a, b\" <c>, \"d e\"", "To: \"a, b\" <c@h.example>, \"d e\"@h.example"),
    ("To: \"x@y\", a \\(b) c", "To: \"x@y\", a \\(b) c"),
    ("To: first . last (c) , x", "To: first . last@h.example (c) , x@h.example"),
    (
      "To: a,\r\n b (\r\n c),\r\n\td", "To: a@h.example,\r\n b@h.example (\r\n c),\r\n\td@h.example"
    ),
    ("To: John Smith", "To: John Smith"), ("To: =?utf-8?Q?J=C3=BC?=", "To: =?utf-8?Q?J=C3=BC?="),
    ("To: <@x,@y:root>, <a@z>", "To: <@x,@y:root@h.example>, <a@z>"),
    ("To: a@[IPv6:::1], b", "To: a@[IPv6:::1], b@h.example"),
    ("To: a @ x , b@ y", "To: a @ x , b@ y"),
    ("To: \u{FC}ml\u{E4}ut", "To: \u{FC}ml\u{E4}ut@h.example"),
    ("To: <>, a", "To: <>, a@h.example"),
    ("Reply-To: (x (y) \\) z) a", "Reply-To: (x (y) \\) z) a@h.example"),
    (
      "Resent-To: a\r\nResent-Sender: b\r\nX-To: c",
      "Resent-To: a@h.example\r\nResent-Sender: b@h.example\r\nX-To: c"
    ),
    (
      "To: a\r\nCc: b\r\nTo: c\r\nSubject: To: d",
      "To: a@h.example\r\nCc: b@h.example\r\nTo: c@h.example\r\nSubject: To: d"
    ),
    // What cannot be read stays.
    ("To: a (b", "To: a (b"), ("To: \"a, b", "To: \"a, b"), ("To: <a, b>", "To: <a, b>"),
    ("To: a\u{1}b", "To: a\u{1}b"), ("To: <a", "To: <a"), ("To: a>", "To: a>"),
    // A signature covers the fields.
    ("DKIM-Signature: v=1\r\nTo: a", "DKIM-Signature: v=1\r\nTo: a"),
    ("To: a\r\nDomainKey-Signature: a=b", "To: a\r\nDomainKey-Signature: a=b"),
    ("To: a\r\nARC-Message-Signature: i=1", "To: a\r\nARC-Message-Signature: i=1"),
  ])
  func fields(_ field: String, _ expected: String) {
    let rest = "\r\n\r\nTo: root\r\n\r\nTo: a\r\n"
    for pieces in [1, 7, .max] {
      #expect(completed(field + rest, pieces: pieces) == expected + rest)
    }
    #expect(completed(field) == expected)
  }

  @Test(arguments: [
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Disposition-Notification-To", "Errors-To",
    "Return-Receipt-To", "Mail-Followup-To", "Mail-Reply-To", "Apparently-To", "Resent-From",
    "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc",
  ])
  func names(_ name: String) {
    #expect(completed("\(name): a\r\n") == "\(name): a@h.example\r\n")
    #expect(completed("X-\(name): a\r\n\(name)-X: a\r\n") == "X-\(name): a\r\n\(name)-X: a\r\n")
  }

  /// More fields than are looked at: a signature may be among the others.
  @Test func manyFields() {
    let text = "To: root\r\n" + String(repeating: "X: y\r\n", count: 1000) + "\r\n"
    #expect(completed(text) == text)
  }

  @Test func bodyWithoutHeader() {
    #expect(completed("hello\r\nTo: root\r\n") == "hello\r\nTo: root\r\n")
    #expect(completed("\r\nTo: root\r\n") == "\r\nTo: root\r\n")
  }

  /// A header over the bound stays as it is, and memory with it.
  @Test func longHeader() {
    let long = "To: root\r\nX: " + String(repeating: "x", count: AddressCompletion.headerLimit)
    #expect(completed(long + "\r\nTo: a\r\n\r\n") == long + "\r\nTo: a\r\n\r\n")
  }
}
