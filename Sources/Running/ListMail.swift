// Mail for a mailing list: postern-list is run for it, with the message on standard input (postern-list/Reception.swift).

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
    let answer: Answer
    do throws(SystemError) {
      answer = Answer(try runList(work, addressee), addressee)
    } catch {
      answer = Answer(.deferred(addressee, "postern-list: \(error)"))
    }
    var lines = Entry.Lines()
    // The notices come first: without the verdict behind them the list is asked again, and finds them.
    for id in answer.caused { lines.notice(id, []) }
    lines.verdict(index, answer.report, at: now)
    try work.entry.append(lines)
    for claim in answer.claims { try queue.drop(claim: claim) }
    for id in answer.caused { try queue.release(pending: id) }
    // It is queued again, under the same ids, when the mail is tried again.
    for id in answer.void { try queue.drop(pending: id) }
    note(answer.report, of: work)
  }

  /// What postern-list has said.
  private struct Answer {
    let report: Report
    /// What is to go out because of the mail.
    var caused: [MessageID] = []
    /// Held posts that are among it.
    var claims: [String] = []
    /// What it has queued before it failed.
    var void: [MessageID] = []

    init(_ report: Report) { self.report = report }

    init(_ lines: [[UInt8]], _ addressee: Job.Addressee) {
      self.init(Runner.report(on: addressee, lines.last ?? []))
      guard report.verdict.outcome == .delivered else {
        void = lines.compactMap { line in
          guard line.starts(with: "queued ".utf8) else { return nil }
          return MessageID(String(decoding: line.dropFirst(7), as: UTF8.self))
        }
        return
      }
      for line in lines.dropLast() {
        let word = String(decoding: line.drop { $0 != 32 }.dropFirst(), as: UTF8.self)
        if line.starts(with: "queued ".utf8), let id = MessageID(word) {
          caused.append(id)
        } else if line.starts(with: "claimed ".utf8) {
          claims.append(word)
        } else {
          self.init(.deferred(addressee, "postern-list says what is not understood"))
          return
        }
      }
    }
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
  private func runList(_ work: Work, _ addressee: Job.Addressee) throws(SystemError) -> [[UInt8]] {
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
