// What members get of a post, what a list's own mails are, and whom reports name.

import MIME
import SMTP
import Testing

@testable import Lists

private let list = ListName(Array("friends".utf8))!

private func fields(_ change: (inout ListSettings) -> Void = { _ in }) -> ListFields {
  var settings = ListSettings()
  change(&settings)
  return ListFields(list, at: Array("x.example".utf8), settings)
}

private func rewritten(_ post: String, _ fields: ListFields) -> String {
  let octets = crlf(post)
  let header = PostHeader(octets.span)
  return String(decoding: header.rewritten(octets.span, fields), as: UTF8.self).replacing(
    "\r\n", with: "\n")
}

@Suite struct PostHeaderTests {
  @Test func facts() {
    let post = crlf(
      """
      From: Ann <ann@x.example>
      Subject: =?utf-8?q?=C3=BC?=
      Message-ID: <1@x.example>

      hello
      """)
    let header = PostHeader(post.span)
    #expect(header.author?.address == Array("ann@x.example".utf8))
    #expect(header.subject == Array("ü".utf8))
    #expect(!header.isAutomatic && !header.isCut)
    #expect(Array(post[header.end...]) == Array("hello".utf8))
  }

  @Test(arguments: [
    "", "From: a@x.example, b@x.example", "From: a@x.example\nFrom: b@x.example", "From: nobody",
    "From: undisclosed:;",
  ])
  func noSingleAuthor(_ field: String) {
    #expect(PostHeader(crlf(field + "\n\n").span).author == nil)
  }

  /// G6.101 and RFC 3834 §5.2
  @Test(arguments: [
    ("Auto-Submitted: auto-replied (vacation)", true), ("AUTO-SUBMITTED: Auto-Generated", true),
    ("Auto-Submitted: no", false), ("Precedence: bulk", true), ("Precedence: first-class", false),
  ])
  func automatic(_ field: String, _ isAutomatic: Bool) {
    #expect(PostHeader(crlf("From: a@x.example\n\(field)\n\n").span).isAutomatic == isAutomatic)
  }

  @Test func ownListID() {
    let header = PostHeader(
      crlf("From: a@x.example\nList-Id: Old friends <Friends.X.example>\n\n").span)
    #expect(header.comes(from: Array("friends.x.example".utf8)))
    #expect(!header.comes(from: Array("riends.x.example".utf8)))
  }

  /// The author's fields stay octet for octet, in order, so that DKIM stays whole.
  @Test func membersGet() throws {
    let post = """
      Received: from a
      \tby b; Sun, 22 Nov 2026 06:54:12 +0000
      DKIM-Signature: v=1; d=x.example; h=from:subject;
       b=abc
      From:  "Ann" <ann@x.example>
      To: friends@x.example
      Subject: hello
       again
      List-Unsubscribe: <mailto:other@y.example>
      Approved: secret
      Disposition-Notification-To: ann@x.example
      X-Own: a

      """
    #expect(
      rewritten(post + "\n", fields()) == """
        List-Id: <friends.x.example>
        List-Post: <mailto:friends@x.example>
        List-Help: <mailto:friends+help@x.example>
        List-Subscribe: <mailto:friends+subscribe@x.example>
        List-Unsubscribe: <mailto:friends+unsubscribe@x.example>
        List-Owner: <mailto:friends+owner@x.example>
        Precedence: list
        Received: from a
        \tby b; Sun, 22 Nov 2026 06:54:12 +0000
        DKIM-Signature: v=1; d=x.example; h=from:subject;
         b=abc
        From:  "Ann" <ann@x.example>
        To: friends@x.example
        Subject: hello
         again
        X-Own: a


        """)
  }

  @Test(arguments: [
    ("hello", "[f] hello"), ("Re: [f] hello", "Re: [f] hello"),
    ("=?utf-8?q?[f]_x?=", "=?utf-8?q?[f]_x?="),
  ])
  func prefix(_ subject: String, _ expected: String) throws {
    let text = rewritten(
      "From: a@x.example\nSubject: \(subject)\n\n",
      fields { $0.prefix = FieldText(printable: Array("[f]".utf8)) })
    #expect(text.contains("\nSubject: \(expected)\n"))
  }

  @Test func description() throws {
    let description = try FieldText(Array("Ünser \"Kreis\"".utf8))
    let text = rewritten("From: a@x.example\n\n", fields { $0.description = description })
    #expect(text.hasPrefix("List-Id: =?utf-8?"))
    var reader = HeaderReader(crlf(text).span, 0..<crlf(text).count)
    let value = reader.next(crlf(text).span)?.text(in: crlf(text).span) ?? []
    #expect(String(decoding: value, as: UTF8.self) == "Ünser \"Kreis\" <friends.x.example>")
  }

  /// G6.111
  @Test func authorReplaced() throws {
    var list = fields()
    list.replacesAuthor = true
    let named = rewritten("From: Ann <ann@y.example>\n\n", list)
    #expect(
      named.contains("\nFrom: Ann via friends <friends@x.example>\nReply-To: Ann <ann@y.example>\n")
    )
    let bad = rewritten(
      "From: \"ceo@bank.example\" <ann@y.example>\nReply-To: b@y.example\n\n", list)
    #expect(bad.contains("\nFrom: friends <friends@x.example>\nReply-To: b@y.example\n"))
    #expect(!bad.contains("bank"))
  }

  /// RFC 8058 §8.1
  @Test func oneClick() throws {
    let list = fields { $0.url = Array("https://lists.x.example".utf8) }
    #expect(!rewritten("From: a@x.example\n\n", list).contains("List-Unsubscribe"))
    #expect(
      String(
        decoding: list.oneClick(Array("https://lists.x.example".utf8), token: Array("tok".utf8)),
        as: UTF8.self)
        == "List-Unsubscribe: <https://lists.x.example/lists/friends/unsubscribe/tok>,\r\n"
        + " <mailto:friends+unsubscribe@x.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
  }

  @Test func headerThatIsTooLarge() {
    let post = crlf("From: a@x.example\nX: \(String(repeating: "x", count: Limits.header))\n\nbody")
    let beginning = Array(post[..<Limits.header])
    #expect(PostHeader(beginning.span).isCut)
  }
}

