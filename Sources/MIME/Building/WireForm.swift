// A message in a form that a host takes (RFC 5321 §4.5.3.1.6, RFC 6152 §3, RFC 3030 §3): bodies with octets above ASCII, for
// a host of 7 bits, bodies with lines of more than 998 octets and bodies that are no lines become quoted-printable or
// base64; header fields are encoded and folded (WireHeader.swift). Everything else stays as it is, octet by octet.
//
// What is signed stays as it is, since its signature would break: a message with a DKIM-Signature, a DomainKey-Signature
// or an ARC-Message-Signature, also inside another, and what is in a multipart/signed. Whoever sends it sends it as it is.
//
// Time is linear, memory that of the message and of what it becomes.

import Octets

/// What a host takes, and what has to be kept.
public struct WireForm: Sendable {
  /// Octets of a line, without its end (RFC 5321 §4.5.3.1.6).
  public static let longestLine = 998

  /// Whether the host takes ASCII alone.
  public var isSevenBit: Bool
  /// Whether the content is any octets, which must arrive exactly, although lines are sent (BINARYMIME).
  public var isExact: Bool
  /// Whether octets above ASCII may stay in the header: with SMTPUTF8.
  public var keepsHeader: Bool

  public init(isSevenBit: Bool, isExact: Bool = false, keepsHeader: Bool = false) {
    (self.isSevenBit, self.isExact, self.keepsHeader) = (isSevenBit, isExact, keepsHeader)
  }

  /// The message in this form. Nil if it may not be changed, or has more in it than is read; with `isExact` also if
  /// something cannot arrive exactly. Without `isExact` the lines of `octets` end with CR LF.
  public func message(_ octets: Span<UInt8>) -> [UInt8]? {
    var editor = WireEditor(self, octets)
    return editor.edit(octets) ? editor.result(octets) : nil
  }
}

/// A range of the message, and what comes in its place.
struct Edit {
  let range: Range<Int>
  let replacement: [UInt8]
}

private struct WireEditor {
  private let form: WireForm
  private let structure: Structure
  private var edits: [Edit] = []
  /// By the index of a part: whether it has parts, and whether a signature is about it.
  private var isContainer: [Bool]
  private var isFrozen: [Bool]
  /// Whether something that stays as it is has octets above ASCII.
  private var hasFrozenEightBit = false

  init(_ form: WireForm, _ octets: Span<UInt8>) {
    self.form = form
    structure = Structure(octets)
    isContainer = Array(repeating: false, count: structure.parts.count)
    isFrozen = isContainer
    for (index, part) in structure.parts.enumerated() {
      guard let parent = part.parent else {
        isFrozen[index] = octets.isSigned(part.header)
        continue
      }
      isContainer[parent] = true
      let container = structure.parts[parent]
      isFrozen[index] =
        isFrozen[parent]
        || container.mediaType(in: octets).elementsEqual(FieldText("multipart/signed").utf8)
        || container.kind == .message && octets.isSigned(part.header)
    }
  }

  /// Finds what has to change; false if the message cannot be sent so.
  mutating func edit(_ octets: Span<UInt8>) -> Bool {
    guard structure.cut.isEmpty, isFrozen.first == false else { return false }
    for (index, part) in structure.parts.enumerated() {
      if form.isExact, octets.hasBareReturn(part.header) { return false }
      if isFrozen[index] {
        if isContainer[index] { continue }
        if form.isExact, !isExactAsLines(octets, part) { return false }
        if octets.hasNonASCII(part.body) { hasFrozenEightBit = true }
      } else {
        editHeader(octets, part)
        if !isContainer[index], !editBody(octets, part) { return false }
      }
    }
    for index in structure.parts.indices where isContainer[index] && !isFrozen[index] {
      editContainer(octets, index)
    }
    return true
  }

  func result(_ octets: Span<UInt8>) -> [UInt8]? {
    let edits = edits.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var output: [UInt8] = []
    var size = octets.count
    for edit in edits { size += edit.replacement.count - edit.range.count }
    output.reserveCapacity(max(size, 0))
    var position = 0
    for edit in edits {
      guard edit.range.lowerBound >= position else { return nil }
      output.append(octets, position..<edit.range.lowerBound)
      output.append(octets: edit.replacement)
      position = edit.range.upperBound
    }
    output.append(octets, position..<octets.count)
    return output
  }

