// Mail for a mailing list: postern-list is run for it, with the message on standard input (postern-list/Reception.swift).

import Jobs
import POSIX
import Queue
import SMTP
import Storage

extension Runner {
  /// Seconds that it has.
  private static let patience = 600

  /// Gives a mail to its list. What the list sends lies in pending/ until this is in the journal.
  mutating func giveToList(_ index: Int, _ addressee: Job.Addressee, of work: Work)
    throws(StoreError)
  {
    var lines = Entry.Lines()
    var caused: [MessageID] = []
    let report: Report
    do throws(Errno) {
      let words = try runList(work, addressee)
      for word in words {
        if word.starts(with: "queued ".utf8) {
          if let id = MessageID(String(decoding: word.dropFirst(7), as: UTF8.self)) {
            caused.append(id)
          }
        }
      }
      report = Self.report(on: addressee, words.last ?? [])
    } catch {
      report = .deferred(addressee, "postern-list: \(error)")
    }
    lines.verdict(index, report, at: now)
    // What it has queued before it failed is queued again, under the same ids.
    if report.verdict.outcome == .delivered { for id in caused { lines.notice(id, []) } }
    try work.entry.append(lines)
    if report.verdict.outcome == .delivered { for id in caused { try queue.release(pending: id) } }
    note(report, of: work)
  }

  /// What its last line says: `done`, or an enhanced status code and a reason.
  private static func report(on addressee: Job.Addressee, _ line: [UInt8]) -> Report {
    if line.elementsEqual("done".utf8) {
      return .ours(addressee, .delivered, .init(2, 0, 0), "taken by the list")
    }
    let text = String(decoding: line.map { 32...126 ~= $0 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    if line.starts(with: "5.1.1 ".utf8) {
      return .refused(addressee, .init(5, 1, 1), String(text.dropFirst(6)))
    }
    if line.starts(with: "5.".utf8) { return .refused(addressee, .init(5, 0, 0), text) }
    return .deferred(addressee, text.isEmpty ? "postern-list has failed" : text)
  }

  /// Runs the program; returns the lines that it prints.
  private func runList(_ work: Work, _ addressee: Job.Addressee) throws(Errno) -> [[UInt8]] {
    let submission = work.entry.submission
    let file = try FileDescriptor.reading(queue.dataPath(of: work.id))
    try file.seek(to: submission.offset)
    var other: FileDescriptor?
    let output = try FileDescriptor.pipe().split(&other)
    guard let end = other.take() else { throw .invalidArgument }
    let sender = submission.reversePath.octets
    var program = try Subprocess(
      [
        Process.sibling("postern-list"), "receive", "-f",
        sender.isEmpty ? "<>" : String(decoding: sender, as: UTF8.self),
      ] + (submission.isOurs ? ["--ours"] : [])
        + (environmentFile.map { ["--env-file", $0] } ?? [])
        + [
          "--", work.id.text, String(decoding: addressee.recipient.mailbox.octets, as: UTF8.self),
        ],
      standard: [file.value, end.value, 2])
    _ = consume end
    let deadline = Deadline(inSeconds: Self.patience)
    var octets: [UInt8] = []
    while octets.count < 65_536, !deadline.hasPassed {
      var poll = Poll()
      poll.add(output, reading: true)
      poll.wait(milliseconds: 1000)
      guard poll.isReadable(0) else { continue }
      if try output.read(into: &octets, atMost: 65_536) == 0 { break }
    }
    program.wait(until: deadline)
    return octets.split(separator: 10).map { Array($0) }
  }
}