@Suite struct ListMailTests {
  private func mail(_ kind: ListMail.Kind) throws -> String {
    let octets = ListMail(kind, of: fields()).octets(
      to: [member("ann@y.example").mailbox], date: DateTime(seconds: 1_800_000_000, zone: 0),
      unique: Array("abc".utf8), hostname: Array("mail.x.example".utf8))
    return String(decoding: try #require(octets), as: UTF8.self)
  }

  @Test func question() throws {
    let text = try mail(.confirm(.subscribe, token: Array("stoken".utf8)))
    for line in [
      "From: friends+owner@x.example", "To: ann@y.example",
      "Reply-To: friends+confirm-stoken@x.example",
      "Auto-Submitted: auto-replied", "Message-ID: <abc@mail.x.example>",
    ] {
      #expect(text.contains("\(line)\r\n"))
    }
  }

  @Test func heldPost() throws {
    let post = crlf("From: eve@z.example\nSubject: spam\n\nspam")
    let text = try mail(
      .heldPost(token: Array("m".utf8), reason: .authorIsNoMember, original: post))
    #expect(text.contains("Reply-To: friends+moderate-m@x.example\r\n"))
    #expect(text.contains("Content-Type: message/rfc822\r\n"))
    #expect(text.contains("Auto-Submitted: auto-generated\r\n"))
  }

  /// G6.105: an answer to one of ours by a program is known as such, and so are ours.
  @Test func allAreAutomatic() throws {
    for kind in [
      ListMail.Kind.welcome, .goodbye, .alreadyMember, .noMember, .help, .probe,
      .suspended(member("a@b.example")),
    ] {
      #expect(PostHeader(Array(try mail(kind).utf8).span).isAutomatic)
    }
  }
}

@Suite struct DeliveryReportTests {
  private func failed(_ text: String) -> [String] {
    DeliveryReport(crlf(text).span).failed.map { String(decoding: $0.octets, as: UTF8.self) }
  }

  private func report(_ groups: String) -> String {
    """
    From: MAILER-DAEMON@y.example
    Content-Type: multipart/report; report-type=delivery-status; boundary=b

    --b
    Content-Type: text/plain

    It failed.
    --b
    Content-Type: message/delivery-status

    Reporting-MTA: dns; y.example

    \(groups)
    --b--

    """
  }

  @Test func ofPostfix() {
    let text = report(
      """
      Final-Recipient: rfc822; ann@y.example
      Original-Recipient: rfc822;Ann@x.example
      Action: failed
      Status: 5.1.1
      Diagnostic-Code: smtp; 550 5.1.1 no

      Final-Recipient: rfc822; bob@y.example
      Action: delayed
      Status: 4.4.1

      Final-Recipient: rfc822;<eve@y.example>
      Action: Failed
      Status: 5.0.0
      """)
    #expect(failed(text) == ["Ann@x.example", "eve@y.example"])
    #expect(!DeliveryReport(crlf(text).span).isHarmless)
  }

  /// RFC 3464 §2.3.3: a mail that is late is none that has failed.
  @Test func late() {
    let text = report("Final-Recipient: rfc822; ann@y.example\nAction: delayed\nStatus: 4.4.1")
    #expect(failed(text).isEmpty && DeliveryReport(crlf(text).span).isHarmless)
  }

  @Test func ofExim() {
    #expect(
      failed("From: <>\nX-Failed-Recipients: ann@y.example,\n bob@y.example\n\nfailed") == [
        "ann@y.example", "bob@y.example",
      ])
  }

  @Test func ofExchange() {
    let text = report(
      """
      Final-Recipient: rfc822;ann@y.example
      Action: failed
      Status: 5.1.10
      Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found
       by SMTP address lookup
      X-Display-Name: bob@y.example
      """)
    #expect(failed(text) == ["ann@y.example"])
  }

  @Test func ofQmail() {
    let text = """
      From: MAILER-DAEMON@y.example

      Hi. This is the qmail-send program at y.example.
      I'm afraid I wasn't able to deliver your message.

      <ann@y.example>:
      Sorry, no mailbox here by that name. (#5.1.1)

      --- Below this line is a copy of the message.

      <bob@y.example>:
      """
    #expect(failed(text) == ["ann@y.example"])
  }

  @Test(arguments: ["", "From: a@b.example\n\nout of office", "X-Failed-Recipients: nobody\n\n"])
  func unreadable(_ text: String) {
    #expect(failed(text).isEmpty && !DeliveryReport(crlf(text).span).isHarmless)
  }
}