  private mutating func editHeader(_ octets: Span<UInt8>, _ part: Part) {
    let isLong = octets.hasLongLine(part.header)
    let isEightBit = !form.keepsHeader && octets.hasNonASCII(part.header)
    guard isLong || isEightBit else { return }
    var reader = HeaderReader(octets, part.header)
    while let field = reader.next(octets) {
      let whole = field.name.lowerBound..<field.value.upperBound
      let isOdd =
        octets.hasLongLine(whole) || !form.keepsHeader && octets.hasNonASCII(field.value)
      guard isOdd, !field.isNamed("content-transfer-encoding", in: octets) else { continue }
      var value = WireValue(field, octets)
      if !form.keepsHeader { value.encode(octets) }
      value.fold()
      edits.append(Edit(range: field.value, replacement: value.octets))
    }
  }

  /// Encodes the body of a part without parts, if it has to be.
  private mutating func editBody(_ octets: Span<UInt8>, _ part: Part) -> Bool {
    let isExact = !form.isExact || isExactAsLines(octets, part)
    let isOdd =
      !isExact || octets.hasLongLine(part.body) || form.isSevenBit && octets.hasNonASCII(part.body)
    guard isOdd else { return true }
    let field = octets.field("content-transfer-encoding", in: part.header)
    var isText = part.kind.isText || part.kind == .messageOther
    var body: [UInt8] = []
    switch part.encoding {
    case .uuencode: return isExact
    case .identity:
      guard octets.isPlainEncoding(part) else { return isExact }
      isText = isText && isExact
      Self.encode(octets.extracting(part.body), isText: isText, to: &body)
      var header: [UInt8] = []
      if part.parent.map({ structure.parts[$0].kind == .message }) ?? true,
        octets.field("mime-version", in: part.header) == nil
      {
        header.append("MIME-Version: 1.0\r\n")
      }
      if part.contentType == nil, octets.hasNonASCII(part.body),
        part.parent.map({ structure.parts[$0].kind != .multipartDigest }) ?? true
      {
        header.append("Content-Type: text/plain; charset=")
        header.append(octets.extracting(part.body).isValidUTF8 ? "utf-8\r\n" : "unknown-8bit\r\n")
      }
      header.append("Content-Transfer-Encoding: ")
      header.append(isText ? "quoted-printable\r\n" : "base64\r\n")
      // Where no blank line ends the header, one has to.
      if part.header.upperBound == part.body.lowerBound { header.append("\r\n") }
      if let field { edits.append(Edit(range: field, replacement: [])) }
      edits.append(
        Edit(range: part.header.upperBound..<part.header.upperBound, replacement: header))
    case .base64, .quotedPrintable:
      var content: [UInt8] = []
      part.appendContent(in: octets, to: &content)
      Self.encode(content.span, isText: part.encoding == .quotedPrintable, to: &body)
    }
    edits.append(Edit(range: part.body, replacement: body))
    return true
  }

  private static func encode(_ content: Span<UInt8>, isText: Bool, to body: inout [UInt8]) {
    if isText { return appendQuotedPrintable(content, to: &body) }
    var encoder = Base64Encoder()
    encoder.encode(content, 0..<content.count, into: &body)
    encoder.finish(into: &body)
    // The line end in front of a boundary belongs to the boundary.
    if body.last == .lineFeed { body.removeLast(2) }
  }

  /// Whether a body arrives octet by octet if it is sent as lines.
  private func isExactAsLines(_ octets: Span<UInt8>, _ part: Part) -> Bool {
    guard octets.isLines(part.body) else { return false }
    // The end of the message gets a line end if it has none.
    return part.body.upperBound < octets.count || part.body.isEmpty
      || octets[octets.count - 1] == .lineFeed
  }

