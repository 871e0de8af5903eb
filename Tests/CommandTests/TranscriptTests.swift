// Runs every transcript through the built program, as a filter.

import Foundation
import TestSupport
import Testing

@Suite struct TranscriptTests {
  @Test(arguments: Transcript.all + Transcript.ofProgram)
  func filter(_ transcript: Transcript) {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let queue = QueueFolder(folder)
    for (name, text) in transcript.files { _ = folder.file(name, text.utf8) }
    let outcome = Command.run(
      [Command.built("postern-smtpd")] + transcript.arguments, in: folder,
      environment: transcript.settings.merging(["SMTP_HOSTNAME": Transcript.hostname]) { a, _ in a
      },
      input: transcript.client)
    #expect(outcome.status == 0)
    #expect(outcome.text.withoutIDs == transcript.server)
    #expect(!outcome.errorText.isEmpty, "a session leaves a log")
    // There is one file for each local recipient, one entry for all others of a message, and nothing else.
    let expected = transcript.messages.flatMap { message in
      message.recipients.map {
        StoredMessage(
          reversePath: message.reversePath, recipients: [$0], content: message.content)
      }
    }
    #expect(mail.messages.map(\.description).sorted() == expected.map(\.description).sorted())
    let entries = transcript.messages.filter { !$0.queued.isEmpty }.map { message in
      StoredMessage(
        reversePath: message.reversePath, recipients: [], queued: message.queued,
        content: message.content)
    }
    #expect(queue.messages.map(\.description).sorted() == entries.map(\.description).sorted())
    #expect(queue.files.count == 2 * entries.count)
  }

  /// A session through a pipe, with an empty environment.
  @Test func pipeWithoutEnvironment() throws {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let transcript = try #require(Transcript.all.first { $0.name == "one-message.txt" })
    _ = folder.file("transcript", transcript.client)
    let script = "cat transcript | env -i \(Command.built("postern-smtpd")) | cat > replies"
    let outcome = Command.run(["sh", "-c", script], in: folder)
    #expect(outcome.status == 0)
    let replies = String(decoding: MailFolder(folder, ".").content("replies"), as: UTF8.self)
    #expect(replies.split(separator: "\r\n").last == "221 2.0.0 Goodbye")
    #expect(mail.messages.count == 2)
  }
}

extension String {
  /// The text with `<id>` in the place of each message's id.
  var withoutIDs: String { replacing(/stored as [0-9a-f]{16}/, with: "stored as <id>") }
}
