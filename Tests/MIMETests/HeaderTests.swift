// Header fields: their text, addresses, dates, identifiers and parameters.

import MIME
import Testing

@Suite struct HeaderTests {
  @Test func fieldsInOrderWithDuplicates() {
    let octets = stored(
      """
      From someone Mon Nov 23
      Subject : one
       two
      X-Ä: x
      Subject: \u{20}
      \tthree
      the body
      Body: no field
      """)
    var reader = HeaderReader(octets.span, 0..<octets.count)
    var fields: [String] = []
    while let field = reader.next(octets.span) {
      fields.append(
        string(octets[field.name]) + "|" + string(field.unfolded(in: octets.span)))
    }
    #expect(fields == ["Subject|one two", "X-Ä|x", "Subject|three"])
  }

  @Test(arguments: [
    ("=?utf-8?Q?caf=C3=A9?=", "café"),
    ("=?iso-8859-1?q?caf=e9_=?=", "café ="),
    ("=?UTF-8?B?5pel5pys?= =?UTF-8?B?6Kqe?=", "日本語"),  // white space between words vanishes
    ("=?utf-8?B?5pel5pw=?=\r\n =?utf-8?B?rA==?=", "日本"),  // a character split between words
    ("=?utf-8?B?5p?= =?utf-8?B?el?=", "日"),  // a group split between words
    ("a =?utf-8?Q?b?= c", "a b c"),
    ("x=?utf-8?Q?y?=z", "xyz"),  // touching text
    ("=?utf-8*en?Q?a?=", "a"),  // RFC 2231 §5
    ("=?utf-8?Q?a b?=", "a b"),  // spaces inside
    ("=?NONE?B?VEVTVA==?=", "=?NONE?B?VEVTVA==?="),
    ("=?utf-8?B?!!?=", "=?utf-8?B?!!?="),
    ("=?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=", "=?utf-8?Q?a?="),  // once only
    ("=?utf-8?Q?a=0D=0AX:_y=00?=", "a  X: y"),  // no line end comes out
    ("=?utf-8?Q?=FF?=", "\u{FFFD}"),
    ("=?", "=?"), ("=?utf-8?Q?", "=?utf-8?Q?"), ("a?=", "a?="),
    ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
    ("folded\r\n\ttext", "folded text"), ("räw", "räw"),
  ])
  func encodedWords(_ value: String, _ expected: String) {
    #expect(text(value) == expected)
  }

  @Test func rawOctets() {
    #expect(text([0x63, 0x61, 0x66, 0xE9, 0x80]) == "café€", "windows-1252 if it is not UTF-8")
  }

