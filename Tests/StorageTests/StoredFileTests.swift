// The reading side of the store: names say what they were made of, and only such names are read.

import Foundation
import POSIX
import SMTP
import Storage
import TestSupport
import Testing

@Suite struct StoredFileTests {
  private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// Whatever an address holds, its name gives it back: every octet that may be in one, and all lengths.
  @Test func names() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let every = String(decoding: UInt8(0x20)..<0x7F, as: UTF8.self).filter {
      $0 != "\"" && $0 != "\\"
    }
    var addresses = [
      "postmaster", "b@x.example", "\"a/b\"@x", "%41@x", "a%2F@x", "~@x", "a~1@x", "a@[IPv6:::1]",
      "\u{fc}\u{65e5}@\u{fc}.example", "\".\"@x", "\"..\"@x", "a=b+c_d-e@x",
    ]
    for start in stride(from: 0, to: every.count, by: 20) {
      addresses.append("\"\(every.dropFirst(start).prefix(20))\"@x")
    }
    for length in [1, 63, 64, 200, 205, 210, 211, 230, 252] {
      addresses.append(String(repeating: "l", count: length) + "@x")
    }
    for (number, address) in addresses.enumerated() {
      let time = Timestamp(seconds: Int64(number) * 86_399 * 365, microseconds: UInt32(number))
      let id = MessageID(UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
      let mailbox = try #require(Mailbox(octets(address)), "\(address)")
      let message = try store.open(id: id, for: [mailbox])
      try message.append(octets("text").span)
      try store.store(message, time: time)
      let name = try #require(
        folder.entries.first { $0.contains(String(decoding: id.octets, as: UTF8.self)) })
      let parsed = StoredFileName(octets(name).span)
      let read = try #require(parsed)
      #expect(read.time == time && read.id == id)
      #expect(read.isCut == (address.utf8.count > 210))
      #expect(StoredFileName.name(time: time, id: id, suffix: read.suffix) == name)
      var content = StoredContent()
      #expect(try store.read(name, into: &content, limit: .max))
      #expect(content.originalRecipient ?? read.recipient == octets(address))
      #expect(content.octets[content.start...] == octets("text")[...] && content.size == 4)
      #expect(try store.hasFile(name))
      #expect(try store.remove(name))
      #expect(try !store.remove(name))
      #expect(try !store.hasFile(name))
    }
    try store.synchronize()
    #expect(folder.entries == [])
  }

  @Test(arguments: [
    "", "x.eml", "20261122T065412.123456Z-0123456789abcdef-.eml",
    "20261122T065412.123456Z-0123456789abcdef-a@b",
    "20261122T065412.123456Z-0123456789ABCDEF-a@b.eml",
    "20261122T065412.123456Z-0123456789abcde-a@bb.eml",
    "20261322T065412.123456Z-0123456789abcdef-a@b.eml",
    "20260231T065412.123456Z-0123456789abcdef-a@b.eml",
    "20261122T245412.123456Z-0123456789abcdef-a@b.eml",
    "20261122 065412.123456Z-0123456789abcdef-a@b.eml",
    "20261122T065412.123456Z-0123456789abcdef-a%4.eml",
    "20261122T065412.123456Z-0123456789abcdef-a%zzb.eml",
    "20261122T065412.123456Z-0123456789abcdef-a%2fb.eml",
    "20261122T065412.123456Z-0123456789abcdef-a~.eml",
    "20261122T065412.123456Z-0123456789abcdef-a~1x.eml",
    ".0123456789abcdef",
  ])
  func otherNames(name: String) {
    let isRead = StoredFileName(octets(name).span) != nil
    #expect(!isRead)
  }

  /// What is called like a message, but is none: a folder, a link, a pipe.
  @Test func otherFiles() throws {
    let folder = MailFolder(Scratch())
    let store = try MailDirectory(path: folder.path)
    let name = "20261122T065412.123456Z-0123456789abcdef-a@b.eml"
    let path = folder.path + "/" + name
    var content = StoredContent()
    #expect(throws: SystemError.self) { try store.read(name, into: &content, limit: 9) }
    let status = unsafe mkfifo(path, 0o600)
    #expect(status == 0)
    #expect(try !store.read(name, into: &content, limit: 9))
    #expect(try store.remove(name))
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/passwd")
    #expect(throws: SystemError.self) { try store.read(name, into: &content, limit: 9) }
  }
}
