// Read marks and tags are in journals of the mail directory: they survive an index that is removed, damaged, of another
// version or of another machine, and processes that are killed or whose disk fails.

import Foundation
import Index
import Marks
import SMTP
import Storage
import TestSupport
import Testing

@Suite struct MarksTests {
  private func tag(_ name: String) -> Index.Tag { Index.Tag(Array(name.utf8))! }

  /// Each message's subject, whether it is read, and its tags.
  private func marks(_ index: MailIndex) throws -> [String] {
    try index.page(start: 0, limit: 1000).summaries.map {
      "\(text($0.subject)) \($0.isRead ? 1 : 0) \($0.tags.map(text).joined(separator: ","))"
    }
  }

  private func journals(_ fixture: Fixture) throws -> [String] {
    let folder = fixture.folder.path + "/.marks"
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  private func lines(_ fixture: Fixture) throws -> [String] {
    try journals(fixture).flatMap {
      try String(contentsOfFile: fixture.folder.path + "/.marks/" + $0, encoding: .utf8)
        .split(separator: "\n").map(String.init)
    }
  }

  @Test func theForm() throws {
    let fixture = Fixture()
    try fixture.store(fixture.mail("Subject: a\nX-Tags: one, two"), id: 1)
    let index = try fixture.index().refreshed()
    try index.setRead(true, of: .ids([MessageID(1)]))
    try index.setRead(true, of: .ids([MessageID(1)]))
    try index.setTags([tag("red wine"), tag("TWO")], of: [MessageID(1)])
    try index.setTags([], of: [MessageID(1)])
    #expect(
      try lines(fixture) == [
        "1 0000000000000001 read 1", "2 0000000000000001 tags red wine,two",
        "3 0000000000000001 tags ",
      ])
    #expect(try marks(index) == ["a 1 "])
  }

  @Test func anIndexThatIsRemoved() throws {
    let fixture = Fixture()
    for subject in ["a", "b", "c"] {
      try fixture.store(fixture.mail("Subject: \(subject)\nX-Tags: x"))
    }
    let index = try fixture.index().refreshed()
    let ids = try index.page(start: 0, limit: 3).summaries.map { $0.id }
    try index.setRead(true, of: .ids([ids[0], ids[1]]))
    try index.setRead(false, of: .ids([ids[1]]))
    try index.setTags([tag("red"), tag("blue")], of: [ids[0], ids[2]])
    #expect(try index.renameTag(tag("red"), to: tag("green")) == .done)
    #expect(try index.deleteTag(tag("x")))
    let expected = ["c 1 blue,green", "b 0 ", "a 0 blue,green"]
    #expect(try marks(index) == expected)
    try FileManager.default.removeItem(atPath: fixture.folder.path + "/.index")
    #expect(try marks(fixture.index().refreshed()) == expected)
    #expect(try marks(index.refreshed()) == expected, "a process that had the old index open")
  }

  /// Two machines, each with an index of its own, and a third that comes later.
  @Test func severalMachines() throws {
    let fixture = Fixture()
    for subject in ["a", "b"] { try fixture.store(fixture.mail("Subject: \(subject)")) }
    func machine(_ name: String) throws -> MailIndex {
      try MailIndex(mail: fixture.folder.path, folder: fixture.folder.path + "/." + name)
    }
    let (one, two) = (try machine("one").refreshed(), try machine("two").refreshed())
    let ids = try one.page(start: 0, limit: 2).summaries.map { $0.id }
    try one.setRead(true, of: .all)
    try two.setTags([tag("red")], of: ids)
    try one.refreshed().setTags([tag("blue")], of: [ids[1]])
    try two.refreshed().setRead(false, of: .ids([ids[0]]))
    let expected = ["b 0 red", "a 1 blue"]
    for index in [one, two, try machine("three")] {
      #expect(try marks(index.refreshed()) == expected)
    }
    #expect(try journals(fixture).count == 2)
  }

