// Writes header fields (RFC 5322 §2.2.3): folded so that lines have 78 octets where that is possible, and never
// more than 998. What is not ASCII becomes encoded words (RFC 2047) or, where SMTPUTF8 is there to carry it,
// stays UTF-8 (RFC 6532).

import Octets

/// Appends whole fields to a message.
public struct HeaderWriter {
  /// Whether text may stand as UTF-8.
  public let usesUTF8: Bool
  /// The octets of the line so far.
  private var column = 0
  /// Whether the next word is the first of its field.
  private var isFirst = true
  /// Whether the line so far has an encoded word.
  private var hasEncodedWord = false

  /// The octets a line should have at most, and those of a word that stays as it is.
  private static let line = 78
  /// The octets of a line that has an encoded word (RFC 2047 §2).
  private static let lineOfEncodedWord = 76
  private static let longestWord = 900

  public init(usesUTF8: Bool = false) {
    self.usesUTF8 = usesUTF8
  }

  /// An unstructured field, such as Subject.
  public mutating func append(
    _ name: FieldName, text: FieldText, to output: inout [UInt8]
  ) {
    begin(name, &output)
    let utf8 = text.utf8.span
    if mustEncode(utf8) {
      appendEncoded(utf8, to: &output)
    } else {
      appendWords(utf8, to: &output)
    }
    end(&output)
  }

  /// A field of addresses; none if there are no addresses.
  public mutating func append(
    _ name: FieldName, addresses: [NamedAddress], to output: inout [UInt8]
  ) {
    guard !addresses.isEmpty else { return }
    begin(name, &output)
    for index in addresses.indices {
      let address = addresses[index]
      var word: [UInt8] = []
      if address.name.utf8.isEmpty, !address.address.span.hasEncodedWordMark {
        word = address.address
      } else {
        if !address.name.utf8.isEmpty { appendPhrase(address.name.utf8.span, to: &output) }
        word.append(UInt8(ascii: "<"))
        word.append(octets: address.address)
        word.append(UInt8(ascii: ">"))
      }
      if index < addresses.count - 1 { word.append(.comma) }
      append(word: word.span, to: &output)
    }
    end(&output)
  }

  /// A field of identifiers; none if there are none.
  public mutating func append(
    _ name: FieldName, messageIDs: [MessageIdentifier], to output: inout [UInt8]
  ) {
    guard !messageIDs.isEmpty else { return }
    begin(name, &output)
    for identifier in messageIDs {
      var word: [UInt8] = [UInt8(ascii: "<")]
      word.append(octets: identifier.octets)
      word.append(UInt8(ascii: ">"))
      append(word: word.span, to: &output)
    }
    end(&output)
  }

  /// A field that is a date.
  public mutating func append(_ name: FieldName, date: DateTime, to output: inout [UInt8]) {
    begin(name, &output)
    output.append(.space)
    date.append(to: &output)
    end(&output)
  }

  /// A field of a delivery report, with its type if it has one. Runs of white space become one space, and the
  /// type is never encoded. Nor is the value, unless it is text for people (`isText`).
  mutating func append(
    _ name: FieldName, type: StaticString?, value: FieldText, isText: Bool = false,
    to output: inout [UInt8]
  ) {
    begin(name, &output)
    if let type { append(word: FieldText(type).utf8.span, to: &output) }
    var text: [UInt8] = []
    for octet in value.utf8 {
      if octet > .space && octet != 0x7F {
        text.append(octet)
      } else if let last = text.last, last != .space {
        text.append(.space)
      }
    }
    text.removeTrailingWhite()
    if isText, mustEncode(text.span) {
      appendEncoded(text.span, to: &output)
    } else {
      appendWords(text.span, to: &output)
    }
    end(&output)
  }

  /// A field of a value with parameters, such as Content-Type.
  mutating func append(
    _ name: FieldName, value: [UInt8], parameters: [(name: StaticString, value: [UInt8])],
    to output: inout [UInt8]
  ) {
    begin(name, &output)
    var words: [[UInt8]] = [value]
    for parameter in parameters {
      words[words.count - 1].append(.semicolon)
      words += parameterWords(parameter.name, parameter.value)
    }
    for word in words { append(word: word.span, to: &output) }
    end(&output)
  }

