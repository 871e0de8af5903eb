// What filters are asked in a session, and what their answers do.

import TestSupport
import Testing

@testable import SMTP

@Suite("Filters in a session")
struct FilterTests {
  static let script = """
    EHLO x
    MAIL FROM:<me@x> SIZE=3 BODY=8BITMIME
    RCPT TO:<a@b>
    RCPT TO:<c@b>
    FOO bar
    DATA
    text
    .
    MAIL FROM:<>
    RCPT TO:<d@b>
    BDAT 3 LAST
    x
    QUIT

    """

  private static func name(_ question: FilterQuestion?) -> String {
    switch question {
    case .hello(let hello): "hello \(String(decoding: hello.name, as: UTF8.self))"
    case .mail: "mail"
    case .recipient(let recipient): String(decoding: recipient.mailbox.octets, as: UTF8.self)
    case .data: "data"
    case .unknown(let line): String(decoding: line, as: UTF8.self)
    case nil: "end"
    }
  }

  /// The session with filters that refuse one question with these lines; gives what was asked, too.
  private func run(
    refusing refused: String? = nil, with lines: [String] = ["550 5.7.1 No"], errors: Int = 20,
    cut: Bool = false
  ) -> (replies: [String], asked: [String], messages: Int) {
    var configuration = Configuration(hostname: Array("host".utf8))
    configuration.hasFilters = true
    configuration.maximumErrors = errors
    configuration.routesRecipients = true
    var machine = Machine(configuration)
    final class Questions { var asked: [String] = [] }
    let questions = Questions()
    machine.filtering = { question in
      questions.asked.append(Self.name(question))
      return Self.name(question) == refused ? .refused(lines.map { Array($0.utf8) }) : .proceed
    }
    let input = Self.script.replacing("\n", with: "\r\n")
    if cut {
      for octet in input.utf8 { machine.receive([octet]) }
    } else {
      machine.receive(input.utf8)
    }
    let replies = machine.replies.split(separator: "\r\n").map { String($0) }
    return (replies.filter { !$0.hasPrefix("250-") }, questions.asked, machine.messages.count)
  }

  @Test("are asked about everything, in this order")
  func order() {
    let found = run()
    #expect(
      found.asked == [
        "hello x", "mail", "a@b", "c@b", "FOO bar", "data", "end", "mail", "d@b", "data", "end",
      ])
    #expect(
      found.replies == [
        "220 host ESMTP Postern", "250 ENHANCEDSTATUSCODES", "250 2.1.0 Sender OK",
        "250 2.1.5 Recipient OK", "250 2.1.5 Recipient OK", "500 5.5.2 Command not recognized",
        "354 End data with <CR><LF>.<CR><LF>", "250 2.0.0 OK: stored as <id>",
        "250 2.1.0 Sender OK", "250 2.1.5 Recipient OK", "250 2.0.0 OK: stored as <id>",
        "221 2.0.0 Goodbye",
      ])
    #expect(found.messages == 2)
  }

  /// The question that is refused, the number of the reply that says so, and how many messages there are then.
  @Test(
    "refuse what they were asked about",
    arguments: [
      ("hello x", 1, 0), ("a@b", 3, 2), ("c@b", 4, 2), ("d@b", 9, 1), ("FOO bar", 5, 2),
    ], [["550 5.7.1 No"], ["451-4.7.1 Not", "451 4.7.1 now"]])
  func refusal(_ refused: (String, Int, Int), lines: [String]) {
    let found = run(refusing: refused.0, with: lines)
    #expect(Array(found.replies[refused.1..<refused.1 + lines.count]) == lines)
    #expect(found.messages == refused.2)
  }

  @Test("that refuse a message end its transaction", arguments: ["data", "end"])
  func message(_ refused: String) {
    let found = run(refusing: refused)
    #expect(found.messages == 0)
    #expect(found.replies.contains("550 5.7.1 No"))
    #expect(found.asked.filter { $0 == "mail" }.count == 2)
    // The octets of a chunk that is refused are passed over.
    #expect(found.replies.last == "221 2.0.0 Goodbye")
    #expect(found.asked.contains("d@b"))
  }

  @Test("the octets of a chunk that they refuse are passed over")
  func chunk() {
    var configuration = Configuration(hostname: [120])
    configuration.hasFilters = true
    var machine = Machine(configuration)
    machine.filtering = { question in
      if case .data = question { return .rejected }
      return .proceed
    }
    machine.receive(
      "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 7 LAST\r\nRSET\r\n!QUIT\r\n".utf8)
    let codes = machine.replies.split(separator: "\r\n").filter { !$0.hasPrefix("250-") }
    #expect(codes.map { $0.prefix(3) } == ["220", "250", "250", "250", "550", "221"])
  }

  @Test("a transaction that is refused at MAIL takes no recipients")
  func sender() {
    let found = run(refusing: "mail")
    #expect(found.replies.filter { $0 == "503 5.5.1 Send MAIL first" }.count == 5)
    #expect(found.messages == 0)
  }

  @Test("421 ends the session", arguments: ["hello x", "mail", "a@b", "FOO bar", "data", "end"])
  func closing(_ refused: String) {
    let found = run(refusing: refused, with: ["421 4.7.0 Go away"])
    #expect(found.replies.last == "421 4.7.0 Go away")
    #expect(found.messages == 0 && found.asked.last == refused)
  }

  @Test("their 5xx are errors of the client's, of which it has so many")
  func budget() {
    #expect(run(refusing: "a@b", errors: 0).replies.last == "421 4.7.0 Too many errors")
    #expect(run(refusing: "a@b", with: ["451 4.7.1 x"], errors: 1).messages == 2)
  }

  @Test(
    "octet by octet it is the same",
    arguments: [nil, "hello x", "mail", "a@b", "FOO bar", "data", "end"])
  func cut(_ refused: String?) {
    let (whole, cut) = (run(refusing: refused), run(refusing: refused, cut: true))
    #expect(whole.replies == cut.replies && whole.asked == cut.asked)
    #expect(whole.messages == cut.messages)
  }

  @Test("the words behind an address are kept for them")
  func parameters() {
    var configuration = Configuration(hostname: [120])
    configuration.hasFilters = true
    var session = Session(configuration: configuration, isTLS: false)
    var output: [UInt8] = []
    let input = Array("EHLO x\r\nMAIL FROM:<me@x>  SIZE=3 BODY=8BITMIME\r\nRCPT TO:<a@b>\r\n".utf8)
    var position = 0
    var found: [[String]] = []
    loop: while true {
      switch session.advance(input.span, &position, into: &output) {
      case .filter:
        found.append(session.filterParameters.map { String(decoding: $0, as: UTF8.self) })
        session.filtered(.proceed, into: &output)
      case .needInput: break loop
      default: break
      }
    }
    #expect(found == [[], ["SIZE=3", "BODY=8BITMIME"], []])
  }
}
