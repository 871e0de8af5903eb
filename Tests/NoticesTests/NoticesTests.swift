// Delivery reports, read by Python's email: who is told what, and that nothing which a sender or a host has said breaks
// out of its place.

import Jobs
import MIME
import Notices
import Octets
import SMTP
import TestSupport
import Testing

@Suite struct NoticesTests {
  private static let mail = """
    From: <a@x.example>\r
    Subject: Lunch =?utf-8?Q?caf=C3=A9?=\r
    References: <0@x.example>\r
     <1@x.example>\r
    Message-ID: <2@x.example>\r
    \r
    Shall we?\r

    """

  private func message(_ content: String = mail, isOurs: Bool = true) -> ReportedMessage {
    var message = ReportedMessage(from: .mailbox(Mailbox(Array("a@x.example".utf8))!))
    message.isOurs = isOurs
    message.arrival = 1_795_558_200
    message.content = Array(content.utf8)
    return message
  }

  private func recipient(
    _ address: String = "b@y.example", notify: SMTP.Recipient.Notify? = nil, original: String? = nil
  ) -> SMTP.Recipient {
    var status = SMTP.Recipient.DeliveryStatus()
    status.notify = notify
    status.originalRecipient = original.map { Array($0.utf8) }
    return SMTP.Recipient(mailbox: Mailbox(Array(address.utf8))!, deliveryStatus: status)
  }

  private func verdict(
    _ outcome: ClientSession.Verdict.Outcome, code: Int? = 550,
    _ status: EnhancedStatusCode = EnhancedStatusCode(5, 1, 1), _ text: String = "No such user"
  ) -> Report {
    Report(
      Array("b@y.example".utf8), at: Array("mx.y.example".utf8),
      ClientSession.Verdict(outcome, .recipient, code: code, status, Array(text.utf8)))
  }

  /// The lines that the reader prints.
  private func read(_ report: StatusReport) throws -> [String] {
    let built = try report.build(
      host: Array("mail.example.org".utf8), now: 1_795_560_000, unique: Array("u1".utf8))
    let scratch = Scratch()
    let outcome = Command.run(
      ["python3", reader, scratch.file("report.eml", built.octets)], in: scratch)
    #expect(
      outcome.status == 0, "\(outcome.errorText)\(String(decoding: built.octets, as: UTF8.self))")
    return outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private let reader: String = {
    let parts = #filePath.split(separator: "/").dropLast()
    return "/" + parts.joined(separator: "/") + "/report.py"
  }()

