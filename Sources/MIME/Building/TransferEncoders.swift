// Encodes bodies for sending (RFC 2045 §6.7, §6.8).

/// Base64, a piece at a time, in lines.
public struct Base64Encoder {
  private let lineLength: Int?
  private var column = 0
  private var bits: UInt32 = 0
  private var count = 0

  /// `lineLength`: characters of a line, a multiple of four; mail has 76. With nil there are no lines.
  public init(lineLength: Int? = 76) {
    precondition(lineLength ?? 4 >= 4)
    self.lineLength = lineLength
  }

  /// Appends the text of whole groups of `range`, the next piece.
  public mutating func encode(
    _ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]
  ) {
    output.reserveCapacity(output.count + range.count / 3 * 4 + range.count / 50 + 8)
    for index in range {
      bits = bits << 8 | UInt32(octets[index])
      count += 1
      if count == 3 {
        put(4, into: &output)
        (bits, count) = (0, 0)
      }
    }
  }

  /// Ends the text with its padding, and its last line with CR LF if there are lines.
  public mutating func finish(into output: inout [UInt8]) {
    if count > 0 {
      bits <<= UInt32(8 * (3 - count))
      put(count + 1, into: &output)
    }
    if column > 0, lineLength != nil {
      output.append(.carriageReturn)
      output.append(.lineFeed)
    }
    (bits, count, column) = (0, 0, 0)
  }

  private mutating func put(_ characters: Int, into output: inout [UInt8]) {
    if let lineLength, column + 4 > lineLength {
      output.append(.carriageReturn)
      output.append(.lineFeed)
      column = 0
    }
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for number in 0..<4 {
      let value = Int(bits >> UInt32(18 - 6 * number) & 63)
      output.append(number < characters ? unsafe alphabet.utf8Start[value] : .equals)
    }
    column += 4
  }
}

/// Appends `text`, whose lines end with CR LF, as quoted-printable in lines of at most 76 octets. Besides what
/// must be encoded, so is what programs on the way are known to change: white space at the end of a line, `.`
/// at its start, and the `F` of `From `.
func appendQuotedPrintable(_ text: Span<UInt8>, to output: inout [UInt8]) {
  output.reserveCapacity(output.count + text.count + text.count / 8)
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
        output.appendHex(.equals, octet)
        column = 3
        continue
      }
    }
    if isPlain { output.append(octet) } else { output.appendHex(.equals, octet) }
    column += length
  }
}
