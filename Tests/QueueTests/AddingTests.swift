// Adding to the queue: what an entry is on the disk, and that nothing of it is seen before it is whole.

import Foundation
import Jobs
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@testable import Queue

/// A queue in a temporary folder.
struct QueueFolder {
  let scratch = Scratch()
  var path: String { scratch.path }

  func open() throws -> QueueDirectory { try QueueDirectory(path: path) }

  /// The files of a folder.
  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
  }

  func write(_ text: String, to file: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path + "/" + file))
  }

  func content(_ file: String) -> String {
    String(
      decoding: FileManager.default.contents(atPath: path + "/" + file) ?? Data(), as: UTF8.self)
  }
}

func mailbox(_ text: String) -> Mailbox {
  guard let mailbox = Mailbox(Array(text.utf8)) else { preconditionFailure(text) }
  return mailbox
}

let arrival = Timestamp(seconds: 1_800_000_000, microseconds: 5)

/// Queues a message for `recipients`.
@discardableResult
func queue(
  _ text: String, for recipients: [String], id: UInt64, in queue: borrowing QueueDirectory,
  from sender: String = "me@x.example", ours: Bool = false
) throws -> MessageID {
  let id = MessageID(id)
  var submission = Submission(from: ReversePath(Array(sender.utf8)) ?? .null, arrival: arrival)
  submission.isOurs = ours
  var entry = try queue.open(id: id, submission)
  for recipient in recipients {
    try entry.add(Job.Addressee(Recipient(mailbox: mailbox(recipient))))
  }
  try entry.append(Array(text.utf8).span)
  try queue.store(entry)
  return id
}

@Suite struct AddingTests {
  @Test func entryOnTheDisk() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    var submission = Submission(from: .mailbox(mailbox("me@x.example")), arrival: arrival)
    submission.login = Array("me too".utf8)
    submission.isOurs = true
    submission.offset = 7
    var entry = try directory.open(id: MessageID(0xAB), submission)
    try entry.add(Job.Addressee(Recipient(mailbox: mailbox("you@y.example"))))
    try entry.append(Array("Subject: x\r\n\r\n".utf8).span)
    #expect(folder.names("data").isEmpty && folder.names("new").isEmpty)
    try directory.store(entry)
    #expect(folder.content("data/00000000000000ab") == "Subject: x\r\n\r\n")
    #expect(
      folder.content("new/00000000000000ab")
        == "postern-queue 1\narrival 1800000000 5\nlogin me+20too\nours\nmessage 7 -\n"
        + "from <me@x.example>\nto <you@y.example>\nend\n")
  }

  /// What version 1 has no line for is of version 2, so that a program which does not know it leaves it alone.
  @Test func report() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    var submission = Submission(from: .null, arrival: arrival)
    submission.isReport = true
    var entry = try directory.open(id: MessageID(0xAB), submission)
    try entry.add(Job.Addressee(Recipient(mailbox: mailbox("you@y.example"))))
    try directory.store(entry)
    let head = "postern-queue 2\narrival 1800000000 5\nreport\nmessage 0 -\nfrom <>\n"
    let content = folder.content("new/00000000000000ab")
    #expect(content == head + "to <you@y.example>\nend\n")
    guard case .entry(let read) = try directory.read(.init(.new, EntryName(id: MessageID(0xAB))))
    else { return #expect(Bool(false)) }
    #expect(read.submission.isReport)
    try Data(content.replacingOccurrences(of: "queue 2", with: "queue 1").utf8).write(
      to: URL(filePath: folder.path + "/new/00000000000000ab"))
    #expect(throws: SystemError.self) {
      _ = try directory.read(.init(.new, EntryName(id: MessageID(0xAB))))
    }
  }

  @Test func userOfThisMachine() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    var submission = Submission(from: .null, arrival: arrival)
    submission.user = 4_294_967_295
    var entry = try directory.open(id: MessageID(0xAB), submission)
    try entry.add(Job.Addressee(Recipient(mailbox: mailbox("you@y.example"))))
    try directory.store(entry)
    let path = "new/00000000000000ab"
    let content = folder.content(path)
    #expect(content.hasPrefix("postern-queue 2\narrival 1800000000 5\nuid 4294967295\nmessage"))
    let location = QueueDirectory.Location(.new, EntryName(id: MessageID(0xAB)))
    guard case .entry(let read) = try directory.read(location) else {
      return #expect(Bool(false))
    }
    #expect(read.submission.user == 4_294_967_295)
    // No user, or a line that version 1 has not.
    for (line, new) in [
      ("uid 4294967295", "uid 4294967296"), ("uid 4294967295", "uid"), ("uid 4294967295", "uid x"),
      ("uid 4294967295", "uid 1 2"), ("queue 2", "queue 1"),
    ] {
      try Data(content.replacingOccurrences(of: line, with: new).utf8).write(
        to: URL(filePath: folder.path + "/" + path))
      #expect(throws: SystemError.self) { _ = try directory.read(location) }
    }
  }

  @Test func discarded() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    let entry = try directory.open(id: MessageID(1), Submission(from: .null, arrival: arrival))
    try entry.append([UInt8](repeating: 65, count: 100_000).span)
    _ = consume entry
    #expect(folder.names("data").isEmpty && folder.names("new").isEmpty)
  }

  @Test func sameIDAgain() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    try queue("one", for: ["a@y.example"], id: 1, in: directory)
    #expect(throws: SystemError.self) {
      try queue("two", for: ["b@y.example"], id: 1, in: directory)
    }
    #expect(folder.content("data/0000000000000001") == "one")
    #expect(folder.names("new") == ["0000000000000001"])
  }

  @Test func names() {
    let name = EntryName(id: MessageID(3), next: 1_764_036_000, attempts: 4, destination: 5)
    #expect(name.text == "001764036000-4-0000000000000003-0000000000000005")
    #expect(EntryName(name.text) == name)
    for text in [
      "", "x", "0000000000000003x", "1-2-0000000000000003-5",
      "001764036000--0000000000000003-0000000000000005",
    ] {
      #expect(EntryName(text) == nil)
    }
  }
}
