import API
import HTTP
import MIME
import Testing

/// The domain of names without one.
private let ours = Array("ours.example".utf8)

/// What `octets` say when they are decoded as text.
private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

/// The words of a refusal; nil if the draft is taken.
private func refusal(_ body: String) -> String? {
  do {
    _ = try Draft(send: Array(body.utf8), at: ours)
    return nil
  } catch APIError.refused(.badRequest, let reason) {
    return text(reason)
  } catch {
    return "another failure"
  }
}

struct DraftTests {
  private func build(_ body: String) throws -> (message: Message, octets: [UInt8]) {
    let draft = try Draft(send: Array(body.utf8), at: ours)
    let octets = try draft.message(
      date: 1_800_000_000, unique: Array("abc".utf8), hostname: Array("mx.example.org".utf8)
    ).octets
    return (Message(octets.span), octets)
  }

  @Test func aWholeMail() throws {
    let (message, octets) = try build(
      """
      {"from":{"EMAIL":"a@example.org","name":"Jürgen"},"To":[{"Email":"b@example.org"}],
       "Cc":[{"Email":"c@example.org","Name":"C"}],"Bcc":["d@example.org"],
       "ReplyTo":[{"Email":"r@example.org"}],"Subject":"Grüße","Text":"eins\\nzwei","HTML":"<b>eins</b><img src=cid:logo>",
       "Headers":{"X-Thing":"1","Message-ID":"<own@example.org>"},"Tags":["red","blue"],
       "Attachments":[{"Content":"data:text/plain;base64,YWJj","Filename":"a b.txt","ContentType":"text/plain"},
         {"Content":"iVBORw0KGgo=","Filename":"l.png","ContentID":"<logo>"}]}
      """)
    #expect(message.from.addresses.map { text($0.name) } == ["Jürgen"])
    #expect(message.to.addresses.map { text($0.address) } == ["b@example.org"])
    #expect(message.cc.addresses.map { text($0.address) } == ["c@example.org"])
    #expect(message.replyTo.addresses.map { text($0.address) } == ["r@example.org"])
    #expect(text(message.subject) == "Grüße")
    #expect(message.messageID.map(text) == "own@example.org")
    #expect(text(message.text(in: octets.span).utf8) == "eins\r\nzwei")
    #expect(message.html(in: octets.span).map { text($0.utf8) } == "<b>eins</b><img src=cid:logo>")
    #expect(message.attachments.count == 1 && message.inlineParts.count == 1)
    let parts = message.structure.parts
    #expect(parts[message.attachments[0]].fileName(in: octets.span).map(text) == "a b.txt")
    #expect(parts[message.inlineParts[0]].contentID(in: octets.span).map(text) == "logo")
    // An attachment without a type is known by its first octets.
    #expect(text(parts[message.inlineParts[0]].mediaType(in: octets.span)) == "image/png")
    // Who has a blind copy is not in the message.
    #expect(!text(octets).contains("d@example.org") && text(octets).contains("X-Tags: red, blue"))
  }