  // MARK: lines

  private mutating func begin(_ name: FieldName, _ output: inout [UInt8]) {
    output.append(octets: name.octets)
    output.append(.colon)
    column = name.octets.count + 1
    (isFirst, hasEncodedWord) = (true, false)
  }

  private mutating func end(_ output: inout [UInt8]) {
    output.append(.carriageReturn)
    output.append(.lineFeed)
  }

  /// Appends a word behind a space, or on a line of its own if it does not fit.
  private mutating func append(
    word: Span<UInt8>, isEncoded: Bool = false, to output: inout [UInt8]
  ) {
    hasEncodedWord = hasEncodedWord || isEncoded
    // The first word of a field stays on its line, so that no line is white space alone.
    if column + 1 + word.count > (hasEncodedWord ? Self.lineOfEncodedWord : Self.line), !isFirst {
      output.append(.carriageReturn)
      output.append(.lineFeed)
      column = 0
      hasEncodedWord = isEncoded
    }
    isFirst = false
    output.append(.space)
    output.append(word, 0..<word.count)
    column += 1 + word.count
  }

  private mutating func appendWords(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var start = 0
    while start < text.count {
      var end = text.firstIndex(of: .space, from: start, to: text.count)
      if end - start > Self.longestWord {
        // Such a word has to be divided, in front of a character.
        end = start + Self.longestWord
        while text[end] & 0xC0 == 0x80, end > start + 1 { end -= 1 }
      }
      append(word: text.extracting(start..<end), to: &output)
      start = end < text.count && text[end] == .space ? end + 1 : end
    }
  }

  // MARK: text

  /// Whether text would not come out as it is: it has what is not ASCII, control characters, runs of spaces,
  /// something like an encoded word, or a word that is too long for a line.
  private func mustEncode(_ text: Span<UInt8>) -> Bool {
    var word = 0
    var last = UInt8.space
    for index in 0..<text.count {
      let octet = text[index]
      if octet < .space || octet == 0x7F || octet >= 0x80 && !usesUTF8 { return true }
      if octet == .space, last == .space { return true }
      if octet == .question, last == .equals { return true }
      word = octet == .space ? 0 : word + 1
      if word > Self.longestWord { return true }
      last = octet
    }
    return last == .space && text.count > 0
  }

  /// A display name (RFC 5322 §3.2.5): atoms, a quoted string, or encoded words.
  private mutating func appendPhrase(_ text: Span<UInt8>, to output: inout [UInt8]) {
    if mustEncode(text) || text.count > 200 {
      return appendEncoded(text, to: &output)
    }
    var isAtoms = true
    for index in 0..<text.count {
      let octet = text[index]
      isAtoms = isAtoms && (octet == .space || octet.isAtomText || octet >= 0x80)
    }
    if isAtoms { return appendWords(text, to: &output) }
    var quoted: [UInt8] = [.quote]
    for index in 0..<text.count {
      if text[index] == .quote || text[index] == .backslash { quoted.append(.backslash) }
      quoted.append(text[index])
    }
    quoted.append(.quote)
    appendWords(quoted.span, to: &output)
  }

