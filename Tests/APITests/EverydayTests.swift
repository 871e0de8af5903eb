// Mail as programs and people send it, of which no standard speaks well: what the API says of each kind.

import API
import Foundation
import HTTP
import MIME
import Testing

/// A mail, and what the API says of it. What is nil is not looked at.
struct EverydayMail: CustomTestStringConvertible {
  var name: String
  var octets: [UInt8]
  var subject: String?
  var from: String?
  var text: String?
  var html: String?
  var attachments: [String]?
  var inline: [String]?

  var testDescription: String { name }

  init(
    _ name: String, _ octets: [UInt8], subject: String? = nil, from: String? = nil,
    text: String? = nil, html: String? = nil, attachments: [String]? = nil, inline: [String]? = nil
  ) {
    (self.name, self.octets, self.subject, self.from) = (name, octets, subject, from)
    (self.text, self.html, self.attachments, self.inline) = (text, html, attachments, inline)
  }

  init(
    _ name: String, _ mail: String, subject: String? = nil, from: String? = nil,
    text: String? = nil, html: String? = nil, attachments: [String]? = nil, inline: [String]? = nil
  ) {
    self.init(
      name, Array(mail.replacing("\n", with: "\r\n").utf8), subject: subject, from: from,
      text: text, html: html, attachments: attachments, inline: inline)
  }
}

/// What the session writes in front of a message.
private let trace =
  "Return-Path: <ann@example.org>\nReceived: by x;\n\tThu, 26 Nov 2026 10:00:00 +0100\n"

private func mixed(_ parts: String..., type: String = "mixed") -> String {
  "From: ann@example.org\nContent-Type: multipart/\(type); boundary=b\n\n"
    + parts.map { "--b\n" + $0 + "\n" }.joined() + "--b--\n"
}

private func octets(_ pieces: Any...) -> [UInt8] {
  pieces.flatMap { ($0 as? [UInt8]) ?? Array(($0 as? String ?? "").utf8) }
}

