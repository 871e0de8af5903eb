// The mail of recipients of ours: to the mail directory, and to what aliases stand for.

import Acceptance
import Jobs
import Octets
import POSIX
import Queue
import Routing
import SMTP
import Storage

extension Runner {
  /// Stores a message for a recipient of ours. After a crash it may be there already: its name is the same each time.
  func store(_ work: Work, for addressee: Job.Addressee) throws(SystemError) -> Report {
    let mailbox = addressee.recipient.mailbox
    let arrival = work.entry.submission.arrival
    do throws(SystemError) {
      let mail = try MailDirectory(path: settings.mailDirectory)
      if mail.has(id: work.id, for: mailbox, time: arrival) {
        return .ours(addressee, .delivered, .init(2, 0, 0), "stored")
      }
      var addressing = Addressing(work.entry.submission)
      addressing.stored = [mailbox]
      var message = try Acceptance.begin(work.id, addressing, mail: mail, queue: nil)
      try append(work, to: &message)
      try message.commit(time: arrival)
      return .ours(addressee, .delivered, .init(2, 0, 0), "stored")
    } catch {
      log.failure(error, in: settings.mailDirectory)
      return .deferred(addressee, "the mail directory cannot be written")
    }
  }

  /// Appends the message of an entry, from where it is sent on.
  private func append(_ work: Work, to message: inout Acceptance) throws(SystemError) {
    guard let file = try queue.message(of: work.id) else {
      throw SystemError(call: "open", errno: .noSuchFile)
    }
    var position = work.entry.submission.offset
    try message.append { (piece) throws(SystemError) in
      let count = try file.read(into: &piece, atMost: 65_536, at: position)
      position += count
      return count
    }
  }

  /// Sends on what an alias stands for: to mailboxes of ours at once, to the rest as an entry of its own.
  mutating func expand(
    _ index: Int, _ addressee: Job.Addressee, of work: Work
  ) throws(SystemError) {
    let expansion: [Routing.Expansion]
    do throws(UnreadableFile) {
      expansion = try settings.routing.expand(addressee.recipient.mailbox)
    } catch {
      return try conclude(index, of: work, .deferred(addressee, error.summary))
    }
    var others: [Job.Addressee] = []
    for target in expansion {
      var status = addressee.recipient.deliveryStatus
      // Its sender has heard of a success when it was sent on (RFC 3461 §5.2.7.1).
      status.notify?.remove(.success)
      if status.originalRecipient == nil {
        status.originalRecipient = Array("rfc822;".utf8) + xtext(addressee.recipient.mailbox.octets)
      }
      var own = Job.Addressee(Recipient(mailbox: target.mailbox, deliveryStatus: status))
      own.target = target.target
      if target.destination == .local {
        let report = try store(work, for: own)
        guard report.verdict.outcome == .delivered else {
          return try conclude(index, of: work, report)
        }
      } else if own.target != Array("discard".utf8) {
        others.append(own)
      }
    }
    let report = Report.ours(
      addressee, .delivered, .init(2, 0, 0), "sent on to \(expansion.count) addresses")
    var lines = Entry.Lines()
    var id: MessageID?
    // The id is the recipient's, so that what a crash has left between the two lines in the journal is found again.
    let new = work.id.derived(-1 - index)
    if !others.isEmpty, !work.entry.noticeIDs.contains(new) {
      var addressing = Addressing(work.entry.submission)
      addressing.submission.cause = work.id
      // Whom an alias stands for is not for everybody to see (`mailq`).
      addressing.submission.user = nil
      addressing.submission.hasTargets = others.contains { !$0.target.isEmpty }
      addressing.isQueued = true
      var message = try Acceptance.begin(new, addressing, mail: nil, queue: queue)
      for other in others { try message.add(other) }
      try append(work, to: &message)
      try message.commitPending()
      lines.notice(new, [])
      id = new
    }
    lines.verdict(index, report, at: now)
    try work.entry.append(lines)
    if let id { try queue.release(pending: id) }
    note(report, of: work)
  }
}