  /// A line without its end, lines that are none, and names that are no journals.
  @Test func whatIsNoLine() throws {
    let fixture = Fixture()
    try fixture.store(fixture.mail("Subject: a"), id: 1)
    let index = try fixture.index().refreshed()
    try index.setRead(true, of: .all)
    let path = try fixture.folder.path + "/.marks/" + journals(fixture)[0]
    let whole = try String(contentsOfFile: path, encoding: .utf8)
    let junk =
      "x\n9 0000000000000001 star 1\n9 1 read 0\n99999999999999999999 0000000000000001 read 0\n"
    try (whole + junk + "9 0000000000000001 read ").write(
      toFile: path, atomically: false, encoding: .utf8)
    try "9 0000000000000001 read 0\n".write(
      toFile: fixture.folder.path + "/.marks/note", atomically: false, encoding: .utf8)
    #expect(try marks(index.refreshed()) == ["a 1 "])
    try index.setTags([tag("red")], of: [MessageID(1)])
    #expect(
      try String(contentsOfFile: path, encoding: .utf8)
        == whole + junk + "2 0000000000000001 tags red\n")
    #expect(try marks(fixture.index().refreshed()) == ["a 1 red"])
  }

  /// What the program of version 2 had in its index alone is taken over, once.
  @Test func anIndexOfVersion2() throws {
    let fixture = Fixture()
    for number in 1...3 {
      try fixture.store(fixture.mail("Subject: \(number)"), id: UInt64(number))
    }
    let folder = fixture.folder.path + "/.index"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let script = """
      import sqlite3, sys
      database = sqlite3.connect(sys.argv[1])
      database.executescript('''
        CREATE TABLE messages(n INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, created INTEGER NOT NULL,
          size INTEGER NOT NULL, seen INTEGER NOT NULL, attachments INTEGER NOT NULL,
          inlines INTEGER NOT NULL, thread INTEGER NOT NULL, self INTEGER NOT NULL);
        CREATE TABLE tags(tag TEXT NOT NULL COLLATE NOCASE, n INTEGER NOT NULL, PRIMARY KEY(tag, n)) WITHOUT ROWID;
        INSERT INTO messages VALUES(7,1,0,0,1,0,0,0,0), (8,2,0,0,0,0,0,0,0), (9,3,0,0,1,0,0,0,0);
        INSERT INTO tags VALUES('Red wine',7), ('blue',7), ('blue',8);
        PRAGMA user_version=2; PRAGMA application_id=\(0x504F_5354); PRAGMA journal_mode=WAL;
      ''')
      """
    let outcome = Command.run(
      ["python3", "-c", script, folder + "/mail-4.db"], in: Scratch(), input: [])
    #expect(outcome.status == 0)
    let expected = ["3 1 ", "2 0 blue", "1 1 blue,Red wine"]
    #expect(try marks(fixture.index().refreshed()) == expected)
    #expect(try lines(fixture).count == 4)
    try FileManager.default.removeItem(atPath: folder)
    #expect(try marks(fixture.index().refreshed()) == expected)
    #expect(try lines(fixture).count == 4)
  }

  /// A journal most of which is of no use is rewritten.
  @Test func rewriting() throws {
    let fixture = Fixture()
    for number in 1...400 {
      try fixture.store(fixture.mail("Subject: \(number)"), id: UInt64(number))
    }
    let index = try fixture.index().refreshed()
    try index.setTags([tag("kept")], of: [MessageID(1), MessageID(2)])
    for round in 0..<60 { try index.setRead(round % 2 == 0, of: .all) }
    let path = try fixture.folder.path + "/.marks/" + journals(fixture)[0]
    let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    #expect(size < 300_000, "\(size)")
    let expected = try marks(index)
    try FileManager.default.removeItem(atPath: fixture.folder.path + "/.index")
    #expect(try marks(fixture.index().refreshed()) == expected)
    #expect(expected.contains("1 0 kept"))
  }

  private func probe(_ arguments: String...) -> (status: Int32, output: String) {
    let outcome = Command.run(
      [Command.builtForDebugging("index-probe")] + arguments, in: Scratch(), input: [])
    return (outcome.status, outcome.output.map { String(UnicodeScalar($0)) }.joined())
  }

  /// A process that is killed at any moment loses no mark that it has answered for, and makes none up.
  @Test func killed() throws {
    let fixture = Fixture()
    var expected: [String: Bool] = [:]
    for round in 1...30 {
      let id = "000000000000" + String(1000 + round)
      try fixture.store(
        fixture.mail("Subject: \(round)"), id: UInt64(id, radix: 16))
      let process = Foundation.Process()
      process.executableURL = URL(fileURLWithPath: Command.builtForDebugging("index-probe"))
      process.arguments = [fixture.folder.path, "read", id]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      usleep(UInt32.random(in: 0..<40_000))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      expected[id] = text.contains("done")
      if round % 3 == 0 {
        try? FileManager.default.removeItem(atPath: fixture.folder.path + "/.index")
      }
    }
    let index = try fixture.index().refreshed()
    for summary in try index.page(start: 0, limit: 100).summaries {
      if expected[text(summary.id.octets)] == true { #expect(summary.isRead) }
    }
    #expect(try index.page(start: 0, limit: 100).total == 30)
  }

  /// Each call on the journals fails once: the change is refused, or it is there; what was there stays.
  @Test func failingDisk() throws {
    let fixture = Fixture()
    try fixture.store(fixture.mail("Subject: old"), id: 1)
    try fixture.store(fixture.mail("Subject: new"), id: 2)
    #expect(probe(fixture.folder.path, "read", "0000000000000001").status == 0)
    let folder = fixture.folder.path + "/.marks"
    let path = try folder + "/" + journals(fixture)[0]
    let log = fixture.folder.path + "/.strace"
    for call in ["openat", "pread64", "write", "fsync", "fstat"] {
      for count in 1...20 {
        let tag = "\(call)\(count)"
        let outcome = Command.run(
          ["strace", "-o", log, "-P", path, "-P", folder]
            + ["-e", "inject=\(call):error=EIO:when=\(count)"]
            + [Command.builtForDebugging("index-probe"), fixture.folder.path, "tag", tag]
            + ["0000000000000002"],
          in: Scratch(), input: [])
        let isInjected = try String(contentsOfFile: log, encoding: .utf8).contains("(INJECTED)")
        let index = fixture.folder.path + "/.index/"
        for name in try FileManager.default.contentsOfDirectory(atPath: index)
        where name.hasPrefix("mail-") {
          try FileManager.default.removeItem(atPath: index + name)
        }
        let marks = probe(fixture.folder.path, "marks").output
        #expect(marks.contains("0000000000000001 1 "), "\(tag)")
        if outcome.status == 0 { #expect(marks.contains("0000000000000002 0 \(tag)\n"), "\(tag)") }
        guard isInjected else { break }
      }
    }
  }

  /// A file that was put back behind a deletion stays; a name that comes late for a message that is deleted does not.
  @Test func aFileThatIsPutBack() throws {
    let fixture = Fixture()
    try fixture.store(fixture.mail("Subject: a"), to: ["a@x.example", "b@x.example"], id: 1)
    let index = try fixture.index().refreshed()
    try index.setRead(true, of: .all)
    let names = fixture.folder.entries.filter { $0.first == "2" }
    let copy = Scratch()
    for name in names {
      try FileManager.default.copyItem(
        atPath: fixture.folder.path + "/" + name, toPath: copy.path + "/" + name)
    }
    #expect(try index.delete(.all) == 1)
    let late = names[0].replacingOccurrences(of: "-a@", with: "-late@")
      .replacingOccurrences(of: "-b@", with: "-late@")
    try FileManager.default.copyItem(
      atPath: copy.path + "/" + names[0], toPath: fixture.folder.path + "/" + late)
    #expect(try index.refreshed().counts().total == 0)
    #expect(fixture.folder.entries.filter { $0.first == "2" }.isEmpty)
    for name in names {
      try FileManager.default.copyItem(
        atPath: copy.path + "/" + name, toPath: fixture.folder.path + "/" + name)
    }
    #expect(try marks(index.refreshed()) == ["a 1 "])
    #expect(fixture.folder.entries.filter { $0.first == "2" }.count == 2)
  }
}
