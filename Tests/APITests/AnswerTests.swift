import API
import Foundation
import HTTP
import MIME
import Testing

private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

private func answer(_ mail: String, recipients: [String] = []) throws -> [String: Any] {
  let facts = StoredFacts(
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
    (#"<iframe src="cid:evil">"#, #"<x-frame src="cid:evil">"#),
    ("acid:a@b", "acid:a@b"), ("cid:", "cid:"), ("", ""),
  ])
  func pictures(_ html: String, _ shown: String) throws {
    #expect(text(try view(html).body) == #"<base target="_blank">"# + shown)
  }

  /// What connects or looks up names before a policy counts, or leads elsewhere by itself, is another element.
  @Test(arguments: [
    ("<link rel=preconnect href=//x>", "<basefont rel=preconnect href=//x>"),
    ("<LINK\trel=dns-prefetch>", "<basefont\trel=dns-prefetch>"),
    ("<link/rel=x>", "<basefont/rel=x>"),
    ("<link\n>", "<basefont\n>"), ("<link", "<basefont"),
    ("<linker><links><li>", "<linker><links><li>"),
    ("<meta http-equiv=refresh content=1>", "<basefont http-equiv=refresh content=1>"),
    ("<iframe srcdoc='<link>'></IFRAME>", "<x-frame srcdoc='<basefont>'></x-frame>"),
    ("<frameset><frame src=x></frameset>", "<x-frame><basefont src=x></x-frame>"),
    ("<object data=x>y</object>", "<x-frame data=x>y</x-frame>"),
    ("<embed src=x>", "<basefont src=x>"),
    ("<portal src=x><fencedframe>", "<x-frame src=x><x-frame>"),
    ("<!-- <link> --><p title='<link>'>", "<!-- <basefont> --><p title='<basefont>'>"),
    ("<<link>", "<<basefont>"), ("<p <link rel=x>", "<p <basefont rel=x>"),
    (
      "<script type=speculationrules>{}</script>",
      "<script type=\"text/plain\" type=speculationrules>{}</script>"
    ),
    ("<img src=x><b>1 < 2", "<img src=x><b>1 < 2"),
  ])
  func isInert(_ html: String, _ shown: String) throws {
    #expect(text(try view(html).body) == #"<base target="_blank">"# + shown)
  }

  /// A mail of many links and a long base does not become much larger.
  @Test func theBaseOfManyLinks() throws {
    let base = "<base href=http://x.example/" + String(repeating: "y", count: 1900) + "/>"
    let html = base + String(repeating: "<a href=z>", count: 100_000)
    let shown = try view(html).body
    #expect(text(Array(shown.suffix(20))).hasSuffix("href=z>"))
    #expect(shown.count > 7_000_000 && shown.count < 9_000_000, "\(shown.count)")
  }

  /// Links open a new tab, those to a place in the mail stay, and the base of the mail counts for them.
  @Test(arguments: [
    (
      "<a href=x target=_self>",
      #"<a target="_blank" rel="noopener noreferrer" ping="" href=x target=_self>"#
    ),
    ("<A HREF='#x'>", ##"<A target="_self" ping="" HREF='#x'>"##),
    ("<area ping=//y href=\" #x\">", ##"<area target="_self" ping="" ping=//y href=" #x">"##),
    (
      "<a title='href=#x' href=y>",
      ##"<a target="_blank" rel="noopener noreferrer" ping="" title='href=#x' href=y>"##
    ),
    ("<abbr href=x></a>", "<abbr href=x></a>"),
    ("<a name=href>", "<a name=href>"),
  ])
  func links(_ html: String, _ shown: String) throws {
    #expect(text(try view(html).body) == #"<base target="_blank">"# + shown)
  }

  @Test(arguments: [
    ("http://a.example/b/c?d/e", "f", "http://a.example/b/f"),
    ("http://a.example", "f", "http://a.example/f"),
    ("https://a.example/b/", "/f", "https://a.example/f"),
    ("https://a.example/b", "//c/d", "https://c/d"),
    ("https://a.example/b", "mailto:x", nil), ("https://a.example/b", "http://c", nil),
    ("javascript:x", "f", nil), ("/b", "f", nil), ("https://a.example/b", "#c", nil),
    ("https://a.example/b/", "c'd", "https://a.example/b/c'd"),
  ])
  func baseOfLinks(_ base: String, _ link: String, _ expected: String?) throws {
    let body = text(try view("<base href=\"\(base)\"><a href=\"\(link)\">").body)
    #expect(body.contains("<basefont href=") && !body.dropFirst(6).contains("<base "))
    if let expected {
      #expect(body.contains(" href=\"\(expected)\" href=\"\(link)\""))
    } else {
      #expect(body.components(separatedBy: "href=").count == 3)
    }
  }

  @Test func namesAreNotLookedUp() throws {
    #expect(try view("x")["X-DNS-Prefetch-Control"].map(text) == "off")
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
  /// The words of a refusal.
  private func refusal(_ body: () throws -> Void) -> String? {
    do { try body() } catch APIError.refused(.badRequest, let words) { return text(words) } catch {}
    return nil
  }

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

  @Test func meansMessages() throws {
    let ids = #"{"IDs":["a"]}"#
    #expect(try selection("{}").messages() == .all)
    #expect(try selection(ids).messages() == .ids([Array("a".utf8)]))
    #expect(try selection(#"{"Search":"x"}"#).messages() == .found(Array("x".utf8)))
    #expect(throws: APIError.self) { try selection(#"{"Search":"x","IDs":["a"]}"#).messages() }
    // DELETE refuses what belongs to another call.
    #expect(try selection(ids).deleted() == .ids([Array("a".utf8)]))
    #expect(try selection("").deleted() == .all)
    for other in [#"{"Read":false}"#, #"{"Tags":[]}"#, #"{"Name":"x"}"#] {
      #expect(refusal { _ = try selection(other).deleted() } == "IDs expected")
    }
  }

  @Test func meansTags() throws {
    let (tags, ids) = try selection(#"{"Tags":["t","u"],"IDs":["a"]}"#).tagged()
    #expect(tags.map(text) == ["t", "u"] && ids.map(text) == ["a"])
    #expect(try selection(#"{"Tags":[],"IDs":["a"]}"#).tagged().tags.isEmpty)
    for body in [#"{"Tags":["t"]}"#, #"{"IDs":["a"]}"#, "{}"] {
      #expect(refusal { _ = try selection(body).tagged() } == "Tags and IDs expected")
    }
    let many = #"{"IDs":["a"],"Tags":["t""# + String(repeating: #","t""#, count: 100) + "]}"
    #expect(refusal { _ = try selection(many).tagged() } == "too many tags")
  }

  /// What would be all messages by mistake.
  @Test(arguments: [
    "x", "{", "ids=a", #"{"ID":["a"]}"#, #"{"IDs":"a"}"#, #"{"IDs":[1]}"#, "1", #"["a"]"#,
  ])
  func isRefused(_ body: String) {
    #expect(throws: APIError.self) { try selection(body) }
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
