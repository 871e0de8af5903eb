import Testing

@testable import Milter

@Suite struct MilterSessionTests {
  private static let client = Event.connect(
    .init(name: bytes("host.example"), address: .ipv4(bytes("192.0.2.1"), port: 0x1267)))
  private static let mail = Event.mail(bytes("<a@example.org>"), parameters: [bytes("SIZE=10")])
  private static let recipient = Event.recipient(bytes("<b@example.org>"), parameters: [])

  @Test func everythingIsOffered() throws {
    var session = MilterSession()
    var output: [UInt8] = []
    session.begin(into: &output)
    #expect(try frames(output) == ["O|||#06||#01#FF|#1F#FF#FF"])
    #expect(try session.next() == .needInput)
  }

  @Test(
    arguments: [
      (client, "Chost.example|4#12g192.0.2.1|"),
      (
        .connect(.init(name: bytes("[::1]"), address: .ipv6(bytes("::1"), port: 25))),
        "C[::1]|6|#19::1|"
      ),
      (.connect(.init(name: bytes("localhost"), address: .unknown)), "Clocalhost|U"),
      (.hello(bytes("me")), "Hme|"), (mail, "M<a@example.org>|SIZE=10|"),
      (.mail(bytes("<>"), parameters: []), "M<>|"), (recipient, "R<b@example.org>|"), (.data, "T"),
      (.field(Field(name: bytes("Subject"), value: bytes(" x\n\ty"))), "LSubject|x#0A#09y|"),
      (.field(Field(name: bytes("A"), value: bytes("\tx"))), "LA|#09x|"),
      (.field(Field(name: bytes("A"), value: [0, 65])), "LA|A|"),
      (.field(Field(name: bytes("A"), value: [])), "LA||"), (.endOfHeader, "N"),
      (.body(bytes("a\r\n.b")), "Ba#0D#0A.b"), (.end, "E"), (.unknown(bytes("FOO x")), "UFOO x|"),
    ] as [(Event, String)])
  func eventsAreFrames(_ event: Event, _ text: String) throws {
    var session = try MilterSession.begun(answer())
    #expect(try session.tell(event) == [text])
    #expect(try session.next() == .needInput)
  }

  @Test func spaceBehindTheColonStaysWhereItIsAskedFor() throws {
    var session = try MilterSession.begun(answer(0x1FF, 0x10_0000))
    #expect(try session.tell(.field(Field(name: bytes("A"), value: bytes(" x")))) == ["LA| x|"])
  }

  /// Each bit of the answer concerns one event, and no other.
  @Test(
    arguments: [
      (0x1, 0x1000, client), (0x2, 0x2000, .hello([65])), (0x4, 0x4000, mail),
      (0x8, 0x8000, recipient), (0x10, 0x8_0000, .body([65])),
      (0x20, 0x80, .field(Field(name: [65], value: []))), (0x40, 0x4_0000, .endOfHeader),
      (0x100, 0x2_0000, .unknown([65])), (0x200, 0x1_0000, .data),
    ] as [(UInt32, UInt32, Event)])
  func masks(_ unwanted: UInt32, _ unanswered: UInt32, _ event: Event) throws {
    var without = try MilterSession.begun(answer(0, unwanted))
    #expect(!without.wants(event))
    #expect(try without.tell(event) == [])
    #expect(try without.next() == .verdict(.proceed))
    var silent = try MilterSession.begun(answer(0, unanswered))
    #expect(try silent.tell(event).count == 1)
    #expect(try silent.next() == .verdict(.proceed))
    for bit in 0..<21 {
      let bits = UInt32(1) << UInt32(bit)
      if bits == unwanted { continue }
      let others = try MilterSession.begun(answer(0, bits))
      #expect(others.wants(event), "\(bits)")
    }
  }

