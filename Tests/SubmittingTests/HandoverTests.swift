// The session in which a message is handed in: what is asked of the server, and what is said of each recipient.

import Glibc
import Jobs
import POSIX
import SMTP
import Sending
import TestSupport
import Testing

@testable import Submitting

struct HandoverTests {
  private func recipient(_ name: String) -> Recipient {
    Recipient(mailbox: Mailbox(Array("\(name)@x.example".utf8))!)
  }

  /// Hands a short message in; gives the code of each recipient and the lines that the server has heard.
  private func handOver(
    _ names: [String], _ extensions: [String] = [], _ answers: [String: String] = [:]
  ) -> (codes: [String], lines: [String]) {
    var ends: [CInt] = [0, 0]
    _ = unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
    let server = ScriptedServer(extensions, answers, at: ends[1])
    var job = Job()
    job.reversePath = ReversePath(Array("me@x.example".utf8))!
    job.recipients = names.map { Job.Addressee(recipient($0)) }
    let content = Array("Subject: x\r\n\r\nbody\r\n".utf8)
    let handover = Handover(
      job,
      MessageFile(
        content, nil, size: 0, facts: MessageFacts(size: content.count, isEightBit: false)),
      over: FileDescriptor(ends[0]), hostname: Array("me.example".utf8))
    return (
      names.map {
        let verdict = handover.verdict(on: recipient($0))
        return "\(verdict.outcome.name) \(verdict.code ?? 0)"
      }, server.lines()
    )
  }

  @Test("Each recipient has its verdict")
  func verdicts() {
    let (codes, lines) = handOver(["250", "450", "550"])
    #expect(codes == ["delivered 250", "deferred 450", "refused 550"])
    #expect(lines.first == "EHLO me.example" && lines.last == "QUIT" && lines.contains("body"))
  }

  @Test("TLS is not asked for")
  func plain() {
    #expect(!handOver(["250"], ["STARTTLS"]).lines.contains("STARTTLS"))
  }

  @Test("The server says how many recipients it takes")
  func many() {
    let names = (0..<1500).map { "r\($0)" }
    let all = handOver(names)
    #expect(all.lines.filter { $0.hasPrefix("MAIL") }.count == 1)
    #expect(all.codes.allSatisfy { $0 == "delivered 250" })
    let limited = handOver(names, ["LIMITS RCPTMAX=1000"])
    #expect(limited.lines.filter { $0.hasPrefix("MAIL") }.count == 2)
    #expect(limited.codes.allSatisfy { $0 == "delivered 250" })
  }

  @Test("Where the session ends early, the others have what ended it")
  func early() {
    #expect(
      handOver(["a", "b"], [], ["MAIL": "421 busy"]).codes == ["deferred 421", "deferred 421"])
    #expect(handOver(["a"], [], ["EHLO": "421 busy"]).codes == ["deferred 421"])
  }

  @Test("A recipient that is named twice has the worse of two verdicts")
  func twice() {
    func verdict(_ outcomes: [ClientSession.Verdict.Outcome]) -> ClientSession.Verdict.Outcome {
      let handover = Handover.untold
      for outcome in outcomes {
        handover.tell(
          Report(
            Array("a@x.example".utf8), at: [],
            ClientSession.Verdict(outcome, .recipient, EnhancedStatusCode(4, 0, 0), [])))
      }
      return handover.verdict(on: recipient("a")).outcome
    }
    #expect(verdict([.delivered, .refused]) == .refused)
    #expect(verdict([.refused, .delivered]) == .refused)
    #expect(verdict([.delivered, .delivered]) == .delivered)
  }
}

extension Handover {
  /// One whose server has closed the connection at once.
  fileprivate static var untold: Handover {
    var ends: [CInt] = [0, 0]
    _ = unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
    _ = close(ends[1])
    return Handover(
      Job(), MessageFile([], nil, size: 0, facts: MessageFacts(size: 0, isEightBit: false)),
      over: FileDescriptor(ends[0]), hostname: Array("me.example".utf8))
  }
}
