// The text of an HTML body, for people and for search: what stands between tags, with line breaks where blocks
// begin and end. Not a parser of HTML: there is no tree, and nothing is nested. One pass, whatever the input.
//
// Left out: comments, and what stands in `script`, `style`, `head`, `title` and `template`.

import Octets

/// The text of `html` (UTF-8) as UTF-8 with LF line ends, at most about `limit` octets.
public func plainText(ofHTML html: Span<UInt8>, limit: Int = Limits.text) -> [UInt8] {
  var isCut = false
  return plainText(ofHTML: html, limit: limit, isCut: &isCut)
}

/// The same; sets `isCut` if there is more HTML than was read.
func plainText(ofHTML html: Span<UInt8>, limit: Int, isCut: inout Bool) -> [UInt8] {
  var reader = HTMLReader()
  if !reader.read(html, limit: limit) { isCut = true }
  reader.output.removeTrailingWhite()
  return reader.output
}

private struct HTMLReader {
  var output: [UInt8] = []
  private var index = 0
  private var isBehindSpace = false
  /// Line feeds that stand at the end of `output`.
  private var feeds = 2
  private var isPreformatted = false
  /// The names of elements of which no end tag is left: they are not looked for again.
  private var endless = 0
  private let entities = htmlEntities

  /// Reads up to about `limit` octets of text, and says whether that was all.
  mutating func read(_ html: Span<UInt8>, limit: Int) -> Bool {
    // It stops only in front of a character.
    while index < html.count, output.count < limit || html[index] & 0xC0 == 0x80 {
      let octet = html[index]
      switch octet {
      case UInt8(ascii: "<"): readTag(html)
      case UInt8(ascii: "&"): readReference(html)
      case .space, .tab, .lineFeed, .carriageReturn, 0x0C:
        if isPreformatted, octet == .lineFeed { breakLine(1) } else { isBehindSpace = true }
        index += 1
      default:
        put(octet)
        index += 1
      }
    }
    return index == html.count
  }

  private mutating func put(_ octet: UInt8) {
    putSpace()
    output.append(octet)
  }

  private mutating func putSpace() {
    if isBehindSpace, feeds == 0 { output.append(.space) }
    (isBehindSpace, feeds) = (false, 0)
  }

  /// Ends the line, so that there are `wanted` line feeds, unless nothing stands in front.
  private mutating func breakLine(_ wanted: Int) {
    isBehindSpace = false
    while feeds < wanted {
      output.append(.lineFeed)
      feeds += 1
    }
  }

  private mutating func readTag(_ html: Span<UInt8>) {
    let start = index
    if html.hasPrefix("<!--", at: start) {
      index = html.end(of: "-->", from: start + 4) ?? html.count
      return
    }
    let isEnd = start + 1 < html.count && html[start + 1] == UInt8(ascii: "/")
    let nameStart = start + (isEnd ? 2 : 1)
    var nameEnd = nameStart
    while nameEnd < html.count, html[nameEnd].isLetterOrDigit { nameEnd += 1 }
    let isOther =
      nameStart < html.count
      && (html[nameStart] == UInt8(ascii: "!") || html[nameStart] == .question)
    guard nameEnd > nameStart && html[nameStart].isLetter || isOther else {
      put(html[start])
      index += 1
      return
    }
    index = nameEnd
    // To the `>` that is not in a quoted value.
    var quote: UInt8 = 0
    var isValue = false
    while index < html.count {
      let octet = html[index]
      if quote != 0 {
        if octet == quote { quote = 0 }
      } else if octet == UInt8(ascii: ">") {
        break
      } else if isValue, octet == .quote || octet == 0x27 {
        quote = octet
      }
      isValue = octet == .equals || isValue && octet.isWhite
      index += 1
    }
    if quote != 0 {
      // Never closed: the first `>` ends the tag.
      index = html.firstIndex(of: UInt8(ascii: ">"), from: nameEnd, to: html.count)
    }
    index = min(index + 1, html.count)
    act(html, nameStart..<nameEnd, isEnd: isEnd)
  }

