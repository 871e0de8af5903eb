// Jobs and answers as lines of a batch.

import SMTP
import Testing

@testable import Jobs

private func lines(_ recipients: Range<Int>) -> [String] {
  ["message 0 /m", "from <a@x.example> SMTPUTF8"] + recipients.map { "to <r\($0)@x.example>" }
}

/// The parts of jobs that these lines are: how many recipients each has, and whether it is all of a job, and its end.
private func parts(_ lines: [String]) -> [String] {
  var reader = JobReader()
  return lines.compactMap { line in
    switch reader.read(Array(line.utf8)[...]) {
    case .more: nil
    case .malformed: "malformed"
    case .part(let job, let isWhole, let isLast):
      "\(job.recipients.count)\(isWhole ? " whole" : "")\(isLast ? " last" : "")"
        + (job.isUTF8 && job.path.elementsEqual("/m".utf8) ? "" : " without its head")
    }
  }
}

struct JobReaderTests {
  @Test("A short job is one part, a long one several")
  func slices() {
    let slice = JobReader.slice
    #expect(parts(lines(0..<3) + ["end"]) == ["3 whole last"])
    #expect(parts(lines(0..<slice) + ["end"]) == ["\(slice) whole last"])
    #expect(parts(lines(0..<slice + 1) + ["end"]) == ["\(slice)", "1 last"])
    #expect(
      parts(lines(0..<2 * slice + 5) + ["end"]) == ["\(slice)", "\(slice)", "5 last"])
  }

  @Test("No recipient is in two parts, and none is lost")
  func everybodyOnce() {
    var reader = JobReader()
    var seen: [[UInt8]] = []
    for line in lines(0..<2500) + ["end"] {
      guard case .part(let job, _, _) = reader.read(Array(line.utf8)[...]) else { continue }
      seen += job.recipients.map { $0.recipient.mailbox.octets }
    }
    #expect(seen == (0..<2500).map { Array("r\($0)@x.example".utf8) })
  }

  @Test("The next job has nothing of the last one")
  func jobAfterJob() {
    let long = lines(0..<JobReader.slice + 1) + ["end"]
    #expect(parts(long + lines(0..<2) + ["end"]).last == "2 whole last")
    var reader = JobReader()
    #expect(!reader.isInJob)
    _ = reader.read(Array("message 0 /m".utf8)[...])
    #expect(reader.isInJob)
    _ = reader.read(Array("end".utf8)[...])
    #expect(!reader.isInJob)
  }

  @Test func malformed() { #expect(parts(["message 0 /m", "to nobody"]) == ["malformed"]) }

  @Test("What is answered can be read")
  func answers() throws {
    var report = Report(
      Array("\"a b\"@x.example".utf8), at: Array("mx".utf8),
      .init(.refused, .recipient, code: 550, .init(5, 1, 1), Array("No such user".utf8)))
    report.isHostsDuty = true
    for answer in [Answer.report(report), .more, .done] {
      #expect(Answer(answer.octets.dropLast()) == answer)
      #expect(answer.octets.last == 10)
    }
    for line in ["", "mor", "done ", "ack", "delivered", "delivered host <a@b> - - 2.0.0 x"] {
      #expect(Answer(Array(line.utf8)[...]) == nil)
    }
  }
}
