// Parameters of fields such as Content-Type (RFC 2045 §5.1) with their long form: a charset, percent-encoded
// octets, and values in several segments (RFC 2231 §3, §4). An extended value wins over a plain one.
//
// Forgiven: white space around `=`, empty parameters, values with spaces or special characters without quotes,
// a quoted string that is never closed, a quotation mark inside one without a backslash, encoded words in a value, segments in any order (a gap ends them).

import Octets

extension HeaderField {
  /// The value of the first parameter that is named `name` (in lower case), decoded to UTF-8; nil if there is
  /// none. Linear in the size of the field; at most `Limits.parameters` parameters are looked at.
  public func parameter(_ name: StaticString, in octets: Span<UInt8>) -> [UInt8]? {
    MIME.parameter(name, octets, value)
  }
}

/// `isToken`: a value for programs, such as a boundary. A plain one is then not decoded, and has no comment. Raw octets
/// that are not UTF-8 are of `rawCharset`.
func parameter(
  _ name: StaticString, _ octets: Span<UInt8>, _ value: Range<Int>, isToken: Bool = false,
  rawCharset: Charset = .fallback
) -> [UInt8]? {
  var reader = ParameterReader(octets, value)
  var plain: RawParameter?
  var extended: RawParameter?
  var segments: [(number: Int, RawParameter)] = []
  while let raw = reader.next(octets) {
    var base = raw.name
    var isExtended = false
    var number: Int?
    if let star = raw.star {
      base = raw.name.lowerBound..<star
      guard octets.matches(name, in: base) else { continue }
      (number, isExtended) = octets.segment(star + 1..<raw.name.upperBound)
    } else {
      guard octets.matches(name, in: base) else { continue }
    }
    if let number {
      segments.append((number, RawParameter(raw, isExtended: isExtended)))
    } else if isExtended {
      extended = extended ?? RawParameter(raw, isExtended: true)
    } else {
      plain = plain ?? raw
    }
  }
  if let extended { return decodeExtended(octets, [(0, extended)]) }
  if !segments.isEmpty {
    segments.sort { $0.number < $1.number }
    if segments[0].number == 0 { return decodeExtended(octets, segments) }
  }
  return plain.map { isToken ? token(octets, $0) : decodePlain(octets, $0, rawCharset) }
}

/// A parameter as it stands in a field.
struct RawParameter {
  let name: Range<Int>
  /// Where a `*` stands in the name.
  let star: Int?
  let value: Range<Int>
  let isQuoted: Bool
  var isExtended = false

  init(name: Range<Int>, star: Int?, value: Range<Int>, isQuoted: Bool) {
    (self.name, self.star, self.value, self.isQuoted) = (name, star, value, isQuoted)
  }

  init(_ raw: RawParameter, isExtended: Bool) {
    self = raw
    self.isExtended = isExtended
  }
}

/// Reads parameters in order.
struct ParameterReader {
  private var index: Int
  private let end: Int
  private var count = 0

  /// Begins behind the first `;` of the value of a field.
  init(_ octets: Span<UInt8>, _ value: Range<Int>) {
    end = value.upperBound
    index = octets.firstIndex(of: .semicolon, from: value.lowerBound, to: end)
  }

  mutating func next(_ octets: Span<UInt8>) -> RawParameter? {
    while index < end, count < Limits.parameters {
      count += 1
      while index < end, octets[index] == .semicolon || octets[index].isWhite { index += 1 }
      let nameStart = index
      var star: Int?
      while index < end, octets[index] != .equals, octets[index] != .semicolon,
        !octets[index].isWhite
      {
        if octets[index] == UInt8(ascii: "*"), star == nil { star = index }
        index += 1
      }
      let name = nameStart..<index
      skipWhite(octets)
      guard index < end, octets[index] == .equals else {
        // A word without a value.
        if name.isEmpty { index = min(end, index + 1) }
        continue
      }
      index += 1
      skipWhite(octets)
      let (value, isQuoted) = index < end && octets[index] == .quote ? quoted(octets) : bare(octets)
      if !name.isEmpty {
        return RawParameter(name: name, star: star, value: value, isQuoted: isQuoted)
      }
    }
    return nil
  }

  private mutating func skipWhite(_ octets: Span<UInt8>) {
    while index < end, octets[index].isWhite { index += 1 }
  }

  private mutating func quoted(_ octets: Span<UInt8>) -> (Range<Int>, isQuoted: Bool) {
    index += 1
    let start = index
    while index < end, octets[index] != .quote || isInside(octets, index) {
      index += octets[index] == .backslash && index + 1 < end ? 2 : 1
    }
    if index < end {
      defer { index += 1 }
      return (start..<index, true)
    }
    // Never closed: up to the next parameter.
    index = octets.firstIndex(of: .semicolon, from: start, to: end)
    return (octets.trimmed(start..<index), true)
  }