  @Test func failure() throws {
    var message = message()
    message.deliveryStatus.envelopeID = Array("QQ+2B1+20+3D".utf8)
    var report = try #require(StatusReport(on: message))
    let told1 = report.add(
      recipient(original: "rfc822;B+2Bb@y.example"), .refused, report: verdict(.refused),
      attempt: 1_795_558_260)
    #expect(told1)
    let told2 = report.add(recipient("\"c, d\"@z.example"), .expired)
    #expect(told2)
    let lines = try read(report)
    #expect(
      lines.starts(with: [
        "from: Mail Delivery System <postmaster@mail.example.org>", "to: a@x.example",
        "subject: Your message could not be delivered", "auto-submitted: auto-replied",
        "in-reply-to: <2@x.example>", "references: <0@x.example> <1@x.example> <2@x.example>",
        "part: text/plain quoted-printable", "part: message/delivery-status 7bit",
        "part: message/rfc822 7bit", "0 Reporting-MTA: dns; mail.example.org",
        "0 Original-Envelope-Id: QQ+1 =", "0 Arrival-Date: Tue, 24 Nov 2026 22:10:00 +0000",
        "1 Original-Recipient: rfc822;B+b@y.example", "1 Final-Recipient: rfc822; b@y.example",
        "1 Action: failed", "1 Status: 5.1.1", "1 Remote-MTA: dns; mx.y.example",
        "1 Diagnostic-Code: smtp; 550 5.1.1 No such user",
        "1 Last-Attempt-Date: Tue, 24 Nov 2026 22:11:00 +0000",
        "2 Final-Recipient: rfc822; \"c, d\"@z.example", "2 Action: failed", "2 Status: 4.4.7",
      ]), "\(lines)")
    let text = lines.joined(separator: "\n")
    #expect(text.contains("Your message \"Lunch café\"\nof Tue, 24 Nov 2026 22:10:00 +0000\n"))
    #expect(text.contains("<b@y.example>\n    mx.y.example said: 550 5.1.1 No such user\n"))
    #expect(text.contains("original:\nFrom: <a@x.example>\n") && text.contains("\nShall we?\n"))
  }

  /// A stranger's message: its text is returned to nobody, and no delay or success is told.
  @Test func stranger() throws {
    var message = message(isOurs: false)
    message.deliveryStatus.returned = .full
    var report = try #require(StatusReport(on: message))
    let told3 = report.add(recipient(notify: [.success, .delay]), .delivered)
    #expect(told3 == false)
    let told4 = report.add(recipient(notify: [.success, .delay]), .delayed(until: 1))
    #expect(told4 == false)
    #expect(report.isEmpty)
    let told5 = report.add(recipient(), .refused, report: verdict(.refused))
    #expect(told5)
    let text = try read(report).joined(separator: "\n")
    #expect(text.contains("part: text/rfc822-headers 7bit"))
    #expect(!text.contains("Shall we?") && !text.contains("\"Lunch"))
  }

  @Test func nobodyIsToldOfAReport() {
    #expect(StatusReport(on: ReportedMessage(from: .null)) == nil)
  }

  /// RFC 3461 §5.2: what NOTIFY asks for, and what is told without it.
  @Test func notify() throws {
    let failure = StatusReport.Event.refused
    let delay = StatusReport.Event.delayed(until: 1)
    let success = StatusReport.Event.relayed
    let table: [(SMTP.Recipient.Notify?, failure: Bool, delay: Bool, success: Bool)] = [
      (nil, true, true, false), ([], false, false, false), (.success, false, false, true),
      (.failure, true, false, false), (.delay, false, true, false),
      ([.success, .failure, .delay], true, true, true),
    ]
    for row in table {
      var report = try #require(StatusReport(on: message()))
      let told6 = report.add(recipient(notify: row.0), failure)
      #expect(told6 == row.failure)
      let told7 = report.add(recipient(notify: row.0), delay)
      #expect(told7 == row.delay)
      let told8 = report.add(recipient(notify: row.0), success)
      #expect(told8 == row.success)
    }
  }

  @Test(arguments: [
    "List-Id: <l.x>", "Precedence: Bulk", "Auto-Submitted: auto-generated", "list-post: <x>",
  ])
  func noDelayOfAutomaticMail(_ field: String) throws {
    var report = try #require(StatusReport(on: message(field + "\r\n\r\nx\r\n")))
    let told9 = report.add(recipient(), .delayed(until: 1))
    #expect(told9 == false)
    let told10 = report.add(recipient(notify: .delay), .delayed(until: 1))
    #expect(told10)
    report = try #require(StatusReport(on: message("Auto-Submitted: no\r\n\r\n")))
    let told11 = report.add(recipient(), .delayed(until: 1))
    #expect(told11)
  }

  @Test("a delay names the route, and nothing else does")
  func route() throws {
    var report = try #require(StatusReport(on: message()))
    _ = report.add(recipient(), .delayed(until: 1), route: Array("exec /bin/x \u{1}y".utf8))
    #expect(
      try read(report).joined(separator: "\n").contains("It goes by the route \"exec /bin/x ?y\"."))
    report = try #require(StatusReport(on: message()))
    _ = report.add(
      recipient(), .refused, report: verdict(.refused), route: Array("exec /bin/x".utf8))
    #expect(try !read(report).joined(separator: "\n").contains("exec /bin/x"))
  }

  @Test func delay() throws {
    var report = try #require(StatusReport(on: message()))
    _ = report.add(
      recipient(), .delayed(until: 1_795_990_200),
      report: verdict(.unknown, code: nil, EnhancedStatusCode(4, 4, 2), "The server closed"))
    let lines = try read(report)
    #expect(lines.contains("subject: Your message is delayed"))
    #expect(lines.contains("part: text/rfc822-headers 7bit"))
    #expect(lines.contains("1 Action: delayed") && lines.contains("1 Status: 4.4.2"))
    #expect(lines.contains("1 Will-Retry-Until: Sun, 29 Nov 2026 22:10:00 +0000"))
    #expect(lines.contains("1 Diagnostic-Code: x-postern; The server closed"))
    #expect(!lines.contains { $0.hasPrefix("1 Remote-MTA") })
    #expect(lines.joined(separator: " ").contains("recipient may have received it all the same"))
  }

  @Test func successes() throws {
    var report = try #require(StatusReport(on: message()))
    let events: [StatusReport.Event] = [.delivered, .relayed, .expanded]
    for event in events {
      let told12 = report.add(recipient(notify: .success), event)
      #expect(told12)
    }
    let lines = try read(report)
    #expect(lines.filter { $0.dropFirst().hasPrefix(" Status: 2.0.0") }.count == 3)
    #expect(
      ["1 Action: delivered", "2 Action: relayed", "3 Action: expanded"].allSatisfy(lines.contains))
  }

  /// What a host says and a sender has chosen stays in its field.
  @Test(arguments: [
    "a\r\nAction: delivered\r\n\r\nFinal-Recipient: rfc822; z@z", "a\nb", "\u{0}\u{1B}[2J", "é漢",
    String(repeating: "x", count: 5000), String(repeating: "word ", count: 1000), "",
    "=?utf-8?Q?=0AAction:_delivered?=", "--=_1_u1", "\r\n--=_2_u1--\r\n",
  ])
  func textCannotBreakOut(_ text: String) throws {
    var message = message()
    message.deliveryStatus.envelopeID = xtext(text.utf8)
    var report = try #require(StatusReport(on: message))
    let original = Array("rfc822;".utf8) + xtext(text.utf8)
    _ = report.add(
      recipient(original: String(decoding: original, as: UTF8.self)), .refused,
      report: verdict(.refused, text))
    let lines = try read(report)
    let fields = lines.filter { $0.first?.isNumber == true && $0.dropFirst().first == " " }
    #expect(fields.filter { $0.hasPrefix("1 Action: ") } == ["1 Action: failed"])
    #expect(fields.filter { $0.hasPrefix("1 Final-Recipient: ") }.count == 1)
    #expect(fields.allSatisfy { $0.hasPrefix("0 ") || $0.hasPrefix("1 ") })
  }

  private func verdict(_ outcome: ClientSession.Verdict.Outcome, _ text: String) -> Report {
    verdict(outcome, code: 550, EnhancedStatusCode(5, 0, 0), text)
  }

  /// RET and the bound on what is returned; what cannot be a part of a message is not.
  @Test(
    arguments: [
      (nil, 49_000, "part: message/rfc822 7bit"), (.full, 49_000, "part: message/rfc822 7bit"),
      (.full, 51_000, "part: text/rfc822-headers 7bit"),
      (.headers, 10, "part: text/rfc822-headers 7bit"),
    ] as [(Envelope.DeliveryStatus.Returned?, Int, String)])
  func returned(
    _ returned: Envelope.DeliveryStatus.Returned?, _ size: Int, _ part: String
  ) throws {
    let body = String(repeating: "0123456789\r\n", count: size / 12)
    var message = message("Subject: x\r\n\r\n" + body)
    message.content = Array(message.content.prefix(ReportedMessage.contentLimit + 1))
    message.deliveryStatus.returned = returned
    var report = try #require(StatusReport(on: message))
    _ = report.add(recipient(), .refused)
    #expect(try read(report).contains(part))
  }

  @Test(arguments: [
    "Subject: x\r\n\r\na\nb\r\n", "Subject: x\r\n\r\na\rb\r\n", "Subject: x\r\n\r\n\u{0}\r\n",
    "Subject: x\r\n\r\n" + String(repeating: "a", count: 999) + "\r\n",
    "Subject: \u{0}\nX: é\r\n\r\n",
    "Subject: " + String(repeating: "a", count: 3000) + "\r\n\r\n", "", "\r\n", "no header at all",
  ])
  func oddContent(_ content: String) throws {
    var report = try #require(StatusReport(on: message(content)))
    _ = report.add(recipient(), .refused)
    _ = try read(report)
  }

  /// RFC 6533 §3 and §6: addresses and fields in UTF-8, if the message had them.
  @Test func utf8() throws {
    var message = message("Subject: ça va\r\n\r\né\r\n")
    message.isUTF8 = true
    var report = try #require(StatusReport(on: message))
    _ = report.add(recipient("é@y.example", original: "utf-8;+C3+A9@y.example"), .refused)
    var lines = try read(report)
    #expect(lines.contains("part: message/global-delivery-status 8bit"))
    #expect(lines.contains("part: message/global 8bit"))
    #expect(lines.contains { $0.hasPrefix("1 Final-Recipient: utf-8; ") })
    message.deliveryStatus.returned = .headers
    report = try #require(StatusReport(on: message))
    _ = report.add(recipient(), .refused)
    lines = try read(report)
    #expect(lines.contains("part: message/delivery-status 7bit"))
    #expect(lines.contains("part: message/global-headers 8bit"))
    #expect(
      try report.build(host: Array("h".utf8), now: 0, unique: Array("u".utf8)).isUTF8)
    message.isUTF8 = false
    report = try #require(StatusReport(on: message))
    _ = report.add(recipient(original: "utf-8;+C3+A9@y.example"), .refused)
    lines = try read(report)
    #expect(lines.contains("part: text/rfc822-headers 7bit"))
    #expect(lines.contains("1 Original-Recipient: utf-8;+C3+A9@y.example"))
    #expect(
      try !report.build(host: Array("h".utf8), now: 0, unique: Array("u".utf8)).isUTF8)
  }

  /// `postmaster` alone, and a reverse-path that no field may have.
  @Test func oddAddresses() throws {
    var message = message()
    message.reversePath = ReversePath(Array(".a..b@under_score.example.".utf8))!
    var report = try #require(StatusReport(on: message))
    _ = report.add(SMTP.Recipient(mailbox: Mailbox(Array("postmaster".utf8))!), .returned)
    let lines = try read(report)
    #expect(lines.contains("to: None"))
    #expect(lines.contains("1 Final-Recipient: rfc822; postmaster@mail.example.org"))
    #expect(lines.contains("    An administrator of this system has ended the attempts."))
  }

  @Test func full() throws {
    var report = try #require(StatusReport(on: message()))
    for _ in 0..<StatusReport.recipientLimit { _ = report.add(recipient(), .refused) }
    #expect(try read(report).contains("100 Action: failed"))
  }
}

