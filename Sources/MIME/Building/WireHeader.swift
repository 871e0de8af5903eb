// The value of a header field as a host takes it: in ASCII (RFC 2047, RFC 2231), in lines of at most 998 octets (RFC 5322
// §2.1.1). What people are shown, and what programs read, is the same as before; spaces and folds that were there stay.
//
// UTF-8 is encoded. Octets that are not UTF-8 stay as they are: nobody has said what they mean, and a charset that is made
// up would make other text of them. So do addresses and message identifiers with octets above ASCII, which cannot be
// encoded.
//
// A fold goes to white space. Where a line has none, it goes behind a comma between addresses, behind a semicolon
// between parameters, between two message identifiers, and into the brackets of a List- field, where RFC 2369 §2 ignores
// it; free text is encoded. Other fields stay too long: a fold would change them.

import Octets

struct WireValue {
  private(set) var octets: [UInt8]
  private let kind: Kind
  /// Octets of the field in front of the value.
  private let nameLength: Int

  private enum Kind {
    case text
    case addresses
    case parameters
    case identifiers
    case urls
    /// Trace fields and others with a grammar: words may be encoded, nothing is divided.
    case other
  }

  /// A line goes to the next word at this column, if it can (RFC 5322 §2.1.1).
  private static let column = 78

  init(_ field: HeaderField, _ message: Span<UInt8>) {
    octets = message.copy(field.value)
    nameLength = field.value.lowerBound - field.name.lowerBound
    func isNamed(_ names: StaticString...) -> Bool {
      names.contains { field.isNamed($0, in: message) }
    }
    if field.hasAddresses(in: message) {
      kind = .addresses
    } else if isNamed("content-type", "content-disposition") {
      kind = .parameters
    } else if isNamed("message-id", "in-reply-to", "references", "content-id", "resent-message-id")
    {
      kind = .identifiers
    } else if message.hasPrefix("list-", at: field.name.lowerBound) {
      kind = .urls
    } else if isNamed("received", "date", "return-path", "authentication-results", "mime-version")
      || isNamed("resent-date", "received-spf", "autocrypt")
    {
      kind = .other
    } else {
      kind = .text
    }
  }

  // MARK: encoding

  /// Puts UTF-8 into ASCII.
  mutating func encode(_ message: Span<UInt8>) {
    let value = octets
    let span = value.span
    guard span.firstNonASCII(from: 0, to: span.count) < span.count, span.isValidUTF8 else { return }
    switch kind {
    case .identifiers: break
    case .parameters: encodeParameters(value)
    case .addresses: encodeAddresses(value)
    case .text, .urls, .other:
      var words = WireWords(value)
      words.addText(0..<span.count)
      octets = words.finish()
    }
  }

  /// A field of addresses: words of display names, strings in quotes and comments.
  private mutating func encodeAddresses(_ value: [UInt8]) {
    let span = value.span
    var words = WireWords(value)
    var index = 0
    /// Whether a comment has no end. Behind it none is looked for, since each look goes to the end of the value.
    var isOpen = false
    while index < span.count {
      let start = index
      switch span[index] {
      case UInt8(ascii: "("):
        guard !isOpen, let close = span.endOfComment(from: index, to: span.count) else {
          isOpen = true
          index += 1
          words.add(start..<index)
          continue
        }
        words.add(start..<start + 1)
        words.addText(start + 1..<close - 1, inComment: true)
        words.add(close - 1..<close)
        index = close
      case UInt8(ascii: "<"):
        while index < span.count, span[index] != UInt8(ascii: ">") { index += 1 }
        words.add(start..<index)
      case .quote:
        index += 1
        while index < span.count, span[index] != .quote {
          index += span[index] == .backslash ? 2 : 1
        }
        index = min(index + 1, span.count)
        let isLocalPart = index < span.count && span[index] == .at
        if isLocalPart || !span.hasNonASCII(start..<index) {
          words.add(start..<index)
        } else {
          words.addWord(unquoted(value[start..<index]))
        }
      case .space, .tab, .carriageReturn, .lineFeed:
        while index < span.count, span[index].isWhite { index += 1 }
        words.addWhite(start..<index)
      case .comma, .semicolon, .colon, UInt8(ascii: ">"), UInt8(ascii: ")"):
        index += 1
        words.add(start..<index)
      default:
        while index < span.count, !Self.endsWord(span[index]) { index += 1 }
        var hasAt = false
        for place in start..<index where span[place] == .at { hasAt = true }
        if hasAt || !span.hasNonASCII(start..<index) {
          words.add(start..<index)
        } else {
          words.addWord(value[start..<index])
        }
      }
    }
    octets = words.finish()
  }

  private static func endsWord(_ octet: UInt8) -> Bool {
    octet.isWhite || octet == .comma || octet == .semicolon || octet == .colon || octet == .quote
      || octet == UInt8(ascii: "(") || octet == UInt8(ascii: ")") || octet == UInt8(ascii: "<")
      || octet == UInt8(ascii: ">")
  }

