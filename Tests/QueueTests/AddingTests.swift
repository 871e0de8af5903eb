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

  @Test func discarded() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    var entry = try directory.open(id: MessageID(1), Submission(from: .null, arrival: arrival))
    try entry.append([UInt8](repeating: 65, count: 100_000).span)
    directory.discard(entry)
    #expect(folder.names("data").isEmpty && folder.names("new").isEmpty)
  }

  @Test func sameIDAgain() throws {
    let folder = QueueFolder()
    let directory = try folder.open()
    try queue("one", for: ["a@y.example"], id: 1, in: directory)
    #expect(throws: StoreError.self) {
      try queue("two", for: ["b@y.example"], id: 1, in: directory)
    }
    #expect(folder.content("data/0000000000000001") == "one")
    #expect(folder.names("new") == ["0000000000000001"])
  }

  /// One file for the store and the queue.
  @Test func sharedWithAMailDirectory() throws {
    let folder = QueueFolder()
    let mailPath = folder.path + "/mail"
    try FileManager.default.createDirectory(atPath: mailPath, withIntermediateDirectories: true)
    let directory = try folder.open()
    let mail = try MailDirectory(path: mailPath)
    let id = MessageID(2)
    var message = try mail.open(id: id, for: [mailbox("a@x.example")])
    var entry = try directory.open(
      id: id, Submission(from: .null, arrival: arrival), sharing: message)
    let isSharing = entry.isSharing
    #expect(isSharing)
    try entry.add(Job.Addressee(Recipient(mailbox: mailbox("b@y.example"))))
    let text = Array("both".utf8)
    try message.append(text.span)
    try entry.append(text.span)
    try directory.store(entry, and: message, in: mail, time: arrival)
    #expect(folder.content("data/0000000000000002") == "both")
    let names = folder.names("mail")
    #expect(names.count == 1)
    #expect(folder.content("mail/" + names[0]) == "both")
    let inodes = try ["data/0000000000000002", "mail/" + names[0]].map {
      try FileManager.default.attributesOfItem(atPath: folder.path + "/" + $0)[.systemFileNumber]
        as? Int
    }
    #expect(inodes[0] == inodes[1])
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