  /// Encoded words of at most 75 octets (RFC 2047 §2), none of which splits a character.
  private mutating func appendEncoded(
    _ text: Span<UInt8>, to output: inout [UInt8]
  ) {
    var plain = 0
    for index in 0..<text.count where text[index].isPlainInEncodedWord { plain += 1 }
    let isBase64 = 3 * (text.count - plain) + plain > (text.count + 2) / 3 * 4
    var start = 0
    repeat {
      // `=?utf-8?B?` and `?=` are 12 of a line of 76, which begins with a space. The first word stands behind
      // the name of the field.
      let room = start == 0 ? max(16, min(63, 63 - column)) : 63
      var end = start
      var length = 0
      while end < text.count {
        let character = text.characterLength(at: end)
        var next = length
        if isBase64 {
          next = (end + character - start + 2) / 3 * 4
        } else {
          for index in end..<end + character { next += text[index].isPlainInEncodedWord ? 1 : 3 }
        }
        if next > room { break }
        length = next
        end += character
      }
      var word: [UInt8] = []
      word.append(isBase64 ? "=?utf-8?B?" : "=?utf-8?Q?")
      if isBase64 {
        word.append(base64: text.extracting(start..<end))
      } else {
        for index in start..<end { word.appendQ(text[index]) }
      }
      word.append("?=")
      append(word: word.span, isEncoded: true, to: &output)
      start = end
    } while start < text.count
  }

  // MARK: parameters

  /// `name=value`, quoted if it must be, or in the form of RFC 2231 §4, in segments (§3) if it is long.
  private func parameterWords(_ name: StaticString, _ value: [UInt8]) -> [[UInt8]] {
    var isToken = !value.isEmpty
    var isPlain = value.count <= 60
    for octet in value {
      isToken = isToken && octet.isToken
      isPlain =
        isPlain && octet >= .space && octet != 0x7F && (octet < 0x80 || usesUTF8)
        && octet != .percent
    }
    // Nor may it look like an encoded word, which readers would decode.
    for index in value.indices.dropFirst() {
      if value[index - 1] == .equals, value[index] == .question { isPlain = false }
    }
    var word: [UInt8] = []
    word.append(name)
    if isPlain {
      word.append(.equals)
      if !isToken { word.append(.quote) }
      for octet in value {
        if octet == .quote || octet == .backslash { word.append(.backslash) }
        word.append(octet)
      }
      if !isToken { word.append(.quote) }
      return [word]
    }
    var encoded: [[UInt8]] = [[]]
    for octet in value {
      if encoded[encoded.count - 1].count > 50 { encoded.append([]) }
      if octet.isLetterOrDigit || octet == UInt8(ascii: ".") || octet == .hyphen
        || octet == UInt8(ascii: "_")
      {
        encoded[encoded.count - 1].append(octet)
      } else {
        encoded[encoded.count - 1].append(.percent, hex: octet)
      }
    }
    var words: [[UInt8]] = []
    for index in encoded.indices {
      var word = word
      if encoded.count > 1 {
        word.append(UInt8(ascii: "*"))
        word.append(decimal: index)
      }
      word.append(UInt8(ascii: "*"))
      word.append(.equals)
      if index == 0 { word.append("utf-8''") }
      word.append(octets: encoded[index])
      if index < encoded.count - 1 { word.append(.semicolon) }
      words.append(word)
    }
    return words
  }
}

extension DateTime {
  /// Appends the date as RFC 5322 §3.3 has it: `Tue, 24 Nov 2026 23:10:00 +0100`.
  public func append(to output: inout [UInt8]) {
    output.append(dateTime: seconds, zone: zone)
  }
}

extension UInt8 {
  /// What stands for itself in a Q encoded word anywhere (RFC 2047 §5 (3)); a space counts, since it is one `_`.
  fileprivate var isPlainInEncodedWord: Bool {
    isLetterOrDigit || self == .space || self == .hyphen || self == UInt8(ascii: "!")
      || self == UInt8(ascii: "*") || self == UInt8(ascii: "+") || self == UInt8(ascii: "/")
  }
}

extension Span<UInt8> {
  /// Whether an encoded word may seem to begin in it.
  fileprivate var hasEncodedWordMark: Bool {
    for index in 0..<count where self[index] == .question && index > 0 && self[index - 1] == .equals
    {
      return true
    }
    return false
  }
}

extension [UInt8] {
  fileprivate mutating func appendQ(_ octet: UInt8) {
    if octet == .space {
      append(UInt8(ascii: "_"))
    } else if octet.isPlainInEncodedWord {
      append(octet)
    } else {
      append(.equals, hex: octet)
    }
  }
}