  @Test(arguments: [
    ("a@b", ["<a@b>"]), ("<a@b>", ["<a@b>"]),
    ("Joe Q. Public <john.q.public@example.com>", ["Joe Q. Public <john.q.public@example.com>"]),
    (
      #""Giant; \"Big\" Box" <sysservices@example.net>"#,
      [#"Giant; "Big" Box <sysservices@example.net>"#]
    ),
    (
      "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
      [
        "A Group: Ed Jones <c@a.test>", "A Group: <joe@where.test>",
        "A Group: John <jdoe@one.test>",
      ]
    ),
    ("Undisclosed recipients:;", []),
    ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["Pete <pete@silly.test>"]),
    ("a@b (Full (nested) Name)", ["Full (nested) Name <a@b>"]),
    ("jdoe@test   . example", ["<jdoe@test.example>"]),
    ("<@x,@y:john@z>", ["<john@z>"]),
    ("=?utf-8?Q?Foo=2C_Bar?= <f@b>", ["Foo, Bar <f@b>"]),
    (#""=?utf-8?Q?B=C3=A4r?=" <f@b>"#, ["Bär <f@b>"]),
    (", a@b,, ;c@d,", ["<a@b>", "<c@d>"]),
    ("a@b c@d", ["a@b c@d <>"]),  // never two without a separator
    ("Name <>", ["Name <>"]), ("<a@b, c@d", ["<a@b>", "<c@d>"]),
    ("x@y.z (unclosed", ["x@y.z (unclosed <>"]),
    ("Foo ( <a@b.c>, Bar (x)", ["Foo ( <a@b.c>", "x <Bar>"]),
    ("a@b.c, (( x), d@e.f, g@h.i (y)", ["<a@b.c>", "x <(>", "<d@e.f>", "y <g@h.i>"]),
    (#""unclosed <a@b>"#, ["unclosed <a@b>"]),
    ("user@[IPv6:::1]", ["<user@[IPv6:::1]>"]), ("root", ["<root>"]),
    ("me@home <a@b>", ["me@home <a@b>"]), ("用户@例子.广告", ["<用户@例子.广告>"]),
    (#""john smith"@x"#, [#"<"john smith"@x>"#]),
  ])
  func addressLists(_ value: String, _ expected: [String]) {
    #expect(addresses(value) == expected)
  }

  @Test(
    arguments: [
      ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706, -360),
      ("21 Nov 97 09:55 GMT", 880_106_100, 0),
      ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600 (CST)", 880_127_706, -360),
      ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777, 0),
      ("Sun Nov  6 08:49:37 1994", 784_111_777, nil),
      ("6 Nov 1994 08:49:37 -0000", 784_111_777, nil),
      ("6 nov 094 08:49:37 EST", 784_129_777, -300),
      ("1 Jan 1970 00:00:00 +0530 (IST)", -19_800, 330), ("29 Feb 2000 23:59:60 Z", 951_868_800, 0),
      ("Mon, 21 Aug 95 13:30:57 -600", 809_033_457, -360),
      ("1 Jul 3609 14:40:30 K", 51_737_582_430, nil),
      ("2026-11-24T23:10:00+01:00", 1_795_558_200, 60),
    ] as [(String, Int64, Int?)])
  func dates(_ value: String, _ seconds: Int64, _ zone: Int?) {
    let date = field(Array("Date: \(value)".utf8)) { $0.date(in: $1) }
    #expect(date == DateTime(seconds: seconds, zone: zone))
  }

  @Test(arguments: [
    "", "yesterday", "30 Feb 2026 00:00:00 Z", "1 Jan 2026", "1 Jan 2026 25:00:00 Z",
  ])
  func noDates(_ value: String) {
    #expect(field(Array("Date: \(value)".utf8)) { $0.date(in: $1) } == .some(nil))
  }

  @Test func identifiers() {
    func identifiers(_ value: String) -> [String] {
      field(Array("References: \(value)".utf8)) { $0.messageIDs(in: $1).map { string($0) } } ?? []
    }
    #expect(identifiers("<a@b> text <c\r\n @d>") == ["a@b", "c@d"])
    #expect(identifiers("1234") == ["1234"])
    #expect(identifiers("a@b c") == ["a@b"])
    #expect(identifiers("Your message of Monday") == [])
    for value in [[0x3C, 0xE4, 0xFF, 0x40, 0x78, 0x3E], [0xE4, 0xFF, 0x40, 0x78]] as [[UInt8]] {
      let read = field(Array("Message-ID: ".utf8) + value) { $0.messageIDs(in: $1) }
      #expect(read == [Array("äÿ@x".utf8)], "valid UTF-8")
    }
    #expect(identifiers("<ä@b>") == ["ä@b"])
  }

  @Test(arguments: [
    (#"text/plain; name="a b.txt""#, "a b.txt"), ("text/plain; Name = a b.txt ; x=y", "a b.txt"),
    ("text/plain; name=a charset=b", "a"), ("x/y; name*=utf-8'en'%e2%82%ac%20x", "€ x"),
    ("x/y; name=old; name*=iso-8859-1''%E4", "ä"),
    ("x/y; name*1=b; name*0*=utf-8''%C3; name*2=c; name*4=e", "\u{FFFD}bc"),
    ("x/y; name*0*=utf-8''%C3; name*1*=%A4", "ä"),
    (#"x/y; name="=?utf-8?B?w6Q=?=.txt""#, "ä.txt"), (#"x/y; name="unclosed; a=b"#, "unclosed"),
    (#"x/y;; ;name="C:\dir\"q\"""#, #"C:\dir"q""#), ("x/y; name=first; name=second", "first"),
  ])
  func parameters(_ value: String, _ expected: String) {
    #expect(parameter("name", value) == expected)
  }
}
