// What a server is asked about recipients, and what its answers mean.

import Testing

@testable import SMTP

@Suite("A server is asked about recipients")
struct InquiryTests {
  /// A server that says these replies, one after the other, whole or octet by octet. Gives the answers, and what was said.
  private func ask(
    _ recipients: [String], _ replies: [String], isLMTP: Bool = true, isCut: Bool = false
  ) throws -> (answers: [Inquiry.Answer], said: String) {
    var inquiry = Inquiry(hostname: Array("me.example".utf8), isLMTP: isLMTP)
    var replies = replies[...]
    var said = ""
    var answers: [Inquiry.Answer] = []
    for recipient in recipients {
      let mailbox = try #require(Mailbox(Array(recipient.utf8)))
      let isUTF8 = recipient.utf8.contains { $0 >= 0x80 }
      inquiry.ask(from: .null, for: mailbox, isUTF8: isUTF8)
      var answer = inquiry.take([UInt8]().span)
      while answer == nil {
        said += String(decoding: inquiry.output, as: UTF8.self)
        inquiry.clearOutput()
        guard let reply = replies.popFirst() else { break }
        let octets = Array((reply + "\r\n").utf8)
        if isCut {
          for octet in octets { answer = inquiry.take([octet].span) }
        } else {
          answer = inquiry.take(octets.span)
        }
      }
      answers.append(answer ?? .unknown)
    }
    return (answers, said)
  }

  private static let beginning = ["220 lmtp", "250-lmtp\r\n250-SMTPUTF8\r\n250 PIPELINING"]
  private static func refused(_ code: Int, _ status: EnhancedStatusCode, _ text: String)
    -> Inquiry.Answer
  {
    .refused(code: code, status, Array(text.utf8))
  }

  static let dialogues: [(replies: [String], answer: Inquiry.Answer)] = [
    (["250 ok", "250 2.1.5 ok", "250 ok"], .taken),
    (["250 ok", "251 forwarded", "250 ok"], .taken),
    (
      ["250 ok", "550 5.1.1 <a> User doesn't exist", "250 ok"],
      refused(550, .init(5, 1, 1), "<a> User doesn't exist")
    ),
    (
      ["250 ok", "452-4.2.2 Mailbox\r\n452 4.2.2 full", "250 ok"],
      refused(452, .init(4, 2, 2), "Mailbox full")
    ),
    (["250 ok", "550 nobody\u{7}\u{E4}", "250 ok"], refused(550, .init(5, 0, 0), "nobody???")),
    (["553 5.1.8 bad sender"], refused(553, .init(5, 1, 8), "bad sender")),
    (["451 4.3.0 later"], refused(451, .init(4, 3, 0), "later")),
    (["250 ok", "354 go", "250 ok"], .unknown), (["354 go"], .unknown),
    (["250 ok", "250 ok", "500 what"], .unknown), (["nonsense"], .unknown), (["250 ok"], .unknown),
  ]

  @Test("each answer", arguments: dialogues, [false, true])
  func answers(_ dialogue: (replies: [String], answer: Inquiry.Answer), isCut: Bool) throws {
    let found = try ask(["a@x.example"], Self.beginning + dialogue.replies, isCut: isCut)
    #expect(found.answers == [dialogue.answer])
  }

  @Test("the dialogue, with several recipients on one connection")
  func several() throws {
    let (answers, said) = try ask(
      ["a@x.example", "ü@x.example", "c@x.example"],
      Self.beginning + ["250 ok", "550 5.1.1 no", "250 ok"] + ["250 ok", "250 ok", "250 ok"] + [
        "451 later"
      ])
    #expect(
      answers == [
        Self.refused(550, .init(5, 1, 1), "no"), .taken, Self.refused(451, .init(4, 0, 0), "later"),
      ])
    #expect(
      said == """
        LHLO me.example\r
        MAIL FROM:<>\r
        RCPT TO:<a@x.example>\r
        RSET\r
        MAIL FROM:<> SMTPUTF8\r
        RCPT TO:<ü@x.example>\r
        RSET\r
        MAIL FROM:<>\r

        """)
  }

  @Test(
    "a server that does not let anybody in has failed, and stays so",
    arguments: [
      ["554 no"], ["220 x", "500 what"], ["220 x", "354 x"], ["421 x"],
    ])
  func beginnings(_ replies: [String]) throws {
    let found = try ask(
      ["a@x.example", "b@x.example"], replies + Self.beginning + ["250 ok", "250 ok", "250 ok"])
    #expect(found.answers == [.unknown, .unknown])
  }

  @Test("a server that says 421 has failed: that is about no recipient", arguments: [0, 1])
  func closing(_ count: Int) throws {
    let found = try ask(
      ["a@x.example", "b@x.example"],
      Self.beginning + Array(repeating: "250 ok", count: count) + ["421 4.3.2 bye"])
    #expect(found.answers == [.unknown, .unknown])
  }

  @Test("of a long text the beginning is passed on")
  func longText() throws {
    let text = String(repeating: "x", count: 900)
    let found = try ask(
      ["a@x.example"], Self.beginning + ["250 ok", "550 5.1.1 \(text)", "250 ok"])
    guard case .refused(_, _, let shown) = found.answers[0] else {
      Issue.record("\(found.answers)")
      return
    }
    #expect(shown == Array(repeating: UInt8(ascii: "x"), count: Inquiry.longestText))
  }

  @Test("without SMTPUTF8 nothing is asked about an address that needs it")
  func withoutUTF8() throws {
    let found = try ask(
      ["ü@x.example", "b@x.example"], ["220 x", "250 x", "250 ok", "250 ok", "250 ok"],
      isLMTP: false)
    #expect(
      found.answers == [Self.refused(550, .init(5, 6, 7), "The mailbox takes no SMTPUTF8"), .taken])
    #expect(found.said.hasPrefix("EHLO me.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\n"))
  }
}
