// What is built is read again the same, by us and by others, and no value can become a second field.

import Foundation
import MIME
import TestSupport
import Testing

@Suite struct BuildingTests {
  private let date = DateTime(seconds: 1_795_558_200, zone: 60)

  private func address(_ name: String, _ address: String) throws -> NamedAddress {
    try NamedAddress(name: FieldText(Array(name.utf8)), address: Array(address.utf8))
  }

  private func message(_ body: OutgoingPart) throws -> OutgoingMessage {
    OutgoingMessage(
      date: date, messageID: try MessageIdentifier(Array("1@x.example".utf8)),
      from: [try address("عائشة بنت", "a@x.example")], body: body)
  }

  private func built(_ message: OutgoingMessage) -> [UInt8] {
    var octets: [UInt8] = []
    message.append(to: &octets, unique: Array("u1".utf8))
    return octets
  }

  @Test(arguments: ["a\r\nBcc: x@y", "a\nb", "a\rb", "a\0b"])
  func noValueEndsItsField(_ value: String) {
    let octets = Array(value.utf8)
    #expect(throws: BuildError.notText) { try FieldText(octets) }
    #expect(throws: BuildError.notName) { try FieldName(octets) }
    #expect(throws: BuildError.notAddress) {
      try NamedAddress(name: FieldText([]), address: octets + Array("@b".utf8))
    }
    #expect(throws: BuildError.notAddress) {
      try NamedAddress(name: FieldText([]), address: Array("\"".utf8) + octets + Array("\"@b".utf8))
    }
    #expect(throws: BuildError.notMessageID) { try MessageIdentifier(octets + Array("@b".utf8)) }
    #expect(throws: BuildError.notName) { try MediaTypeName(Array("a/".utf8) + octets) }
  }

  @Test(arguments: [
    "", "@", "a@", "@b", "a b@c", "a@b c", "a@b@c", "<a@b>", "a..b@c", "a@[1;2]", "a@[", "a,b@c",
  ])
  func noAddress(_ value: String) {
    #expect(throws: BuildError.notAddress) {
      try NamedAddress(address: Array(value.utf8))
    }
  }

  @Test func lines() throws {
    var message = try message(.text(BodyText(Array("x".utf8))))
    let name = "A rather long display name that is quoted, since it has a comma"
    message.to = try (0..<20).map { try address(name, "person\($0)@x.example") }
    message.subject = try FieldText(
      Array(String(repeating: "Words and words ", count: 20).utf8.dropLast()))
    message.fields = [
      (try FieldName(Array("X-Long".utf8)), try FieldText([UInt8](repeating: 0x61, count: 5000)))
    ]
    let octets = built(message)
    for line in octets.split(separator: 10) { #expect(line.count - 1 <= 78 && line.last == 13) }
    let read = Message(octets.span)
    #expect(read.subject == message.subject?.utf8)
    #expect(read.to.addresses.map { $0.address } == message.to.map(\.address))
    #expect(read.to.addresses.allSatisfy { string($0.name) == name })
    #expect(read.date == date)
  }

  @Test func addressThatLooksLikeAnEncodedWord() throws {
    var message = try message(.text(BodyText([])))
    message.to = try [address("", "=?utf-8?Q?=@x.example"), address("", "=?utf-8?Q?=@y.example")]
    #expect(Message(built(message).span).to.addresses.map(\.address) == message.to.map(\.address))
  }

  @Test func levelsOnlyWhereTheyAreNeeded() throws {
    let text = try BodyText(Array("hello\n".utf8))
    let file = OutgoingFile(
      type: try MediaTypeName(Array("image/png".utf8)),
      fileName: try FieldText(Array("ü.png".utf8)),
      contentID: try MessageIdentifier(Array("i@x".utf8)), content: Array(0...255))
    func types(_ body: OutgoingPart) throws -> [String] {
      let octets = built(try message(body))
      let structure = Structure(octets.span)
      return structure.parts.indices.map {
        string(structure.number(of: $0)) + " "
          + string(structure.parts[$0].mediaType(in: octets.span))
      }
    }
    #expect(try types(.body(text: text, html: nil)) == ["0 text/plain"])
    #expect(try types(.body(text: nil, html: text)) == ["0 text/html"])
    #expect(try types(.body(text: nil, html: nil)) == ["0 text/plain"])
    #expect(
      try types(.body(text: text, html: nil, attachments: [file])) == [
        "0 multipart/mixed", "1 text/plain", "2 image/png",
      ])
    #expect(
      try types(.body(text: text, html: text, inline: [file], attachments: [file])) == [
        "0 multipart/mixed", "1.0 multipart/related", "1.1.0 multipart/alternative",
        "1.1.1 text/plain",
        "1.1.2 text/html", "1.2 image/png", "2 image/png",
      ])
  }

  @Test func deliveryReport() throws {
    let recipient = DeliveryStatus.Recipient(
      finalRecipient: try address("", "you@y.example"), action: .failed,
      status: try FieldText(Array("5.1.1".utf8)),
      remoteHost: try FieldText(Array("mx.y.example".utf8)),
      diagnostic: try FieldText(Array("550 5.1.1 no such user".utf8)), lastAttempt: date)
    let status = DeliveryStatus(
      reportingHost: try FieldText(Array("x.example".utf8)), arrival: date, recipients: [recipient])
    let octets = built(
      try message(
        .multipart(
          .deliveryReport,
          [
            .text(BodyText(Array("It failed.\n".utf8))), .deliveryStatus(status),
            .message(Array("Subject: x\r\n".utf8), isHeaderOnly: true),
          ])))
    let structure = Structure(octets.span)
    #expect(
      string(structure.parts[0].parameter("report-type", in: octets.span) ?? [])
        == "delivery-status")
    #expect(
      structure.parts.map { string($0.mediaType(in: octets.span)) } == [
        "multipart/report", "text/plain", "message/delivery-status", "text/rfc822-headers",
      ])
    #expect(
      string(octets[structure.parts[2].body]) == """
        Reporting-MTA: dns; x.example\r
        Arrival-Date: Tue, 24 Nov 2026 23:10:00 +0100\r
        \r
        Final-Recipient: rfc822; you@y.example\r
        Action: failed\r
        Status: 5.1.1\r
        Remote-MTA: dns; mx.y.example\r
        Diagnostic-Code: smtp; 550 5.1.1 no such user\r
        Last-Attempt-Date: Tue, 24 Nov 2026 23:10:00 +0100\r\n
        """)
  }

  /// What all readers are to find.
  private let expected = [
    "subject: 日本語の件名です。これは長いので折り返されます", "from: عائشة بنت <a@x.example>",
    "file: Übergröße.txt", "text: Grüße 😀",
  ]

  private func scripts() throws -> [UInt8] {
    let file = OutgoingFile(
      type: try MediaTypeName(Array("application/octet-stream".utf8)),
      fileName: try FieldText(Array("Übergröße.txt".utf8)), content: Array("x".utf8))
    var message = try message(
      .body(text: BodyText(Array("Grüße 😀\n".utf8)), html: nil, attachments: [file]))
    message.subject = try FieldText(Array(expected[0].utf8.dropFirst(9)))
    message.to = [try address("", "b@x.example")]
    return built(message)
  }

  @Test func readByUs() throws {
    let octets = try scripts()
    let span = octets.span
    let read = Message(span)
    let from = try #require(read.from.addresses.first)
    let attachment = read.structure.parts[try #require(read.attachments.first)]
    #expect(
      expected == [
        "subject: " + string(read.subject),
        "from: " + string(from.name) + " <" + string(from.address) + ">",
        "file: " + string(attachment.fileName(in: span) ?? []),
        "text: " + string(read.text(in: span).utf8).trimmingCharacters(in: .whitespacesAndNewlines),
      ])
    #expect(octets.allSatisfy { $0 < 0x80 })
  }

  /// Python's email, GMime (by a C program), notmuch and mutt read the same; those that are here.
  @Test(arguments: ["python", "gmime", "notmuch", "mutt"])
  func readByOthers(_ reader: String) throws {
    let scratch = Scratch()
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "readers.py")
      .path
    let outcome = Command.run(
      ["/usr/bin/python3", script, reader, scratch.file("message.eml", try scripts())], in: scratch)
    let output = outcome.text
    guard outcome.status != 77 else { try Test.cancel("\(reader) is not installed") }
    #expect(outcome.status == 0, "\(outcome.errorText)")
    for line in expected where !(reader == "mutt" && line.hasPrefix("file")) {
      #expect(output.split(separator: "\n").contains(Substring(line)), "\(reader): \(output)")
    }
  }
}
