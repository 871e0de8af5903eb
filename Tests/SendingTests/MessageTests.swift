// What has to be known of a message, what is read of its file, and what the process of a connection says.

import Jobs
import MIME
import POSIX
import SMTP
import Testing

@testable import Sending

private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

struct MessageFactsTests {
  @Test(
    "The size is that with CR LF behind each line",
    arguments: [
      ("", 0), ("a", 3), ("a\n", 3), ("a\r\n", 3), ("a\r", 3), ("a\rb\n", 6), ("\n\r", 4),
      ("\r\r\n", 4), ("a\n\nb", 8),
    ])
  func size(_ text: String, _ size: Int) {
    #expect(MessageFacts(of: octets(text)).size == size)
    // The lines that are made of it are as many octets.
    var whole: [UInt8] = []
    var lines = LineEnds()
    for octet in octets(text) { lines.append([octet], to: &whole) }
    lines.end(&whole)
    #expect(whole.count == size)
    #expect(MessageFacts(of: whole).size == size)
  }

  @Test("Cut at any place, a message has the same facts")
  func pieces() {
    let message = octets("Subject: \u{fc}\r\nX: y\r\n\r\nb\u{f6}dy\rz\n\n")
    let whole = MessageFacts(of: message)
    for cut in 0...message.count {
      var facts = MessageFacts()
      facts.take(Array(message[..<cut]).span)
      facts.take(Array(message[cut...]).span)
      facts.end()
      #expect(facts.size == whole.size && facts.header == .utf8 && facts.isEightBit)
    }
  }

  @Test func header() {
    #expect(MessageFacts(of: octets("A: b\r\n\r\n\u{fc}\r\n")).header == .ascii)
    #expect(MessageFacts(of: octets("A: \u{1F600}\r\n\r\n")).header == .utf8)
    #expect(MessageFacts(of: octets("A: ") + [0xFC, 13, 10]).header == .unknown)
    // A surrogate, an overlong form, and what is above U+10FFFF are not UTF-8 (RFC 3629 §3).
    for bytes: [UInt8] in [[0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
      #expect(MessageFacts(of: octets("A: ") + bytes + [13, 10]).header == .unknown)
    }
  }

  @Test("A line may have 998 octets (RFC 5321 §4.5.3.1.6)")
  func longLines() {
    #expect(!MessageFacts(of: [UInt8](repeating: 97, count: 998)).hasLongLines)
    #expect(MessageFacts(of: [UInt8](repeating: 97, count: 999)).hasLongLines)
  }
}

struct MessageFileTests {
  private func file(_ content: [UInt8]) throws -> FileDescriptor {
    let file = try FileDescriptor.temporary(in: "/tmp")
    try file.write(content.span)
    return file
  }

  /// What is sent of it.
  private func read(_ message: borrowing MessageFile, fields: String = "") throws -> [UInt8] {
    var reader = MessageFile.Reader(message, fields: octets(fields))
    var whole: [UInt8] = []
    repeat { whole += try reader.next(message) } while !reader.isLast
    return whole
  }

  @Test("From its offset to its end, behind the fields for a recipient")
  func offset() throws {
    let content = octets("xyzA: b\r\n\r\n") + [UInt8](repeating: 97, count: 200_000)
    let message = try MessageFile(file(content), from: 3)
    #expect(try read(message) == Array(content.dropFirst(3)))
    #expect(try read(message, fields: "C: d\r\n") == octets("C: d\r\n") + content.dropFirst(3))
    let size = message.facts.size
    #expect(size == 200_010)
  }

  @Test func empty() throws {
    #expect(try read(MessageFile(file([]), from: 0)) == [])
    #expect(try read(MessageFile(file([]), from: 0), fields: "A: b\r\n") == octets("A: b\r\n"))
  }

  @Test("A head, with a file behind it and without")
  func head() throws {
    let facts = MessageFacts(size: 9, isEightBit: true)
    #expect(
      try read(MessageFile(octets("A: b\r\n"), nil, size: 0, facts: facts)) == octets("A: b\r\n"))
    let message = MessageFile(octets("A"), .some(try file(octets("bcd"))), size: 2, facts: facts)
    #expect(try read(message) == octets("Abc"))
    let canConvert = message.canConvert
    #expect(!canConvert)
  }

  @Test("A file that has become shorter is not sent as if it were whole")
  func shorter() throws {
    let message = MessageFile(
      [], .some(try file(octets("abc"))), size: 4, facts: MessageFacts(size: 4, isEightBit: false))
    #expect(throws: SystemError.self) { try read(message) }
  }

  @Test func conversion() throws {
    let message = try MessageFile(file(octets("A: b\n\nc\u{fc}\rd")), from: 0)
    let converted = try #require(
      try message.converted(to: WireForm(isSevenBit: true, isExact: false, keepsHeader: false)))
    #expect(converted.allSatisfy { $0 < 0x80 })
    #expect(converted.suffix(3).elementsEqual("d\r\n".utf8))
  }
}

struct SenderLineTests {
  @Test("What is said can be read")
  func roundTrip() {
    let report = Report(octets("a@x.example"), at: octets("mx"), .connectionClosed)
    for line in [
      SenderLine.report(report), .startTLS, .tlsFailed, .more, .done(isOpen: true),
      .done(isOpen: false),
    ] {
      #expect(SenderLine(Array(line.octets.dropLast())) == line)
    }
  }

  @Test("A process that says something else is done with")
  func unknown() { #expect(SenderLine(octets("hello")) == .done(isOpen: false)) }
}
