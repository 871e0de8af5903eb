// A message in the form that a host takes means the same, and what must not be changed is not.

import Foundation
import MIME
import Testing

@Suite struct WireFormTests {
  private func converted(
    _ text: String, isSevenBit: Bool = true, isExact: Bool = false, keepsHeader: Bool = false
  ) -> String? {
    let form = WireForm(isSevenBit: isSevenBit, isExact: isExact, keepsHeader: keepsHeader)
    return form.message([UInt8](text.utf8).span).map { String(decoding: $0, as: UTF8.self) }
  }

  private func long(_ count: Int = 1500, _ text: String = "x") -> String {
    String(repeating: text, count: count)
  }

  /// Lines of the header, folds undone.
  private func header(_ text: String?) throws -> [String] {
    let text = try #require(text)
    let end = try #require(text.firstRange(of: "\r\n\r\n"))
    for line in text.split(separator: "\r\n") { #expect(line.utf8.count <= 998) }
    return text[..<end.lowerBound].replacing("\r\n ", with: " ").replacing("\r\n\t", with: "\t")
      .split(separator: "\r\n").map { String($0) }
  }

  @Test func text() {
    #expect(
      converted("Subject: a\r\n\r\ncaf\u{E9}\r\n.\r\n")
        == "Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n=2E\r\n")
    #expect(
      converted("caf\u{E9}\r\n")
        == "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n")
    // Nothing to do.
    for text in ["Subject: a\r\n\r\nb\r\n", "", "\r\n"] { #expect(converted(text) == text) }
    #expect(converted("S: a\r\n\r\n\u{E9}\r\n", isSevenBit: false) == "S: a\r\n\r\n\u{E9}\r\n")
  }