@Suite struct UndeliveredReportTests {
  private func message(_ content: String, isReport: Bool = true) -> ReportedMessage {
    var message = ReportedMessage(from: .null)
    message.isReport = isReport
    message.content = Array(content.utf8)
    return message
  }

  private static let report = "From: postmaster@h.example\r\nSubject: No\r\n\r\nIt was not.\r\n"

  private func recipient(_ address: String) -> SMTP.Recipient {
    SMTP.Recipient(mailbox: Mailbox(Array(address.utf8))!)
  }

  private func said(_ text: String) -> Report {
    Report(
      Array("a@x.example".utf8), at: Array("mx.x.example".utf8),
      ClientSession.Verdict(.refused, .recipient, code: 550, .init(5, 1, 1), Array(text.utf8)))
  }

  /// What Python's email finds.
  private func read(_ undelivered: UndeliveredReport) throws -> [String] {
    let built = try undelivered.build(
      host: Array("h.example".utf8), now: 1_795_560_000, unique: Array("u1".utf8))
    #expect(built.recipient.octets == Array("postmaster".utf8))
    let scratch = Scratch()
    let script = """
      import email, email.policy, sys
      octets = open(sys.argv[1], "rb").read()
      assert octets.count(b"\\n") == octets.count(b"\\r\\n") == octets.count(b"\\r")
      message = email.message_from_bytes(octets, policy=email.policy.default)
      assert not message.defects and message["date"].datetime and message["message-id"]
      for name in ("from", "to", "subject", "auto-submitted"): print("%s: %s" % (name, message[name]))
      text, original = message.iter_parts()
      print(text.get_content().replace("\\r\\n", "\\n"))
      print("part: " + original.get_content_type())
      print(original.as_bytes().split(b"\\n\\n", 1)[1].decode())
      """
    let outcome = Command.run(
      ["python3", "-c", script, scratch.file("mail.eml", built.octets)], in: scratch)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    return outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test func postmasterIsTold() throws {
    var undelivered = try #require(UndeliveredReport(on: message(Self.report)))
    #expect(undelivered.isEmpty)
    let isTold = undelivered.add(recipient("a@x.example"), .refused, report: said("nobody\r\nhere"))
    #expect(isTold && !undelivered.isEmpty)
    _ = undelivered.add(recipient("b@y.example"), .expired)
    let lines = try read(undelivered)
    #expect(
      lines.starts(with: [
        "from: Mail Delivery System <postmaster@h.example>", "to: postmaster@h.example",
        "subject: A report could not be delivered", "auto-submitted: auto-generated",
      ]))
    #expect(lines.contains("  <a@x.example>"))
    #expect(lines.contains("    mx.x.example said: 550 5.1.1 nobody??here"))
    #expect(lines.contains("  <b@y.example>"))
    #expect(lines.contains("    It was attempted again and again, but not for ever."))
    #expect(lines.contains("part: message/rfc822"))
    #expect(lines.contains("Subject: No") && lines.contains("It was not."))
  }

