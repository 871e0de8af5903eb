// Quoted-printable for sending (RFC 2045 §6.7).

import Octets

/// Appends `text`, whose lines end with CR LF, as quoted-printable in lines of at most 76 octets. Besides what
/// must be encoded, so is what programs on the way are known to change: white space at the end of a line, `.`
/// at its start, and the `F` of `From `.
func appendQuotedPrintable(_ text: Span<UInt8>, to output: inout [UInt8]) {
  output.reserve(adding: text.count + text.count / 8)
  var column = 0
  for index in 0..<text.count {
    let octet = text[index]
    if octet == .carriageReturn, index + 1 < text.count, text[index + 1] == .lineFeed { continue }
    if octet == .lineFeed, index > 0, text[index - 1] == .carriageReturn {
      output.append(.carriageReturn)
      output.append(.lineFeed)
      column = 0
      continue
    }
    let isLast =
      index + 1 == text.count
      || index + 2 < text.count && text[index + 1] == .carriageReturn
        && text[index + 2] == .lineFeed
    let isPlain =
      switch octet {
      case .equals: false
      case .space, .tab: !isLast
      case UInt8(ascii: "."): column > 0
      case UInt8(ascii: "F"): column > 0 || !text.hasPrefix("from ", at: index)
      default: octet > .space && octet < 0x7F
      }
    let length = isPlain ? 1 : 3
    if column + length > (isLast ? 76 : 75) {
      output.append(.equals)
      output.append(.carriageReturn)
      output.append(.lineFeed)
      column = 0
      // What begins a line now is looked at as such.
      if octet == UInt8(ascii: ".") || octet == UInt8(ascii: "F") {
        output.append(.equals, hex: octet)
        column = 3
        continue
      }
    }
    if isPlain { output.append(octet) } else { output.append(.equals, hex: octet) }
    column += length
  }
}
