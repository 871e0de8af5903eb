// What no transcript shows: delivery status parameters in the envelope, storing that fails,
// dates, and recipients without number.

import TestSupport
import Testing

@testable import SMTP

@Suite struct DeliveryStatusTests {
  private func machine(_ lines: [String]) -> Machine {
    var configuration = Configuration(hostname: [120])
    configuration.offersDeliveryStatus = true
    configuration.isSubmission = true
    var machine = Machine(configuration)
    machine.receive(lines.map { $0 + "\r\n" }.joined().utf8)
    return machine
  }

  /// RFC 3461 §4: what was asked for is kept with the envelope.
  @Test func kept() throws {
    let machine = machine([
      "EHLO x", "MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159+2B",
      "RCPT TO:<c@d> NOTIFY=SUCCESS,Delay ORCPT=rfc822;c+2Bx@d", "RCPT TO:<e@f> notify=never",
      "RCPT TO:<g@h>", "BDAT 0 LAST",
    ])
    #expect(machine.replies.contains("250-DSN\r\n"))
    let envelope = try #require(machine.envelopes.first)
    #expect(envelope.deliveryStatus.returned == .headers)
    #expect(envelope.deliveryStatus.envelopeID == Array("QQ314159+2B".utf8))
    let recipients = envelope.recipients.map(\.deliveryStatus)
    #expect(recipients.map(\.notify) == [[.success, .delay], [], nil])
    #expect(recipients[0].originalRecipient == Array("rfc822;c+2Bx@d".utf8))
  }

  @Test(arguments: [
    "MAIL FROM:<> RET=ALL", "MAIL FROM:<> RET", "MAIL FROM:<> RET=FULL RET=FULL",
    "MAIL FROM:<> ENVID=", "MAIL FROM:<> ENVID=+2b", "MAIL FROM:<> ENVID=+",
    "MAIL FROM:<> ENVID=" + String(repeating: "x", count: 101),
  ])
  func malformedOfMail(_ command: String) {
    #expect(machine(["EHLO x", command]).replies.hasSuffix("malformed or repeated\r\n"))
  }

  @Test(arguments: [
    "NOTIFY=", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,", "NOTIFY=ALWAYS",
    "NOTIFY=NEVER NOTIFY=NEVER",
    "ORCPT=c@d", "ORCPT=;c@d", "ORCPT=rfc822;", "ORCPT=rfc822;c+xx",
    "ORCPT=rfc822;" + String(repeating: "x", count: 500),
  ])
  func malformedOfRecipient(_ parameters: String) {
    let replies = machine(["EHLO x", "MAIL FROM:<>", "RCPT TO:<c@d> \(parameters)"]).replies
    #expect(replies.hasSuffix("malformed or repeated\r\n"))
  }
}

@Suite struct StoringTests {
  /// Each failure draws its 4xx, and the session goes on.
  @Test(arguments: [
    (Session.StoreFailure.noSpace, "452 4.3.1 Insufficient storage"),
    (.other, "451 4.3.0 Message not stored; try again later"),
  ])
  func fails(_ failure: Session.StoreFailure, _ reply: String) {
    var attempts = 0
    var machine = Machine(Configuration(hostname: [120])) { _ in
      attempts += 1
      return attempts == 1 ? failure : nil
    }
    let transaction = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\n"
    machine.receive("HELO x\r\n\(transaction)\(transaction)".utf8)
    let replies = machine.replies.split(separator: "\r\n")
    #expect(replies.contains { $0 == reply })
    #expect(replies.last == "250 2.0.0 OK: stored as <id>")
    #expect(machine.messages.count == 1)
  }
}

@Suite struct OutputTests {
  /// Whatever the replies are, there is not more output than the limit and one of them.
  @Test(arguments: ["F\r\n", "F\n", "NOOP\r\n", "RCPT\r\n", "BDAT 0\r\n", "EHLO x\r\n"])
  func isBounded(_ line: String) {
    var configuration = Configuration(hostname: [120])
    configuration.maximumErrors = .max
    var session = Session(configuration: configuration, isTLS: false)
    var output: [UInt8] = []
    var largest = 0
    let input = Array(String(repeating: line, count: 10_000).utf8)
    var position = 0
    while true {
      let action = session.advance(input.span, &position, into: &output)
      largest = max(largest, output.count)
      switch action {
      case .flush: output = []
      case .needInput:
        #expect(largest < Session.outputLimit + 512)
        return
      case .proceed, .refused: break
      case .open, .append, .appendLineEnd, .commit, .abort, .route, .filter, .verify,
        .startTLS, .close:
        Issue.record("\(action)")
        return
      }
    }
  }
}

@Suite struct TimestampTests {
  /// Checked with date(1).
  @Test(
    arguments: [
      (0, "19700101T000000.000007Z"),
      (951_782_399, "20000228T235959.000007Z"),
      (951_782_400, "20000229T000000.000007Z"),
      (1_795_330_452, "20261122T065412.000007Z"),
      (4_107_542_400, "21000301T000000.000007Z"),
    ] as [(Int64, String)])
  func civil(_ seconds: Int64, _ sortable: String) {
    let time = Timestamp(seconds: seconds, microseconds: 7)
    var octets: [UInt8] = []
    time.appendSortable(to: &octets)
    #expect(String(decoding: octets, as: UTF8.self) == sortable)
    #expect(Timestamp(sortable: octets.span) == time)
  }
}