  /// Content-Type and Content-Disposition: a parameter with octets above ASCII gets the form of RFC 2231 §4.
  private mutating func encodeParameters(_ value: [UInt8]) {
    var output: [UInt8] = []
    var start = 0
    var isQuoted = false
    var isEscaped = false
    for index in value.indices {
      if isEscaped {
        isEscaped = false
      } else if value[index] == .backslash, isQuoted {
        isEscaped = true
      } else if value[index] == .quote {
        isQuoted.toggle()
      } else if value[index] == .semicolon, !isQuoted {
        appendParameter(value[start..<index], to: &output)
        output.append(.semicolon)
        start = index + 1
      }
    }
    appendParameter(value[start...], to: &output)
    octets = output
  }

  private func appendParameter(_ parameter: ArraySlice<UInt8>, to output: inout [UInt8]) {
    // The name comes again with each segment: no program's is so long that this is much.
    guard parameter.contains(where: { $0 >= 0x80 }),
      let equals = parameter.firstIndex(of: .equals),
      parameter[..<equals].drop(while: { $0.isWhite }).count <= 64,
      !parameter[..<equals].contains(where: { $0 >= 0x80 || $0 == UInt8(ascii: "*") })
    else { return output.append(contentsOf: parameter) }
    var name = parameter[..<equals]
    while name.last?.isWhite == true { name.removeLast() }
    var text = parameter[(equals + 1)...]
    while text.first?.isWhite == true { text.removeFirst() }
    while text.last?.isWhite == true { text.removeLast() }
    let octets = text.first == .quote ? unquoted(text) : Array(text)
    var encoded: [UInt8] = []
    encoded.append("utf-8''")
    var segments: [[UInt8]] = []
    for octet in octets where octet != .carriageReturn && octet != .lineFeed {
      if encoded.count > 55 {
        segments.append(encoded)
        encoded = []
      }
      if octet.isLetterOrDigit || octet == .hyphen || octet == UInt8(ascii: ".") {
        encoded.append(octet)
      } else {
        encoded.append(.percent, hex: octet)
      }
    }
    segments.append(encoded)
    for (number, segment) in segments.enumerated() {
      if number == 0 {
        output += name
      } else {
        output.append(";\r\n ")
        output += name.drop { $0.isWhite }
      }
      output.append(UInt8(ascii: "*"))
      if segments.count > 1 {
        output.append(decimal: number)
        output.append(UInt8(ascii: "*"))
      }
      output.append(.equals)
      output += segment
    }
  }

  /// What stands in quotes, without them and their backslashes.
  private func unquoted(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    var isEscaped = false
    for octet in text.dropFirst() {
      if isEscaped {
        output.append(octet)
        isEscaped = false
      } else if octet == .backslash {
        isEscaped = true
      } else if octet == .quote {
        break
      } else {
        output.append(octet)
      }
    }
    return output
  }

  // MARK: folding

  /// Divides lines that are too long.
  mutating func fold() {
    var output: [UInt8] = []
    output.reserveCapacity(octets.count + octets.count / 32)
    var column = nameLength
    var start = 0
    while start <= octets.count {
      let feed = octets[start...].firstIndex(of: .lineFeed) ?? octets.count
      let end = feed > start && octets[feed - 1] == .carriageReturn ? feed - 1 : feed
      if column + end - start > WireForm.longestLine {
        fold(start..<end, column: column, to: &output)
      } else {
        output += octets[start..<end]
      }
      if feed < octets.count { output += octets[end...feed] }
      column = 0
      start = feed + 1
    }
    octets = output
  }

  /// Appends a line with folds: in front of white space behind which something stands.
  private func fold(_ line: Range<Int>, column: Int, to output: inout [UInt8]) {
    var column = column
    var hasText = false
    var start = line.lowerBound
    while start < line.upperBound {
      var word = start
      while word < line.upperBound, octets[word].isBlank { word += 1 }
      var end = word
      while end < line.upperBound, !octets[end].isBlank { end += 1 }
      let isFolded = hasText && end > word && word > start && column + end - start > Self.column
      if isFolded {
        // All white space but one stays in the line above, so that no line has nothing else.
        output += octets[start..<word - 1]
        output.append("\r\n")
        output.append(octets[word - 1])
        column = 1
      } else {
        output += octets[start..<word]
        column += word - start
      }
      if end - word > WireForm.longestLine - 2 {
        divide(word..<end, column: &column, to: &output)
      } else {
        output += octets[word..<end]
        column += end - word
      }
      hasText = hasText || end > word
      start = end
    }
  }

