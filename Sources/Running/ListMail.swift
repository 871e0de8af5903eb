// Mail for a mailing list: a program is run for it, with the message on standard input, and says what it has queued
// (Jobs/ListAnswer.swift).

import Jobs
import POSIX
import Queue
import SMTP
import Storage

extension Runner {
  /// Seconds that it has.
  private static let patience = 600
  /// How many ids of what the entry has caused it is told of: what it has to know is among the last.
  private static let mostQueued = 1000

  /// Gives a mail to its list. What the list sends lies in pending/ until this is in the journal.
  mutating func giveToList(_ index: Int, _ addressee: Job.Addressee, of work: Work)
    throws(SystemError)
  {
    let answer = ListAnswer(runList(work, addressee))
    let report = Report(addressee.recipient.mailbox.octets, at: [], answer.verdict)
    let queued = answer.queued.map { MessageID($0) }
    let isTaken = report.verdict.outcome == .delivered
    var lines = Entry.Lines()
    // The notices come first: without the verdict behind them the list is asked again, and finds them.
    if isTaken { for id in queued { lines.notice(id, []) } }
    lines.verdict(index, report, at: now)
    try work.entry.append(lines)
    if isTaken { for claim in answer.claims { try queue.drop(claim: claim) } }
    for id in queued {
      // What is dropped is queued again, under the same id, when the mail is tried again.
      if isTaken { try queue.release(pending: id) } else { try queue.drop(pending: id) }
    }
    note(report, of: work)
  }

  /// Runs the program; returns the lines that it prints, or why it could not be run.
  private func runList(_ work: Work, _ addressee: Job.Addressee) -> [[UInt8]] {
    do throws(SystemError) { return try linesOfList(work, addressee) } catch {
      return [Array("\(error.call): \(error)".utf8)]
    }
  }

  private func linesOfList(
    _ work: Work, _ addressee: Job.Addressee
  ) throws(SystemError) -> [[UInt8]] {
    let submission = work.entry.submission
    let file = try FileDescriptor.reading(queue.dataPath(of: work.id))
    try file.seek(to: submission.offset)
    var other: FileDescriptor?
    let output = try FileDescriptor.pipe().split(&other)
    guard let end = other.take() else { throw .invalidArgument }
    let sender = submission.reversePath.octets
    let queued = work.entry.noticeIDs.suffix(Self.mostQueued).map { $0.text }.joined(separator: ",")
    var program = try Subprocess(
      settings.listProgram + [
        "-f", sender.isEmpty ? "<>" : String(decoding: sender, as: UTF8.self),
        "--arrival", String(submission.arrival.seconds),
      ] + (submission.isOurs ? ["--ours"] : [])
        + (queued.isEmpty ? [] : ["--queued", queued])
        + settings.options
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
