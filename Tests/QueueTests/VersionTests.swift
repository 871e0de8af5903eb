// Versions of entries: what this program knows is read, and everything newer stays where it is.

import Foundation
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@testable import Queue

@Suite struct VersionTests {
  /// Changes the text of an envelope.
  private func edit(_ folder: QueueFolder, _ file: String, _ change: (String) -> String) throws {
    let path = folder.path + "/" + file
    try Data(change(folder.content(file)).utf8).write(to: URL(filePath: path))
  }

  private func version(_ directory: borrowing QueueDirectory, _ id: MessageID) throws -> Int? {
    guard let location = try directory.find(id) else { return nil }
    guard case .newer(let version) = try directory.read(location) else { return nil }
    return version
  }

  @Test(arguments: [
    ("postern-queue 1", ""), ("postern-queue 2", ""), ("postern-queue 1", "postern-queue 2\n"),
    ("postern-queue 2", "delay 1800000001\npostern-queue 1\n"),
    // The end of a journal that a crash has cut says nothing.
    ("postern-queue 1", "postern-queue 3"),
  ])
  func known(_ head: String, _ journal: String) throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    let id = try queue("x", for: ["you@y.example"], id: 1, in: directory)
    try edit(folder, "new/\(id.text)") {
      $0.replacingOccurrences(of: "postern-queue 1", with: head) + journal
    }
    guard case .entry(let entry) = try directory.read(.init(.new, EntryName(id: id))) else {
      Issue.record("not read")
      return
    }
    #expect(entry.count == 1 && entry.submission.arrival.seconds == 1_800_000_000)
    #expect(entry.hasToldDelay == journal.hasPrefix("delay"))
  }

  @Test(arguments: [
    ("postern-queue 3\nwhatever 5", "", 3), ("postern-queue 10", "", 10),
    ("postern-queue 99999999999999999999", "", Int.max),
    ("postern-queue 1", "postern-queue 3\nwhatever 5\n", 3),
    ("postern-queue 2", "postern-queue 4\ndelay 1\npostern-queue 2\n", 4),
  ])
  func newer(_ head: String, _ journal: String, _ version: Int) throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    let id = try queue("x", for: ["you@y.example"], id: 1, in: directory)
    try edit(folder, "new/\(id.text)") {
      $0.replacingOccurrences(of: "postern-queue 1", with: head) + journal
    }
    let before = folder.content("new/\(id.text)")
    #expect(try self.version(directory, id) == version)
    #expect(folder.content("new/\(id.text)") == before)
    #expect(folder.names("corrupt").isEmpty)
    #expect(folder.names("data") == [id.text])
  }

  /// What is no version is damage.
  @Test(arguments: [
    "postern-queue 0", "postern-queue", "postern-queue ", "postern-queue -1", "postern-queue 1 ",
    "postern-queue 3x", "postern 1", "\0\0\0",
  ])
  func damaged(_ head: String) throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    let id = try queue("x", for: ["you@y.example"], id: 1, in: directory)
    try edit(folder, "new/\(id.text)") {
      $0.replacingOccurrences(of: "postern-queue 1", with: head)
    }
    let location = QueueDirectory.Location(.new, EntryName(id: id))
    do {
      _ = try directory.read(location)
      Issue.record("read")
    } catch {
      #expect(error.isCorrupt)
    }
    // Only a run sets it aside.
    #expect(folder.names("new") == [id.text] && folder.names("corrupt").isEmpty)
    #expect(try directory.setAside(location) == id.text)
    #expect(folder.names("corrupt") == [id.text, id.text + ".data"].sorted())
    #expect(folder.names("new").isEmpty && folder.names("data").isEmpty)
  }

  /// What a newer version has left in pending/ is not replaced.
  @Test func pendingAgain() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    func store(_ content: String) throws {
      let entry = try directory.open(id: MessageID(2), Submission(from: .null, arrival: arrival))
      try entry.append(Array(content.utf8).span)
      try directory.storePending(entry)
    }
    let id = MessageID(2).text
    try store("one")
    try store("two")
    #expect(folder.content("data/\(id)") == "two")
    try edit(folder, "pending/\(id)") {
      $0.replacingOccurrences(of: "postern-queue 1", with: "postern-queue 3")
    }
    let before = folder.content("pending/\(id)")
    #expect(throws: SystemError.self) { try store("three") }
    #expect(folder.content("pending/\(id)") == before && folder.content("data/\(id)") == "two")
    #expect(folder.names("data") == [id])
  }

  /// A notice that cannot be read, and one whose cause cannot be read, stay in pending/.
  @Test func pending() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    let cause = try queue("x", for: ["you@y.example"], id: 1, in: directory)
    for id in [UInt64(2), 3] {
      var submission = Submission(from: .null, arrival: arrival)
      submission.cause = cause
      let entry = try directory.open(id: MessageID(id), submission)
      try entry.append(Array("x".utf8).span)
      try directory.storePending(entry)
    }
    let names = [MessageID(2).text, MessageID(3).text]
    for file in ["new/\(cause.text)", "pending/\(names[0])"] {
      try edit(folder, file) {
        $0.replacingOccurrences(of: "postern-queue 1", with: "postern-queue 3")
      }
    }
    let versions = try directory.names(in: .pending).map { try directory.settle(pending: $0) }
    #expect(versions.compactMap { $0 } == [3])
    #expect(folder.names("pending") == names && folder.names("new") == [cause.text])
  }
}
