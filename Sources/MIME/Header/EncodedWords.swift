// Encoded words (RFC 2047, with the language of RFC 2231 §5) in the text of header fields. Also read where the
// RFC forbids them, since people send them so: touching other text or each other, inside quoted strings, with
// spaces or raw octets inside. Words of one charset that follow each other are joined before the charset is
// decoded, since a character may be split between them. A word of a charset that is not known, or whose
// base64 is none, stays text. The result is never decoded again.

import Octets

struct EncodedWord {
  let charset: Charset
  let isBase64: Bool
  let payload: Range<Int>
  let end: Int
}

/// Finds encoded words in one text. Its memory makes the search linear: where the next `?=` stands is looked up
/// once.
struct EncodedWordScanner {
  private var terminator = -1
  /// The label that was looked up last, and its charset: a long text mostly has the same one everywhere.
  private var label: [UInt8] = []
  private var charset: Charset?

  /// The encoded word that begins at `start`, with nothing behind `end`.
  mutating func word(_ octets: Span<UInt8>, at start: Int, to end: Int) -> EncodedWord? {
    guard start + 1 < end, octets[start] == .equals, octets[start + 1] == .question else {
      return nil
    }
    var index = start + 2
    let limit = min(end, index + 80)
    var label = index..<index
    while index < limit, octets[index] != .question {
      guard octets[index] > .space, octets[index] < 0x7F else { return nil }
      if octets[index] == UInt8(ascii: "*"), label.isEmpty { label = label.lowerBound..<index }
      index += 1
    }
    if label.isEmpty { label = label.lowerBound..<index }
    guard index + 2 < end, octets[index] == .question, octets[index + 2] == .question else {
      return nil
    }
    let isBase64: Bool
    switch octets[index + 1].lowercased {
    case UInt8(ascii: "b"): isBase64 = true
    case UInt8(ascii: "q"): isBase64 = false
    default: return nil
    }
    let payload = index + 3
    if terminator < payload { terminator = Self.terminator(octets, from: payload, to: end) }
    guard terminator < end else { return nil }
    if isBase64 {
      for index in payload..<terminator {
        let octet = octets[index]
        guard octet.base64Value != nil || octet == .equals || octet.isWhite else { return nil }
      }
    }
    if !octets.equals(self.label, in: label) {
      self.label = octets.copy(label)
      charset = Charset(label: octets, label)
    }
    guard let charset else { return nil }
    return EncodedWord(
      charset: charset, isBase64: isBase64, payload: payload..<terminator, end: terminator + 2)
  }

  private static func terminator(_ octets: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var index = start
    while index + 1 < end {
      index = octets.firstIndex(of: .question, from: index, to: end)
      if index + 1 < end, octets[index + 1] == .equals { return index }
      index += 1
    }
    return end
  }
}

/// Decodes the text of one field or phrase into UTF-8 on one line: a fold with its white space is one space,
/// and so is any control character, also one that was encoded.
struct HeaderTextDecoder {
  private var scanner = EncodedWordScanner()
  /// The octets of the words that were joined so far, and their charset.
  private var joined: [UInt8] = []
  private var charset: Charset?
  private var base64 = Base64Decoder()
  private var isBase64 = false

  /// Appends the text of `range`; `rawCharset` is what raw octets above ASCII are.
  mutating func decode(
    _ octets: Span<UInt8>, _ range: Range<Int>, rawCharset: Charset, into output: inout [UInt8]
  ) {
    let start = output.count
    var index = range.lowerBound
    let end = range.upperBound
    var literal = index
    while index < end {
      index = octets.firstIndex(of: .equals, from: index, to: end)
      guard index < end else { break }
      guard let word = scanner.word(octets, at: index, to: end) else {
        index += 1
        continue
      }
      if charset == nil || !octets.isWhite(literal..<index) {
        flush(into: &output)
        output.appendUnfolded(octets, literal..<index, rawCharset)
      }
      join(octets, word, into: &output)
      index = word.end
      literal = index
    }
    flush(into: &output)
    output.appendUnfolded(octets, literal..<end, rawCharset)
    for index in start..<output.count where output[index] < .space || output[index] == 0x7F {
      output[index] = .space
    }
  }

  private mutating func join(
    _ octets: Span<UInt8>, _ word: EncodedWord, into output: inout [UInt8]
  ) {
    if charset != word.charset { flush(into: &output) }
    if isBase64, !word.isBase64 { base64.finish(into: &joined) }
    charset = word.charset
    isBase64 = word.isBase64
    if isBase64 {
      base64.decode(octets, word.payload, into: &joined)
      return
    }
    var index = word.payload.lowerBound
    let end = word.payload.upperBound
    while index < end {
      let octet = octets[index]
      if octet == UInt8(ascii: "_") {
        joined.append(.space)
      } else if octet == .equals, let hex = octets.hexOctet(at: index + 1, to: end) {
        joined.append(hex)
        index += 2
      } else if octet != .carriageReturn, octet != .lineFeed {
        joined.append(octet)
      }
      index += 1
    }
  }

  private mutating func flush(into output: inout [UInt8]) {
    guard let charset else { return }
    base64.finish(into: &joined)
    output.append(joined.span, charset: charset)
    joined.removeAll(keepingCapacity: true)
    self.charset = nil
    isBase64 = false
  }
}

extension Span<UInt8> {
  /// Whether `range` holds white space and nothing else.
  fileprivate func isWhite(_ range: Range<Int>) -> Bool {
    for index in range where !self[index].isWhite { return false }
    return true
  }

  /// What octets above ASCII in `range` are when nobody says: UTF-8 (RFC 6532) if all of them are, else `other`.
  func rawCharset(_ range: Range<Int>, else other: Charset = .fallback) -> Charset {
    extracting(range).isValidUTF8 ? .utf8 : other
  }
}

extension [UInt8] {
  /// Appends raw text with each fold as one space.
  mutating func appendUnfolded(_ octets: Span<UInt8>, _ range: Range<Int>, _ charset: Charset) {
    var index = range.lowerBound
    var start = index
    while index < range.upperBound {
      guard octets[index] == .lineFeed || octets[index] == .carriageReturn else {
        index += 1
        continue
      }
      var white = index
      while white > start, octets[white - 1].isBlank { white -= 1 }
      appendRaw(octets, start..<white, charset)
      while index < range.upperBound, octets[index].isWhite { index += 1 }
      append(.space)
      start = index
    }
    appendRaw(octets, start..<range.upperBound, charset)
  }

  private mutating func appendRaw(_ octets: Span<UInt8>, _ range: Range<Int>, _ charset: Charset) {
    if octets.firstNonASCII(from: range.lowerBound, to: range.upperBound) == range.upperBound {
      append(octets, range)
    } else {
      append(octets.extracting(range), charset: charset)
    }
  }
}
