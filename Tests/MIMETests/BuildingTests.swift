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

  private func message(_ body: OutgoingPart) throws -> MIME.OutgoingMessage {
    MIME.OutgoingMessage(
      date: date, messageID: try MessageIdentifier(Array("1@x.example".utf8)),
      from: [try address("عائشة بنت", "a@x.example")], body: body)
  }

  private func built(_ message: MIME.OutgoingMessage) -> [UInt8] {
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
    "", "@", "a@", "@b", "a b@c", "a@b c", "a@b@c", "<a@b>", "a@b..c", "a@[1;2]", "a@[", "a,b@c",
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

  /// A word that ends in a colon is not the name of the field.
  @Test(arguments: [
    String(repeating: "aaa: ", count: 499) + "b", "aaaa: " + String(repeating: "b", count: 900),
  ])
  func linesOfWordsThatEndInColons(_ value: String) throws {
    var output: [UInt8] = []
    var writer = HeaderWriter()
    writer.append(
      try FieldName(Array("X".utf8)), text: try FieldText(Array(value.utf8)), to: &output)
    for line in output.split(separator: 10) { #expect(line.count - 1 <= 901) }
    #expect(
      output.split(separator: 10).allSatisfy { $0.count - 1 <= 78 || !$0.contains(0x61) },
      "\(string(output))")
    #expect(field(Array(output.dropLast(2))) { string($0.text(in: $1)) } == value)
  }

  @Test func linesOfEncodedWords() throws {
    for length in 40..<80 {
      var output: [UInt8] = []
      var writer = HeaderWriter()
      writer.append(
        try FieldName(Array("To".utf8)),
        addresses: [
          try address("é", String(repeating: "a", count: length - 30) + "@b"),
          try address("é", "x@y"), try address("", String(repeating: "b", count: 30) + "@y"),
        ], to: &output)
      for line in output.split(separator: 10) where line.contains(0x3F) {
        #expect(line.count - 1 <= 76, "\(string(output))")
      }
    }
  }

  /// Each encoded word is text by itself: no character is divided between two (RFC 2047 §5 (3)).
  @Test(arguments: ["日本語の件名", "äaaaaöbbbbbbbbbbbbbbbüccccccc", "😀"])
  func encodedWordsHoldWholeCharacters(_ value: String) throws {
    for count in 0..<12 {
      let subject = String(repeating: "a", count: count) + String(repeating: value, count: 19)
      var output: [UInt8] = []
      var writer = HeaderWriter()
      writer.append(
        try FieldName(Array("X".utf8)), text: try FieldText(Array(subject.utf8)), to: &output)
      let words = string(output.dropFirst(2)).split(whereSeparator: \.isWhitespace)
      let read = words.map { text(String($0)) ?? "" }
      #expect(words.count > 1 && read.joined() == subject, "\(read)")
    }
  }

  @Test func fieldsOfTheBodyAreTheBodys() throws {
    var message = try message(.text(BodyText(Array("x".utf8))))
    message.fields = try ["content-type", "Content-Foo", "MIME-Version", "Content", "X"].map {
      (try FieldName(Array($0.utf8)), try FieldText(Array("text/html".utf8)))
    }
    let octets = string(built(message)).lowercased()
    #expect(octets.split(separator: "text/html").count == 3)
    #expect(octets.split(separator: "content-type:").count == 2)
    #expect(octets.split(separator: "mime-version:").count == 2)
  }

  @Test(arguments: ["multipart/mixed", "Message/rfc822"])
  func fileOfCompositeType(_ type: String) throws {
    let file = OutgoingFile(
      type: try MediaTypeName(Array(type.utf8)), fileName: try FileName(Array("f".utf8)),
      content: Array("x".utf8))
    let octets = built(try message(.file(file, isInline: false)))
    let part = Structure(octets.span).parts[0]
    #expect(string(part.mediaType(in: octets.span)) == "application/octet-stream")
  }

  @Test func datesOutOfRange() {
    for date in [
      DateTime(seconds: .max, zone: 60), DateTime(seconds: .min, zone: -3000),
      DateTime(seconds: 0, zone: 3000),
    ] {
      var octets: [UInt8] = []
      date.append(to: &octets)
      #expect(abs(date.seconds) < 1 << 40 && abs(date.zone ?? 0) < 1440, "\(string(octets))")
    }
  }

  /// An address has no form in ASCII: the message says that it needs SMTPUTF8, and is read the same.
  @Test func addressInUTF8() throws {
    let plain = try message(.text(BodyText(Array("x".utf8))))
    #expect(!plain.needsUTF8)
    let changes: [@Sendable (inout MIME.OutgoingMessage, NamedAddress) -> Void] = [
      { $0.from.append($1) }, { $0.sender = $1 }, { $0.replyTo = [$1] }, { $0.to = [$1] },
      { $0.cc = [$1] }, { message, _ in message.usesUTF8 = true },
    ]
    for change in changes {
      var changed = plain
      change(&changed, try address("é", "ü@x.example"))
      #expect(changed.needsUTF8)
    }
    var message = plain
    message.to = [try address("é", "ü@x.example")]
    let read = Message(built(message).span).to.addresses
    #expect(
      read.map { string($0.name) } == ["é"] && read.map(\.address) == message.to.map(\.address))
  }

  @Test func fileNames() throws {
    let name = try FileName(Array((String(repeating: "ü", count: 127) + "x").utf8))
    #expect(throws: BuildError.tooLong) { try FileName(name.utf8 + [0x78]) }
    #expect(throws: BuildError.notText) { try FileName(Array("a\r\nb".utf8)) }
    #expect(throws: BuildError.notText) { try FileName([0xFF]) }
    let file = OutgoingFile(
      type: try MediaTypeName(Array("text/plain".utf8)), fileName: name, content: [])
    let octets = built(try message(.file(file, isInline: false)))
    #expect(Structure(octets.span).parts[0].fileName(in: octets.span) == name.utf8)
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
      fileName: try FileName(Array("ü.png".utf8)),
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

  /// Types and addresses stay what programs read, whatever the text behind them is.
  @Test func deliveryReportThatProgramsRead() throws {
    func lines(_ diagnostic: String, _ original: String, isASCII: Bool = true) throws -> [String] {
      let recipient = DeliveryStatus.Recipient(
        finalRecipient: try address("", isASCII ? "you@y.example" : "ü@y.example"),
        action: .failed, status: try FieldText(Array("5.1.1".utf8)),
        originalRecipient: try FieldText(Array(original.utf8)),
        diagnostic: try FieldText(Array(diagnostic.utf8)))
      let octets = built(
        try message(
          .multipart(
            .deliveryReport,
            [
              .deliveryStatus(
                DeliveryStatus(
                  reportingHost: try FieldText(Array("x.example".utf8)),
                  envelopeID: try FieldText(Array("a=?b  c".utf8)), recipients: [recipient]))
            ])))
      let part = Structure(octets.span).parts[1].body
      return string(octets[part]).replacing("\r\n ", with: " ").split(separator: "\r\n")
        .map(String.init)
    }
    let google = try lines(
      " 550 5.1.1  https://support.google.com/mail/?p=NoSuchUser ", "rfc822;=?x?@y.example")
    #expect(
      google.contains(
        "Diagnostic-Code: smtp; 550 5.1.1 https://support.google.com/mail/?p=NoSuchUser"))
    #expect(google.contains("Original-Recipient: rfc822;=?x?@y.example"))
    #expect(google.contains("Original-Envelope-Id: a=?b c"))
    #expect(
      try lines("550 unbekannter Empfänger", "rfc822;you@y.example").contains(
        "Diagnostic-Code: smtp; =?utf-8?Q?550_unbekannter_Empf=C3=A4nger?="))
    // Long words are on lines of their own.
    let long = String(repeating: "a", count: 900)
    #expect(
      try lines(long, "rfc822;you@y.example").contains("Diagnostic-Code: smtp; " + long))
  }

  /// What all readers are to find.
  private let expected = [
    "subject: 日本語の件名です。これは長いので折り返されます", "from: عائشة بنت <a@x.example>",
    "file: Übergröße.txt", "text: Grüße 😀",
  ]

  private func scripts() throws -> [UInt8] {
    let file = OutgoingFile(
      type: try MediaTypeName(Array("application/octet-stream".utf8)),
      fileName: try FileName(Array("Übergröße.txt".utf8)), content: Array("x".utf8))
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

  /// Python's email, GMime (by a C program), notmuch and mutt read the same.
  @Test(arguments: ["python", "gmime", "notmuch", "mutt"])
  func readByOthers(_ reader: String) throws {
    let scratch = Scratch()
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "readers.py")
      .path
    let outcome = Command.run(
      ["/usr/bin/python3", script, reader, scratch.file("message.eml", try scripts())], in: scratch)
    let output = outcome.text
    // A reader that is missing is a failure: deploy/test installs them all.
    #expect(outcome.status != 77, "\(reader) is not installed")
    #expect(outcome.status == 0, "\(outcome.errorText)")
    for line in expected where !(reader == "mutt" && line.hasPrefix("file")) {
      #expect(output.split(separator: "\n").contains(Substring(line)), "\(reader): \(output)")
    }
  }
}