private let everydayMail: [EverydayMail] = [
  // A line that is no field ends the header.
  EverydayMail("a line alone", trace + "hello\n", text: "hello\r\n"),
  EverydayMail("two lines", trace + "hello\n\nthere: x\n", text: "hello\r\n\r\nthere: x\r\n"),
  EverydayMail(
    "the blank line is missing",
    trace + "From: ann@example.org\nSubject: s\nGood morning\n\nsecond\n", subject: "s",
    from: "ann@example.org", text: "Good morning\r\n\r\nsecond\r\n"),
  EverydayMail("a URL alone", trace + "https://example.org/x\n", text: "https://example.org/x\r\n"),
  EverydayMail(
    "the line of a mailbox file", trace + "From ann@x Thu Nov 26 2026\nSubject: s\n\nx\n",
    subject: "s", text: "x\r\n"),
  EverydayMail(
    "a text that begins with From", trace + "From me to you\nwith love\n",
    text: "From me to you\r\nwith love\r\n"),
  EverydayMail(
    "a parameter that is not indented",
    mixed(
      "Content-Type: text/plain;\ncharset=koi8-r\nContent-Disposition: inline;\nfilename=a.txt\n\nx"
    ),
    text: "x", inline: ["a.txt"]),
  // Byte order marks.
  EverydayMail(
    "a mark in front of the header", trace + "\u{FEFF}From: bob@example.org\nSubject: s\n\nx\n",
    subject: "s", from: "bob@example.org", text: "x\r\n"),
  EverydayMail(
    "a mark in front of all", "\u{FEFF}Subject: s\nFrom: ann@example.org\n\nx\n", subject: "s",
    from: "ann@example.org"),
  EverydayMail("a mark in front of text alone", trace + "\u{FEFF}hello\n", text: "hello\r\n"),
  // Line ends.
  EverydayMail(
    "LF behind the fields of the session",
    octets(
      trace.replacing("\n", with: "\r\n"),
      "Subject: s\nFrom: ann@example.org\nContent-Type: text/html\n\n<p>hello</p>\n"),
    subject: "s", from: "ann@example.org", text: "hello", html: "<p>hello</p>\n"),
  EverydayMail(
    "LF, and parts", octets("Return-Path: <>\r\n", mixed("\none", "Content-Type: text/csv\n\na,b")),
    text: "one", attachments: ["attachment.csv"]),
  EverydayMail(
    "a body with LF behind a header with CR LF",
    octets(
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
      "--b\n\none\n--b\nContent-Type: application/zip\n\nx\n--b--\n"),
    text: "one", attachments: ["attachment.zip"]),
  EverydayMail(
    "CR CR LF", octets("To: a@example.org\r\r\nSubject: s\r\r\n\r\r\nBody\r\r\nline 2\r\r\n"),
    subject: "s", text: "Body\r\nline 2\r\n"),
  EverydayMail(
    "CR CR LF, parts, quoted-printable",
    octets(
      mixed("Content-Transfer-Encoding: quoted-printable\n\na=\nb=20c").replacing(
        "\n", with: "\r\r\n")), text: "ab c"),
  // Several texts.
  EverydayMail(
    "two HTML parts",
    mixed(
      "Content-Type: text/html\n\n<p>one</p>",
      "Content-Type: image/png; name=x.png\nContent-Disposition: inline\n\nx",
      "Content-Type: text/html\n\n<p>two</p>"),
    text: "one\n--\ntwo", html: "<p>one</p>\n<p>two</p>", attachments: ["x.png"], inline: []),
  EverydayMail(
    "HTML, and the footer of a list",
    mixed("Content-Type: text/html\n\n<p>letter</p>", "\n_____\nfooter <of> the list"),
    text: "letter\n--\n_____\r\nfooter <of> the list",
    html:
      "<p>letter</p>\n<pre style=\"white-space:pre-wrap\">\n_____\r\nfooter &lt;of&gt; the list</pre>",
    attachments: []),
  EverydayMail(
    "alternatives, and the footer of a list",
    mixed(
      "Content-Type: multipart/alternative; boundary=c\n\n--c\n\nletter\n--c\nContent-Type: text/html\n\n<p>letter</p>\n--c--\n",
      "\nfooter"),
    text: "letter\n--\nfooter",
    html: "<p>letter</p>\n<pre style=\"white-space:pre-wrap\">\nfooter</pre>", attachments: []),
  EverydayMail(
    "HTML between attachments, as Apple Mail has it",
    mixed(
      "\nletter",
      "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/html\n\n<p>one</p>\n--c\nContent-Disposition: inline; filename=a.pdf\nContent-Type: application/pdf\n\nx\n--c\nContent-Type: text/html\n\n<p>two</p>\n--c--\n",
      type: "alternative"),
    text: "letter", html: "<p>one</p>\n<p>two</p>", attachments: ["a.pdf"], inline: []),
  EverydayMail(
    "a picture that the HTML shows, and one that it does not",
    mixed(
      "Content-Type: text/html\n\n<img src=\"cid:a%40x\">",
      "Content-Type: image/png\nContent-ID: (c) <a@x>\nContent-Disposition: inline; filename=a.png\n\nx",
      "Content-Type: image/png\nContent-ID: <b@x>\n\nx", type: "related"),
    attachments: ["image.png"], inline: ["a.png"]),
  // What is an attachment, and its name.
  EverydayMail(
    "no disposition",
    mixed(
      "\nsee", "Content-Type: application/pdf; name=x.pdf\n\nx",
      "Content-Type: text/csv; name=y.csv\n\nx",
      "Content-Type: message/rfc822\n\nSubject: z\n\nz"),
    text: "see", attachments: ["x.pdf", "y.csv", "message.eml"], inline: []),
  EverydayMail(
    "no name",
    mixed("\nsee", "Content-Type: application/zip\n\nx", "Content-Type: audio/x-odd\n\nx"),
    attachments: ["attachment.zip", "attachment"]),
  EverydayMail(
    "an invitation",
    mixed(
      "\nmeeting", "Content-Type: text/html\n\n<p>meeting</p>",
      "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR", type: "alternative"),
    text: "meeting", html: "<p>meeting</p>", attachments: ["invite.ics"], inline: []),
  EverydayMail(
    "a file alone", "Content-Type: application/pdf\nContent-Disposition: inline\n\nx", text: "",
    attachments: ["attachment.pdf"]),
  EverydayMail(
    "AMP among the alternatives is another reading",
    mixed(
      "\na", "Content-Type: text/x-amp-html\n\nb", "Content-Type: text/html\n\nc",
      type: "alternative"), text: "a", html: "c", attachments: [], inline: ["attachment.txt"]),
  // Charsets and encodings.
  EverydayMail(
    "UTF-8 that calls itself US-ASCII",
    "Subject: =?us-ascii?Q?caf=C3=A9?= =?us-ascii?Q?=C3?= =?us-ascii?Q?=A9?=\nContent-Type: text/plain; charset=us-ascii\n\nnaïve",
    subject: "caféé", text: "naïve"),
  EverydayMail(
    "windows-1252 that calls itself US-ASCII",
    octets("Content-Type: text/plain; charset=us-ascii\r\n\r\n", [0xE9, 0x80] as [UInt8]),
    text: "é€"),
  EverydayMail(
    "UTF-8 of an unknown charset",
    "Subject: =?unknown-8bit?Q?caf=C3=A9?=\nContent-Type: text/plain; charset=x-unknown\n\nnaïve",
    subject: "café", text: "naïve"),
  EverydayMail(
    "raw fields in the charset of the body",
    octets(
      "Subject: ", [0xCF, 0xF0, 0xE8] as [UInt8], "\r\nFrom: ", [0xC0, 0xED] as [UInt8],
      " <ann@example.org>\r\nContent-Type: text/plain; charset=windows-1251\r\n\r\n",
      [0xCF, 0xF0, 0xE8] as [UInt8]),
    subject: "При", text: "При"),
  EverydayMail(
    "a raw name in the charset of the text",
    octets(
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx\r\n--b\r\n",
      "Content-Type: application/zip; name=\"", [0xF0] as [UInt8], ".zip\"\r\n\r\nx\r\n--b--\r\n"),
    attachments: ["П.zip"]),
  EverydayMail(
    "raw Latin-1 beside UTF-8",
    octets(
      "Subject: caf", [0xE9] as [UInt8], "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx"),
    subject: "café"),
  EverydayMail(
    "quotation marks inside a name",
    mixed(
      "Content-Disposition: attachment; filename=\"what\"s_up.txt.pgp\"\n\nx",
      "Content-Disposition: attachment; filename=\"say \"hi\".txt\"; size=1\n\nx",
      "Content-Disposition: attachment; filename=\"a\\\"b.txt\"\n\nx",
      "Content-Disposition: attachment; filename=\"a.txt\"junk; size=\"1\"\n\nx"),
    attachments: ["what\"s_up.txt.pgp", "say \"hi\".txt", "a\"b.txt", "a.txt"]),
  EverydayMail(
    "junk behind base64",
    "Content-Transfer-Encoding: base64\n\nSGVsbG8gd29y\n bGQhIQ==\n\nsent by list footer\n",
    text: "Hello world!!"),
  EverydayMail(
    "junk behind base64 without padding",
    "Content-Transfer-Encoding: base64\n\nSGVsbG8gd29ybGQh\n\n-- \nfooter\nmore\n",
    text: "Hello world!"),
  EverydayMail(
    "base64 in pieces",
    "Content-Transfer-Encoding: base64\n\nSGVsbG8=\nSGVsbG8=\n\nSGVs\nbG8=\n",
    text: "HelloHelloHello"),
]

