// What goes out because of a mail that came in: entries in the queue's pending/, whose ids follow from the mail's and from
// the address that it is for (Lists/ReceivedMail.swift). Each is named by a line
// `queued ID` on standard output; the queue lets it out when it has noted that. What it has noted already, before a crash
// or for another address of the list, is not queued again.

import Acceptance
import Jobs
import Lists
import MIME
import POSIX
import Queue
import SMTP
import Storage

struct Outbox: ~Copyable {
  private let queue: QueueDirectory
  private let mail: Arguments.MailArguments
  private let hostname: [UInt8]

  init(
    queue path: String, _ mail: Arguments.MailArguments, hostname: [UInt8]
  ) throws(Reception.Failure) {
    do throws(SystemError) { queue = try QueueDirectory(path: path) } catch {
      throw .temporary("\(path): \(error.call): \(error)")
    }
    (self.mail, self.hostname) = (mail, hostname)
  }

  /// An entry that is being filled.
  struct Draft: ~Copyable {
    fileprivate var message: Acceptance

    mutating func append(_ octets: [UInt8]) throws(Reception.Failure) {
      do throws(SystemError) { try message.append(octets.span) } catch {
        throw Outbox.failure(error)
      }
    }

    /// Appends what stands in `file` from `offset` on.
    mutating func append(_ file: borrowing FileDescriptor, from offset: Int) throws(Reception
      .Failure)
    {
      var position = offset
      while true {
        let piece = try Reception.read(file, from: position, upTo: 65_536)
        if piece.isEmpty { return }
        position += piece.count
        try append(piece)
      }
    }

    mutating func add(_ addressee: Job.Addressee) throws(Reception.Failure) {
      do throws(SystemError) { try message.add(addressee) } catch { throw Outbox.failure(error) }
    }
  }

  /// Queues an entry that `fill` makes, if it is not queued already.
  borrowing func add(
    _ id: MessageID, from reversePath: ReversePath, isUTF8: Bool,
    _ fill: (inout Draft) throws(Reception.Failure) -> Void
  ) throws(Reception.Failure) {
    if mail.queued.contains(id) { return }
    var addressing = Addressing(Submission(from: reversePath, arrival: .now))
    addressing.submission.isUTF8 = isUTF8
    addressing.submission.cause = mail.id
    addressing.isQueued = true
    var draft: Draft
    do throws(SystemError) {
      draft = Draft(message: try .begin(id, addressing, mail: nil, queue: queue))
    } catch {
      throw Self.failure(error)
    }
    try fill(&draft)
    // A list without members has sent its post to all of them.
    if draft.message.recipientCount == 0 { return }
    do throws(SystemError) { try draft.message.commitPending() } catch { throw Self.failure(error) }
    try Reception.say(.queued(id.bits))
  }

  /// Queues a mail of the list's own.
  borrowing func send(
    _ mail: ListMail, to recipients: [Mailbox],
    from reversePath: ReversePath, as id: MessageID
  ) throws(Reception.Failure) {
    let unique = Array(
      (String(Process.random(), radix: 36) + String(Process.random(), radix: 36)).utf8)
    let now = Clock.now().seconds
    guard
      let octets = mail.octets(
        to: recipients, date: DateTime(seconds: now, zone: 0), unique: unique, hostname: hostname)
    else { throw .permanent("5.1.3 the list's address cannot stand in a header field") }
    let isUTF8 = recipients.contains { !$0.octets.allSatisfy { $0 < 0x80 } }
    try add(id, from: reversePath, isUTF8: isUTF8) { draft throws(Reception.Failure) in
      try draft.append(octets)
      for recipient in recipients { try draft.add(Job.Addressee(Recipient(mailbox: recipient))) }
    }
  }

  private static func failure(_ error: SystemError) -> Reception.Failure {
    .temporary("the queue: \(error.call): \(error)")
  }
}
