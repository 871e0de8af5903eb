// The grammar of searches, and what each term finds.

import Foundation
import Index
import POSIX
import SMTP
import TestSupport
import Testing

@Suite struct QueryTests {
  private static func fixture() throws -> (Fixture, MailIndex) {
    let fixture = Fixture()
    // 2026-11-22T06:54:13Z and a second later for each.
    try fixture.store(
      fixture.mail(
        "Subject: plain\nFrom: Ann Arbor <ann@a.example>\nTo: me@x.example\nMessage-ID: <Abc@a>",
        "Needle in a HAYSTACK, with 100% of a_b; see (this)"))
    try fixture.store(
      """
      Subject: html
      From: bob@b.example
      To: me@x.example
      Cc: Carl <carl@c.example>
      Reply-To: reply@b.example
      Content-Type: multipart/mixed; boundary=b

      --b
      Content-Type: text/html; charset=utf-8

      <p>Ünïcode ПРИВЕТ 日本</p><a href='https://link.example/Path'>x</a><img src=cid:i@x>
      --b
      Content-Disposition: attachment; filename="Report 7.pdf"

      x
      --b
      Content-Type: image/png; name=i.png
      Content-Disposition: inline
      Content-ID: <i@x>

      \(String(repeating: "x", count: 3000))
      --b--

      """, to: ["me@x.example", "secret@x.example"])
    try fixture.store(fixture.mail("Subject: third thing\nFrom: ann@other.example", "axb nothing"))
    return (fixture, try fixture.index().refreshed())
  }

  private static let cases = [
    // Plain terms and phrases.
    ("needle", "plain"), ("NEEDLE haystack", "plain"), ("eedl", "plain"),
    ("\"a haystack\"", "plain"),
    ("\"in haystack\"", ""), ("\"haystack with\"", "plain"), ("haystack,with", "plain"),
    ("ünïcode", "html"), ("ÜNÏCODE", "html"), ("привет", "html"), ("Привет", "html"),
    ("日本", "html"), ("日", "html"), ("link.example/path", "html"), ("report", "html"),
    ("\"report 7\"", "html"), ("ann", "third thing|plain"), ("in", "third thing|html|plain"),
    ("a_b", "plain"), ("100%", "plain"), ("%", "plain"), ("secret@x", "html"),
    ("nothing", "third thing"),
    ("absent", ""), ("needle absent", ""), ("abc@a", "plain"), ("foo:bar", ""),
    // Negation.
    ("-needle", "third thing|html"), ("!needle", "third thing|html"),
    ("ann -needle", "third thing"),
    ("\"-needle\"", "third thing|html"), ("-ann -html", ""), ("-", ""),
    // Fields.
    ("from:ann", "third thing|plain"), ("FROM:\"ann arbor\"", "plain"),
    ("\"from:ann arbor\"", "plain"),
    ("-from:ann", "html"), ("to:me@x", "html|plain"), ("to:name", ""), ("to:carl", ""),
    ("cc:carl", "html"), ("bcc:secret", "html"), ("reply-to:reply", "html"),
    ("addressed:carl", "html"), ("addressed:reply", "html"), ("subject:third", "third thing"),
    ("subject:needle", ""), ("message-id:aBC", "plain"), ("from:b", "html|plain"),
    // Properties.
    ("is:unread", "third thing|html|plain"), ("is:read", ""),
    ("-is:read", "third thing|html|plain"),
    ("is:tagged", ""), ("has:attachment", "html"), ("has:attachments", "html"),
    ("has:inline", "html"),
    ("-has:inline", "third thing|plain"), ("larger:1k", "html"),
    ("smaller:1k", "third thing|plain"),
    ("larger:\"1.5 KB\"", "html"), ("-larger:3k", "third thing|plain"), ("larger:1M", ""),
    // Dates.
    ("before:2026-11-22", ""), ("after:2026-11-22", "third thing|html|plain"),
    ("after:2026/11/22", "third thing|html|plain"), ("after:11/22/2026", "third thing|html|plain"),
    ("after:2026-11-23", ""), ("-after:2026-11-23", "third thing|html|plain"),
    ("after:\"2026-11-22 06:54:15\"", "third thing"),
    ("before:\"2026-11-22 06:54:15\"", "html|plain"),
    ("after:2026-11-22T06:54:15Z", "third thing"),
    ("after:2026-11-22T07:54:15.000+01:00", "third thing"),
    ("after:1795330455", "third thing"), ("after:1795330455000", "third thing"),
    ("after:\"22 Nov 2026 6:54:15 AM\"", "third thing"),
    ("after:\"November 22, 2026\"", "third thing|html|plain"),
    ("after:20261122", "third thing|html|plain"),
    ("after:\"Sun, 22 Nov 2026 08:54:15 +0200\"", "third thing"),
    ("after:22.11.2026", "third thing|html|plain"),
    // Nothing asked: everything.
    ("", "third thing|html|plain"), ("\"\"", "third thing|html|plain"), ("\"needle in", "plain"),
  ]

