// Members as people and spreadsheets write them, and what is remembered of those whose mail comes back.

import Foundation
import MIME
import SMTP
import Testing

@testable import Lists

/// What the lines of a file are, `ann@x.example=Ann`, `-` for a comment, `!` for a bad one; read whole and octet by octet.
private func read(_ text: String) -> [String] {
  let octets = Array(text.utf8)
  func describe(_ line: MemberLine) -> String {
    switch line {
    case .member(let member):
      String(decoding: member.mailbox.octets, as: UTF8.self)
        + (member.name.isEmpty ? "" : "=" + String(decoding: member.name, as: UTF8.self))
    case .other: "-"
    case .bad: "!"
    }
  }
  func read(step: Int) -> [String] {
    var reader = MemberReader()
    var lines: [String] = []
    for start in stride(from: 0, to: octets.count, by: step) {
      let piece = Array(octets[start..<min(start + step, octets.count)])
      var position = 0
      while let line = reader.next(piece.span, &position) { lines.append(describe(line)) }
      #expect(position == piece.count)
    }
    if let line = reader.finish() { lines.append(describe(line)) }
    return lines
  }
  let whole = read(step: max(octets.count, 1))
  #expect(read(step: 1) == whole)
  return whole
}

@Suite struct MemberReaderTests {
  @Test(arguments: [
    ("ann@x.example\nbob@x.example", ["ann@x.example", "bob@x.example"]),
    ("\u{FEFF}email,name\r\nann@x.example,Ann\r\n", ["-", "ann@x.example=Ann"]),
    ("E-Mail;Name\n\"ann@x.example\";\"Ann, \"\"A.\"\"\"\n", ["-", "ann@x.example=Ann, \"A.\""]),
    ("# all\n\n  \nann@x.example\tAnn\n", ["-", "-", "-", "ann@x.example=Ann"]),
    ("  ann@x.example  ,  Ann  ,more\n", ["ann@x.example=Ann"]),
    ("ann@x.example,Ann\nname,email\n", ["ann@x.example=Ann", "!"]),
    ("email\nname\n", ["-", "!"]),
    ("name,email\nann,ann@x.example\n", ["-", "!"].map { $0 }),
    ("jürgen@bücher.example\n", ["jürgen@bücher.example"]),
    ("", []),
  ])
  func lines(_ text: String, _ expected: [String]) { #expect(read(text) == expected) }

  /// G6.99: nothing of such a line becomes an address.
  @Test(arguments: [
    "a@b\rRCPT TO:<x@y.example>", "a@b.example\0", "\"a@b.example\nRCPT TO:<x@y.example>\"",
    "a@b.example>",
    "<a@b.example>", "a b@c.example", "a@b.example x", "\"a@b.example", "\"a@b.example\"x",
    String(repeating: "@", count: 900), String(repeating: "a", count: 900) + "@b.example",
    "a@b.example\u{85}",
  ])
  func hostile(_ line: String) {
    let lines = read("ok@x.example\n\(line)\nlast@x.example\n")
    #expect(lines.first == "ok@x.example" && lines.last == "last@x.example")
    #expect(lines.dropFirst().dropLast().allSatisfy { $0 == "!" })
  }

  /// A line of 10 MB is one bad line, and little of it is kept.
  @Test func endlessLine() {
    var reader = MemberReader()
    let piece = [UInt8](repeating: UInt8(ascii: "@"), count: 1 << 20)
    for _ in 0..<10 {
      var position = 0
      #expect(reader.next(piece.span, &position) == nil)
    }
    var position = 0
    #expect(reader.next(Array("\nann@x.example\n".utf8).span, &position) == .bad)
    #expect(
      reader.next(Array("\nann@x.example\n".utf8).span, &position)
        == .member(member("ann@x.example")))
  }

  /// What a member's name holds never ends a line of a header field.
  @Test func nameOfBadOctets() {
    #expect(
      read("ann@x.example,A\u{1}nn\nbob@x.example,\u{7F}") == ["ann@x.example", "bob@x.example"])
    var reader = MemberReader()
    var position = 0
    let octets = Array("ann@x.example,".utf8) + [0xFC, 10]
    #expect(reader.next(octets.span, &position) == .member(member("ann@x.example")))
  }

  @Test func identity() {
    #expect(member("Ann@X.Example").identity == member("ann@x.example").identity)
    #expect(member("ann@bücher.example").identity == member("ann@xn--bcher-kva.example").identity)
    #expect(member("ann@x.example").identity != member("ann@y.example").identity)
  }
}