  /// What is no report of ours, and what has not failed.
  @Test func nobodyIsToldOfOthers() throws {
    #expect(UndeliveredReport(on: message(Self.report, isReport: false)) == nil)
    var sent = message(Self.report)
    sent.reversePath = ReversePath(Array("a@x.example".utf8))!
    #expect(UndeliveredReport(on: sent) == nil)
    var undelivered = try #require(UndeliveredReport(on: message(Self.report)))
    for event in [StatusReport.Event.delayed(until: 0), .delivered, .relayed, .expanded] {
      let isTold = undelivered.add(recipient("a@x.example"), event)
      #expect(!isTold)
    }
    #expect(undelivered.isEmpty)
    // It is no report itself.
    let built = try undelivered.build(host: Array("h".utf8), now: 0, unique: Array("u".utf8))
    #expect(
      UndeliveredReport(on: message(String(decoding: built.octets, as: UTF8.self), isReport: false))
        == nil)
  }

  /// A report that is too long, or that no message can hold, is there with its header.
  @Test(arguments: [String(repeating: "x\r\n", count: 20_000), "a\u{0}b\r\n", "a\nb\r\n"])
  func headerAlone(_ body: String) throws {
    var undelivered = try #require(UndeliveredReport(on: message(Self.report + body)))
    _ = undelivered.add(recipient("a@x.example"), .returned)
    let lines = try read(undelivered)
    #expect(lines.contains("part: text/rfc822-headers"))
    #expect(lines.contains("Subject: No") && !lines.contains("It was not."))
    let built = try undelivered.build(host: Array("h".utf8), now: 0, unique: Array("u".utf8))
    #expect(built.octets.count < 3000 && !built.isUTF8)
  }

  @Test func utf8() throws {
    for (content, type) in [
      ("Subject: \u{e9}\r\n\r\n", "message/global"),
      ("Subject: \u{e9}\r\n\r\n\u{0}", "message/global-headers"),
    ] {
      var report = message(content)
      report.isUTF8 = true
      var undelivered = try #require(UndeliveredReport(on: report))
      _ = undelivered.add(recipient("a@x.example"), .refused)
      #expect(try read(undelivered).contains("part: \(type)"))
      #expect(
        try undelivered.build(host: Array("h".utf8), now: 0, unique: Array("u".utf8)).isUTF8)
    }
  }
}
