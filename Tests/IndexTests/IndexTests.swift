// What the index says of the files, and that it follows them.

import Foundation
import Index
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@Suite struct IndexTests {
  @Test func summary() throws {
    let fixture = Fixture()
    let long = String(repeating: "l", count: 215) + "@x.example"
    let id = try fixture.store(
      """
      Return-Path: <bounce@a.example>
      From: =?utf-8?Q?J=C3=BCrgen?= <a@a.example>
      To: "One, Two" <me@x.example>
      Cc: c@x.example
      Reply-To: r@a.example
      Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
      Message-ID: <1@a.example>
      In-Reply-To: <0@a.example>
      References: <00@a.example> <0@a.example>
      Content-Type: multipart/mixed; boundary=b

      --b
      Content-Type: text/html

      <p>Hello   <a href="https://x.example/?q=Target">there</a></p>
      --b
      Content-Type: application/pdf; name=Invoice.pdf
      Content-Disposition: attachment

      x
      --b--

      """, to: ["ME@x.example", "hidden@x.example", long])
    let index = try fixture.index().refreshed()
    let page = try index.page(start: 0, limit: 50)
    #expect((page.total, page.unread, page.matches, page.unreadMatches) == (1, 1, 1, 1))
    let summary = try #require(page.summaries.first)
    #expect(summary.id == id)
    #expect(summary.created == Timestamp(seconds: 1_795_330_453, microseconds: 123_456))
    #expect(summary.from.map { [text($0.name), text($0.address)] } == [["Jürgen", "a@a.example"]])
    #expect(
      summary.to.map { [text($0.name), text($0.address)] } == [["One, Two", "me@x.example"]])
    #expect(summary.cc.map { text($0.address) } == ["c@x.example"])
    #expect(Set(summary.bcc.map { text($0.address) }) == ["hidden@x.example", long])
    #expect(summary.replyTo.map { text($0.address) } == ["r@a.example"])
    #expect(text(summary.subject) == "Grüße")
    #expect(text(summary.messageID) == "1@a.example")
    #expect(summary.references.map(text) == ["00@a.example", "0@a.example"])
    #expect(text(summary.snippet) == "Hello there")
    #expect((summary.attachments, summary.inlineParts) == (1, 0))
    #expect(Set(summary.recipients.map(text)) == ["ME@x.example", "hidden@x.example", long])
    let entry = try #require(try index.entry(id))
    #expect(entry.files.count == 3)
    #expect(Set(entry.files.map(\.name)) == Set(fixture.folder.entries.filter { $0.first != "." }))
    #expect(
      Set(entry.files.map { text($0.recipient) }) == ["ME@x.example", "hidden@x.example", long])
    var content = StoredContent()
    for file in entry.files {
      #expect(try index.directory.read(file.name, into: &content, limit: .max))
      #expect(content.octets[content.start...].starts(with: "Return-Path".utf8))
      #expect(content.size == summary.size)
    }
    #expect(try index.entry(MessageID(7)) == nil)
  }

  @Test func order() throws {
    let fixture = Fixture()
    for number in 0..<7 { try fixture.store(fixture.mail("Subject: \(number)")) }
    let index = try fixture.index().refreshed()
    #expect(try index.subjects() == ["6", "5", "4", "3", "2", "1", "0"])
    #expect(try index.page(start: 2, limit: 2).summaries.map { text($0.subject) } == ["4", "3"])
    #expect(try index.page(start: 9, limit: 2).summaries.isEmpty)
    let middle = try index.page(start: 3, limit: 1).summaries[0]
    let older = try index.page(start: 0, limit: 50, before: middle.created.moment)
    #expect(older.summaries.map { text($0.subject) } == ["2", "1", "0"])
    #expect(older.matches == 7)
    #expect(try index.latest() == index.page(start: 0, limit: 1).summaries[0].id)
  }

  /// Files come and go, with clocks that step back, and the index has what is there.
  @Test func follows() throws {
    let fixture = Fixture()
    let index = try fixture.index()
    #expect(try index.refreshed().subjects() == [])
    try fixture.store(fixture.mail("Subject: one"))
    #expect(try index.refreshed().subjects() == ["one"])
    try fixture.store(fixture.mail("Subject: old"), at: 1000)
    #expect(try index.refreshed().subjects() == ["one", "old"])
    let first = try #require(fixture.folder.entries.first { $0.hasPrefix("2026") })
    try FileManager.default.removeItem(atPath: fixture.folder.path + "/" + first)
    #expect(try index.refreshed().subjects() == ["old"])
    #expect(try index.subjects("one") == [])
    // What is no message is not looked at.
    for name in ["x.eml", ".0123456789abcdef", "20261122T065412.123456Z-0123456789abcdeX-a@b.eml"] {
      try Data().write(to: URL(filePath: fixture.folder.path + "/" + name))
    }
    #expect(try index.refreshed().subjects() == ["old"])
    #expect(try index.counts().total == 1)
    #expect(try fixture.index().refreshed().subjects() == ["old"])
  }

  /// The names of a message may come one after the other.
  @Test func namesThatComeLater() throws {
    let fixture = Fixture()
    let id = try fixture.store(fixture.mail("Subject: one\nTo: a@x.example"), to: ["a@x.example"])
    let index = try fixture.index().refreshed()
    try index.setRead(true, of: .ids([id]))
    try index.setTags([Index.Tag(Array("t".utf8))!], of: [id])
    #expect(try index.page(start: 0, limit: 1).summaries[0].bcc.isEmpty)
    try fixture.store(
      fixture.mail("Subject: one\nTo: a@x.example"), to: ["b@x.example"], id: id.bits)
    let summary = try index.refreshed().page(start: 0, limit: 1).summaries[0]
    #expect(summary.bcc.map { text($0.address) } == ["b@x.example"])
    #expect(summary.isRead && summary.tags.map(text) == ["t"])
    #expect(try index.counts().total == 1 && index.counts().unread == 0)
    #expect(try index.entry(id)?.files.count == 2)
    // One of them goes again.
    let name = try #require(fixture.folder.entries.first { $0.contains("-b@x") })
    try FileManager.default.removeItem(atPath: fixture.folder.path + "/" + name)
    let rest = try index.refreshed().page(start: 0, limit: 1).summaries
    #expect(rest.count == 1 && rest[0].bcc.isEmpty && rest[0].isRead)
  }

  @Test func readMarks() throws {
    let fixture = Fixture()
    let ids = try (0..<4).map { try fixture.store(fixture.mail("Subject: \($0)")) }
    let index = try fixture.index().refreshed()
    let before = try index.counts()
    try index.setRead(true, of: .ids([ids[1], MessageID(9)]))
    #expect(try index.counts().unread == 3)
    #expect(try index.counts().revision > before.revision)
    #expect(try index.subjects("is:read") == ["1"])
    #expect(try index.subjects("is:unread") == ["3", "2", "0"])
    try index.setRead(true, of: .matching(Query(Array("subject:2".utf8), zone: Zone.local)))
    #expect(try index.subjects("is:read") == ["2", "1"])
    try index.setRead(true, of: .all)
    #expect(try index.counts().unread == 0)
    try index.setRead(false, of: .all)
    #expect(try index.counts().unread == 4)
    // Another process sees the same.
    #expect(try fixture.index().counts() == index.counts())
  }

  @Test func tags() throws {
    let fixture = Fixture()
    let one = try fixture.store(fixture.mail("Subject: 1\nX-Tags: Blue,  big  one, ;;"))
    let two = try fixture.store(fixture.mail("Subject: 2"))
    let index = try fixture.index().refreshed()
    func all() throws -> [String] { try index.tags().map { "\(text($0.tag)) \($0.count)" } }
    func tag(_ name: String) -> Index.Tag { Index.Tag(Array(name.utf8))! }
    #expect(try all() == ["big one 1", "Blue 1"])
    try index.setTags([tag("blue"), tag("red")], of: [two])
    #expect(try all() == ["big one 1", "Blue 2", "red 1"])
    #expect(try index.subjects("tag:BLUE") == ["2", "1"])
    #expect(try index.subjects("tag:\"big one\" is:tagged") == ["1"])
    #expect(try index.subjects("-tag:red") == ["1"])
    #expect(try index.renameTag(tag("red"), to: tag("blue")) == .alreadyExists)
    #expect(try index.renameTag(tag("none"), to: tag("x")) == .notFound)
    #expect(try index.renameTag(tag("red"), to: tag("Red")) == .done)
    #expect(try index.deleteTag(tag("Blue")))
    #expect(try !index.deleteTag(tag("Blue")))
    #expect(try all() == ["big one 1", "Red 1"])
    try index.setTags([], of: [one, two])
    #expect(try all() == [])
    #expect(Index.Tag([]) == nil && Index.Tag(Array("<>".utf8)) == nil)
    #expect(Index.Tag(Array(String(repeating: "a", count: 101).utf8)) == nil)
  }

  @Test func deleting() throws {
    let fixture = Fixture()
    let ids = try (0..<5).map {
      try fixture.store(fixture.mail("Subject: \($0)"), to: ["a@x.example", "b@x.example"])
    }
    let index = try fixture.index().refreshed()
    #expect(try index.delete(.ids([ids[0], MessageID(9)])) == 1)
    #expect(try index.subjects() == ["4", "3", "2", "1"])
    #expect(fixture.folder.entries.filter { $0.first != "." }.count == 8)
    #expect(try index.delete(.matching(Query(Array("subject:3".utf8), zone: Zone.local))) == 1)
    #expect(try index.subjects("text") == ["4", "2", "1"])
    #expect(try index.delete(.all) == 3)
    #expect(fixture.folder.entries == [".index"])
    #expect(try index.refreshed().counts().total == 0)
    // A name that the session still makes of a message that is deleted goes, too.
    try fixture.store(fixture.mail("Subject: 0"), to: ["c@x.example"], id: ids[0].bits)
    #expect(try index.refreshed().counts().total == 0)
    #expect(fixture.folder.entries == [".index"])
    try fixture.store(fixture.mail("Subject: new"))
    #expect(try index.refreshed().subjects("new") == ["new"])
  }

  /// When most messages are gone, the full-text index is made anew from those that remain.
  @Test func purge() throws {
    let fixture = Fixture()
    let ids = try (0..<1010).map { try fixture.store(fixture.mail("Subject: \($0)", "needle")) }
    let index = try fixture.index().refreshed()
    #expect(try index.subjects("needle").count == 1000)
    #expect(try index.delete(.ids(Array(ids[4...]))) == 1006)
    #expect(try index.subjects("needle") == ["3", "2", "1", "0"])
    try fixture.store(fixture.mail("Subject: later", "a needle"))
    #expect(try index.refreshed().subjects("needle").first == "later")
  }

  @Test func recipientsAndThreads() throws {
    let fixture = Fixture()
    let one = try fixture.store(
      fixture.mail("Subject: 1\nMessage-ID: <1@x>"), to: ["a@x.example", "B@x.example"])
    try fixture.store(
      fixture.mail("Subject: 2\nMessage-ID: <2@x>\nIn-Reply-To: <1@x>"), to: ["b@x.example"])
    try fixture.store(
      fixture.mail("Subject: 3\nMessage-ID: <3@x>\nReferences: <1@x> <2@x>"), to: ["b@x.example"])
    let other = try fixture.store(fixture.mail("Subject: other"), to: ["c@y.example"])
    let index = try fixture.index().refreshed()
    try index.setRead(true, of: .ids([one]))
    let all = try index.recipients()
    #expect(all.total == 3)
    #expect(
      all.first.map { "\(text($0.address)) \($0.total) \($0.unread)" } == [
        "b@x.example 3 2", "a@x.example 1 0", "c@y.example 1 1",
      ])
    #expect(try index.recipients(containing: Array("@Y".utf8)).total == 1)
    #expect(try index.subjects("recipient:B@X.example") == ["3", "2", "1"])
    #expect(try index.subjects("recipient:b@x.exampl") == [])
    #expect(try index.thread(of: one).map { text($0.subject) } == ["1", "2", "3"])
    #expect(try index.thread(of: other).map { text($0.subject) } == ["other"])
  }

  /// Whatever lies where the index should be, it is made anew, also while it is in use.
  @Test(arguments: ["no database", "of another program", "cut", "gone", "overwritten"])
  func damage(kind: String) throws {
    let fixture = Fixture()
    for number in 0..<50 { try fixture.store(fixture.mail("Subject: \(number)")) }
    var open: MailIndex?
    do {
      let index = try fixture.index().refreshed()
      if kind == "gone" || kind == "overwritten" { open = index }
    }
    let folder = fixture.folder.path + "/.index"
    let file = folder + "/mail-1.db"
    let manager = FileManager.default
    switch kind {
    case "no database": try Data("no database at all".utf8).write(to: URL(filePath: file))
    case "of another program":
      for name in try manager.contentsOfDirectory(atPath: folder) {
        try manager.removeItem(atPath: folder + "/" + name)
      }
      let outcome = Foundation.Process()
      outcome.executableURL = URL(filePath: "/usr/bin/python3")
      outcome.arguments = [
        "-c", "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute('create table x(y)')", file,
      ]
      try outcome.run()
      outcome.waitUntilExit()
    case "cut": try #require(FileHandle(forWritingAtPath: file)).truncate(atOffset: 20_000)
    case "gone": try manager.removeItem(atPath: folder)
    default:
      let handle = try #require(FileHandle(forWritingAtPath: file))
      let size = try handle.seekToEnd()
      for offset in stride(from: UInt64(4096), to: size, by: 4096) {
        try handle.seek(toOffset: offset)
        handle.write(Data(repeating: 0x5A, count: 4096))
      }
    }
    try fixture.store(fixture.mail("Subject: 50"))
    let index = try open ?? fixture.index()
    #expect(try index.refreshed().counts().total == 51)
    #expect(try index.subjects("text").count == 51)
    #expect(try fixture.index().refreshed().subjects().first == "50")
  }

  /// A folder of another place, and one that cannot be made.
  @Test func folder() throws {
    let fixture = Fixture()
    try fixture.store(fixture.mail("Subject: 1"))
    let path = fixture.folder.path + "/../elsewhere"
    let index = try MailIndex(mail: fixture.folder.path, folder: path).refreshed()
    #expect(try index.counts().total == 1)
    #expect(!fixture.folder.entries.contains(".index"))
    #expect(throws: IndexError.self) {
      try MailIndex(mail: fixture.folder.path, folder: fixture.folder.path + "/no/such")
    }
  }
}
