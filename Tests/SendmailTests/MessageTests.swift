// What sendmail(1) makes of a message: its line ends, its header, who it is for.

import Jobs
import SMTP
import Sendmail
import Testing

@Suite struct MessageReaderTests {
  struct Read: Equatable {
    var header = ""
    var body = ""
  }

  /// Reads `text` in pieces of `size` octets.
  private func read(_ text: String, size: Int, ignoresDots: Bool) -> Read {
    var reader = MessageReader(ignoresDots: ignoresDots)
    var body: [UInt8] = []
    let octets = Array(text.utf8)
    var start = 0
    while start < octets.count {
      let end = min(start + size, octets.count)
      reader.read(octets.span.extracting(start..<end), into: &body)
      start = end
    }
    reader.finish(into: &body)
    #expect(reader.bodySize == body.count)
    return Read(header: visible(reader.header), body: visible(body))
  }

  /// `|` is CR LF.
  private func visible(_ octets: [UInt8]) -> String {
    let text = String(decoding: octets, as: UTF8.self)
    return text.split(separator: "\r\n", omittingEmptySubsequences: false).joined(separator: "|")
  }

  @Test(arguments: [
    ("A: 1\nB: 2\n 3\n\nx\ny\n", "A: 1|B: 2| 3|", "x|y|"),
    ("A: 1\r\nB: 2\r\n\r\nx\r\n", "A: 1|B: 2|", "x|"),
    ("A: 1\r\nB: 2\n\nx\ny", "A: 1|B: 2|", "x|y|"),
    ("A: 1\r\r\n\r\r\nx\r\r\n", "A: 1|", "x|"),
    ("A: 1\rBcc: z\n\nx\ry\n\rz", "A: 1 Bcc: z|", "x|y||z|"),
    ("From a Mon\n>From b\nA: 1\n\nFrom x\n", "A: 1|", "From x|"),
    ("hello\n\nworld\n", "", "hello||world|"),
    ("A: 1\nhello\nB: 2\n", "A: 1|", "hello|B: 2|"), ("\nA: 1\n", "", "A: 1|"),
    (" a\nA: 1\n", "", " a|A: 1|"),
    ("A : 1\nno field: x\n", "A : 1|", "no field: x|"), ("", "", ""), ("A: 1", "A: 1|", ""),
    ("x", "", "x|"),
    ("A: 1\n\n.x\n..\nx.\n", "A: 1|", ".x|..|x.|"), ("A: 1\n\nx\r", "A: 1|", "x|"),
    ("é: 1\n", "", "é: 1|"), ("A: 1\n\n.", "A: 1|", ""),
    ("A: 1\n\nx\n.\nsecret\n", "A: 1|", "x|"), ("A: 1\n.\nsecret\n", "A: 1|", ""),
    ("A: 1\r\n\r\nx\r\n.\r\nsecret", "A: 1|", "x|"), (".\n", "", ""), (". \nx\n", "", ". |x|"),
  ])
  func messages(_ text: String, _ header: String, _ body: String) {
    for size in 1...max(1, text.utf8.count) {
      #expect(
        read(text, size: size, ignoresDots: false) == Read(header: header, body: body), "\(size)")
    }
  }

  @Test func dotsThatAreContent() {
    for size in 1...9 {
      #expect(read("\n.\n..\nx\n", size: size, ignoresDots: true) == Read(body: ".|..|x|"))
    }
  }

  @Test func longLines() {
    let long = String(repeating: "x", count: MessageReader.headerLimit + 10)
    #expect(read(long + "\nA: 1\n", size: 5000, ignoresDots: true).body == long + "|A: 1|")
    var reader = MessageReader(ignoresDots: true)
    var body: [UInt8] = []
    reader.read(Array("A: \(long)\n\nbody".utf8).span, into: &body)
    #expect(reader.isHeaderTooLong && body.isEmpty)
  }

  @Test(arguments: [("A: é\n\nx", true), ("A: x\n\né", true), ("A: x\n\nx", false)])
  func eightBit(_ text: String, _ isEightBit: Bool) {
    var reader = MessageReader(ignoresDots: true)
    var body: [UInt8] = []
    reader.read(Array(text.utf8).span, into: &body)
    #expect(reader.isEightBit == isEightBit)
  }
}

@Suite struct PreparationTests {
  private let caller = Caller(
    user: Array("me".utf8), fullName: Array("M. E.".utf8), domain: Array("h.example".utf8))

  private func prepare(_ line: [String], _ header: String = "") throws -> Preparation {
    let octets = header.utf8.flatMap { $0 == 10 ? [13, 10] : [$0] }
    return try Preparation(
      Invocation(name: "sendmail", line), header: octets, caller: caller, now: 1_795_558_200,
      unique: Array("u1".utf8))
  }

  private func recipients(_ line: [String], _ header: String = "") throws -> [String] {
    try prepare(line, header).recipients.map { String(decoding: $0.mailbox.octets, as: UTF8.self) }
  }

  private func header(_ line: [String], _ header: String) throws -> String {
    String(decoding: try prepare(line, header).header, as: UTF8.self)
      .split(separator: "\r\n", omittingEmptySubsequences: false).joined(separator: "\n")
  }

  private let generated = """
    Date: Tue, 24 Nov 2026 22:10:00 +0000
    From: "M. E." <me>
    Message-ID: <u1@h.example>

    """

