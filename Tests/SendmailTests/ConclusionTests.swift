// What the caller is told at the end.

import Jobs
import SMTP
import Sendmail
import Testing

struct ConclusionTests {
  typealias Verdict = ClientSession.Verdict

  private func preparation(_ arguments: [String]) throws -> Preparation {
    try Preparation(
      Invocation(name: "sendmail", ["-f", "me@x.example"] + arguments), header: [],
      caller: Caller(user: Array("me".utf8), fullName: [], domain: Array("x.example".utf8)),
      now: 0, unique: Array("u".utf8))
  }

  /// By the recipient's name: an outcome, or a code of refusal.
  private func verdict(_ recipient: Recipient) -> Verdict {
    func verdict(_ outcome: Verdict.Outcome, _ code: Int?, _ status: (Int, Int, Int)) -> Verdict {
      Verdict(
        outcome, .recipient, code: code, EnhancedStatusCode(status.0, status.1, status.2),
        Array("text".utf8))
    }
    let name = String(decoding: recipient.mailbox.octets, as: UTF8.self).prefix { $0 != "@" }
    return switch name {
    case "delivered": verdict(.delivered, 250, (2, 0, 0))
    case "deferred": verdict(.deferred, 450, (4, 2, 1))
    case "unknown": verdict(.unknown, nil, (4, 4, 2))
    default:
      verdict(
        .refused, 550, (5, Int(name.prefix(1)) ?? 0, Int(name.dropFirst(2).prefix(1)) ?? 0))
    }
  }

  private func conclude(
    _ names: [String], isVerbose: Bool = false
  ) throws -> (status: Conclusion.Status, lines: [String]) {
    let conclusion = Conclusion(
      try preparation(names.map { $0 + "@x.example" }), isVerbose: isVerbose, verdict)
    return (conclusion.status, conclusion.lines.map { String(decoding: $0, as: UTF8.self) })
  }

  @Test("Who got nothing for now decides, and else the last one who was refused")
  func statuses() throws {
    for (names, status) in [
      (["delivered"], .success), (["deferred"], .temporaryFailure),
      (["unknown"], .temporaryFailure),
      (["1.1"], .noUser), (["3.4"], .dataError), (["6.1"], .dataError), (["7.1"], .noPermission),
      (["3.1"], .unavailable), (["0.0"], .unavailable),
      (["delivered", "1.1", "7.1"], .noPermission), (["1.1", "delivered"], .noUser),
      (["deferred", "1.1"], .temporaryFailure), (["1.1", "unknown"], .temporaryFailure),
    ] as [([String], Conclusion.Status)] {
      #expect(try conclude(names).status == status, "\(names)")
    }
  }

  @Test("Who has the message is named only if the caller wants to hear of it")
  func lines() throws {
    let names = ["delivered", "1.1", "unknown"]
    let failed = ["<1.1@x.example>: 550 5.1.1 text", "<unknown@x.example>: 4.4.2 text"]
    #expect(try conclude(names).lines == failed)
    #expect(
      try conclude(names, isVerbose: true).lines == ["<delivered@x.example>: 250 2.0.0 text"]
        + failed)
  }

  @Test("An address that cannot be read is no reason to keep the message from the others")
  func unreadable() throws {
    let some = try Conclusion(
      preparation(["a b@@x", "delivered@x.example", "\u{e9}\u{7f}@@y"]), isVerbose: false, verdict)
    #expect(some.status == .dataError)
    // What is no printable ASCII is a question mark for each octet; the reader of addresses has taken DEL away.
    #expect(
      some.lines == ["not an address: a b@@x", "not an address: ??@@y"].map { Array($0.utf8) })
    let deferred = try Conclusion(
      preparation(["bad@@x", "deferred@x.example"]), isVerbose: false, verdict)
    #expect(deferred.status == .temporaryFailure && deferred.lines.count == 2)
  }

  @Test(arguments: [
    (Preparation.Refusal.noRecipient, Conclusion.Status.usage, "no recipient is named"),
    (.headerTooLong, .dataError, "the header is too long"),
    (.notAddress([65, 0x1B, 0xE9, 10, 0x7F]), .dataError, "not an address: A????"),
  ])
  func refusals(_ refusal: Preparation.Refusal, _ status: Conclusion.Status, _ line: String) {
    let conclusion = Conclusion(refusal)
    #expect(conclusion.status == status && conclusion.lines == [Array(line.utf8)])
  }

  @Test("The numbers are those of sysexits.h")
  func numbers() {
    #expect(
      [.usage, .dataError, .noUser, .unavailable, .temporaryFailure, .noPermission].map {
        (status: Conclusion.Status) in status.rawValue
      } == [64, 65, 67, 69, 75, 77])
  }

  @Test func job() throws {
    let invocation = try Invocation(
      name: "sendmail",
      [
        "-f", "me@x.example", "-V", "id", "-R", "hdrs", "-N", "delay", "-O", "smtputf8=yes",
        "a@y.example",
      ])
    let preparation = try Preparation(
      invocation, header: [],
      caller: Caller(user: [109], fullName: [], domain: [120]), now: 0, unique: [117])
    let job = preparation.job(of: invocation)
    #expect(job.reversePath.octets == Array("me@x.example".utf8) && job.isUTF8)
    #expect(job.recipients.map { $0.recipient } == preparation.recipients)
    #expect(job.recipients[0].recipient.deliveryStatus.notify == [.delay])
    #expect(job.deliveryStatus.returned == .headers)
    #expect(job.deliveryStatus.envelopeID == Array("id".utf8))
  }
}