  private mutating func act(_ html: Span<UInt8>, _ name: Range<Int>, isEnd: Bool) {
    switch Element(html, name) {
    case .hidden(let end, let number):
      if isEnd || endless & 1 << number != 0 { return }
      if let behind = html.endOfHidden(end, from: index) {
        index = html.firstIndex(of: UInt8(ascii: ">"), from: behind, to: html.count)
        index = min(index + 1, html.count)
      } else {
        endless |= 1 << number
      }
    case .line: if !isEnd { breakLine(min(2, feeds + 1)) }
    case .block: breakLine(1)
    case .paragraph: breakLine(2)
    case .item:
      breakLine(1)
      if !isEnd {
        output.append("* ")
        feeds = 2
      }
    case .cell: isBehindSpace = true
    case .preformatted:
      breakLine(2)
      isPreformatted = !isEnd
    case .other: break
    }
  }

  /// A character reference (WHATWG HTML §13.2.5.72), or the `&` itself.
  private mutating func readReference(_ html: Span<UInt8>) {
    var end = index + 1
    let limit = min(html.count, index + 12)
    while end < limit, html[end].isLetterOrDigit || html[end] == UInt8(ascii: "#") { end += 1 }
    guard let scalar = scalar(html, index + 1..<end) else {
      put(html[index])
      index += 1
      return
    }
    index = end < html.count && html[end] == .semicolon ? end + 1 : end
    switch scalar {
    case 0xA0, 0x20, 0x09, 0x0A, 0x0D: isBehindSpace = true
    case 0xAD, 0x200B...0x200F, 0x034F, 0xFEFF: break  // shows nothing
    default:
      putSpace()
      output.append(scalar: scalar < 0x20 ? 0xFFFD : scalar)
    }
  }

  private func scalar(_ html: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
    guard range.count >= 2 else { return nil }
    guard html[range.lowerBound] == UInt8(ascii: "#") else {
      for index in entities.indices
      where entities[index].name.utf8CodeUnitCount == range.count
        && html.equals(entities[index].name, in: range)
      {
        return entities[index].scalar
      }
      return nil
    }
    let isHex = html[range.lowerBound + 1].lowercased == UInt8(ascii: "x")
    let digits = range.lowerBound + (isHex ? 2 : 1)..<range.upperBound
    guard !digits.isEmpty else { return nil }
    var value: UInt32 = 0
    for index in digits {
      guard let digit = html[index].hexValue, isHex || digit < 10 else { return nil }
      value = min(value * (isHex ? 16 : 10) + UInt32(digit), 0x110000)
    }
    // What the octets of windows-1252 are meant to be.
    if 0x80..<0xA0 ~= value {
      return SingleByteCharset.windows1252.scalar(UInt8(truncatingIfNeeded: value))
    }
    return value == 0 ? 0xFFFD : value
  }
}

/// What an element means for its text.
private enum Element {
  case line, block, paragraph, item, cell, preformatted, other
  /// Nothing shows up to this end tag. Each has a number.
  case hidden(StaticString, Int)

  init(_ html: Span<UInt8>, _ name: Range<Int>) {
    let hidden: [6 of (StaticString, StaticString)] = [
      ("script", "</script"), ("style", "</style"), ("head", "</head"), ("title", "</title"),
      ("template", "</template"), ("noframes", "</noframes"),
    ]
    for index in hidden.indices where html.matches(hidden[index].0, in: name) {
      self = .hidden(hidden[index].1, index)
      return
    }
    if html.matches("br", in: name) {
      self = .line
    } else if html.matches("td", in: name) || html.matches("th", in: name) {
      self = .cell
    } else if html.matches("li", in: name) {
      self = .item
    } else if html.matches("pre", in: name) {
      self = .preformatted
    } else if html.matches("p", in: name) || html.matches("blockquote", in: name)
      || name.count == 2 && html[name.lowerBound].lowercased == UInt8(ascii: "h")
        && html[name.lowerBound + 1].isDigit
    {
      self = .paragraph
    } else {
      let blocks: [12 of StaticString] = [
        "div", "tr", "table", "ul", "ol", "dl", "dt", "dd", "hr", "section", "article", "body",
      ]
      for index in blocks.indices where html.matches(blocks[index], in: name) {
        self = .block
        return
      }
      self = .other
    }
  }
}

