// Many processes at once, processes that are killed, and hostile mail.
//
// POSTERN_INDEX_ROUNDS makes these tests longer: 1 is the default.

import Foundation
import Index
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@Suite(.serialized) struct ProcessTests {
  private static let rounds =
    Int(ProcessInfo.processInfo.environment["POSTERN_INDEX_ROUNDS"] ?? "") ?? 1

  private func start(_ arguments: [String]) throws -> (process: Foundation.Process, output: Pipe) {
    let process = Foundation.Process()
    process.executableURL = URL(filePath: Command.builtForDebugging("index-probe"))
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.standardError
    try process.run()
    return (process, output)
  }

  /// Runs the probe, which must succeed, and gives the lines that it prints.
  private func probe(_ arguments: String...) throws -> [String] { try probe(arguments) }

  private func probe(_ arguments: [String]) throws -> [String] {
    let (process, output) = try start(arguments)
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Eight clients list and delete while mail arrives, each message for three recipients: no list has a message twice, or
  /// one that its reader deleted; and in the end exactly those are there that nobody has deleted.
  @Test func eightClients() async throws {
    let fixture = Fixture()
    let count = 150 * Self.rounds
    let folder = fixture.folder.path
    let deleted = try await withThrowingTaskGroup(of: Set<String>.self) { group in
      group.addTask {
        for number in 0..<count {
          try Fixture.store(
            "Subject: \(number)\n\ntext\n", to: ["a@x.example", "b@x.example", "c@x.example"],
            MessageID(UInt64(number)), at: 1_795_330_452 + Int64(number), in: folder)
          if number % 10 == 0 { try await Task.sleep(for: .milliseconds(20)) }
        }
        return []
      }
      for client in 0..<8 {
        group.addTask {
          var mine: Set<String> = []
          for round in 0..<12 * Self.rounds {
            let lines = try self.probe(folder, "page", "0", "1000")
            let ids = Array(lines.dropFirst())
            #expect(Set(ids).count == ids.count, "a message twice")
            #expect(mine.isDisjoint(with: ids), "a message that was deleted")
            #expect(Int(lines[0].split(separator: " ")[0]) == ids.count)
            // Each client has messages of its own to delete.
            let chosen = ids.filter { Int($0.suffix(4), radix: 16)! % 16 == client }.prefix(3)
            if round % 3 == 0, !chosen.isEmpty {
              let answer = try self.probe([folder, "delete"] + chosen)
              #expect(answer == ["\(chosen.count)"])
              mine.formUnion(chosen)
            }
          }
          return mine
        }
      }
      return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
    }
    let rest = try Set(probe(folder, "page", "0", "100000").dropFirst())
    #expect(rest.isDisjoint(with: deleted))
    #expect(rest.count + deleted.count == count, "nothing is lost")
    let names = fixture.folder.entries.filter { $0.first != "." }
    #expect(names.count == 3 * rest.count)
    #expect(Set(names.map { String($0.dropFirst(24).prefix(16)) }) == rest)
  }

  /// Whoever comes while the index is made waits for it.
  @Test func firstTogether() throws {
    for _ in 0..<10 * Self.rounds {
      let fixture = Fixture()
      try fixture.store(fixture.mail("Subject: 1"))
      let started = try (0..<8).map { _ in try start([fixture.folder.path, "page", "0"]) }
      for (process, output) in started {
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let page = try output.fileHandleForReading.readToEnd()
        #expect(page?.starts(with: Data("1 1\n".utf8)) == true)
      }
      let names = try FileManager.default.contentsOfDirectory(
        atPath: fixture.folder.path + "/.index")
      #expect(names.allSatisfy { $0.hasPrefix("mail-1.db") })
    }
  }

  /// A process that is killed at any moment while it takes in mail or deletes leaves an index that the next one uses: it
  /// has just the messages whose files are there.
  @Test func killed() throws {
    let fixture = Fixture()
    for round in 0..<10 * Self.rounds {
      for number in 0..<20 { try fixture.store(fixture.mail("Subject: \(round) \(number)")) }
      let ids = fixture.folder.entries.filter { $0.first == "2" }.prefix(5)
        .map { String($0.dropFirst(24).prefix(16)) }
      let arguments =
        [fixture.folder.path] + (round % 2 == 0 ? ["refresh"] : ["delete"] + ids)
      let (process, _) = try start(arguments)
      usleep(UInt32.random(in: 0..<60_000))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let found = try Set(probe(fixture.folder.path, "page", "0", "100000").dropFirst())
      let names = fixture.folder.entries.filter { $0.first == "2" }
      #expect(Set(names.map { String($0.dropFirst(24).prefix(16)) }) == found)
    }
  }

  /// A disk that fails while mail is taken in costs no read mark: each call on the index fails once.
  @Test func failingDisk() throws {
    let fixture = Fixture()
    try fixture.store(fixture.mail("Subject: read"))
    try fixture.index().refreshed().setRead(true, of: .all)
    let index = fixture.folder.path + "/.index/"
    let log = fixture.folder.path + "/.strace"
    var unread = 0
    for call in ["openat", "pread64", "pwrite64", "fdatasync", "ftruncate", "mmap"] {
      for count in 1... {
        try fixture.store(fixture.mail("Subject: new"))
        unread += 1
        let outcome = Command.run(
          ["strace", "-o", log, "-e", "inject=\(call):error=EIO:when=\(count)"]
            + ["", "-wal", "-shm"].flatMap { ["-P", index + "mail-1.db" + $0] }
            + [Command.builtForDebugging("index-probe"), fixture.folder.path, "refresh"],
          in: Scratch(), input: [])
        #expect([0, 1].contains(outcome.status), "\(call) \(count)")
        #expect(try fixture.index().refreshed().counts().unread == unread, "\(call) \(count)")
        guard try String(contentsOfFile: log, encoding: .utf8).contains("(INJECTED)") else { break }
      }
    }
    #expect(try fixture.index().page(start: 0, limit: 1).total == unread + 1)
    let names = try FileManager.default.contentsOfDirectory(atPath: index)
    #expect(names.allSatisfy { $0.hasPrefix("mail-1.") || $0 == "journal" })
  }

  /// Mail of every kind with octets changed, cut, doubled: all of it is taken in, listed and searched.
  @Test func mutated() throws {
    let fixture = Fixture()
    let seeds = [
      "From: =?utf-8?Q?J=C3=BC?= <a@b>\nTo: g: x@y, \"q\" <z@w>;\nReferences: <1@x> <2@x>\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Transfer-Encoding: quoted-printable\n\na=20=\nb\n--c\nContent-Type: text/html; charset=iso-2022-jp\n\n<p>&amp;<a href=\"http://x/\u{fc}\">x</a>\n--c--\n--b\nContent-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A4\nContent-Transfer-Encoding: base64\n\nQUJD\n--b--\n",
      "Subject: =?iso-2022-jp?B?GyRCRnw=?=\n =?gb18030?Q?=81?=\nX-Tags: a, b\nReturn-Path: <x@y>\n\nx \n> y\n",
      "Content-Type: message/rfc822\nMessage-ID: <x>\n\nSubject: in\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n#0V%T\n`\nend\n",
      "X-Original-To: a@b\nContent-Type: text/html\n\n<a href='https://"
        + String(repeating: "y", count: 3000),
      "",
    ].map { Array($0.replacingOccurrences(of: "\n", with: "\r\n").utf8) }
    var generator = SystemRandomNumberGenerator()
    let store = try MailDirectory(path: fixture.folder.path)
    let count = 1000
    for number in 0..<count {
      var mail = seeds[number % seeds.count]
      for _ in 0..<Int.random(in: 1...12, using: &generator) where !mail.isEmpty {
        let place = Int.random(in: 0..<mail.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: mail[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: mail.removeLast(mail.count - place)
        case 2: mail.insert(contentsOf: mail[place..<min(place + 40, mail.count)], at: place)
        default: mail.remove(at: place)
        }
      }
      let recipient = number % 7 == 0 ? String(repeating: "l", count: 220) + "@x" : "me@x"
      let message = try store.open(
        id: MessageID(UInt64(number)), for: [Mailbox(Array(recipient.utf8))!])
      try message.append(mail.span)
      try store.store(
        message, time: Timestamp(seconds: 1_795_330_452, microseconds: UInt32(number)))
    }
    let index = try fixture.index().refreshed()
    let page = try index.page(start: 0, limit: count + 1)
    #expect(page.summaries.count == count)
    for summary in page.summaries {
      for text in [summary.subject, summary.snippet, summary.messageID] + summary.references
        + summary.recipients
        + (summary.from + summary.to + summary.bcc).flatMap({ [$0.name, $0.address] })
      {
        #expect(String(validating: text, as: UTF8.self) != nil)
      }
    }
    #expect(try index.subjects("x", limit: 10).count <= 10)
    #expect(
      try index.search(Query(Array("recipient:me@x".utf8), zone: Zone.local), start: 0, limit: 0)
        .matches == 857)
    #expect(try index.delete(.all) == count)
    #expect(fixture.folder.entries == [".index"])
  }
}
