import Testing

@testable import Milter

/// A chain with milters that say what a script has them say: for each its answers to the events it is told of, in order.
private struct Play {
  var chain: MilterChain
  var scripts: [[[UInt8]]]
  /// What each was told: the letters of the frames.
  var told: [String]
  var edits: [Edit] = []

  init(_ scripts: [[[UInt8]]], fallbacks: [MilterChain.Fallback]? = nil) throws {
    chain = MilterChain(fallbacks ?? scripts.map { _ in .temporaryFailure })
    self.scripts = scripts
    told = scripts.map { _ in "" }
    chain.begin()
    _ = verdict()
  }

  mutating func send(_ event: Event, only index: Int? = nil) -> Verdict {
    chain.send(event, only: index)
    return verdict()
  }

  mutating func verdict() -> Verdict {
    while true {
      do {
        switch try chain.next() {
        case .edit(let edit): edits.append(edit)
        case .verdict(let verdict): return verdict
        case .exchange(let index):
          for frame in try frames(chain.takeOutput(of: index)) { told[index] += frame.prefix(1) }
          if scripts[index].isEmpty {
            chain.lose(index)
          } else {
            let answer = scripts[index].removeFirst()
            chain.receive(answer.span, from: index)
          }
        }
      } catch {}
    }
  }
}

/// Tells them of an event, and compares the verdict.
private func expect(
  _ play: inout Play, _ event: Event, only index: Int? = nil, _ verdict: Verdict,
  _ why: Comment? = nil,
  at location: SourceLocation = #_sourceLocation
) {
  let found = play.send(event, only: index)
  #expect(found == verdict, why, sourceLocation: location)
}

private func apply(_ edit: Edit, to header: inout EditedHeader) -> Bool { header.apply(edit) }

@Suite struct MilterChainTests {
  private static let client = Event.connect(.init(name: bytes("x"), address: .unknown))
  private static let mail = Event.mail(bytes("<a@b>"), parameters: [])
  private static func to(_ name: String) -> Event {
    .recipient(bytes("<\(name)@b>"), parameters: [])
  }
  private static let proceed = frame("c")

  @Test func eachAfterTheOther() throws {
    let answers = [answer()] + Array(repeating: Self.proceed, count: 9)
    var play = try Play([answers, answers])
    for event in [Self.client, .hello([65]), Self.mail, Self.to("c"), .data] {
      expect(&play, event, .proceed)
    }
    for index in 0..<2 { #expect(play.send(.end, only: index) == .proceed) }
    #expect(play.told == ["OCHMRTE", "OCHMRTE"])
  }

  @Test func whatOneRefusesTheOthersDoNotSee() throws {
    var play = try Play([
      [answer(), Self.proceed, frame("y550 5.1.1 no|"), Self.proceed],
      [answer(), Self.proceed, frame("t")],
    ])
    expect(&play, Self.mail, .proceed)
    guard case .reply(let reply) = play.send(Self.to("c")) else {
      Issue.record("no reply")
      return
    }
    #expect(reply.lines == [bytes("550 5.1.1 no")])
    expect(&play, Self.to("d"), .temporaryFailure, "the second one")
    #expect(play.told == ["OMRR", "OMR"])
  }

  @Test func acceptedByOneIsNotAcceptedByAll() throws {
    var play = try Play([[answer(), frame("a")], [answer(), Self.proceed, frame("r")]])
    expect(&play, Self.mail, .proceed)
    expect(&play, Self.to("c"), .reject)
    #expect(play.told == ["OM", "OMR"])
  }

  @Test func whatIsDiscardedNobodySees() throws {
    var play = try Play([
      [answer(), Self.proceed, frame("d"), Self.proceed], [answer(), Self.proceed, Self.proceed],
    ])
    expect(&play, Self.mail, .proceed)
    expect(&play, Self.to("c"), .discard)
    expect(&play, Self.to("d"), .discard)
    expect(&play, .end, only: 1, .discard)
    expect(&play, Self.mail, .proceed, "another message")
    #expect(play.told == ["OMRM", "OMM"])
  }

  /// A session that is refused stays refused, whatever is said to a later event.
  @Test func refusedSession() throws {
    var play = try Play([[answer(), frame("r"), Self.proceed]])
    expect(&play, Self.client, .reject)
    expect(&play, Self.mail, .reject)
  }

  @Test(arguments: [MilterChain.Fallback.accept, .temporaryFailure])
  func oneThatIsLost(_ fallback: MilterChain.Fallback) throws {
    let verdict: Verdict = fallback == .accept ? .proceed : .temporaryFailure
    // Before the offer is answered, in the middle of a message, and by what it says.
    for script in [
      [], [answer()], [answer(), Self.proceed], [answer(), frame("?")], [frame("?")],
    ] as [[[UInt8]]] {
      var play = try Play(
        [script, [answer()] + Array(repeating: Self.proceed, count: 9)],
        fallbacks: [fallback, .accept])
      expect(&play, Self.client, .proceed, "a client that only looks is not refused")
      expect(&play, Self.mail, verdict)
      expect(&play, Self.to("c"), verdict)
      expect(&play, .end, only: 0, verdict)
    }
  }

  @Test func editsAreOneMiltersAfterTheOther() throws {
    var play = try Play([
      [answer(), frame("hA|b|") + frame("c")], [answer(), frame("p"), frame("bx") + frame("a")],
    ])
    expect(&play, .end, only: 0, .proceed)
    #expect(play.edits.count == 1)
    expect(&play, .end, only: 1, .proceed)
    #expect(play.edits.last == .body(bytes("x")))
  }

  @Test func theEndOfAMessageWithoutAVerdict() throws {
    var play = try Play([[answer(), Self.proceed]])
    _ = play.send(Self.mail)
    play.chain.abort()
    play.chain.quit()
    #expect(try frames(play.chain.takeOutput(of: 0)) == ["A", "Q"])
  }
}

@Suite struct EditedHeaderTests {
  private static let octets = bytes("From: a\r\nX-A: 1\r\nSubject:no\r\n  fold\r\nx-a : 2\r\n")