extension Span<UInt8> {
  /// Where the first `text` (lower case, in any case) behind `start` ends.
  fileprivate func end(of text: StaticString, from start: Int) -> Int? {
    let first = unsafe text.utf8Start[0]
    var index = start
    while index < count {
      index = firstIndex(of: first, from: index, to: count)
      if index < count, hasPrefix(text, at: index) { return index + text.utf8CodeUnitCount }
      index += 1
    }
    return nil
  }

  /// Where the first tag `tag` behind `start` ends, without its `>`. A `head` ends where the `body` begins, too.
  fileprivate func endOfHidden(_ tag: StaticString, from start: Int) -> Int? {
    let isHead = unsafe tag.utf8Start[2] == UInt8(ascii: "h")
    var index = start
    while true {
      index = firstIndex(of: UInt8(ascii: "<"), from: index, to: count)
      guard index < count else { return nil }
      if let end = endOfName(tag, at: index) ?? (isHead ? endOfName("<body", at: index) : nil) {
        return end
      }
      index += 1
    }
  }

  /// The end of `tag` if it stands at `start`, and its name ends there.
  private func endOfName(_ tag: StaticString, at start: Int) -> Int? {
    guard hasPrefix(tag, at: start) else { return nil }
    let end = start + tag.utf8CodeUnitCount
    return end < count && self[end].isLetterOrDigit ? nil : end
  }

  fileprivate func equals(_ text: StaticString, in range: Range<Int>) -> Bool {
    for offset in 0..<range.count
    where unsafe self[range.lowerBound + offset] != text.utf8Start[offset] {
      return false
    }
    return true
  }
}

/// The named characters that mail has; there are two thousand more, which stay as they are written.
private var htmlEntities: [62 of (name: StaticString, scalar: UInt32)] {
  [
    ("amp", 0x26), ("lt", 0x3C), ("gt", 0x3E), ("quot", 0x22), ("apos", 0x27), ("nbsp", 0xA0),
    ("copy", 0xA9), ("reg", 0xAE), ("trade", 0x2122), ("euro", 0x20AC), ("pound", 0xA3),
    ("yen", 0xA5), ("cent", 0xA2), ("sect", 0xA7), ("para", 0xB6), ("deg", 0xB0), ("middot", 0xB7),
    ("bull", 0x2022), ("hellip", 0x2026), ("ndash", 0x2013), ("mdash", 0x2014),
    ("lsquo", 0x2018), ("rsquo", 0x2019), ("sbquo", 0x201A), ("ldquo", 0x201C), ("rdquo", 0x201D),
    ("bdquo", 0x201E), ("laquo", 0xAB), ("raquo", 0xBB), ("times", 0xD7), ("shy", 0xAD),
    ("zwnj", 0x200C), ("zwj", 0x200D), ("auml", 0xE4), ("ouml", 0xF6), ("uuml", 0xFC),
    ("Auml", 0xC4), ("Ouml", 0xD6), ("Uuml", 0xDC), ("szlig", 0xDF), ("eacute", 0xE9),
    ("egrave", 0xE8), ("ecirc", 0xEA), ("agrave", 0xE0), ("aacute", 0xE1), ("acirc", 0xE2),
    ("ccedil", 0xE7), ("iacute", 0xED), ("icirc", 0xEE), ("ntilde", 0xF1), ("oacute", 0xF3),
    ("ocirc", 0xF4), ("uacute", 0xFA), ("ugrave", 0xF9), ("ucirc", 0xFB), ("aring", 0xE5),
    ("oslash", 0xF8), ("aelig", 0xE6), ("iexcl", 0xA1), ("iquest", 0xBF), ("larr", 0x2190),
    ("rarr", 0x2192),
  ]
}