  /// Whether the quotation mark at `quote` is one of the value (`"what"s up.txt"`): text touches it, and another
  /// follows in front of the next parameter.
  private func isInside(_ octets: Span<UInt8>, _ quote: Int) -> Bool {
    var next = quote + 1
    guard next < end, octets[next] != .semicolon, octets[next] != UInt8(ascii: "("),
      !octets[next].isWhite
    else { return false }
    while next < end, octets[next] != .semicolon, octets[next] != .quote { next += 1 }
    return next < end && octets[next] == .quote
  }

  /// Up to the next `;`, or to white space behind which a word and `=` follow.
  private mutating func bare(_ octets: Span<UInt8>) -> (Range<Int>, isQuoted: Bool) {
    let start = index
    while index < end, octets[index] != .semicolon {
      guard octets[index].isWhite else {
        index += 1
        continue
      }
      let white = index
      skipWhite(octets)
      let word = index
      while index < end, octets[index].isLetterOrDigit || octets[index] == UInt8(ascii: "*") {
        index += 1
      }
      if index > word, index < end, octets[index] == .equals {
        index = word
        return (start..<white, false)
      }
    }
    return (octets.trimmed(start..<index), false)
  }
}

extension Span<UInt8> {
  /// What stands behind the first `*` of a name: `` (extended), `0` (a segment), `0*` (an extended segment).
  fileprivate func segment(_ range: Range<Int>) -> (number: Int?, isExtended: Bool) {
    var index = range.lowerBound
    let number = decimal(from: &index, to: range.upperBound)
    return (number, number == nil || index < range.upperBound)
  }
}

/// The octets of a value, without the comments around it if it is not quoted.
private func token(_ octets: Span<UInt8>, _ raw: RawParameter) -> [UInt8] {
  guard !raw.isQuoted else { return unquoted(octets, raw) }
  let end = raw.value.upperBound
  let start = octets.behindComments(from: raw.value.lowerBound, to: end)
  var stop = start
  while stop < end, octets[stop] != UInt8(ascii: "(") || !octets[max(start, stop - 1)].isWhite {
    stop += 1
  }
  return octets.copy(octets.trimmed(start..<stop)).filter { !$0.isWhite || $0.isBlank }
}

private func decodePlain(
  _ octets: Span<UInt8>, _ raw: RawParameter, _ rawCharset: Charset
) -> [UInt8] {
  let text = unquoted(octets, raw)
  var decoder = HeaderTextDecoder()
  var decoded: [UInt8] = []
  let span = text.span
  let rawCharset = span.rawCharset(0..<span.count, else: rawCharset)
  decoder.decode(span, 0..<span.count, rawCharset: rawCharset, into: &decoded)
  return decoded
}

/// The octets of a value without backslashes and folds.
private func unquoted(_ octets: Span<UInt8>, _ raw: RawParameter) -> [UInt8] {
  var text: [UInt8] = []
  text.reserveCapacity(raw.value.count)
  var index = raw.value.lowerBound
  while index < raw.value.upperBound {
    var octet = octets[index]
    if raw.isQuoted, octet == .backslash, index + 1 < raw.value.upperBound {
      // A path of Windows with its separators is not quoted pairs.
      let next = octets[index + 1]
      if next == .quote || next == .backslash {
        index += 1
        octet = next
      }
    }
    if octet != .carriageReturn, octet != .lineFeed { text.append(octet) }
    index += 1
  }
  return text
}

/// Segments in order, the first of which may name the charset: `charset'language'text`.
private func decodeExtended(
  _ octets: Span<UInt8>, _ segments: [(number: Int, RawParameter)]
) -> [UInt8] {
  var charset: Charset?
  var text: [UInt8] = []
  var expected = 0
  for (number, raw) in segments {
    if number < expected { continue }
    guard number == expected else { break }
    expected += 1
    let value = unquoted(octets, raw)
    var index = 0
    if raw.isExtended {
      if number == 0, let quote = value.firstIndex(of: 0x27),
        let second = value[(quote + 1)...].firstIndex(of: 0x27)
      {
        charset = Charset(label: value.span, 0..<quote)
        index = second + 1
      }
      text.append(octets: percentDecoded(value.span.extracting(index..<value.count)))
    } else {
      text.append(octets: value)
    }
  }
  var decoded: [UInt8] = []
  if charset == nil, text.span.firstNonASCII(from: 0, to: text.count) == text.count {
    // Encoded words in segments, which no RFC allows.
    var decoder = HeaderTextDecoder()
    decoder.decode(text.span, 0..<text.count, rawCharset: .utf8, into: &decoded)
  } else {
    decoded.append(text.span, charset: charset)
    for index in decoded.indices where decoded[index] < .space || decoded[index] == 0x7F {
      decoded[index] = .space
    }
  }
  return decoded
}