  @Test func finds() throws {
    let (fixture, index) = try Self.fixture()
    for (query, subjects) in Self.cases {
      #expect(try index.subjects(query).joined(separator: "|") == subjects, "\(query)")
    }
    #expect(!fixture.folder.entries.isEmpty)
  }

  @Test(arguments: [
    "before:x", "after:", "before:2026-13-01", "-after:2026-02-30", "before:2026-11-22T25:00",
    "after:yesterday", "before:1", "after:2026", "before:99999999999999999999",
    "after:\"2026-11-22 10:00 +9999\"", "before:\"2026-11-22 junk\"",
  ])
  func unreadableDates(query: String) {
    #expect(throws: QueryError.self) { try Query(Array(query.utf8), zone: Zone.local) }
  }

  /// `DELETE /search` takes what matches, so a word that says nothing must not match everything.
  @Test(arguments: [
    "from:", "-from:", "to:\"\"", "cc:", "bcc:", "reply-to:", "addressed:", "subject:",
    "message-id:", "tag:",
    "recipient:", "is:", "is:foo", "has:", "has:legs", "larger:", "larger:0", "larger:abc",
    "smaller:-1",
    "needle subject:",
  ])
  func valuesThatAreNone(query: String) {
    #expect(throws: QueryError.self) { try Query(Array(query.utf8), zone: Zone.local) }
  }

  /// Other fields of the header, what lies behind much text, text beside HTML, every HTML part; not the fields that every
  /// mail has.
  @Test func findsAnywhere() throws {
    let fixture = Fixture()
    let many = String(repeating: "filler words here\n", count: 60_000)
    try fixture.store(
      fixture.mail("Subject: a\nX-Run-Id: 74f4096e93\nList-Unsubscribe: <https://u.example/one>"))
    try fixture.store(fixture.mail("Subject: b", many + "LION7741"))
    try fixture.store(
      fixture.mail("Subject: c\nContent-Type: text/html", "<style>" + many + "</style><p>TIGER88"))
    try fixture.store(
      fixture.mail(
        "Subject: d\nContent-Type: multipart/mixed; boundary=b",
        "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nonly in the text\n--c\nContent-Type: text/html\n\n<p>only in the html</p>\n--c--\n--b\nContent-Type: text/html\n\n<p>second part</p>\n--b\n\nfooter\n--b--"
      ))
    let index = try fixture.index().refreshed()
    for (query, subject) in [
      ("74f4096e93", "a"), ("u.example/one", "a"), ("lion7741", "b"), ("tiger88", "c"),
      ("\"in the text\"", "d"), ("\"in the html\"", "d"), ("\"second part\"", "d"), ("footer", "d"),
      ("multipart", ""), ("esmtp", ""),
    ] {
      #expect(try index.subjects(query).joined(separator: "|") == subject, "\(query)")
    }
  }

  @Test func zones() throws {
    let (fixture, index) = try Self.fixture()
    #expect(!fixture.folder.entries.isEmpty)
    let berlin = try #require(Zone(Array("Europe/Berlin".utf8)))
    func count(_ query: String, _ zone: Zone) throws -> Int {
      try index.search(Query(Array(query.utf8), zone: zone), start: 0, limit: 0).matches
    }
    #expect(try count("after:\"2026-11-22 07:54:15\"", berlin) == 1)
    #expect(try count("after:\"2026-11-22 07:54:15\"", Zone(Array("UTC".utf8))!) == 0)
    for name in ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "."] {
      #expect(Zone(Array(name.utf8)) == nil)
    }
  }

  @Test func bounds() throws {
    let many = Array(repeating: "word", count: 51).joined(separator: " ")
    #expect(throws: QueryError.tooLong) { try Query(Array(many.utf8), zone: Zone.local) }
    let long = [UInt8](repeating: 0x61, count: 4097)
    #expect(throws: QueryError.tooLong) { try Query(long, zone: Zone.local) }
    let (fixture, index) = try Self.fixture()
    #expect(!fixture.folder.entries.isEmpty)
    // Octets that are no UTF-8, NUL, and FTS5's own syntax are only text.
    for octets in [
      [0xFF, 0xFE, 0x80], [0, 1, 2, 3], Array("\"a OR b*\" NEAR(x) ^y {z}:q".utf8),
      Array("'; DROP".utf8),
    ] {
      let query = try Query(octets, zone: Zone.local)
      #expect(try index.search(query, start: 0, limit: 9).matches >= 0)
    }
    #expect(try index.counts().total == 3)
  }
}
