import API
import Foundation
import HTTP
import MIME
import Testing

private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

private func answer(_ mail: String, recipients: [String] = []) throws -> [String: Any] {
  let facts = MessageFacts(
    id: Array("0123456789abcdef".utf8), created: (1_800_000_000, 123_456), size: mail.utf8.count,
    tags: [], recipients: recipients.map { Array($0.utf8) })
  let body = messageAnswer(Array(mail.utf8).span, facts)
  return try #require(JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
}

struct MessageAnswerTests {
  @Test func whatClientsRead() throws {
    let message = try answer(
      "Return-Path: <bounce@example.org>\r\nFrom: A <a@example.org>\r\nTo: b@example.org\r\n"
        + "Date: Tue, 1 Jul 2003 10:52:37 +0200\r\nSubject: =?utf-8?q?=C3=A4?=\r\n"
        + "List-Unsubscribe: <mailto:u@example.org>, <https://example.org/u>\r\n"
        + "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\none\r\ntwo",
      recipients: ["b@example.org", "hidden@example.org"])
    #expect(message["ID"] as? String == "0123456789abcdef")
    #expect(message["Read"] as? Bool == true)
    #expect(message["Subject"] as? String == "ä")
    #expect(message["Date"] as? String == "2003-07-01T10:52:37+02:00")
    #expect(message["Created"] as? String == "2027-01-15T08:00:00.123Z")
    #expect(message["ReturnPath"] as? String == "bounce@example.org")
    #expect(message["Text"] as? String == "one\r\ntwo")
    #expect(
      (message["Bcc"] as? [[String: String]])?.map { $0["Address"] } == ["hidden@example.org"])
    #expect((message["Cc"] as? [Any])?.isEmpty == true)
    let list = try #require(message["ListUnsubscribe"] as? [String: Any])
    #expect(list["Links"] as? [String] == ["mailto:u@example.org", "https://example.org/u"])
    #expect(list["HeaderPost"] as? String == "List-Unsubscribe=One-Click")
  }

  @Test func aMailWithoutAnything() throws {
    let message = try answer("")
    #expect(message["Date"] as? String == "2027-01-15T08:00:00+00:00")
    #expect((message["From"] as? [String: String])?["Address"] == "")
    #expect((message["Attachments"] as? [Any])?.isEmpty == true)
  }

  /// A forwarded message and an attachment without a name are listed, under names of ours.
  @Test func everyAttachmentIsListed() throws {
    let message = try answer(
      "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n"
        + "--x\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
        + "Subject: inner\r\n\r\ninner\r\n"
        + "--x\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n--x--\r\n")
    let files = try #require(message["Attachments"] as? [[String: Any]])
    #expect(files.map { $0["FileName"] as? String } == ["message.eml", "attachment"])
    #expect(files.map { $0["PartID"] as? String } == ["2", "3"])
    let sums = try #require(files[1]["Checksums"] as? [String: String])
    #expect(sums["MD5"] == "900150983cd24fb0d6963f7d28e17f72")
  }

  @Test func headersAreInOrderAndCanonical() {
    let body = headerAnswer(
      Array("x-b: 2\r\nSUBJECT: a\r\n  b\r\nX-B: 3\r\nmime-VERSION: 1\r\n\r\n".utf8).span)
    #expect(text(body) == #"{"Mime-Version":["1"],"Subject":["a b"],"X-B":["2","3"]}"# + "\n")
  }
}

struct PartAnswerTests {
  private func part(_ fields: String, _ body: String = "x") throws -> Response {
    let octets = Array((fields + "\r\n\r\n" + body).utf8)
    let found = Message(octets.span).part(Array("0".utf8))
    let part = try #require(found)
    return part.answer(in: octets.span)
  }

  /// A browser must save whatever could run (CVE-2020-13965, CVE-2024-42008, Mailpit 1.19.3).
  @Test(arguments: [
    "text/html", "image/svg+xml", "text/xml", "application/xhtml+xml", "application/pdf",
    "text/javascript", "application/octet-stream", "message/rfc822",
  ])
  func isSaved(_ type: String) throws {
    let response = try part("Content-Type: \(type)")
    #expect(response["Content-Disposition"].map(text)?.hasPrefix("attachment;") == true)
    #expect(response["X-Content-Type-Options"].map(text) == "nosniff")
    #expect(response["Content-Security-Policy"].map(text) == "default-src 'none'; sandbox")
  }

  @Test(arguments: ["text/plain", "image/png", "image/jpeg", "image/gif", "image/webp"])
  func isShown(_ type: String) throws {
    let response = try part("Content-Type: \(type)")
    #expect(response["Content-Disposition"].map(text)?.hasPrefix("inline;") == true)
  }

  /// What a browser would divide itself (multipart/x-mixed-replace) is shown as text.
  @Test func aMultipartWithoutBoundaryIsText() throws {
    let response = try part("Content-Type: multipart/x-mixed-replace")
    #expect(response["Content-Type"].map(text) == "text/plain; charset=utf-8")
  }

