// What goes out because of a mail that came in: entries in the queue's pending/, whose ids follow from the mail's, so that
// a mail that is received twice causes the same entries. Each is named by a line `queued ID` on standard output; the queue
// lets it out when it has noted that.

import Digest
import Jobs
import Lists
import MIME
import POSIX
import Queue
import Routing
import SMTP
import Storage

struct Outbox: ~Copyable {
  private let queue: QueueDirectory
  private let cause: MessageID
  private let hostname: [UInt8]

  init(queue path: String, cause: MessageID, hostname: [UInt8]) throws(Reception.Failure) {
    do throws(StoreError) { queue = try QueueDirectory(path: path) } catch {
      throw .temporary("\(path): \(error.call): \(error.errno)")
    }
    (self.cause, self.hostname) = (cause, hostname)
  }

  /// An entry that is being filled.
  struct Draft: ~Copyable {
    fileprivate var entry: OpenEntry

    mutating func append(_ octets: [UInt8]) throws(Reception.Failure) {
      do throws(StoreError) { try entry.append(octets.span) } catch { throw Outbox.failure(error) }
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
      do throws(StoreError) { try entry.add(addressee) } catch { throw Outbox.failure(error) }
    }
  }

  /// Queues an entry that `fill` makes. `name` is different for each of those that one mail may cause for one list.
  borrowing func add(
    _ name: String, for list: [UInt8], from reversePath: ReversePath, isUTF8: Bool,
    _ fill: (inout Draft) throws(Reception.Failure) -> Void
  ) throws(Reception.Failure) {
    var submission = Submission(from: reversePath, arrival: .now)
    submission.isUTF8 = isUTF8
    submission.cause = cause
    let id = id(name, list)
    var draft: Draft
    do throws(StoreError) { draft = Draft(entry: try queue.open(id: id, submission)) } catch {
      throw Self.failure(error)
    }
    do throws(Reception.Failure) { try fill(&draft) } catch {
      queue.discard(draft.entry)
      throw error
    }
    // A list without members has sent its post to all of them.
    guard draft.entry.recipientCount > 0 else { return queue.discard(draft.entry) }
    do throws(StoreError) { try queue.storePending(draft.entry) } catch {
      throw Self.failure(error)
    }
    FileDescriptor.print("queued \(id.text)\n", to: 1)
  }

  /// Queues a mail of the list's own.
  borrowing func send(
    _ mail: ListMail, of list: [UInt8], to recipients: [Mailbox],
    from reversePath: ReversePath = .null
  ) throws(Reception.Failure) {
    let unique = Array(
      (String(Process.random(), radix: 36) + String(Process.random(), radix: 36)).utf8)
    let now = Clock.now().seconds
    guard
      let octets = mail.octets(
        to: recipients, date: DateTime(seconds: now, zone: 0), unique: unique, hostname: hostname)
    else { throw .permanent("5.1.3 the list's address cannot stand in a header field") }
    let isUTF8 = recipients.contains { !$0.octets.allSatisfy { $0 < 0x80 } }
    let name =
      mail.kind.name + " " + String(decoding: recipients.first?.octets ?? [], as: UTF8.self)
    try add(name, for: list, from: reversePath, isUTF8: isUTF8) { draft throws(Reception.Failure) in
      try draft.append(octets)
      for recipient in recipients { try draft.add(Job.Addressee(Recipient(mailbox: recipient))) }
    }
  }

  private borrowing func id(_ name: String, _ list: [UInt8]) -> MessageID {
    var digest = SHA256()
    let subject = cause.octets + [0] + Array(name.utf8) + [0] + list
    digest.update(subject.span)
    return MessageID(digest.finish()[..<8].reduce(0) { $0 << 8 | UInt64($1) })
  }

  private static func failure(_ error: StoreError) -> Reception.Failure {
    .temporary("the queue: \(error.call): \(error.errno)")
  }
}