  @Test func multipart() {
    let message = """
      Received: x\r
      MIME-Version: 1.0\r
      Content-Type: multipart/mixed; boundary=b\r
      Content-Transfer-Encoding: 8bit\r
      \r
      pr\u{E9}amble\r
      --b\r
      Content-Type: text/plain; charset=utf-8\r
      Content-Transfer-Encoding: 8bit\r
      X: y\r
      \r
      \u{E9}\r
      --b\r
      Content-Type: image/png\r
      Content-Transfer-Encoding: 8bit\r
      \r
      \u{FC}\r
      --b\r
      \r
      ascii = as it is\r
      --b--\r
      \u{E9}pilogue\r

      """
    #expect(
      converted(message) == """
        Received: x\r
        MIME-Version: 1.0\r
        Content-Type: multipart/mixed; boundary=b\r
        Content-Transfer-Encoding: 7bit\r
        \r
        pr??amble\r
        --b\r
        Content-Type: text/plain; charset=utf-8\r
        X: y\r
        Content-Transfer-Encoding: quoted-printable\r
        \r
        =C3=A9\r
        --b\r
        Content-Type: image/png\r
        Content-Transfer-Encoding: base64\r
        \r
        w7w=\r
        --b\r
        \r
        ascii = as it is\r
        --b--\r
        ??pilogue\r

        """)
  }

  /// A message inside is edited as the outer one is, and gets what it lacks.
  @Test func forwarded() {
    #expect(
      converted(
        "Content-Type: message/rfc822\r\n\r\nSubject: \u{E9}\r\n\r\n\u{E9}\r\n")
        == "Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?B?w6k=?=\r\nMIME-Version: 1.0\r\n"
        + "Content-Type: text/plain; charset=utf-8\r\n"
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n")
  }

  /// What is signed stays, and so does what is larger than what is read.
  @Test(arguments: [
    "DKIM-Signature: v=1\r\n\r\n\u{E9}\r\n", "ARC-Message-Signature: i=1\r\nX: \u{E9}\r\n\r\n\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
      + String(repeating: "--b\r\n\r\n\u{E9}\r\n", count: 1001) + "--b--\r\n",
  ])
  func notConverted(_ message: String) { #expect(converted(message) == nil) }

  @Test func partsThatStay() {
    for part in [
      "Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\n\u{E9}\r\n--c--\r\n",
      "Content-Type: message/rfc822\r\n\r\nDKIM-Signature: x\r\nX: \u{E9}\r\n\r\n\u{E9}\r\n",
      "Content-Transfer-Encoding: x-binhex\r\n\r\n\u{E9}\r\n",
      "Content-Type: multipart/mixed; boundary=never\r\n\r\n\u{E9}\r\n",
    ] {
      let message =
        "Subject: \u{E9}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\(part)\r\n--b--\r\n"
      #expect(
        converted(message)
          == message.replacing("Subject: \u{E9}", with: "Subject: =?utf-8?B?w6k=?="))
    }
  }

  @Test(arguments: [
    ("Subject: Pr\u{FC}fung l\u{E4}uft ab", "Subject: =?utf-8?Q?Pr=C3=BCfung_l=C3=A4uft?= ab"),
    ("X-Cron-Env: <LANG=\u{FC}>", "X-Cron-Env: =?utf-8?B?PExBTkc9w7w+?="),
    (
      "From: J\u{FC}rgen (D\u{E4}) <a@b>",
      "From: =?utf-8?Q?J=C3=BCrgen?= (=?utf-8?B?RMOk?=) <a@b>"
    ),
    ("To: \"M\u{FC}ller, J.\" <a@b>, c@d", "To: =?utf-8?Q?M=C3=BCller=2C_J=2E?= <a@b>, c@d"),
    ("To: a\u{FC}@b, \u{FC} <\u{FC}@b>", "To: a\u{FC}@b, =?utf-8?B?w7w=?= <\u{FC}@b>"),
    ("Subject: =?utf-8?Q?a?= \u{FC} b", "Subject: =?utf-8?Q?a?= =?utf-8?B?IMO8?= b"),
    ("Subject: \u{FC}bel =?utf-8?Q?a?=", "Subject: =?utf-8?Q?=C3=BCbel_?= =?utf-8?Q?a?="),
    (
      "Content-Disposition: attachment; filename=\"gr\u{FC}n.pdf\"; x=y",
      "Content-Disposition: attachment; filename*=utf-8''gr%C3%BCn.pdf; x=y"
    ),
    (
      "Content-Disposition: attachment; filename=\"a;\u{FC};b.pdf\"; x=y",
      "Content-Disposition: attachment; filename*=utf-8''a%3B%C3%BC%3Bb.pdf; x=y"
    ),
    (
      "Content-Disposition: attachment; filename=\"a\\\";\u{FC}\"; x=y",
      "Content-Disposition: attachment; filename*=utf-8''a%22%3B%C3%BC; x=y"
    ),
    (
      "Content-Disposition: attachment; filename*=utf-8''\u{FC}; x=y",
      "Content-Disposition: attachment; filename*=utf-8''\u{FC}; x=y"
    ),
    ("To: \"\u{FC} x\"@b, \"\u{FC}\" <a@b>", "To: \"\u{FC} x\"@b, =?utf-8?B?w7w=?= <a@b>"),
    ("To: a@b (x (D\u{E4}))", "To: a@b (x (=?utf-8?B?RMOk?=))"),
    ("To: a@b (\u{E4} ((", "To: a@b (=?utf-8?B?w6Q=?= (("),
    ("Message-ID: <\u{FC}@b>", "Message-ID: <\u{FC}@b>"),
    ("Received: from \u{FC} by x", "Received: from =?utf-8?B?w7w=?= by x"),
  ])
  func fields(_ field: String, _ expected: String) throws {
    #expect(try header(converted(field + "\r\nX: y\r\n\r\n")) == [expected, "X: y"])
    #expect(converted(field + "\r\n\r\n", keepsHeader: true) == field + "\r\n\r\n")
  }

  /// Nobody has said what Latin-1 means.
  @Test(arguments: [1, 1500]) func unknownCharset(_ count: Int) {
    let octets =
      Array("Subject: Pr".utf8) + Array(repeating: 0xFC, count: count)
      + Array("f\r\n\r\n".utf8)
    #expect(WireForm(isSevenBit: true).message(octets.span) == octets)
  }

  /// No encoded word has a part of a character in it.
  @Test func longWords() throws {
    for word in ["\u{FC}", "\u{65E5}", "a\u{1F600}", "aaaa\u{E9}"] {
      let field = try header(converted("Subject: \(long(100, word))\r\n\r\n"))[0]
      let words = field.split(separator: " ").dropFirst()
      #expect(words.count > 1)
      for encoded in words {
        let text = encoded.dropFirst(10).dropLast(2)
        var octets: [UInt8] = []
        if encoded.hasPrefix("=?utf-8?B?") {
          octets = [UInt8](try #require(Data(base64Encoded: String(text))))
        } else {
          octets = [UInt8](
            try #require(text.replacing("=", with: "%").removingPercentEncoding).utf8)
        }
        #expect(String(validating: octets, as: UTF8.self) != nil, "\(encoded)")
      }
    }
  }

  /// With SMTPUTF8 a header that is folded keeps its characters.
  @Test func longFieldWithCharacters() throws {
    let field = "Subject: " + long(400, "gr\u{FC}n ") + "x"
    let message = converted(field + "\r\n\r\n", isSevenBit: false, keepsHeader: true)
    #expect(try header(message) == [field])
    #expect(message?.contains("\r\n") == true)
  }

  /// White space stays, and no line has nothing else.
  @Test func longWhiteSpace() throws {
    let field = "Subject: " + long(100, "word" + long(30, " ")) + "x"
    let message = try #require(converted(field + "\r\n\r\n", isSevenBit: false))
    #expect(try header(message) == [field])
    for line in message.split(separator: "\r\n") { #expect(line.contains { $0 != " " }) }
  }

  /// What stands in quotes is not divided.
  @Test(arguments: 1...8) func longParameters(_ shift: Int) throws {
    let field = "Content-Type: text/\(long(shift));" + long(200, "a=\"b;c\";")
    let message = try #require(converted(field + "\r\n\r\nx\r\n", isSevenBit: false))
    #expect(message.contains("c\";\r\n") && !message.contains("b;\r\n"))
  }

  /// What a header of the largest size costs: nothing is looked for again and again, and nothing grows out of bounds.
  @Test func hostileHeaders() throws {
    let clock = ContinuousClock()
    let comments = "To: \u{E9} " + long(60_000, "(") + "\r\n\r\n"
    let time = clock.measure { _ = converted(comments) }
    #expect(time < .seconds(10))
    let parameter = "Content-Type: text/plain; " + long(8000, "n") + "=" + long(4000, "\u{E9}")
    let message = try #require(converted(parameter + "\r\n\r\n"))
    #expect(message.utf8.count < 4 * parameter.utf8.count)
  }

  /// A container says 8bit as long as something in it is.
  @Test func containerOfSigned() {
    let signed = "Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\n\u{E9}\r\n--c--\r\n"
    let message =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\(signed)\r\n--b--\r\n"
    #expect(converted(message) == message)
  }

  /// A part of a digest without a type is a message, and gets no other type.
  @Test func digest() throws {
    let text = try #require(
      converted(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\n\u{E9}\r\n--b--\r\n"
      ))
    #expect(text.contains("--b\r\n\r\nSubject: x\r\nMIME-Version: 1.0\r\n"), "\(text)")
  }

  /// What looks like a boundary in what nobody is shown.
  @Test func linesBetweenParts() {
    let message =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--\u{E9}\r\n\u{E9}\r\n--b\r\n\r\nx\r\n--b--\r\n"
    #expect(converted(message) == message.replacing("\r\n\u{E9}", with: "\r\n??"))
  }

  @Test func longLines() throws {
    for type in ["text/html", "text/plain; charset=utf-8", "application/json"] {
      for isSevenBit in [true, false] {
        let text = try #require(
          converted("Content-Type: \(type)\r\n\r\n\(long(3000))\r\nx\r\n", isSevenBit: isSevenBit))
        #expect(text.split(separator: "\r\n").allSatisfy { $0.utf8.count <= 76 })
        let isText = type.hasPrefix("text/")
        #expect(
          text.contains("Content-Transfer-Encoding: \(isText ? "quoted-printable" : "base64")\r\n"))
      }
    }
    // 998 octets are not too many.
    let fits = "X: y\r\n\r\n\(long(998))\r\n"
    #expect(converted(fits, isSevenBit: false) == fits)
    #expect(
      converted("X: y\r\n\r\n\(long(999))\r\n", isSevenBit: false) != "X: y\r\n\r\n\(long(999))\r\n"
    )
    // What was encoded is encoded anew.
    let encoded = "Content-Transfer-Encoding: base64\r\n\r\n\(long(2000, "QUJD"))\r\n"
    let text = try #require(converted(encoded))
    #expect(text.split(separator: "\r\n").allSatisfy { $0.utf8.count <= 76 })
    #expect(text.replacing("\r\n", with: "") == encoded.replacing("\r\n", with: ""))
    let quoted = "Content-Transfer-Encoding: quoted-printable\r\n\r\n\(long(500, "a=3D"))\r\n"
    let folded = try #require(converted(quoted))
    #expect(folded.split(separator: "\r\n").allSatisfy { $0.utf8.count <= 76 })
    #expect(folded.replacing("=\r\n", with: "") == quoted)
  }

  @Test(arguments: ["Subject", "X-Token", "To", "References", "List-Unsubscribe", "Content-Type"])
  func longFields(_ name: String) throws {
    let word =
      switch name {
      case "To": "someone@x.example,"
      case "References": "<0123456789@x.example>"
      case "List-Unsubscribe": "abcdefghijklmnopq"
      case "Content-Type": "a=\"b;c\";"
      default: "wording"
      }
    let start =
      name == "List-Unsubscribe"
      ? "<https://x.example/" : name == "Content-Type" ? "text/plain;" : ""
    for separator in [" ", ""] where !(separator == " " && name.hasPrefix("List")) {
      let value =
        start + Array(repeating: word, count: 200).joined(separator: separator)
        + (start.hasPrefix("<") ? ">" : "")
      let fields = try header(converted("\(name): \(value)\r\n\r\nx\r\n", isSevenBit: false))
      let folded = try #require(fields.first)
      if separator == " " {
        #expect(folded == "\(name): \(value)")
      } else if name == "Subject" || name.hasPrefix("X") {
        #expect(folded.hasPrefix("\(name): =?utf-8?Q?wording"))
      } else {
        #expect(folded.replacing(" ", with: "") == "\(name):\(value)".replacing(" ", with: ""))
      }
    }
  }

  /// BINARYMIME for a host without it: each octet as it was.
  @Test func exact() throws {
    let content: [UInt8] = [0x61, 10, 0x62, 13, 0x63, 0, 0xFF]
    let form = WireForm(isSevenBit: false, isExact: true)
    for type in ["text/plain", "application/octet-stream"] {
      let head = Array(
        "MIME-Version: 1.0\r\nContent-Type: \(type)\r\nContent-Transfer-Encoding: binary\r\n\r\n"
          .utf8)
      let whole = head + content
      let converted = form.message(whole.span)
      let text = String(decoding: try #require(converted), as: UTF8.self)
      #expect(
        text
          == "MIME-Version: 1.0\r\nContent-Type: \(type)\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpiDWMA/w=="
      )
    }
    // Without a line end at its end, which a message that is sent as lines would get.
    #expect(converted("X: y\r\n\r\nx", isExact: true)?.hasSuffix("base64\r\n\r\neA==") == true)
    #expect(converted("X: y\r\n\r\nx\r\n", isExact: true) == "X: y\r\n\r\nx\r\n")
    #expect(converted("X: y\r\n\r\n\0\r\n", isExact: true)?.hasSuffix("base64\r\n\r\nAA0K") == true)
    let parts =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b\r\n\r\na\nb\r\n--b\r\n\r\nc\r\n--b--\r\n"
    let text = try #require(converted(parts, isExact: true))
    #expect(
      text.contains("Content-Transfer-Encoding: 7bit\r\n")
        && text.contains("base64\r\n\r\nYQpi\r\n--b\r\n\r\nc\r\n"))
    // Where it cannot be exact it is refused.
    for message in [
      "X: a\rb\r\n\r\nx\r\n", "X: a\0\r\n\r\nx\r\n",
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\na\nb\r\n--b--\r\n",
      "Content-Transfer-Encoding: uuencode\r\n\r\na\nb\r\n", "DKIM-Signature: x\r\n\r\na\nb\r\n",
    ] {
      #expect(converted(message, isExact: true) == nil, "\(message)")
    }
  }
}
