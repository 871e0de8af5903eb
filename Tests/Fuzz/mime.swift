// Fuzzes the reading of messages: every range lies in the message, text is valid UTF-8 on one line where it
// should be, what is decoded is the same however it is cut, and nothing traps.

import MIME

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMIME(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  let octets = input.span
  let message = Message(octets)
  check(message, octets)
  for index in message.structure.parts.indices {
    let part = message.structure.parts[index]
    precondition(0 <= part.header.lowerBound && part.header.upperBound <= part.body.lowerBound)
    precondition(part.body.upperBound <= count && (part.parent ?? -1) < index)
    if let parent = part.parent {
      let outer = message.structure.parts[parent].body
      precondition(outer.lowerBound <= part.header.lowerBound)
      precondition(part.body.upperBound <= outer.upperBound || part.body.isEmpty)
    }
    check(part, octets, index)
    _ = message.structure.number(of: index)
    var reader = HeaderReader(octets, part.header)
    while let field = reader.next(octets) { check(field, octets) }
  }
  return 0
}

private func check(_ message: Message, _ octets: Span<UInt8>) {
  checkLine(message.subject)
  for list in [message.from, message.to, message.cc, message.bcc, message.replyTo, message.sender] {
    check(list)
  }
  checkUTF8(message.text(in: octets).utf8)
  checkUTF8(message.snippet(in: octets, length: 20))
  let html = message.html(in: octets)?.utf8 ?? []
  checkUTF8(html)
  checkUTF8(plainText(ofHTML: html.span))
  checkUTF8(unflowed(message.text(in: octets).utf8.span, deletesSpace: true))
}

private func check(_ field: HeaderField, _ octets: Span<UInt8>) {
  precondition(!field.name.isEmpty && field.value.lowerBound <= field.value.upperBound)
  checkLine(field.text(in: octets))
  precondition(!field.unfolded(in: octets).contains(10) || octets.count == 0)
  check(field.addresses(in: octets))
  if let date = field.date(in: octets) {
    precondition(abs(date.seconds) < 1 << 40 && abs(date.zone ?? 0) < 1440)
  }
  for identifier in field.messageIDs(in: octets) {
    checkUTF8(identifier)
    precondition(!identifier.contains { $0 <= 32 || $0 == 127 })
  }
  checkLine(field.parameter("name", in: octets) ?? [])
  checkLine(field.parameter("filename", in: octets) ?? [])
}

private func check(_ list: AddressList) {
  for address in list.addresses {
    checkLine(address.name)
    checkLine(address.address)
    precondition(address.group ?? -1 < list.groups.count)
    precondition(!(address.name.isEmpty && address.address.isEmpty))
  }
  list.groups.forEach(checkLine)
}

private func check(_ part: Part, _ octets: Span<UInt8>, _ seed: Int) {
  var whole: [UInt8] = []
  part.appendContent(in: octets, to: &whole)
  precondition(part.contentSize(in: octets) == whole.count && whole.count <= part.body.count)
  checkUTF8(part.text(in: octets).utf8)
  checkUTF8(part.text(in: octets, limit: 7).utf8)
  checkLine(part.fileName(in: octets) ?? [])
  _ = part.contentID(in: octets)
  _ = part.mediaType(in: octets)

  // However the body is cut, it is the same; so is its text, in every charset. Which cut, encoding and charset
  // are tried the input says.
  let choice = Int(whole.first ?? 0) + seed
  let encodings: [TransferEncoding] = [.base64, .quotedPrintable, .uuencode]
  check(part.body, octets, step: 1 + choice % 4) { piece, range, isLast, output in
    var decoder = piece ?? TransferDecoder(encodings[choice % 3])
    if isLast {
      decoder.finish(into: &output)
    } else {
      decoder.decode(octets, range, into: &output)
    }
    return decoder
  }
  let charsets: [Charset] = [
    .utf8, .utf16LittleEndian, .utf16BigEndian, .utf7, .iso2022JP, .shiftJIS, .eucJP, .eucKR,
    .gb18030, .big5, .singleByte(.windows1252), .singleByte(.koi8R),
  ]
  let text = check(0..<whole.count, whole.span, step: 1 + choice % 3) {
    piece, range, isLast, output in
    var decoder = piece ?? CharsetDecoder(charsets[choice % charsets.count])
    if isLast {
      decoder.finish(into: &output)
    } else {
      decoder.decode(whole.span.extracting(range), into: &output)
    }
    return decoder
  }
  checkUTF8(text)
}

/// Decodes `range` at once and in pieces of `step`, and gives what both are.
@discardableResult
private func check<Decoder>(
  _ range: Range<Int>, _ octets: Span<UInt8>, step: Int,
  _ decode: (Decoder?, Range<Int>, _ isLast: Bool, inout [UInt8]) -> Decoder
) -> [UInt8] {
  var (once, pieces): ([UInt8], [UInt8]) = ([], [])
  var decoder = decode(nil, range, false, &once)
  decoder = decode(decoder, range, true, &once)
  for start in stride(from: range.lowerBound, to: range.upperBound, by: step) {
    decoder = decode(decoder, start..<min(start + step, range.upperBound), false, &pieces)
  }
  _ = decode(decoder, range, true, &pieces)
  precondition(once == pieces)
  return once
}

private func checkLine(_ text: [UInt8]) {
  checkUTF8(text)
  precondition(!text.contains { $0 < 32 || $0 == 127 })
}

private func checkUTF8(_ text: [UInt8]) {
  precondition(Array(String(decoding: text, as: UTF8.self).utf8) == text)
}