  @Test(arguments: [
    ("c", Verdict.proceed), ("a", .accept), ("r", .reject), ("t", .temporaryFailure),
    ("d", .discard), ("4", .shutDown), ("s", .proceed),
  ])
  func verdicts(_ letter: String, _ verdict: Verdict) throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(Self.mail)
    session.receive(frame(letter))
    #expect(try session.next() == .verdict(verdict))
    // Progress is no verdict.
    _ = try session.tell(Self.recipient)
    guard verdict != .accept else { return }
    session.receive(frame("p") + frame(letter))
    #expect(try session.next() == .progress)
    #expect(try session.next() == .verdict(verdict))
  }

  @Test func whatIsAcceptedIsNotShown() throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(Self.mail)
    session.receive(frame("a"))
    _ = try session.next()
    #expect(try session.tell(Self.recipient) == [])
    #expect(try session.tell(.end) == [])
    #expect(try session.tell(Self.mail).count == 1, "another message")
    session.receive(frame("c"))
    _ = try session.next()
    var whole = try MilterSession.begun(answer())
    _ = try whole.tell(Self.client)
    whole.receive(frame("a"))
    _ = try whole.next()
    #expect(try whole.tell(Self.mail) == [])
    var output: [UInt8] = []
    whole.abort(into: &output)
    #expect(output == [])
  }

  @Test func whatIsSkippedComesWithTheNextMessage() throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(.body([65]))
    session.receive(frame("s"))
    _ = try session.next()
    #expect(try session.tell(.body([65])) == [])
    #expect(try session.tell(.end) == ["E"])
    session.receive(frame("c"))
    _ = try session.next()
    #expect(try session.tell(.body([65])) == ["BA"])
  }

  @Test(arguments: [
    ("hX-A|b|", Edit.addField(Field(name: bytes("X-A"), value: bytes(" b")))),
    ("i|||#02X-A|b#0A c|", .insertField(2, Field(name: bytes("X-A"), value: bytes(" b\n c")))),
    ("m|||#01X-A||", .changeField(1, Field(name: bytes("X-A"), value: []))),
    ("bab", .body(bytes("ab"))), ("b", .body([])),
    ("+<x@y>|", .addRecipient(bytes("x@y"), parameters: [])),
    ("+x@y|", .addRecipient(bytes("x@y"), parameters: [])),
    ("2<x@y>|NOTIFY=NEVER|", .addRecipient(bytes("x@y"), parameters: bytes("NOTIFY=NEVER"))),
    ("-<x@y>|", .removeRecipient(bytes("x@y"))), ("e<>|", .reversePath([], parameters: [])),
    ("eq@y|SIZE=1|", .reversePath(bytes("q@y"), parameters: bytes("SIZE=1"))),
    ("qspam|", .quarantine(bytes("spam"))),
  ])
  func edits(_ text: String, _ edit: Edit) throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(.end)
    session.receive(frame(text) + frame("a"))
    #expect(try session.next() == .edit(edit))
    #expect(try session.next() == .verdict(.accept))
    // Nowhere else.
    for event in [Self.client, Self.mail, Self.recipient, .data, .endOfHeader, .body([65])] {
      var other = try MilterSession.begun(answer())
      _ = try other.tell(event)
      other.receive(frame(text))
      #expect(throws: MilterError.unexpected(UInt8(ascii: Unicode.Scalar(String(text.prefix(1)))!)))
      {
        try other.next()
      }
    }
    // And only by whoever said so in the answer.
    var silent = try MilterSession.begun(answer(0x1FF & ~edit.action.rawValue))
    _ = try silent.tell(.end)
    silent.receive(frame(text))
    #expect(throws: MilterError.actions(edit.action.rawValue)) { try silent.next() }
  }

  @Test(arguments: [
    "hX-A|b", "hX-A|", "hX A|b|", "h|b|", "hX:A|b|", "i|||X|b|", "m||#01X|b|", "+a|b|c|", "+", "-",
    "q", "c1",
    "a|", "y250 x|", "y99 x|", "y", "y4512 x|", "y551 a#0D#0A552 b|", "y551 a#07|",
    "y551 a#0D#0A#0D#0A551 b|", "d1", "?", "f",
  ])
  func whatIsMalformedEndsIt(_ text: String) throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(.end)
    session.receive(frame(text))
    #expect(throws: MilterError.self) { try session.next() }
  }

  @Test(arguments: [
    answer(0x3FF), answer(version: 1), answer(version: 7), frame("O|||#06"), frame("c"),
    [0, 0, 0, 0], [255, 255, 255, 255], bytes("UNKN"), answer(0, 0, [0, 0, 0, 9, 65, 0]),
    answer(0, 0, [0, 0, 0, 0, 65]), answer(0, 0, [0, 0]),
  ])
  func answersThatAreNone(_ answer: [UInt8]) {
    #expect(throws: MilterError.self) { try MilterSession.begun(answer) }
  }

  @Test func olderVersionsHearLess() throws {
    let two = try MilterSession.begun(answer(0x3F, 0, version: 2))
    #expect(!two.wants(.data) && !two.wants(.unknown([65])) && two.wants(.end))
    let three = try MilterSession.begun(answer(0x3F, 0, version: 3))
    #expect(!three.wants(.data) && three.wants(.unknown([65])))
    #expect(try MilterSession.begun(answer(0x3F, 0, version: 4)).wants(.data))
  }

  @Test func macros() throws {
    var macros = Macros()
    macros.set("i", bytes("42"))
    macros.set("auth_type", bytes("PLAIN"))
    macros.set("auth_authen", [])
    macros.set("rcpt_addr", bytes("b"))
    macros.set("mail_addr", nil)
    var session = try MilterSession.begun(answer(0, 0xF_F080))
    #expect(
      try session.tell(Self.mail, macros) == [
        "DMi|42|{auth_type}|PLAIN|", "M<a@example.org>|SIZE=10|",
      ])
    #expect(try session.tell(.data, Macros()) == ["T"])
    #expect(try session.tell(.body([65]), macros) == ["BA"])
    let wishes = bytes("\0\0\0\u{2}{rcpt_addr}, i\0\0\0\0\u{5}\0")
    var chosen = try MilterSession.begun(answer(0x100, 0xF_F080, wishes))
    #expect(
      try chosen.tell(Self.mail, macros) == ["DMi|42|{rcpt_addr}|b|", "M<a@example.org>|SIZE=10|"])
    #expect(try chosen.tell(.end, macros) == ["E"])
  }

  @Test(arguments: [
    ("y551 5.7.9 no|", ["551 5.7.9 no"]), ("y451 later|", ["451 4.7.1 later"]),
    ("y550|", ["550 5.7.1 "]),
    ("y451 4.7.1 a%%b#0D#0A451 4.7.1 c|", ["451-4.7.1 a%b", "451 4.7.1 c"]),
    ("y451-4.7.1 a#0D#0A451 c#0D#0A|", ["451-4.7.1 a", "451 4.7.1 c"]),
    ("y550 5.7.1 100%|", ["550 5.7.1 100%"]),
    ("y550 4.7.1 x|", ["550 5.7.1 4.7.1 x"]), ("y550 5.7.1 \u{e4}|", ["550 5.7.1 ??"]),
    ("y421 4.3.2 bye|", ["421 4.3.2 bye"]),
  ])
  func replies(_ text: String, _ lines: [String]) throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(Self.mail)
    session.receive(frame(text))
    guard case .verdict(.reply(let reply)) = try session.next() else {
      Issue.record("no reply")
      return
    }
    #expect(reply.lines.map { String(decoding: $0, as: UTF8.self) } == lines)
    #expect(reply.endsSession == text.hasPrefix("y421"))
  }

  @Test func framesCutEverywhere() throws {
    let script =
      frame("p") + frame("hA|b|") + frame("b" + String(repeating: "x", count: 300))
      + frame("y550 x|")
    var whole: [MilterSession.Step] = []
    for size in 1...script.count {
      var session = try MilterSession.begun(answer())
      _ = try session.tell(.end)
      var steps: [MilterSession.Step] = []
      var position = 0
      loop: while true {
        switch try session.next() {
        case .needInput:
          let end = min(script.count, position + size)
          session.receive(Array(script[position..<end]))
          position = end
        case .verdict(let verdict):
          steps.append(.verdict(verdict))
          break loop
        case let step: steps.append(step)
        }
      }
      if whole.isEmpty { whole = steps }
      #expect(steps == whole)
    }
    #expect(whole.count == 4)
  }

  /// It is not waited for.
  @Test func frameThatIsTooLarge() throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(.end)
    let size = Frame.limit + 1
    var octets: [UInt8] = []
    octets.append(number: UInt32(size))
    session.receive(octets)
    #expect(throws: MilterError.frameSize(size)) { try session.next() }
  }

  @Test(arguments: [Self.client, .hello(bytes("x"))])
  func noSessionIsDiscarded(_ event: Event) throws {
    var session = try MilterSession.begun(answer())
    _ = try session.tell(event)
    session.receive(frame("d"))
    #expect(throws: MilterError.unexpected(UInt8(ascii: "d"))) { try session.next() }
  }

  @Test func whatNobodyAskedFor() throws {
    var session = try MilterSession.begun(answer(0, 0x80) + frame("c"))
    #expect(throws: MilterError.unexpected(UInt8(ascii: "c"))) { try session.tell(Self.mail) }
  }
}
