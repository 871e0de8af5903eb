// A message in 7 bits, for a host that takes no more (RFC 6152 §3): bodies with octets above ASCII become
// quoted-printable or base64. Everything else stays as it is, octet by octet.
//
// What is signed is not converted, since its signature would break: a message with a DKIM-Signature, a
// DomainKey-Signature or an ARC-Message-Signature, and one that has a multipart/signed. Header fields in UTF-8
// have no form in 7 bits that means the same.

/// The message in 7 bits; nil if it cannot or may not be converted. Its lines end with CR LF.
public func sevenBitMessage(_ octets: Span<UInt8>) -> [UInt8]? {
  let structure = Structure(octets)
  guard let message = structure.parts.first, !octets.isSigned(message.header) else { return nil }
  var edits: [Edit] = []
  for (index, part) in structure.parts.enumerated() {
    guard part.header.isEmpty || octets.firstNonASCII(in: part.header) == nil else { return nil }
    if part.mediaType(in: octets).elementsEqual(FieldText("multipart/signed").utf8) { return nil }
    let isContainer = structure.parts.contains { $0.parent == index }
    let field = octets.field("content-transfer-encoding", in: part.header)
    if isContainer {
      if let field, octets.firstNonASCII(in: part.body) != nil {
        edits.append(Edit(field, "Content-Transfer-Encoding: 7bit\r\n"))
      }
      continue
    }
    guard octets.firstNonASCII(in: part.body) != nil else { continue }
    guard part.encoding == .identity else { return nil }
    let isText = part.kind.isText
    var header: [UInt8] = []
    if part.parent == nil, octets.field("mime-version", in: part.header) == nil {
      header.append("MIME-Version: 1.0\r\n")
      if octets.field("content-type", in: part.header) == nil {
        header.append("Content-Type: text/plain; charset=")
        header.append(octets.extracting(part.body).isValidUTF8 ? "utf-8\r\n" : "unknown-8bit\r\n")
      }
    }
    header.append("Content-Transfer-Encoding: ")
    header.append(isText ? "quoted-printable\r\n" : "base64\r\n")
    edits.append(Edit(field ?? part.header.lowerBound..<part.header.lowerBound, header))
    var body: [UInt8] = []
    if isText {
      appendQuotedPrintable(octets.extracting(part.body), to: &body)
    } else {
      var encoder = Base64Encoder()
      encoder.encode(octets, part.body, into: &body)
      encoder.finish(into: &body)
    }
    edits.append(Edit(part.body, body))
  }
  edits.sort { $0.range.lowerBound < $1.range.lowerBound }
  var output: [UInt8] = []
  output.reserveCapacity(octets.count * 3 / 2)
  var position = 0
  for edit in edits {
    guard edit.range.lowerBound >= position else { return nil }
    output.append(octets, position..<edit.range.lowerBound)
    output.append(octets: edit.replacement)
    position = edit.range.upperBound
  }
  output.append(octets, position..<octets.count)
  // What stands between parts may be anything.
  return output.span.firstNonASCII(from: 0, to: output.count) == output.count ? output : nil
}

/// A range of the message, and what comes in its place.
private struct Edit {
  let range: Range<Int>
  let replacement: [UInt8]

  init(_ range: Range<Int>, _ replacement: [UInt8]) {
    self.range = range
    self.replacement = replacement
  }

  init(_ range: Range<Int>, _ text: StaticString) {
    var replacement: [UInt8] = []
    replacement.append(text)
    self.init(range, replacement)
  }
}

extension Span<UInt8> {
  fileprivate func firstNonASCII(in range: Range<Int>) -> Int? {
    let index = firstNonASCII(from: range.lowerBound, to: range.upperBound)
    return index == range.upperBound ? nil : index
  }

  /// The first field of this name, whole, with its line end.
  fileprivate func field(_ name: StaticString, in header: Range<Int>) -> Range<Int>? {
    var reader = HeaderReader(self, header)
    while let field = reader.next(self) {
      guard field.isNamed(name, in: self) else { continue }
      var end = field.value.upperBound
      while end < header.upperBound, self[end] == .carriageReturn || self[end] == .lineFeed {
        end += 1
        if self[end - 1] == .lineFeed { break }
      }
      return field.name.lowerBound..<end
    }
    return nil
  }

  fileprivate func isSigned(_ header: Range<Int>) -> Bool {
    field("dkim-signature", in: header) != nil || field("arc-message-signature", in: header) != nil
      || field("domainkey-signature", in: header) != nil
  }
}
