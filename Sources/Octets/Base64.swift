// Base64: RFC 4648 §4. Bodies are read by MIME's own decoder, which has to find where the base64 of a body ends.

/// For each octet 0x40 + its value in base64, or a space where it has none.
public var base64Table: StaticString {
  #"""
                                             ~   \#u{7F}tuvwxyz{|}      \#
   @ABCDEFGHIJKLMNOPQRSTUVWXY      Z[\]^_`abcdefghijklmnopqrs     \#
                                                                  \#
                                                                  
  """#
}

extension UInt8 {
  /// The value of a character of base64.
  public var base64Value: UInt8? {
    let value = unsafe base64Table.utf8Start[Int(self)]
    return value & 0x40 != 0 ? value & 63 : nil
  }
}

/// What is still base64. The padding is complete in each.
public enum Base64Strictness {
  /// No line breaks, and the bits that the padding leaves unused are zero: each octet string has exactly one encoding.
  case exact
  /// CR and LF count for nothing, nor do the unused bits.
  case lines
}

/// Decodes base64; nil if `text` is something else.
///
/// The result may be a password, so it is allocated once: growing it would leave copies in memory. What was decoded of text
/// that is something else is overwritten.
public func decodedBase64(_ text: Span<UInt8>, _ strictness: Base64Strictness) -> [UInt8]? {
  var decoded: [UInt8] = []
  decoded.reserveCapacity(text.count / 4 * 3 + 3)
  var bits: UInt32 = 0
  var (count, padding) = (0, 0)
  for index in 0..<text.count {
    let octet = text[index]
    guard let value = octet.base64Value, padding == 0 else {
      if octet == .equals {
        padding += 1
        continue
      }
      if strictness == .lines, octet == .carriageReturn || octet == .lineFeed { continue }
      decoded.wipe()
      return nil
    }
    bits = bits << 6 | UInt32(value)
    count += 6
    if count >= 8 {
      count -= 8
      decoded.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      bits &= (1 << UInt32(count)) - 1
    }
  }
  // Two bits are left of a group of three characters, four of two, six of one, which is no octet.
  guard count < 6, padding == count / 2, bits == 0 || strictness == .lines else {
    decoded.wipe()
    return nil
  }
  return decoded
}

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
    output.reserve(adding: range.count / 3 * 4 + range.count / 50 + 8)
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

extension [UInt8] {
  /// Appends octets in base64, without lines.
  public mutating func append(base64 octets: Span<UInt8>) {
    var encoder = Base64Encoder(lineLength: nil)
    encoder.encode(octets, 0..<octets.count, into: &self)
    encoder.finish(into: &self)
  }
}
