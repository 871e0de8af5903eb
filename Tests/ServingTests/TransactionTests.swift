// A mail transaction: where each recipient's mail goes, and what is on the disk of it, whatever happens.

import Foundation
import ListStore
import POSIX
import Routing
import SMTP
import Serving
import TestSupport
import Testing

private let content = "Subject: x\r\n\r\nhello\r\n"

private func transaction(
  from sender: String = "a@y.example", to recipients: [String], _ text: String = content
) -> [String] {
  let paths = recipients.map { "RCPT TO:<\($0)>\r\n" }.joined()
  return ["EHLO me\r\nMAIL FROM:<\(sender)>\r\n\(paths)DATA\r\n", text + ".\r\n", "QUIT\r\n"]
}

@Suite struct TransactionTests {
  @Test func stored() throws {
    let place = Place()
    let outcome = try place.converse(transaction(to: ["b@x.example", "c@x.example"]))
    #expect(
      place.mail.messages.sorted { $0.recipients[0] < $1.recipients[0] }
        == ["b@x.example", "c@x.example"].map {
          StoredMessage(
            reversePath: "a@y.example", recipients: [$0], content: Array(content.utf8))
        })
    #expect(place.queue.files == [])
    let name = try #require(place.mail.entries.first)
    let id = String(name.split(separator: "-")[1])
    #expect(outcome.reply(2) == "250 2.0.0 OK: stored as \(id)\r\n")
    let file = String(decoding: place.mail.content(name), as: UTF8.self)
    #expect(
      file.contains("\r\nReceived: from me ([192.0.2.7])\r\n\tby mx.x.example with ESMTP id \(id);")
    )
    #expect(
      outcome.line(1).hasPrefix(
        "session=s event=store id=\(id) from=a@y.example helo=me recipients=2 to=b@x.example "
          + "to=c@x.example bytes=\(file.utf8.count) seconds=0."))
    #expect(outcome.line(2).contains(" reason=quit messages=1 "))
  }

  /// A message in two chunks (RFC 3030).
  @Test func chunks() throws {
    let place = Place()
    let half = content.utf8.count / 2
    let outcome = try place.converse([
      "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\n",
      "BDAT \(half)\r\n" + String(content.utf8.prefix(half))!,
      "BDAT \(content.utf8.count - half) LAST\r\n" + String(content.utf8.dropFirst(half))!,
      "QUIT\r\n",
    ])
    #expect(outcome.last == "221 2.0.0 Goodbye")
    #expect(place.mail.messages.map(\.content) == [Array(content.utf8)])
  }

  /// Where a bare LF is allowed, it becomes CR LF.
  @Test func bareLineFeed() throws {
    var place = Place()
    place.service.session.bareLineEnds = .normalize
    _ = try place.converse(transaction(to: ["b@x.example"], "Subject: x\n\nhello\n\r\n"))
    #expect(place.mail.messages.map(\.content) == [Array((content + "\r\n").utf8)])
  }

  /// One recipient is ours, the other is not: the mail directory and the queue have the same message.
  @Test func storedAndQueued() throws {
    let place = Place.forSubmission
    let outcome = try place.converse(transaction(to: ["b@x.example", "c@z.example"]))
    #expect(outcome.reply(2).hasPrefix("250 2.0.0 OK: stored as "))
    let octets = Array(content.utf8)
    #expect(
      place.mail.messages == [
        StoredMessage(reversePath: "a@y.example", recipients: ["b@x.example"], content: octets)
      ])
    #expect(
      place.queue.messages == [
        StoredMessage(
          reversePath: "a@y.example", recipients: [], queued: ["c@z.example"], content: octets)
      ])
    #expect(outcome.line(1).contains(" recipients=2 queued=1 to=b@x.example to=c@z.example "))
    let id = try #require(place.queue.ids.first)
    #expect(place.queue.envelope(id).contains { $0 == "ours" })
  }

  /// Programs of this machine need not know its domain.
  @Test func completion() throws {
    let place = Place.forSubmission
    _ = try place.converse(transaction(to: ["b@x.example"], "From: me\r\nTo: b\r\n\r\nhello\r\n"))
    let text = try #require(place.mail.messages.first?.content)
    #expect(
      String(decoding: text, as: UTF8.self)
        == "From: me@mx.x.example\r\nTo: b@mx.x.example\r\n\r\nhello\r\n")
  }

  /// RFC 3461: the queue tells the sender of a message that has been stored.
  @Test func reportOfSuccess() throws {
    let place = Place.forSubmission
    _ = try place.converse([
      "EHLO me\r\nMAIL FROM:<a@y.example>\r\nRCPT TO:<b@x.example> NOTIFY=SUCCESS\r\nDATA\r\n",
      content + ".\r\n", "QUIT\r\n",
    ])
    #expect(place.mail.messages.count == 1)
    let id = try #require(place.queue.ids.first)
    #expect(place.queue.envelope(id).contains { $0.hasPrefix("verdict 0 ") })
  }

  // What fails leaves nothing.

  @Test(arguments: [1, 3000, 100_000])
  func clientThatGoesAway(lines: Int) throws {
    let place = Place.forSubmission
    let commands = transaction(to: ["b@x.example", "c@z.example"])[0]
    let piece = String(repeating: "line\r\n", count: 1000)
    let content = lines == 1 ? ["line\r\n"] : Array(repeating: piece, count: min(20, lines / 1000))
    let outcome = try place.converse([commands] + content)
    #expect(outcome.last.hasPrefix("354 ") && outcome.status == .success)
    #expect(place.files == [])
    #expect(outcome.line(1).hasPrefix("session=s event=drop id="))
    #expect(outcome.line(2).contains(" reason=end of input messages=0 "))
  }

  /// A message that is refused at its end (here: a bare LF) is let go of before the next one.
  @Test func refusedMessage() throws {
    let place = Place()
    let commands = transaction(to: ["b@x.example"], "x\ny\r\n")
    let outcome = try place.converse(Array(commands.dropLast()) + transaction(to: ["b@x.example"]))
    #expect(outcome.reply(2).hasPrefix("550 "))
    #expect(outcome.line(1).hasPrefix("session=s event=drop id="))
    #expect(outcome.line(2).hasPrefix("session=s event=refuse "))
    #expect(place.mail.messages.map(\.content) == [Array(content.utf8)])
  }

  /// The directory could not be opened. The session goes on.
  @Test func directoryThatIsNotOpen() throws {
    let place = Place()
    let outcome = try place.converse(transaction(to: ["b@x.example"]), hasStore: false)
    #expect(outcome.reply(2) == "451 4.3.0 Message not stored; try again later\r\n")
    #expect(outcome.last == "221 2.0.0 Goodbye")
    #expect(
      outcome.line(1)
        == "session=s event=failure call=open reason=\"No such file or directory\" "
        + "directory=\(place.mail.path)")
    #expect(outcome.line(2).hasPrefix("session=s event=drop id="))
    #expect(place.files == [])
  }

  /// The directory is removed between the opening of the session and the message.
  @Test func directoryThatIsGone() throws {
    let place = Place.forSubmission
    let outcome = try place.converse(transaction(to: ["b@x.example", "c@z.example"])) { _ in
      try? FileManager.default.removeItem(atPath: place.mail.path)
    }
    #expect(outcome.reply(2) == "451 4.3.0 Message not stored; try again later\r\n")
    #expect(place.queue.files == [])
    #expect(outcome.line(1).hasSuffix(" directory=\(place.mail.path) queue=\(place.queue.path)"))
  }

  /// The queue is gone: nobody gets the message.
  @Test func queueThatIsGone() throws {
    let place = Place.forSubmission
    let outcome = try place.converse(transaction(to: ["b@x.example", "c@z.example"])) { _ in
      try? FileManager.default.removeItem(atPath: place.queue.path)
    }
    #expect(outcome.reply(2) == "451 4.3.0 Message not stored; try again later\r\n")
    #expect(place.mail.entries == [])
  }

  @Test(.enabled(if: getuid() == 0, "mounting needs root"))
  func fullDisk() throws {
    let place = Place()
    let mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place.mail.path]
    try #require(Command.run(mount, in: place.scratch).status == 0)
    defer { _ = Command.run(["umount", place.mail.path], in: place.scratch) }
    let large = Array(repeating: String(repeating: "line\r\n", count: 1000), count: 20)
    let whole = transaction(to: ["b@x.example"])
    let outcome = try place.converse([whole[0]] + large + [".\r\n"] + whole)
    #expect(outcome.reply(2) == "452 4.3.1 Insufficient storage\r\n")
    #expect(outcome.line(1).contains(" event=failure call=write "))
    // The next message that fits is stored.
    #expect(place.mail.messages.map(\.content) == [Array(content.utf8)])
  }

  // Where the mail for a recipient goes.

  @Test(arguments: [
    ("b@x.example", "250 2.1.5 Recipient OK"), ("alias@x.example", "250 2.1.5 Recipient OK"),
    ("nobody@x.example", "550 5.1.1 No such mailbox here"),
    ("c@z.example", "550 5.7.1 Mail for this domain is not accepted here"),
    ("faulty@x.example", "451 4.3.5 A line of the configuration for this address is wrong"),
    ("news@x.example", "550 5.7.2 This sender may not post to the list"),
    ("open@x.example", "250 2.1.5 Recipient OK"),
    ("news+subscribe@x.example", "250 2.1.5 Recipient OK"),
    ("broken@x.example", "451 4.3.0 Recipient not checked; try again later"),
  ])
  func routes(recipient: String, reply: String) throws {
    var place = Place()
    place.service.session.routesRecipients = true
    place.service.queueDirectory = place.queue.path
    place.service.routing.aliases = Aliases(parsing: Array("alias: c@z.example\nfaulty: <\n".utf8))
    place.service.routing.recipients = RecipientsFile(
      path: place.scratch.file("recipients", "b\n".utf8))
    for (name, settings) in [("news", ""), ("open", "post=anyone\n"), ("broken", "x\n")] {
      _ = place.scratch.file(name + ".csv", "email\nm@y.example\n".utf8)
      _ = place.scratch.file(name + ".conf", settings.utf8)
    }
    place.service.routing.lists = ListsDirectory(path: place.scratch.path)
    let outcome = try place.converse(transaction(to: [recipient]))
    let lines = outcome.reply(1).components(separatedBy: "\r\n")
    #expect(lines.dropLast(2).last == reply)
    let isQueued = !["b@x.example"].contains(recipient) && reply.hasPrefix("250")
    #expect(place.queue.ids.count == (isQueued ? 1 : 0))
    #expect(place.mail.messages.count == (recipient == "b@x.example" ? 1 : 0))
    if !reply.hasPrefix("250") {
      #expect(
        outcome.log.contains {
          $0.contains("event=refuse reply=\(reply) command=\"RCPT TO:<\(recipient)>\"")
        })
    }
    if reply.hasPrefix("451") {
      #expect(outcome.log.contains { $0.contains("event=failure ") })
    }
  }

  /// Who exists cannot be found out.
  @Test func recipientsThatCannotBeRead() throws {
    var place = Place()
    place.service.session.routesRecipients = true
    let file = place.scratch.path + "/none"
    place.service.routing.recipients = RecipientsFile(path: file)
    let outcome = try place.converse(transaction(to: ["b@x.example"]))
    #expect(outcome.all.contains("\r\n451 4.3.0 Recipient not checked; try again later\r\n"))
    #expect(
      outcome.line(1)
        == "session=s event=failure call=open reason=\"No such file or directory\" recipients=\(file)"
    )
  }
}
