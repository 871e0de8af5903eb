// A session with a server: in which transactions a job goes, and what is said of each recipient.

import Couriers
import Glibc
import Jobs
import POSIX
import SMTP
import TestSupport
import Testing

@testable import Sending

/// Notes what it is told.
private final class Notes: Listener {
  var reports: [Report] = []
  var transactions = 1
  var mostTransactions = Int.max

  func tell(_ report: Report) { reports.append(report) }
  func give() {}
  func mayGoOn() -> Bool {
    transactions += 1
    return transactions <= mostTransactions
  }

  var codes: [String: Int] {
    var codes: [String: Int] = [:]
    for report in reports {
      let name = String(decoding: report.address, as: UTF8.self).split(separator: "@")[0]
      codes[String(name)] = report.verdict.code ?? -1
    }
    return codes
  }
}

private func job(_ recipients: [String]) -> Job {
  var job = Job()
  job.reversePath = ReversePath(Array("me@x.example".utf8))!
  job.recipients = recipients.map {
    Job.Addressee(Recipient(mailbox: Mailbox(Array("\($0)@x.example".utf8))!))
  }
  return job
}

struct SenderTests {
  /// Sends a short message, and ends the session.
  private func send(
    _ job: Job, to notes: Notes, limit: Int = 100, extensions: [String] = [],
    answers: [String: String] = [:]
  ) throws -> [String] {
    var ends: [CInt] = [0, 0]
    _ = unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
    let server = ScriptedServer(extensions, answers, at: ends[1])
    var configuration = ClientSession.Configuration(hostname: Array("me.example".utf8))
    configuration.startTLS = .never
    configuration.maximumRecipients = limit
    do {
      var sender = Sender(
        Conversation(
          ClientSession(configuration),
          over: Link(FileDescriptor(ends[0]), termination: .never)),
        to: notes)
      let content = Array("Subject: x\r\n\r\nbody\r\n".utf8)
      sender.deliver(
        job,
        MessageFile(
          content, nil, size: 0, facts: MessageFacts(size: content.count, isEightBit: false)))
      sender.quit()
    }
    return server.lines()
  }

  @Test("Each recipient has its verdict")
  func verdicts() throws {
    let notes = Notes()
    let lines = try send(job(["250", "450", "550", "a"]), to: notes)
    #expect(notes.codes == ["250": 250, "450": 450, "550": 550, "a": 250])
    #expect(lines.filter { $0 == "DATA" }.count == 1 && lines.last == "QUIT")
    #expect(lines.contains("body"))
    #expect(notes.reports.allSatisfy { !$0.isHostsDuty })
  }

  @Test("As many transactions as there are recipients by the limit")
  func transactions() throws {
    let notes = Notes()
    let lines = try send(job((1...7).map { "r\($0)" }), to: notes, limit: 3)
    #expect(lines.filter { $0.hasPrefix("MAIL") }.count == 3)
    #expect(notes.codes.count == 7 && notes.codes.values.allSatisfy { $0 == 250 })
    #expect(notes.transactions == 3)
  }

  @Test("A recipient with a reverse-path or fields of its own has its own transaction")
  func singles() throws {
    var job = job(["a", "b", "c", "d"])
    job.recipients[1].reversePath = ReversePath(Array("b-path@x.example".utf8))
    job.recipients[2].fields = Array("X-For: c\r\n".utf8)
    let notes = Notes()
    let lines = try send(job, to: notes)
    #expect(
      lines.filter { $0.hasPrefix("MAIL") || $0.hasPrefix("RCPT") || $0.hasPrefix("X-") } == [
        "MAIL FROM:<me@x.example>", "RCPT TO:<a@x.example>",
        "MAIL FROM:<b-path@x.example>", "RCPT TO:<b@x.example>",
        "MAIL FROM:<me@x.example>", "RCPT TO:<c@x.example>", "X-For: c",
        "MAIL FROM:<me@x.example>", "RCPT TO:<d@x.example>",
      ])
    #expect(notes.codes.count == 4)
  }

  @Test("Where the listener stops it, those who had no turn are told, and no transaction begins")
  func stopped() throws {
    let notes = Notes()
    notes.mostTransactions = 1
    let lines = try send(job(["a", "b", "c"]), to: notes, limit: 2)
    #expect(notes.codes == ["a": 250, "b": 250, "c": -1])
    #expect(lines.filter { $0.hasPrefix("MAIL") }.count == 1)
  }

  @Test("A server that ends the session says what is left for another connection")
  func closed() throws {
    let notes = Notes()
    _ = try send(job(["a", "b"]), to: notes, answers: ["MAIL": "421 busy"])
    #expect(notes.codes == ["a": 421, "b": 421])
  }

  @Test("Reports are the duty of a host with DSN (RFC 3461 §5.2.2)")
  func duty() throws {
    let notes = Notes()
    _ = try send(job(["a", "550"]), to: notes, extensions: ["DSN"])
    #expect(notes.reports.map { $0.isHostsDuty } == [false, true])
  }
}