@Suite struct EverydayTests {
  @Test(arguments: everydayMail)
  func answer(_ mail: EverydayMail) throws {
    let facts = StoredFacts(
      id: [48], created: (0, 0), size: mail.octets.count, tags: [], recipients: [])
    let body = messageAnswer(mail.octets.span, facts)
    let answer = try #require(JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    func names(_ key: String) -> [String]? {
      (answer[key] as? [[String: Any]])?.map { $0["FileName"] as? String ?? "" }
    }
    if let subject = mail.subject { #expect(answer["Subject"] as? String == subject) }
    if let from = mail.from {
      #expect((answer["From"] as? [String: String])?["Address"] == from)
    }
    if let text = mail.text { #expect(answer["Text"] as? String == text) }
    if let html = mail.html { #expect(answer["HTML"] as? String == html) }
    if let attachments = mail.attachments { #expect(names("Attachments") == attachments) }
    if let inline = mail.inline { #expect(names("Inline") == inline) }
  }

  /// What is large is whole.
  @Test func largeTexts() throws {
    for type in ["text/plain", "text/html"] {
      let body = String(repeating: "0123456789abcde ", count: 400_000) + "end"
      let octets = Array("Content-Type: \(type)\r\n\r\n\(body)".utf8)
      let facts = StoredFacts(id: [48], created: (0, 0), size: 0, tags: [], recipients: [])
      let answer = messageAnswer(octets.span, facts)
      let json = try #require(JSONSerialization.jsonObject(with: Data(answer)) as? [String: Any])
      #expect((json["Text"] as? String)?.hasSuffix("end") == true)
      if type == "text/html" { #expect(json["HTML"] as? String == body) }
    }
  }

  /// Pieces may be cut anywhere.
  @Test func base64WithJunkInPieces() {
    for text in ["SGVs\nbG8=\n\nby list", "SGVs\n\n--x\nbG8=", "SGVs\r\n\r\nbG8=\r\nbG8=\r\nx\r\n"]
    {
      let octets = Array(text.utf8)
      var results: Set<[UInt8]> = []
      for cut in 0...octets.count {
        var decoder = TransferDecoder(.base64)
        var output: [UInt8] = []
        decoder.decode(octets.span, 0..<cut, into: &output)
        decoder.decode(octets.span, cut..<octets.count, into: &output)
        decoder.finish(into: &output)
        results.insert(output)
      }
      #expect(results.count == 1, "\(results.map { String(decoding: $0, as: UTF8.self) })")
    }
  }
}