@Suite struct MemberLineTests {
  private static let addresses = [
    "ann@x.example", "#ann@x.example", "=1+1@x.example", "=cmd|'/Ccalc'!A0@x.example",
    "+ann@x.example", "-ann@x.example", "'ann@x.example", "\"@a\"@x.example", "\"=a,b\"@x.example",
    "\"a;b\"@x.example", "\"a\\\"b\"@x.example", "\" a \"@x.example", "\"#\"@x.example",
    "jürgen@bücher.example", "a@[127.0.0.1]",
    "\"\(String(repeating: "\\\"", count: 31))\"@x.example",
  ]
  private static let names = [
    "", "Ann", "#Ann", "=1+1", "@Ann", "+49 30", "-", "Ann, B.", "=a,b", "a;b", "\"Ann\"", " Ann ",
    "Ann\u{A0}", "'", "\u{FEFF}Ann", String(repeating: "n", count: 900),
    String(repeating: "\"", count: 600),
  ]

  /// Law 7: what is written is read as the same member, anywhere in a file, and is no formula for a spreadsheet.
  @Test(arguments: addresses) func writtenAndRead(_ address: String) throws {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    for name in Self.names {
      let member = Member(mailbox, name: Array(name.utf8))
      let line = member.line
      #expect(!"=+-@#".utf8.contains(line[0]))
      for lineEnd: [UInt8] in [[10], [13, 10]] {
        var reader = MemberReader()
        var position = 0
        let octets = line + lineEnd + line + lineEnd
        for _ in 1...2 {
          guard case .member(let read)? = reader.next(octets.span, &position) else {
            Issue.record("\(address) \(name): not read")
            continue
          }
          #expect(read.mailbox == mailbox)
          // One that makes the line too long is left out.
          #expect(read.name == member.name || name.utf8.count > 500 && read.name.isEmpty)
        }
      }
      if !name.isEmpty, name.utf8.count < 500 {
        #expect(!line.split(separator: 44, maxSplits: 1)[1].starts(with: "=".utf8))
      }
    }
  }

  /// As Excel saves a table: a byte order mark, semicolons, CR LF, and a cell with a line end in it.
  @Test func spreadsheet() {
    #expect(
      read(
        "\u{FEFF}E-Mail;Name\r\nann@x.example;\"Ann\nB.\r\nC.\"\r\nbob@x.example;Bob\r\nbad line\r\n"
      )
        == ["-", "ann@x.example", "-", "-", "bob@x.example=Bob", "!"])
    // Quotes that never end hide nobody.
    #expect(
      read("ann@x.example,\"Ann\nbob@x.example\n") == ["ann@x.example", "bob@x.example"])
    #expect(
      read("ann@x.example,\"Ann\n" + String(repeating: "x\n", count: 12)).suffix(2) == ["!", "!"])
  }
}

@Suite struct MemberStatesTests {
  /// The id of a mail that has not been before.
  private func mail() -> [UInt8] { Array(UUID().uuidString.utf8) }

  /// A report that is received twice, on another day too, is counted once and has the same consequence.
  @Test func aMailTwice() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    for day in 1...3 { _ = states.count(ann, day: day, cause: mail()) }
    let (fourth, probe) = (mail(), mail())
    for _ in 1...3 { #expect(states.count(ann, day: 4, cause: fourth) == .probe) }
    #expect(states.count(ann, day: 5, cause: mail()) == .none)
    states = MemberStates(states.content)
    #expect(states.count(ann, day: 4, cause: fourth) == .probe)
    for _ in 1...3 { #expect(states.countProbe(ann, day: 5, cause: probe) == .suspended) }
    states.forget(ann)
    #expect(states.countProbe(ann, day: 5, cause: probe) == .suspended)
    #expect(states.state(of: ann) == .active)
    let bob = member("bob@x.example")
    #expect(states.count(bob, day: 5, cause: fourth) == .none)
    for day in 40...43 { _ = states.count(bob, day: day, cause: mail()) }
    #expect(states.count(bob, day: 50, cause: mail()) == .none)
    #expect(String(decoding: states.content, as: UTF8.self).split(separator: "\n").count == 2)
  }

  /// G6.107: one report a day counts; the fourth day asks; only a report on that suspends.
  @Test func fromReportsToSuspension() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    #expect(states.countProbe(ann, day: 1, cause: mail()) == .none)
    for day in 1...3 {
      #expect(states.count(ann, day: day, cause: mail()) == .none)
      #expect(states.count(ann, day: day, cause: mail()) == .none)
    }
    #expect(states.count(ann, day: 4, cause: mail()) == .probe)
    #expect(states.count(ann, day: 5, cause: mail()) == .none)
    #expect(states.state(of: ann) == .probed)
    #expect(states.countProbe(ann, day: 5, cause: mail()) == .suspended)
    #expect(states.state(of: member("ANN@X.example")) == .suspended)
    #expect(states.count(ann, day: 100, cause: mail()) == .none)
    #expect(states.state(of: ann) == .suspended)
    #expect(MemberStates(states.content) == states)
  }

  /// A member on probation is asked again: the first probe may have been lost.
  @Test func asksAgain() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    let probes = (1...12).filter { states.count(ann, day: $0, cause: mail()) == .probe }
    #expect(probes == [4, 8, 12])
    #expect(states.countProbe(ann, day: 12, cause: mail()) == .suspended)
  }

  @Test func aWeekWithoutReports() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    for day in 1...3 { _ = states.count(ann, day: day, cause: mail()) }
    #expect(states.count(ann, day: 11, cause: mail()) == .none)
    #expect(states.count(ann, day: 12, cause: mail()) == .none)
    #expect(states.count(ann, day: 13, cause: mail()) == .none)
    #expect(states.count(ann, day: 14, cause: mail()) == .probe)
  }

  @Test func linesThatAreNone() {
    let text =
      "active 1 2 3 a@x.example\nactive 1 2\nnever 1 2 3 b@x.example\nactive 99999999999 2 3 c@x.example\n"
    #expect(MemberStates(Array(text.utf8)).content == Array("active 1 2 3 a@x.example\n".utf8))
  }
}
