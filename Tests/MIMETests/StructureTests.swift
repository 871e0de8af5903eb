// The tree of parts: what boundaries do when they are right, wrong, missing or alike.

import MIME
import Testing

@Suite struct StructureTests {
  @Test(
    arguments: [
      // name, message, outline
      ("text alone", "Subject: x\n\nhello\n", [#"0 text/plain "hello\r\n""#]),
      ("nothing", "", [#"0 text/plain """#]),
      ("no header at all", "just words\nmore\n", [#"0 text/plain "just words\r\nmore\r\n""#]),
      (
        "preamble and epilogue",
        "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\none\n--b \t\nContent-Type: text/html\n\ntwo\n\n--b--\nepilogue\n--b\n",
        ["0 multipart/mixed", #"1 text/plain "one""#, #"2 text/html "two\r\n""#]
      ),
      (
        "not closed, outer ends inner",
        "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\na\n--o\n\nb",
        [
          "0 multipart/mixed", "1.0 multipart/alternative", #"1.1 text/plain "a""#,
          #"2 text/plain "b""#,
        ]
      ),
      (
        "one boundary is the beginning of the other",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\na\n--bbb\n--bb--\n--b--\n",
        ["0 multipart/mixed", "1.0 multipart/mixed", #"1.1 text/plain "a\r\n--bbb""#]
      ),
      (
        "equal boundaries: the innermost",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b--\n\n--b\n\nc\n--b--\n",
        ["0 multipart/mixed", "1.0 multipart/mixed", #"1.1 text/plain "a""#, #"2 text/plain "c""#]
      ),
      (
        "a boundary that never comes is text",
        "Content-Type: multipart/mixed; boundary=b\n\nhello\n", [#"0 multipart/mixed "hello\r\n""#]
      ),
      (
        "no boundary given is text", "Content-Type: multipart/mixed\n\n--b\n",
        [#"0 multipart/mixed "--b\r\n""#]
      ),
      (
        "a header that a boundary ends",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n\na\n--b--\n",
        ["0 multipart/mixed", #"1 text/html """#, #"2 text/plain "a""#]
      ),
      (
        "a part without a header",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nwords\n--b--\n",
        ["0 multipart/mixed", #"1 text/plain "words""#]
      ),
      (
        "a message inside, and base64 of a multipart ignored",
        "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b\n\nlast\n--b--\n",
        [
          "0 multipart/mixed", "1 message/rfc822", "1.0 multipart/mixed", #"1.1 text/plain "x""#,
          #"2 text/plain "last""#,
        ]
      ),
      (
        "digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--\n",
        ["0 multipart/digest", "1 message/rfc822", #"1.1 text/plain "y""#]
      ),
      (
        "a delimiter at the very end begins no part",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b",
        ["0 multipart/mixed", #"1 text/plain "a""#]
      ),
      (
        "white space at the end of a boundary does not count",
        "Content-Type: multipart/mixed; boundary=\"b  \"\n\n--b\n\na\n--b \n\nc\n--b   --\n",
        ["0 multipart/mixed", #"1 text/plain "a""#, #"2 text/plain "c""#]
      ),
      (
        "a boundary that looks like an encoded word",
        "Content-Type: multipart/mixed; boundary=\"=?utf-8?Q?b?=\"\n\n--=?utf-8?Q?b?=\n\nx\n--=?utf-8?Q?b?=--\n",
        ["0 multipart/mixed", #"1 text/plain "x""#]
      ),
      (
        "a boundary with a tab",
        "Content-Type: multipart/mixed; boundary=\"a\tb\"\n\n--a\tb\n\nx\n--a\tb--\n",
        ["0 multipart/mixed", #"1 text/plain "x""#]
      ),
      (
        "comments",
        "Content-Type: (c) multipart (d) / mixed; boundary=b (comment)\n\n--b\nContent-Type: (c(c)) text/html; charset=koi8-r (c)\nContent-Transfer-Encoding: (c) base64\n\n8A==\n--b--\n",
        ["0 multipart/mixed", #"1 text/html "П""#]
      ),
      (
        "the first of two encodings",
        "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n8A==",
        [#"0 text/plain "8A==""#]
      ),
    ] as [(String, String, [String])])
  func outlines(_ name: String, _ message: String, _ expected: [String]) {
    #expect(outline(stored(message)) == expected, "\(name)")
    #expect(
      outline(Array(message.utf8)) == expected.map { $0.replacing(#"\r\n"#, with: #"\n"#) },
      "\(name), with LF alone")
  }

  @Test func bareLineFeedsAreContentAmongLineEnds() {
    let octets = Array(
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\n--b\nc\r\n--b--\r\n".utf8)
    #expect(outline(octets) == ["0 multipart/mixed", #"1 text/plain "a\n--b\nc""#])
  }

  @Test func whatPeopleSee() {
    let octets = stored(
      """
      From: =?utf-8?Q?J=C3=BCrgen?= <j@x.example>
      To: a@x.example
      To: b@x.example
      Subject: one
      Subject: two
      Date: Fri, 21 Nov 1997 09:55:06 -0600
      Message-ID: <1@x>
      In-Reply-To: <0@x>
      Content-Type: multipart/mixed; boundary=m

      --m
      Content-Type: multipart/related; boundary=r

      --r
      Content-Type: multipart/alternative; boundary=a

      --a
      Content-Type: text/plain; charset=koi8-r
      Content-Transfer-Encoding: quoted-printable

      =F0=D2=C9=D7=C5=D4=20
      --a
      Content-Type: text/html

      <p>Hello <b>there</b></p>
      --a--
      --r
      Content-Type: image/png; name=dot.png
      Content-ID: <dot>
      Content-Transfer-Encoding: base64

      AAEC
      --r--
      --m
      Content-Disposition: attachment; filename*=utf-8''%C3%A4.txt

      attached
      --m
      Content-Type: message/rfc822

      Subject: inner
      Content-Type: application/octet-stream

      x
      --m--
      """)
    let span = octets.span
    let message = Message(span)
    let parts = message.structure.parts
    #expect(string(message.subject) == "one")
    #expect(message.to.addresses.map { string($0.address) } == ["a@x.example", "b@x.example"])
    #expect(message.from.addresses.map { string($0.name) } == ["Jürgen"])
    #expect(message.date?.zone == -360)
    #expect(message.inReplyTo.map { string($0) } == ["0@x"])
    #expect(string(message.text(in: span).utf8) == "Привет ")
    #expect(string(message.snippet(in: span, length: 3)) == "При")
    let html = message.html(in: span)?.utf8 ?? []
    #expect(string(html) == "<p>Hello <b>there</b></p>")
    // The image that the HTML does not show, and the message that is forwarded, whose own attachment is its own.
    #expect(
      message.attachments.map { string(parts[$0].suggestedFileName(in: span)) }
        == ["dot.png", "ä.txt", "message.eml"])
    #expect(
      message.attachments.map { string(message.structure.number(of: $0)) } == ["1.2", "2", "3"])
    #expect(message.inlineParts.isEmpty)
    #expect(parts[message.attachments[0]].contentSize(in: span) == 3)
  }

  @Test func textOfHTMLAlone() {
    let octets = stored(
      """
      Content-Type: text/html; charset=utf-8

      <html><head><title>no</title><style>p{}</style></head><body><!-- no --><p>Caf&eacute; &amp; more&nbsp;words</p>
      <ul><li>one<li>two</ul>a<br>b &#x1F600; &unknown; <a href="x>y">link</a> 1 < 2</body></html>
      """)
    #expect(
      string(Message(octets.span).text(in: octets.span).utf8)
        == "Café & more words\n\n* one\n* two\na\nb 😀 &unknown; link 1 < 2")
  }

  /// A line that closes a multipart, and no part: all of it is text.
  @Test func closedWithoutAPart() {
    let octets = stored("Content-Type: multipart/mixed; boundary=b\n\nx\n--b--\n")
    let message = Message(octets.span)
    #expect(message.textParts == [0])
    #expect(string(message.text(in: octets.span).utf8) == "x\r\n--b--\r\n")
  }

  /// A boundary is no field, so it ends the header, and begins a part.
  @Test func headerThatABoundaryEnds() {
    let octets = stored("Content-Type: multipart/mixed; boundary=b\n--b\n\nx\n--b--\n")
    #expect(outline(octets) == ["0 multipart/mixed", #"1 text/plain "x""#])
  }

  @Test func boundaryThatIsNotUTF8() {
    let name: [UInt8] = [0x61, 0xE4]
    var octets = Array("Content-Type: multipart/mixed; boundary=\"".utf8) + name
    octets += Array("\"\r\n\r\n--".utf8) + name + Array("\r\n\r\nx\r\n--".utf8) + name
    octets += Array("--\r\n".utf8)
    #expect(outline(octets) == ["0 multipart/mixed", #"1 text/plain "x""#])
  }

  @Test(arguments: [
    ("<head><title>x</title><body><header>A</header>B", "A\nB"),
    ("<head><style>x</styles></style></head>C</header>D", "CD"),
    ("&rarr;&auml;&#128;&#x99;&#xe4;", "→ä€™ä"),
  ])
  func elementsOfHTML(_ html: String, _ expected: String) {
    let text = string(plainText(ofHTML: Array(html.utf8).span))
    #expect(text.replacing("\n", with: "") == expected.replacing("\n", with: ""))
  }

  @Test func textWithoutLimit() {
    let octets = stored("\nx")
    #expect(string(Structure(octets.span).parts[0].text(in: octets.span, limit: .max).utf8) == "x")
  }

  @Test func textOfHTMLIsCutBetweenCharacters() {
    #expect(plainText(ofHTML: Array("<p>ä€𝄞</p>".utf8).span, limit: 3) == Array("ä€".utf8))
    let octets =
      Array("Content-Type: text/html; charset=iso-8859-1\r\n\r\n".utf8)
      + [UInt8](repeating: 0xE4, count: 1000)
    let message = Message(octets.span)
    for limit in [999, 1000] {
      let text = message.text(in: octets.span, limit: limit)
      #expect(text.isCut && text.utf8 == Array(String(repeating: "ä", count: 500).utf8))
    }
    #expect(!message.text(in: octets.span, limit: 2000).isCut)
  }

  @Test func flowed() {
    let lines = Array(
      "one \r\ntwo\r\n>> deep \r\n>> er\r\n> up \r\n\r\n -- \r\n-- \r\nme \r\n".utf8)
    #expect(string(unflowed(lines.span)) == "one two\n>> deep er\n> up \n\n-- \n-- \nme \n")
    #expect(string(unflowed(Array("a \nb".utf8).span, deletesSpace: true)) == "ab\n")
  }
}