  /// What a container says of its encoding, and what stands between its parts, which nobody is shown.
  private mutating func editContainer(_ octets: Span<UInt8>, _ index: Int) {
    let part = structure.parts[index]
    if form.isSevenBit || form.isExact, !hasFrozenEightBit,
      let value = part.contentTransferEncoding, octets.isPlainEncoding(part),
      octets.hasNonASCII(part.body) || !octets.isLines(part.body)
    {
      var text: [UInt8] = []
      text.append(form.isSevenBit ? " 7bit" : " 8bit")
      edits.append(Edit(range: value, replacement: text))
    }
    guard part.kind.isMultipart else { return }
    var start = part.body.lowerBound
    for child in structure.parts[(index + 1)...] where child.parent == index {
      editGap(octets, start..<child.header.lowerBound)
      start = child.body.upperBound
    }
    editGap(octets, start..<part.body.upperBound)
  }

  private mutating func editGap(_ octets: Span<UInt8>, _ range: Range<Int>) {
    guard form.isSevenBit && octets.hasNonASCII(range) || octets.hasLongLine(range) else { return }
    var start = range.lowerBound
    while start < range.upperBound {
      let feed = octets.firstIndex(of: .lineFeed, from: start, to: range.upperBound)
      let line = start..<feed
      // No boundary is touched.
      if !octets.hasPrefix("--", at: start),
        form.isSevenBit && octets.hasNonASCII(line) || octets.hasLongLine(line)
      {
        var text: [UInt8] = []
        var column = 0
        for index in line {
          let octet = octets[index]
          if column == WireForm.longestLine, octet != .carriageReturn {
            text.append("\r\n ")
            column = 1
          }
          text.append(octet < 0x80 || !form.isSevenBit ? octet : .question)
          column += 1
        }
        edits.append(Edit(range: line, replacement: text))
      }
      start = feed + 1
    }
  }
}

extension Span<UInt8> {
  func hasNonASCII(_ range: Range<Int>) -> Bool {
    firstNonASCII(from: range.lowerBound, to: range.upperBound) < range.upperBound
  }

  /// Whether a line that begins in `range` has more octets than one may have.
  func hasLongLine(_ range: Range<Int>) -> Bool {
    var start = range.lowerBound
    while start < range.upperBound {
      let feed = firstIndex(of: .lineFeed, from: start, to: range.upperBound)
      let isWhole = feed < range.upperBound && feed > start && self[feed - 1] == .carriageReturn
      if feed - start - (isWhole ? 1 : 0) > WireForm.longestLine { return true }
      start = feed + 1
    }
    return false
  }

  /// Whether the octets are lines that end with CR LF, the last one perhaps without its end: no CR and no LF alone, no
  /// NUL.
  fileprivate func isLines(_ range: Range<Int>) -> Bool {
    for index in range {
      switch self[index] {
      case 0: return false
      case .carriageReturn:
        guard index + 1 < count, self[index + 1] == .lineFeed else { return false }
      case .lineFeed: guard index > 0, self[index - 1] == .carriageReturn else { return false }
      default: break
      }
    }
    return true
  }

  /// Whether there is a CR without LF, which sent as a line end would divide a field, or a NUL.
  fileprivate func hasBareReturn(_ range: Range<Int>) -> Bool {
    for index in range {
      if self[index] == 0 { return true }
      if self[index] == .carriageReturn, index + 1 == count || self[index + 1] != .lineFeed {
        return true
      }
    }
    return false
  }

  /// Whether Content-Transfer-Encoding says that the body is as it is. An encoding that is not known is not.
  fileprivate func isPlainEncoding(_ part: Part) -> Bool {
    guard part.encoding == .identity else { return false }
    // A multipart whose boundary does not occur is read as text, but nobody would decode it.
    if part.mediaType(in: self).starts(with: FieldText("multipart/").utf8), !part.kind.isMultipart {
      return false
    }
    guard let value = part.contentTransferEncoding else { return true }
    let word = trimmed(value)
    return word.isEmpty || matches("7bit", in: word) || matches("8bit", in: word)
      || matches("binary", in: word)
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
    var reader = HeaderReader(self, header)
    while let field = reader.next(self) {
      if field.isSignature(in: self) { return true }
    }
    return false
  }
}