  /// Names with quotes, line ends, folders and marks that change the direction of writing.
  @Test func aNameCannotLeaveItsPlace() {
    let value = text(
      contentDisposition("inline", fileName: Array("\"; x=\"\r\nSet-Cookie: a\u{202E}../é".utf8)))
    #expect(
      value.hasPrefix(
        "inline; filename=\"%22%3B%20x%3D%22%0D%0ASet-Cookie%3A%20a%E2%80%AE..%2F%C3%A9\""))
  }
}

struct ViewTests {
  private let picture =
    "--x\r\nContent-Type: image/png\r\nContent-ID: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n"

  private func view(_ html: String, dark: Bool = false, remote: Bool = false) throws -> Response {
    let mail =
      "Content-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n"
      + html + "\r\n" + picture + "--x\r\nContent-Type: text/html\r\nContent-ID: <evil>\r\n\r\n"
      + "<script>1</script>\r\n--x--\r\n"
    let answer = View(hasRemoteImages: remote, isDark: dark).answer(Array(mail.utf8).span)
    return try #require(answer)
  }

  /// Pictures of the mail become data:, nothing else does, and the rest is as it was.
  @Test(arguments: [
    (#"<img src="cid:a@b">"#, #"<img src="data:image/png;base64,YWJj">"#),
    (#"<img src=CID:a%40b>"#, #"<img src=data:image/png;base64,YWJj>"#),
    (
      "<p style=\"background:url('cid:a@b')\">",
      "<p style=\"background:url('data:image/png;base64,YWJj')\">"
    ),
    (#"<img src="cid:other">"#, #"<img src="cid:other">"#),
    (#"<iframe src="cid:evil">"#, #"<iframe src="cid:evil">"#),
    ("acid:a@b", "acid:a@b"), ("cid:", "cid:"), ("", ""),
  ])
  func pictures(_ html: String, _ shown: String) throws {
    #expect(text(try view(html).body) == #"<base target="_blank">"# + shown)
  }

  @Test func theBaseStandsBehindTheDoctype() throws {
    #expect(
      text(try view(" <!DOCTYPE html><p>").body) == " <!DOCTYPE html><base target=\"_blank\"><p>")
  }

  /// The policy that stops every payload (no script, no form, nothing remote, an origin of its own) is in the answer.
  @Test func thePolicy() throws {
    let policy = try #require(try view("x")["Content-Security-Policy"].map(text))
    for rule in [
      "default-src 'none'", "img-src data:;", "form-action 'none'", "base-uri 'none'",
      "sandbox allow-popups allow-popups-to-escape-sandbox",
    ] {
      #expect(policy.contains(rule))
    }
    #expect(!policy.contains("script") && !policy.contains("https:"))
    let remote = try #require(try view("x", remote: true)["Content-Security-Policy"].map(text))
    #expect(remote == policy.replacing("img-src data:;", with: "img-src data: https:;"))
  }
}

struct SelectionTests {
  private func selection(
    _ body: String, _ type: String = "application/json"
  ) throws -> MessageSelection {
    try MessageSelection(Array(body.utf8), MediaType(Array(type.utf8)))
  }

  @Test(arguments: ["", " ", "{}", "[]", #"{"IDs":[]}"#, #"{"ids":null}"#])
  func namesNothing(_ body: String) throws {
    #expect(try selection(body).ids == nil)
  }

  @Test(arguments: [#"{"IDs":["a","b"]}"#, #"{"ids":["a","b"]}"#, #"{"iDS":["a","b"],"other":1}"#])
  func namesIDs(_ body: String) throws {
    #expect(try selection(body).ids?.map(text) == ["a", "b"])
  }

  /// The published Python client.
  @Test func aForm() throws {
    let selection = try selection("ids=a&ids=b&Read=true", "application/x-www-form-urlencoded")
    #expect(selection.ids?.map(text) == ["a", "b"] && selection.isRead == true)
  }

  /// What would be all messages by mistake.
  @Test(arguments: [
    "x", "{", "ids=a", #"{"ID":["a"]}"#, #"{"IDs":"a"}"#, #"{"IDs":[1]}"#, "1", #"["a"]"#,
  ])
  func isRefused(_ body: String) {
    #expect(throws: Failure.self) { try selection(body) }
  }
}

struct TimeTests {
  @Test(
    arguments: [
      (0, nil, "1970-01-01T00:00:00Z"), (951_782_400, 0, "2000-02-29T00:00:00+00:00"),
      (1_709_251_199, -90, "2024-02-29T22:29:59-01:30"), (-1, nil, "1969-12-31T23:59:59Z"),
      (253_402_214_400, 720, "9999-12-31T12:00:00+12:00"), (253_402_214_401, nil, ""),
      (-62_135_510_400, -720, "0001-01-01T12:00:00-12:00"), (.min, nil, ""), (.max, 5000, ""),
    ] as [(Int64, Int?, String)])
  func isWritten(_ seconds: Int64, _ zone: Int?, _ shown: String) {
    var octets: [UInt8] = []
    #expect(octets.append(time: seconds, zone: zone) == !shown.isEmpty)
    #expect(text(octets) == shown)
  }
}
