// The store by itself: names, and what is on the disk when.

import Foundation
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@Suite struct StorageTests {
  private let time = Timestamp(seconds: 1_795_330_452, microseconds: 123_456)

  private func mailbox(_ text: String) throws -> Mailbox {
    var machine = Machine(Configuration(hostname: Array("x".utf8)))
    machine.receive("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<\(text)>\r\nDATA\r\n.\r\n".utf8)
    return try #require(machine.envelopes.first?.recipients.first?.mailbox)
  }

  @Test func nameAndContent() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    var message = try store.open(id: MessageID(0xABC))
    #expect(folder.entries == [], "an open message is not seen")
    try message.append(Array("one ".utf8).span)
    try message.append([UInt8](repeating: 0x61, count: 100_000).span)
    try message.append(Array("two".utf8).span)
    #expect(message.size == 100_007)
    try store.store(message, for: [mailbox("b@x.example"), mailbox("\"a/b\"@x")], time: time)
    #expect(
      folder.entries == [
        "20261122T065412.123456Z-0000000000000abc-%22a%2Fb%22@x.eml",
        "20261122T065412.123456Z-0000000000000abc-b@x.example.eml",
      ])
    let content = folder.content(folder.entries[0])
    #expect(content.count == 100_007)
    #expect(content.starts(with: "one a".utf8))
    #expect(content == folder.content(folder.entries[1]))
  }

  @Test func discarded() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    var message = try store.open(id: MessageID(1))
    try message.append(Array("x".utf8).span)
    store.discard(message)
    #expect(folder.entries == [])
  }

  /// Nothing is ever overwritten: a name that is taken is passed over.
  @Test func nameThatIsTaken() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    for text in ["first", "second"] {
      var message = try store.open(id: MessageID(1))
      try message.append(Array(text.utf8).span)
      try store.store(message, for: [mailbox("b@x.example")], time: time)
    }
    #expect(
      folder.entries.map { String(decoding: folder.content($0), as: UTF8.self) } == [
        "first", "second",
      ])
  }

  /// A name is cut to 255 octets, at the border of an encoded octet.
  @Test func longName() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let local = String(repeating: "%", count: 64)
    let recipients = try ["a", "b"].map {
      try mailbox("\(local)@\(String(repeating: "d", count: 60)).\($0)")
    }
    try store.store(store.open(id: MessageID(1)), for: recipients, time: time)
    #expect(folder.entries.count == 2)
    #expect(folder.entries.allSatisfy { 253...255 ~= $0.utf8.count && $0.hasSuffix(".eml") })
  }

  /// The directory may go while a message is open: an error, which names the call.
  @Test func directoryThatGoes() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let message = try store.open(id: MessageID(1))
    try FileManager.default.removeItem(atPath: folder.path)
    let recipient = try mailbox("b@x.example")
    do throws(StoreError) {
      try store.store(message, for: [recipient], time: time)
      Issue.record("stored in a directory that is gone")
    } catch {
      #expect(error.call.description == "link")
      #expect(!error.isNoSpace)
    }
  }
}
