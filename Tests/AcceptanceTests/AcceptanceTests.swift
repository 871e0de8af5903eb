// What is on the disk of a message that is being accepted, that was, and that was let go of.

import Acceptance
import Foundation
import Jobs
import POSIX
import Queue
import SMTP
import TestSupport
import Testing

@Suite struct AcceptanceTests {
  private let text = "Subject: x\r\n\r\nhello\r\n"

  @Test func forMailboxesOfOurs() throws {
    let places = try Places()
    var message = try places.begin(to: ["a@x.example", "b@x.example"])
    try message.append(text)
    let size = message.size
    #expect(places.files.isEmpty)
    try message.commit(time: arrival)
    let whole = "Return-Path: <me@x.example>\r\n" + received + text
    #expect(places.mails == ["a@x.example": whole, "b@x.example": whole])
    #expect(size == whole.utf8.count)
    #expect(places.names("queue/data").isEmpty)
  }

  @Test func forTheQueue() throws {
    let places = try Places()
    var message = try places.begin(and: ["a@y.example"])
    try message.add(addressee("b@y.example"))
    let count = message.recipientCount
    try message.append(text)
    #expect(places.files.isEmpty && count == 2)
    try message.commit(time: arrival)
    let queued = try #require(places.queued)
    #expect(queued.content == received + text)
    #expect(queued.envelope[2] == "message 0 -")
    #expect(
      queued.envelope.suffix(5) == [
        "from <me@x.example>", "to <a@y.example>", "to <b@y.example>", "end", "",
      ])
    #expect(places.mails.isEmpty)
  }

  /// One file for the store and the queue, of which `Return-Path` is not sent on.
  @Test func forBoth() throws {
    let places = try Places()
    var message = try places.begin(to: ["a@x.example"], and: ["b@y.example"])
    try message.append(text)
    try message.commit(time: arrival)
    #expect(places.queued?.content == received + text)
    #expect(places.mails["a@x.example"] == "Return-Path: <me@x.example>\r\n" + received + text)
    let mail = try #require(places.names("mail").first)
    #expect(places.inode("mail/" + mail) == places.inode("queue/data/" + Places.id.text))
  }

  /// Where the only recipient has no file that could be shared, the queue has a copy.
  @Test func forBothWithoutASharedFile() throws {
    let places = try Places()
    let long = String(repeating: "a", count: 220) + "@x.example"
    var message = try places.begin(to: [long], and: ["b@y.example"])
    let large = text + String(repeating: "line\r\n", count: 20_000)
    try message.append(large)
    try message.commit(time: arrival)
    #expect(places.queued?.content == received + large)
    let mail = try #require(places.names("mail").first)
    #expect(
      places.content("mail/" + mail)
        == "X-Original-To: \(long)\r\nReturn-Path: <me@x.example>\r\n" + received + large)
  }

  @Test func pending() throws {
    let places = try Places()
    var message = try places.begin(and: ["b@y.example"])
    try message.append(text)
    try message.commitPending()
    #expect(places.names("queue/pending") == [Places.id.text] && places.names("queue/new").isEmpty)
    #expect(places.content("queue/data/" + Places.id.text) == received + text)
  }

  /// Whoever has a message that waits for its report has it in the journal.
  @Test func deliveredForAReport() throws {
    let places = try Places()
    var message = try places.begin(to: ["a@x.example"], and: ["b@y.example"])
    try message.add(delivered: addressee("a@x.example"), at: 7)
    try message.commit(time: arrival)
    let envelope = try #require(places.queued?.envelope)
    #expect(envelope.contains("to <a@x.example>"))
    #expect(envelope.contains { $0.hasPrefix("verdict 1 7 ") })
  }

  @Test(arguments: [10, 100_000])
  func letGoOf(size: Int) throws {
    let places = try Places()
    do {
      var message = try places.begin(to: ["a@x.example"], and: ["b@y.example"])
      try message.append(String(repeating: "x", count: size))
      #expect(places.files == ["queue/data/" + Places.id.text])
    }
    #expect(places.files.isEmpty)
  }

  /// What is there under the same id stays, and nothing else is left.
  @Test func failed() throws {
    let places = try Places()
    var first = try places.begin(and: ["a@y.example"])
    try first.append("one")
    try first.commit(time: arrival)
    let before = places.files
    var second = try places.begin(to: ["a@x.example"], and: ["b@y.example"])
    try second.append("two")
    do throws(SystemError) {
      try second.commit(time: arrival)
      Issue.record("accepted under an id that is taken")
    } catch {
      #expect(error == .fileExists)
    }
    #expect(places.files == before && places.queued?.content == received + "one")
  }

  @Test func directoryThatIsNotOpen() throws {
    let places = try Places()
    for addressing in [
      Places.addressing(to: ["a@x.example"], isQueued: false),
      Places.addressing(to: [], isQueued: true),
    ] {
      do throws(SystemError) {
        _ = try Acceptance.begin(Places.id, addressing, mail: nil, queue: nil)
        Issue.record("accepted without a directory")
      } catch {
        #expect(error == .noSuchFile)
      }
    }
    #expect(places.files.isEmpty)
  }
}