  @Test func whatIsMissingComes() throws {
    #expect(try header(["a"], "Subject: x\n") == generated + "Subject: x\n\n")
    #expect(
      try header(["a"], "date: x\nFROM: y\nMessage-Id: z\n")
        == "date: x\nFROM: y\nMessage-Id: z\n\n")
    #expect(
      try header(["-FÉ", "-f", "b", "a"], "").contains("From: =?utf-8?B?w4k=?= <b>\n"))
    #expect(try header(["-f", "", "a"], "").contains("From: \"M. E.\" <me>\n"))
    #expect(
      try header(["-Fa\r\nBcc: z", "a"], "").contains("From: \"a??Bcc: z\" <me>\n"))
  }

  /// Bcc goes with its continuations, wherever it stands.
  @Test func bcc() throws {
    let fields =
      "Bcc: a@x,\n b@x,\n\tc@x\nTo: d\nbcc: e@x\nX: 1\n y\nContent-Length: 9\nReturn-Path: <z>\n"
    #expect(try header(["-t"], fields) == generated + "To: d\nX: 1\n y\n\n")
    #expect(try header(["f"], fields) == generated + "To: d\nX: 1\n y\n\n")
    #expect(try recipients(["-t"], fields) == ["a@x", "b@x", "c@x", "d", "e@x"])
    #expect(try recipients(["-t", "f@x"], fields).first == "f@x")
    #expect(try recipients(["f@x"], fields) == ["f@x"])
  }

  @Test(arguments: [
    (
      "To: \"a,b\"@x.example (comment), =?utf-8?Q?N,_m?= <c@x.example>",
      ["\"a,b\"@x.example", "c@x.example"]
    ),
    (
      "To: Friends: a@x.example, \"B, C\" <b@x.example>;, d",
      ["a@x.example", "b@x.example", "d"]
    ),
    ("Cc: undisclosed-recipients:;\nTo: a@x.example", ["a@x.example"]),
    ("To: é@x.example", ["é@x.example"]),
    ("To: postmaster, root", ["postmaster", "root"]),
    ("To: a@x\nTo: b@x\nCC: c@x", ["a@x", "b@x", "c@x"]),
    ("Resent-To: a@x\nResent-Bcc: b@x\nTo: c@x\nBcc: d@x", ["a@x", "b@x"]),
    ("Resent-To: a@x\nResent-From: f\nResent-From: g\nResent-To: b@x\nTo: c@x", ["a@x"]),
  ])
  func recipientsOfTheHeader(_ fields: String, _ expected: [String]) throws {
    #expect(try recipients(["-t"], fields + "\n") == expected)
  }

  @Test func resent() throws {
    let fields = "Resent-To: a@x\nResent-Bcc: b@x\nTo: c\n"
    let expected =
      "Resent-" + generated.split(separator: "\n").joined(separator: "\nResent-") + "\n"
    #expect(try header(["-t"], fields) == expected + "Resent-To: a@x\nTo: c\n\n")
  }

  @Test(arguments: [
    ([], "me"), (["-f", ""], ""), (["-f", "<>"], ""), (["-f", " "], ""), (["-f", "user"], "user"),
    (["-r", "u@x.example"], "u@x.example"), (["-f<u@x.example>"], "u@x.example"),
    (["-f", "Feed Bot <u@x.example>"], "u@x.example"), (["-f", " u@x.example"], "u@x.example"),
    (["-f", "\"Bot, Feed\" <u@x.example>"], "u@x.example"), (["-f", "u (Bot)"], "u"),
    (["-f u@x.example"], "u@x.example"), (["-f", "u..@x_y.example"], "u..@x_y.example"),
  ])
  func sender(_ line: [String], _ expected: String) throws {
    let path = try prepare(line + ["a"]).sender
    #expect(path.octets == Array(expected.utf8))
  }

  @Test func arguments() throws {
    #expect(
      try recipients(["root", "a@x, b@x", "C D <c@x>"]) == ["root", "a@x", "b@x", "c@x"])
    let preparation = try prepare(["-N", "never", "a"])
    #expect(preparation.recipients.map(\.deliveryStatus.notify) == [[]])
  }

  /// What cannot be read costs the others nothing.
  @Test func unreadableRecipients() throws {
    let preparation = try prepare(
      ["-t", "a@@x", "b@x"], "To: bad@@x.example, ok@x\nCc: John Smith\n")
    #expect(
      preparation.recipients.map { String(decoding: $0.mailbox.octets, as: UTF8.self) }
        == ["b@x", "ok@x"])
    #expect(
      preparation.unreadable.map { String(decoding: $0, as: UTF8.self) }
        == ["a@@x", "bad@@x.example", "John Smith"])
  }

  @Test(arguments: [
    (["-t"], "To: undisclosed-recipients:;\n", Preparation.Refusal.noRecipient),
    (["-t"], "", .noRecipient), ([], "To: a\n", .noRecipient),
    (["-t"], "To: John Smith\n", .notAddress(Array("John Smith".utf8))),
    (["a\nb"], "", .notAddress(Array("a\nb".utf8))),
    (["a\r\nRCPT TO:<b>"], "", .notAddress(Array("a\r\nRCPT TO:<b>".utf8))),
    (["-f", "a b", "a"], "", .notAddress(Array("a b".utf8))), ([""], "", .notAddress([])),
    (["-f", "a\r\nb", "a"], "", .notAddress(Array("a\r\nb".utf8))),
    (["a"], String(repeating: "A: x\n", count: 1001), .headerTooLong),
    (["-t"], "To: " + String(repeating: "a,\n ", count: 2001) + "b\n", .headerTooLong),
    // Not only to the first of them.
    (
      [String(repeating: "a,", count: 2001)], "",
      .notAddress(Array(String(repeating: "a,", count: 2001).utf8))
    ),
  ])
  func refused(_ line: [String], _ header: String, _ refusal: Preparation.Refusal) {
    #expect(throws: refusal) { try prepare(line, header) }
  }
}