  @Test(arguments: [
    ("", "EOF"), ("{", "unexpected EOF"), ("[1]", "an object expected"),
    ("{}", "error building message: from not set"),
    (#"{"From":{"Email":"a@b.org"}}"#, "error building message: no recipients set"),
    (#"{"From":{"Email":"a@b.org"},"To":[{"Email":"x y"}]}"#, "invalid To address: x y"),
    (#"{"From":{"Email":"a@b.org"},"Cc":[{"Email":"x y@b"}]}"#, "invalid Cc address: x y@b"),
    (#"{"From":{"Email":"a@b.org"},"Bcc":["@"]}"#, "invalid Bcc address: @"),
    (
      #"{"From":{"Email":"a@b.org"},"Bcc":["b@b.org"],"ReplyTo":[{}]}"#,
      "invalid Reply-To address: "
    ),
    (
      #"{"From":{"Email":"a@b.org"},"Bcc":["b@b.org"],"Headers":{"sUBJECT":"x"}}"#,
      #"cannot overwrite header: "sUBJECT""#
    ),
    (
      #"{"From":{"Email":"a@b.org"},"Bcc":["b@b.org"],"Attachments":[{"Content":"a","Filename":"f"}]}"#,
      #"error decoding base64 attachment "f""#
    ),
  ])
  func isRefused(_ body: String, _ reason: String) {
    #expect(refusal(body) == reason)
  }

  /// Header injection (Mailpit's advisory GHSA-54wq, and every place where a value of a request becomes one of a field).
  @Test(arguments: [
    #"{"From":{"Email":"a@b.org\r\nBcc: e@b.org"},"To":[{"Email":"b@b.org"}]}"#,
    #"{"From":{"Email":"a@b.org","Name":"x\nBcc: e@b.org"},"To":[{"Email":"b@b.org"}]}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org\r\nX: y"}]}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Subject":"x\r\nX: y"}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Headers":{"X":"x\nX: y"}}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Headers":{"X: y\nZ":"x"}}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Headers":{"Message-ID":"<a@b>\r\nX: y"}}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Attachments":[{"Content":"","Filename":"a\r\nX: y"}]}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Attachments":[{"Content":"","ContentType":"a/b\nX: y"}]}"#,
    #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Attachments":[{"Content":"","ContentID":"a\nX:y"}]}"#,
  ])
  func noFieldBeginsInAValue(_ body: String) {
    #expect(refusal(body) != nil)
  }

  @Test func aTagWithLineEndsStaysInItsField() throws {
    let (_, octets) = try build(
      #"{"From":{"Email":"a@b.org"},"To":[{"Email":"b@b.org"}],"Tags":["x\r\nX-Bad: y"]}"#)
    #expect(!text(octets).contains("\nX-Bad"))
  }

  /// As MAIL and RCPT take them.
  @Test(arguments: [
    ("root", "root@ours.example"), ("try..this.@x.example", "try..this.@x.example"),
    ("dev@mail_server", "dev@mail_server"), (".a@x.example.", ".a@x.example."),
  ])
  func addressesAsASessionTakesThem(written: String, taken: String) throws {
    let person = #"{"Email":"\#(written)"}"#
    let (message, _) = try build(#"{"From":\#(person),"To":[\#(person)]}"#)
    #expect(message.to.addresses.map { text($0.address) } == [taken])
    let release = try Release(Array(#"{"To":["\#(written)"]}"#.utf8), at: ours)
    #expect(release.to.map { text($0.address) } == [taken])
  }

  @Test(arguments: ["", "a b", "@x.example", "a@", "a@b@c", "root\\r\\nX: y"])
  func whatIsNoAddress(written: String) {
    #expect(refusal(#"{"From":{"Email":"a@b.org"},"To":[{"Email":"\#(written)"}]}"#) != nil)
  }

  @Test func theFirstAPIOfThisProject() throws {
    let draft = try Draft(
      email: Array(#"{"to":"a@example.org, b@example.org","subject":"s","body":"b"}"#.utf8),
      sender: Array("me@example.org".utf8), at: ours)
    #expect(draft.recipients.map { text($0.address) } == ["a@example.org", "b@example.org"])
    #expect(text(draft.from.address) == "me@example.org")
  }
}

struct ReleaseTests {
  private func release(
    _ mail: String, to recipient: String = "you@example.org", hostname: String = "example.org"
  ) throws -> ResentMessage {
    let to = try Release(Array(#"{"To":["\#(recipient)"]}"#.utf8), at: []).to
    return try ResentMessage(
      Array(mail.utf8).span, to: to, date: 0, unique: Array("id".utf8),
      hostname: Array(hostname.utf8))
  }

  private func refusal(_ mail: String, hostname: String = "example.org") -> String? {
    do {
      _ = try release(mail, hostname: hostname)
      return nil
    } catch APIError.refused(.badRequest, let reason) {
      return text(reason)
    } catch {
      return "\(error)"
    }
  }

  /// RFC 5322 §3.6.6; blind copies stay unknown, and line ends become what mail has.
  @Test func isSentAgain() throws {
    let sent = text(
      try release(
        "Return-Path: <x@y>\nBCC: secret@example.org,\n other@example.org\nFrom: me@example.org\n"
          + "Subject: a\rb\n\nBcc: body\n"
      ).octets)
    #expect(
      sent.hasPrefix(
        "Resent-Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nResent-From: me@example.org\r\n"
          + "Resent-To: you@example.org\r\nResent-Message-ID: <id@example.org>\r\n"))
    #expect(sent.hasSuffix("Subject: a\r\nb\r\n\r\nBcc: body\r\n"))
    #expect(!sent.contains("secret") && !sent.contains("other@") && !sent.contains("Return-Path"))
  }

  @Test func isFromWhoSentItOrWroteIt() throws {
    #expect(text(try release("From: a@x.org\n\n").from) == "a@x.org")
    #expect(text(try release("From: a@x.org\nSender: s@x.org\n\n").from) == "s@x.org")
    #expect(refusal("Subject: x\n\n") == "No From header found")
    #expect(refusal("From: nobody\n\n") == "Failed: unable to parse From header")
    #expect(refusal("From: a@x.org\n\n", hostname: "a b") == "SMTP_HOSTNAME makes no Message-ID")
  }

  /// RFC 6531: for an address or a header field that is not ASCII; a body needs no SMTPUTF8.
  @Test func needsSMTPUTF8WhereTheHeaderDoes() throws {
    #expect(try !release("From: a@x.org\n\nä\n").needsUTF8)
    #expect(try release("From: a@x.org\nSubject: ä\n\n").needsUTF8)
    #expect(try release("From: ä@x.org\n\n").needsUTF8)
    #expect(try release("From: a@x.org\n\n", to: "ä@x.org").needsUTF8)
  }

  /// A field behind what is read of a header could be Bcc.
  @Test func aHeaderWithoutEndIsRefused() {
    let long =
      "From: a@x.org\r\n" + String(repeating: "X: y\r\n", count: 60_000)
      + "Bcc: secret@example.org\r\n\r\n"
    #expect(refusal(long) == "the header of the message is too long")
  }
}