  /// Appends a word that is longer than a line.
  private func divide(_ word: Range<Int>, column: inout Int, to output: inout [UInt8]) {
    let last: UInt8
    switch kind {
    case .text where octets[word].span.isValidUTF8:
      var words = WireWords(octets)
      words.addWord(octets[word])
      output += words.finish()
      column = Self.column
      return
    case .addresses: last = .comma
    case .parameters: last = .semicolon
    case .identifiers: last = UInt8(ascii: ">")
    case .urls: last = 0
    case .text, .other:
      output += octets[word]
      column += word.count
      return
    }
    var isQuoted = false
    var place = word.lowerBound
    var start = place
    /// Appends what goes up to the last place where a fold may be.
    func breakLine(_ column: inout Int, _ output: inout [UInt8]) {
      output += octets[start..<place]
      output.append("\r\n ")
      start = place
      column = 1
    }
    var isInBrackets = false
    for index in word {
      let octet = octets[index]
      if octet == .quote { isQuoted.toggle() }
      if octet == UInt8(ascii: "<") { isInBrackets = true }
      if octet == UInt8(ascii: ">") { isInBrackets = false }
      if column + index - start >= 900, place > start { breakLine(&column, &output) }
      let mayBreak = last == 0 ? isInBrackets : octet == last && !isQuoted
      if mayBreak, index + 1 < word.upperBound, last != 0 || index - start >= 800 {
        place = index + 1
      }
    }
    output += octets[start..<word.upperBound]
    column += word.upperBound - start
  }
}

/// Puts words above ASCII into encoded words (RFC 2047). White space between two of them means nothing, so that what
/// stands between two words that are encoded is encoded with them.
private struct WireWords {
  private let source: [UInt8]
  private var output: [UInt8] = []
  /// Text that is to be encoded.
  private var text: [UInt8] = []
  /// White space behind it.
  private var white = 0..<0
  /// Whether an encoded word that was there already came last, with nothing but white space behind it.
  private var isBehindEncoded = false

  init(_ source: [UInt8]) { self.source = source }

  /// Adds what stays as it is.
  mutating func add(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let isEncoded =
      range.count > 6 && source.span.hasPrefix("=?", at: range.lowerBound)
      && source.span.hasPrefix("?=", at: range.upperBound - 2)
    if isEncoded, !text.isEmpty { text.append(.space) }
    flush()
    output += source[range]
    isBehindEncoded = isEncoded
  }

  mutating func addWhite(_ range: Range<Int>) {
    if text.isEmpty {
      output += source[range]
    } else {
      white = range
    }
  }

  /// Adds a word that is encoded.
  mutating func addWord(_ word: some Sequence<UInt8>) {
    if text.isEmpty {
      if isBehindEncoded { text.append(.space) }
    } else {
      for index in white where source[index] != .carriageReturn && source[index] != .lineFeed {
        text.append(source[index])
      }
      white = 0..<0
    }
    text += word
    isBehindEncoded = false
  }

  /// Adds words with white space between them, of which those above ASCII are encoded.
  mutating func addText(_ range: Range<Int>, inComment: Bool = false) {
    var index = range.lowerBound
    while index < range.upperBound {
      let start = index
      let isWhite = source[index].isWhite
      while index < range.upperBound, source[index].isWhite == isWhite { index += 1 }
      if isWhite {
        addWhite(start..<index)
      } else if !source.span.hasNonASCII(start..<index) {
        add(start..<index)
      } else if inComment {
        addCommentWord(start..<index)
      } else {
        addWord(source[start..<index])
      }
    }
    if inComment { flush() }
  }

  /// In a comment parentheses stay outside.
  private mutating func addCommentWord(_ range: Range<Int>) {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, source[start] == UInt8(ascii: "(") { start += 1 }
    while end > start, source[end - 1] == UInt8(ascii: ")") { end -= 1 }
    add(range.lowerBound..<start)
    addWord(source[start..<end])
    add(end..<range.upperBound)
  }

  /// Writes the text that waits, and the white space behind it.
  private mutating func flush() {
    guard !text.isEmpty else { return }
    let text = self.text
    self.text = []
    appendEncodedWords(text.span, to: &output)
    output += source[white]
    white = 0..<0
  }

  mutating func finish() -> [UInt8] {
    flush()
    return output
  }
}

/// Encoded words of at most 75 octets with folds between them, none of which splits a character.
private func appendEncodedWords(_ text: Span<UInt8>, to output: inout [UInt8]) {
  var plain = 0
  for index in 0..<text.count where text[index].isLetterOrDigit || text[index] == .space {
    plain += 1
  }
  let isBase64 = plain * 2 < text.count
  var start = 0
  while start < text.count {
    var end = start
    var length = 0
    while end < text.count {
      let next = end + max(1, text.characterLength(at: end))
      var longer = length
      if isBase64 {
        longer = (next - start + 2) / 3 * 4
      } else {
        for index in end..<next {
          longer += text[index].isLetterOrDigit || text[index] == .space ? 1 : 3
        }
      }
      if longer > 60, end > start { break }
      (length, end) = (longer, next)
    }
    if start > 0 { output.append("\r\n ") }
    output.append(isBase64 ? "=?utf-8?B?" : "=?utf-8?Q?")
    if isBase64 {
      output.append(base64: text.extracting(start..<end))
    } else {
      for index in start..<end {
        let octet = text[index]
        if octet == .space {
          output.append(UInt8(ascii: "_"))
        } else if octet.isLetterOrDigit {
          output.append(octet)
        } else {
          output.append(.equals, hex: octet)
        }
      }
    }
    output.append("?=")
    start = end
  }
}
