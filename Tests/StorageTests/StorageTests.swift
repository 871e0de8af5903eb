// The store by itself: names, and what is on the disk when.

import Foundation
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@Suite struct StorageTests {
  private let time = Timestamp(seconds: 1_795_330_452, microseconds: 123_456)

  private static func configuration(maximumRecipients: Int = 1) -> Configuration {
    var configuration = Configuration(hostname: Array("x".utf8))
    configuration.maximumRecipients = maximumRecipients
    return configuration
  }

  private func mailbox(_ text: String) throws -> Mailbox {
    var machine = Machine(Self.configuration())
    machine.receive(
      "EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\(text)>\r\nDATA\r\n.\r\n".utf8)
    return try #require(machine.envelopes.first?.recipients.first?.mailbox)
  }

  @Test func nameAndContent() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let message = try store.open(
      id: MessageID(0xABC), for: [mailbox("b@x.example"), mailbox("\"a/b\"@x")])
    #expect(folder.entries == [], "an open message is not seen")
    try message.append(Array("one ".utf8).span)
    try message.append([UInt8](repeating: 0x61, count: 100_000).span)
    try message.append(Array("two".utf8).span)
    try store.store(message, time: time)
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
    let message = try store.open(id: MessageID(1), for: [mailbox("b@x.example")])
    try message.append(Array("x".utf8).span)
    _ = consume message
    #expect(folder.entries == [])
  }

  /// A file system that ignores case takes two recipients' names for one. Nothing is overwritten: the
  /// second name has every octet of the address encoded.
  @Test func nameThatIsTaken() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    for text in ["first", "second"] {
      let message = try store.open(id: MessageID(1), for: [mailbox("b@x")])
      try message.append(Array(text.utf8).span)
      try store.store(message, time: time)
    }
    let prefix = "20261122T065412.123456Z-0000000000000001-"
    #expect(folder.entries == ["\(prefix)%62%40%78.eml", "\(prefix)b@x.eml"])
    #expect(folder.content(folder.entries[0]) == Array("second".utf8))
    #expect(folder.content(folder.entries[1]) == Array("first".utf8))
  }

  private func address(_ octets: Int, _ label: String = "a") -> String {
    let domain =
      "@\(String(repeating: "d", count: 63)).\(String(repeating: "e", count: 63)).\(label)"
    return String(repeating: "l", count: octets - domain.utf8.count) + domain
  }

  /// What 255 octets can hold is in the name.
  @Test func longestName() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let encoded = String(repeating: "%", count: 65) + "lllll@x.example"
    let recipients = [address(210), encoded]
    let message = try store.open(id: MessageID(1), for: recipients.map { try mailbox($0) })
    try store.store(message, time: time)
    #expect(folder.entries.count == 2)
    #expect(folder.entries.allSatisfy { $0.utf8.count == 255 && !$0.contains("~") })
    #expect(
      folder.entries.map {
        $0.dropFirst(41).dropLast(4).removingPercentEncoding
      }.sorted { $0! < $1! } == recipients.sorted())
  }

  /// A recipient whose address does not fit a name gets a file of its own with the address in its first
  /// line; no other recipient's file says anything of it.
  @Test func addressThatFitsNoName() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    // The first two are alike in all that a name can hold; the third has 24 characters of three octets.
    let long = [
      address(210) + "a", address(210) + "b", String(repeating: "\u{7528}", count: 24) + "@x",
    ]
    let recipients = [long[0], "b@x.example", long[1], long[2], "c@x.example"]
    let message = try store.open(id: MessageID(1), for: recipients.map { try mailbox($0) })
    let content = Array("Return-Path: <>\r\n".utf8) + [UInt8](repeating: 0x61, count: 100_000)
    try message.append(content.span)
    #expect(folder.entries == [])
    try store.store(message, time: time)
    let own = folder.entries.filter { $0.contains("~") }
    #expect(folder.entries.count == 5 && own.count == 3)
    #expect(own.allSatisfy { $0.utf8.count <= 255 })
    for (ordinal, address) in long.enumerated() {
      let name = try #require(own.first { $0.hasSuffix("~\(ordinal + 1).eml") })
      #expect(folder.content(name) == Array("X-Original-To: \(address)\r\n".utf8) + content)
    }
    for name in folder.entries where !own.contains(name) {
      #expect(["b@x.example.eml", "c@x.example.eml"].contains(name.dropFirst(41)))
      #expect(folder.content(name) == content)
    }
  }

  /// A file has no more names than it can have links on any file system: 65,000 on ext4, 32,000 on ext2.
  @Test func moreRecipientsThanLinks() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    var machine = Machine(Self.configuration(maximumRecipients: 70_000))
    machine.receive("HELO x\r\nMAIL FROM:<>\r\n".utf8)
    machine.receive((0..<30_001).map { "RCPT TO:<\($0)@x>\r\n" }.joined().utf8)
    machine.receive("DATA\r\n.\r\n".utf8)
    let recipients = try #require(machine.envelopes.first).recipients.map(\.mailbox)
    let message = try store.open(id: MessageID(1), for: recipients)
    try message.append(Array("x".utf8).span)
    try store.store(message, time: time)
    let entries = folder.entries
    #expect(Set(entries.map { $0.dropFirst(41) }) == Set((0..<30_001).map { "\($0)@x.eml" }))
    let links = try [entries.first, entries.last { $0.hasSuffix("-30000@x.eml") }].map {
      let path = try folder.path + "/" + #require($0)
      return try FileManager.default.attributesOfItem(atPath: path)[.referenceCount] as? Int
    }
    #expect(links == [30_000, 1])
    #expect(folder.content("20261122T065412.123456Z-0000000000000001-30000@x.eml") == [0x78])
  }

  /// The directory may go while a message is open: an error, which names the call.
  @Test func directoryThatGoes() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let message = try store.open(id: MessageID(1), for: [mailbox("b@x.example")])
    try FileManager.default.removeItem(atPath: folder.path)
    do throws(SystemError) {
      try store.store(message, time: time)
      Issue.record("stored in a directory that is gone")
    } catch {
      #expect(error.call.description == "link")
      #expect(!error.isNoSpace)
    }
  }
}