  private func header(_ edits: [Edit]) -> String {
    var header = EditedHeader(Self.octets)
    for edit in edits {
      let isDone = header.apply(edit)
      #expect(isDone)
    }
    return String(decoding: header.octets.above, as: UTF8.self) + "|"
      + String(decoding: header.octets.below, as: UTF8.self)
  }

  private static func field(_ name: String, _ value: String) -> Field {
    Field(name: bytes(name), given: bytes(value)[...], keepsSpace: false)!
  }

  @Test func whatAMilterSees() {
    let header = EditedHeader(Self.octets + bytes("no field\r\n"))
    #expect(
      header.fields.map { String(decoding: $0.name, as: UTF8.self) } == [
        "From", "X-A", "Subject", "x-a",
      ])
    #expect(header.fields[2].value == bytes("no\n  fold"))
    #expect(header.size == Self.octets.count)
    #expect(header.octets.below == Self.octets)
    #expect(!header.isEdited)
  }

  /// Indices count the session's own Received, as Postfix and sendmail do: 0 is above it, 1 directly below.
  @Test(
    arguments: [
      (Edit.insertField(0, field("N", "v")), "N: v\r\n|From: a\r\n"),
      (.insertField(1, field("N", "v")), "|N: v\r\nFrom: a\r\n"),
      (.insertField(2, field("N", "v")), "|From: a\r\nN: v\r\n"),
      (.changeField(1, field("X-A", "9")), "|From: a\r\nX-A: 9\r\n"),
      (.changeField(0, field("x-a", "9")), "|From: a\r\nx-a: 9\r\n"),
      (.changeField(1, Field(name: bytes("From"), value: [])), "|X-A: 1\r\n"),
    ] as [(Edit, String)])
  func edits(_ edit: Edit, _ beginning: String) {
    #expect(header([edit]).hasPrefix(beginning))
  }

  @Test(
    arguments: [
      (Edit.addField(field("N", "v")), "fold\r\nx-a : 2\r\nN: v\r\n"),
      (.insertField(99, field("N", "v")), "x-a : 2\r\nN: v\r\n"),
      (.changeField(2, field("X-A", "9")), "fold\r\nX-A: 9\r\n"),
      (.changeField(3, field("X-A", "9")), "x-a : 2\r\nX-A: 9\r\n"),
      (.changeField(3, Field(name: bytes("X-A"), value: [])), "fold\r\nx-a : 2\r\n"),
      (.addField(field("N", "a\n b\r\n\tc\nd\n\n")), "N: a\r\n b\r\n\tc\r\n\td\r\n"),
      (.addField(field("N", "a\n\nTo: x")), "N: a\r\n\t\r\n\tTo: x\r\n"),
    ] as [(Edit, String)])
  func editsAtTheEnd(_ edit: Edit, _ end: String) {
    #expect(header([edit]).hasSuffix(end))
  }

  @Test func theyAreBounded() {
    var header = EditedHeader([])
    let large = Self.field("A", String(repeating: "x", count: 60_000))
    for _ in 0..<4 { #expect(apply(.addField(large), to: &header)) }
    #expect(!apply(.addField(large), to: &header))
    var often = EditedHeader(Self.octets)
    for _ in 0..<1000 { #expect(apply(.changeField(1, Self.field("X-A", "1")), to: &often)) }
    #expect(!apply(.changeField(1, Self.field("X-A", "1")), to: &often))
    #expect(
      Field(name: bytes("A"), given: Array(repeating: 65, count: 65_536)[...], keepsSpace: false)
        == nil)
  }
}
