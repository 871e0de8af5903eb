// Fuzzes the building of messages: what is built from any values has only lines of at most 998 octets that end
// with CR LF, no octets above ASCII unless it is asked for, and is read again the same.

import MIME

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBuild(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  guard let choices = input.first else { return 0 }
  // Values have an octet between them that UTF-8 has not.
  let values = input.dropFirst().split(separator: 0xFF, omittingEmptySubsequences: false).map(
    Array.init)
  func value(_ index: Int) -> [UInt8] { index < values.count ? values[index] : [] }

  let number = value(0).reduce(Int64(0)) { $0 &* 256 &+ Int64($1) } % 200_000_000_000
  let zone = value(0).isEmpty ? nil : Int(value(0)[0]) * 8 - 1000
  let date = DateTime(seconds: abs(number), zone: zone == 0 ? nil : zone)
  guard let from = try? NamedAddress(name: text(value(1)), address: address(value(2))),
    let identifier = try? MessageIdentifier(value(3) + Array("@x".utf8))
  else { return 0 }
  let html = choices & 1 != 0 ? try? BodyText(value(5)) : nil
  let plain = choices & 2 != 0 ? try? BodyText(value(4)) : nil
  let file = OutgoingFile(
    type: (try? MediaTypeName(value(6))) ?? octetStream,
    fileName: (try? FileName(value(7))) ?? noName,
    contentID: identifier, content: value(8))
  var message = MIME.OutgoingMessage(
    date: date, messageID: identifier, from: [from],
    body: .body(
      text: plain, html: html, inline: choices & 4 != 0 ? [file] : [],
      attachments: choices & 8 != 0 ? [file, file] : []))
  message.usesUTF8 = choices & 16 != 0
  message.to = [from, from]
  message.subject = text(value(9))
  message.references = [identifier, identifier, identifier]
  if choices & 32 != 0 {
    message.body = .multipart(
      .deliveryReport,
      [
        .text(plain ?? html ?? empty),
        .deliveryStatus(
          DeliveryStatus(
            reportingHost: text(value(10)), arrival: date,
            recipients: [
              DeliveryStatus.Recipient(
                finalRecipient: from, action: .failed, status: text(value(11)),
                diagnostic: text(value(9)))
            ])), .message(value(8), isHeaderOnly: choices & 64 != 0),
      ])
  }
  precondition(message.needsUTF8 == (message.usesUTF8 || !from.isASCII))
  var built: [UInt8] = []
  message.append(to: &built, unique: Array("fuzz".utf8))
  if choices & 32 == 0 { checkLines(built, allowsUTF8: message.needsUTF8) }
  check(message, built.span)
  if choices & 32 == 0 { checkBody(plain, html, file, choices, built.span) }
  return 0
}

private let octetStream = try! MediaTypeName(Array("application/octet-stream".utf8))
private let empty = try! BodyText([])
private let nothing = try! FieldText([])
private let noName = try! FileName([])

private func text(_ octets: [UInt8]) -> FieldText { (try? FieldText(octets)) ?? nothing }

/// An address made of anything, if it is none itself.
private func address(_ octets: [UInt8]) -> [UInt8] {
  if octets.contains(UInt8(ascii: "@")) { return octets }
  return [UInt8](octets.prefix(60)) + Array("@example.org".utf8)
}

private func checkLines(_ built: [UInt8], allowsUTF8: Bool) {
  precondition(built.count >= 2 && built[built.count - 1] == 10)
  var start = 0
  for index in built.indices {
    precondition(built[index] != 0 && (allowsUTF8 || built[index] < 0x80))
    if built[index] == 13 { precondition(built[index + 1] == 10) }
    guard built[index] == 10 else { continue }
    precondition(index > 0 && built[index - 1] == 13 && index - 1 - start <= 998)
    start = index + 1
  }
}

private func check(_ message: MIME.OutgoingMessage, _ octets: Span<UInt8>) {
  let read = Message(octets)
  precondition(read.structure.cut.isEmpty)
  precondition(read.date == message.date)
  precondition(read.messageID == message.messageID.octets)
  precondition(read.references == message.references.map(\.octets))
  check(read.from, message.from)
  check(read.to, message.to)
  precondition(read.subject == visible(message.subject?.utf8 ?? []))
}

private func check(_ read: AddressList, _ built: [NamedAddress]) {
  precondition(read.addresses.count == built.count)
  for (one, other) in zip(read.addresses, built) {
    precondition(one.name == visible(other.name.utf8) && one.address == other.address)
  }
}

/// Text as it is read: control characters are spaces, and none stand at the end.
private func visible(_ text: [UInt8]) -> [UInt8] {
  var text = text.map { $0 < 32 || $0 == 127 ? 32 : $0 }
  while text.last == 32 { text.removeLast() }
  return text
}

private func checkBody(
  _ plain: BodyText?, _ html: BodyText?, _ file: OutgoingFile, _ choices: UInt8,
  _ octets: Span<UInt8>
) {
  let read = Message(octets)
  if let plain {
    precondition(trimmed(read.text(in: octets).utf8) == trimmed(plain.utf8))
  }
  if let html {
    precondition(trimmed(read.html(in: octets)?.utf8 ?? []) == trimmed(html.utf8))
  }
  let files = read.structure.parts.filter {
    $0.disposition != .none && $0.contentID(in: octets) == file.contentID?.octets
  }
  precondition(files.count == (choices & 4 != 0 ? 1 : 0) + (choices & 8 != 0 ? 2 : 0))
  for part in files {
    var content: [UInt8] = []
    part.appendContent(in: octets, to: &content)
    precondition(content == file.content)
    let name = file.fileName.utf8.isEmpty ? nil : file.fileName.utf8
    precondition(part.fileName(in: octets).map(visible) == name.map(visible))
  }
}

/// Without the line end that a message has at its end, and a byte order mark.
private func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
  var text = text[...]
  while text.last == 10 || text.last == 13 { text.removeLast() }
  while text.starts(with: [0xEF, 0xBB, 0xBF]) { text.removeFirst(3) }
  return text
}
