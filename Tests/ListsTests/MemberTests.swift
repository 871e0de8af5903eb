// Members as people and spreadsheets write them, and what is remembered of those whose mail comes back.

import Foundation
import MIME
import Routing
import SMTP
import TestSupport
import Testing

@testable import Lists

func member(_ text: String) -> Member {
  guard let mailbox = Mailbox(Array(text.utf8)) else { preconditionFailure(text) }
  return Member(mailbox)
}

/// What the lines of a file are, `ann@x.example=Ann`, `-` for a comment, `!` for a bad one; read whole and octet by octet.
private func read(_ text: String) -> [String] {
  let octets = Array(text.utf8)
  func describe(_ line: MemberReader.Line) -> String {
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

extension Scratch {
  fileprivate func write(_ text: String, to name: String) { _ = file(name, text.utf8) }

  fileprivate func read(_ name: String) -> String {
    (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? ""
  }
}

@Suite struct ListsDirectoryTests {
  private let list = ListName(Array("friends".utf8))!

  private func make(_ content: String) -> (ListsDirectory, Scratch) {
    let folder = Scratch()
    folder.write(content, to: "friends.csv")
    return (ListsDirectory(path: folder.path), folder)
  }

  @Test func addingKeepsWhatStandsThere() throws {
    let (lists, folder) = make("# my friends\r\nemail;name\r\nann@x.example;Ann\r\n")
    let new = [member("ANN@x.example"), member("bob@x.example"), member("bob@X.example")]
    #expect(try lists.add(new, to: list) == 1)
    #expect(
      folder.read("friends.csv")
        == "# my friends\r\nemail;name\r\nann@x.example;Ann\r\nbob@x.example\r\n")
  }

  @Test func addingBehindALineWithoutEnd() throws {
    let (lists, folder) = make("ann@x.example")
    #expect(try lists.add([member("bob@x.example")], to: list) == 1)
    #expect(folder.read("friends.csv") == "ann@x.example\nbob@x.example\n")
  }

  @Test func removing() throws {
    let (lists, folder) = make(
      "# a\n\"Ann@x.example\",Ann\nbob@x.example\nann@x.example\nbad line\n")
    #expect(try lists.remove([member("ann@x.example")], from: list) == 2)
    #expect(folder.read("friends.csv") == "# a\nbob@x.example\nbad line\n")
    #expect(try lists.remove([member("ann@x.example")], from: list) == 0)
  }

  /// In a file that is read in many pieces, which end anywhere in a line.
  @Test func whoIsAMember() throws {
    let many = (0..<10_000).map { "m\($0)@x.example\n" }.joined()
    let (lists, folder) = make(
      many
        + "\"Ann@x.example\",Ann\n  bob@X.example ,Bob\nm5@y.example.org\njürgen@bücher.example\n")
    for number in stride(from: 0, to: 10_000, by: 97) {
      #expect(try lists.isMember(member("M\(number)@x.example"), of: list))
    }
    for other in ["ann@x.example", "BOB@x.example", "jürgen@xn--bcher-kva.example"] {
      #expect(try lists.isMember(member(other), of: list), "\(other)")
    }
    for other in [
      "m10000@x.example", "m@x.example", "m5@y.example", "m5@x.example.org", "0@x.example",
    ] {
      #expect(try !lists.isMember(member(other), of: list), "\(other)")
    }
    folder.write(String(repeating: "x", count: 3000) + "\nann@x.example", to: "friends.csv")
    #expect(try lists.isMember(member("ann@x.example"), of: list))
    #expect(try !lists.isMember(member("x@x.example"), of: list))
  }

  @Test func listsThatAreThere() throws {
    let (lists, folder) = make("")
    for name in [
      "b.csv", "A.csv", "c.conf", ".d.csv", "e+f.csv", "\(String(repeating: "g", count: 23)).csv",
    ] {
      folder.write("", to: name)
    }
    #expect(try lists.lists().map { $0.text } == ["b", "friends"])
    #expect(try lists.create(list) == false)
    #expect(try lists.delete(list))
    #expect(try lists.delete(list) == false)
    #expect(try lists.add([member("ann@x.example")], to: list) == nil)
  }

  @Test func settings() throws {
    let (lists, folder) = make("")
    #expect(try lists.settings(of: list).post == .members)
    folder.write(
      "description=\"Friends & family\"\nowner=ann@x.example, bob@x.example\npost=moderated\nurl=https://x.example/\n",
      to: "friends.conf")
    let settings = try lists.settings(of: list)
    #expect(settings.owners == [member("ann@x.example").mailbox, member("bob@x.example").mailbox])
    #expect(settings.post == .moderated)
    #expect(settings.url == Array("https://x.example".utf8))
    #expect(settings.description.utf8 == Array("Friends & family".utf8))
  }

  @Test(arguments: [
    "post=nobody", "owner=ann", "url=http://x.example", "url=https://x.example/<a>", "verp=perhaps",
  ])
  func wrongSettings(_ line: String) {
    let (lists, folder) = make("")
    folder.write(line + "\n", to: "friends.conf")
    #expect(throws: (any Error).self) { try lists.settings(of: list) }
  }
}

@Suite struct MemberStatesTests {
  /// G6.107: one report a day counts; the fourth day asks; only a report on that suspends.
  @Test func fromReportsToSuspension() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    #expect(states.countProbe(ann, day: 1) == .none)
    for day in 1...3 {
      #expect(states.count(ann, day: day) == .none)
      #expect(states.count(ann, day: day) == .none)
    }
    #expect(states.count(ann, day: 4) == .probe)
    #expect(states.count(ann, day: 5) == .none)
    #expect(states.state(of: ann) == .probed)
    #expect(states.countProbe(ann, day: 5) == .suspended)
    #expect(states.state(of: member("ANN@X.example")) == .suspended)
    #expect(states.count(ann, day: 100) == .none)
    #expect(states.state(of: ann) == .suspended)
    #expect(MemberStates(states.content) == states)
  }

  /// A member on probation is asked again: the first probe may have been lost.
  @Test func asksAgain() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    let probes = (1...12).filter { states.count(ann, day: $0) == .probe }
    #expect(probes == [4, 8, 12])
    #expect(states.countProbe(ann, day: 12) == .suspended)
  }

  @Test func aWeekWithoutReports() {
    var states = MemberStates()
    let ann = member("ann@x.example")
    for day in 1...3 { _ = states.count(ann, day: day) }
    #expect(states.count(ann, day: 11) == .none)
    #expect(states.count(ann, day: 12) == .none)
    #expect(states.count(ann, day: 13) == .none)
    #expect(states.count(ann, day: 14) == .probe)
  }

  @Test func linesThatAreNone() {
    let text =
      "active 1 2 3 a@x.example\nactive 1 2\nnever 1 2 3 b@x.example\nactive 99999999999 2 3 c@x.example\n"
    #expect(MemberStates(Array(text.utf8)).content == Array("active 1 2 3 a@x.example\n".utf8))
  }
}
