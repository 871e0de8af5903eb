// Undoes content transfer encodings (RFC 2045 §6), a piece at a time: a body of any size needs no more memory
// than its pieces. Broken encodings are decoded as far as they go and never refused.

import Octets

/// What was done to the octets of a body so that it could be sent.
public enum TransferEncoding: Equatable, Sendable {
  /// Nothing: 7bit, 8bit, binary, none given, and every name that is not known.
  case identity
  case base64
  case quotedPrintable
  /// `x-uuencode` and its other names: POSIX uuencode, not in a standard of mail.
  case uuencode

  /// The encoding that a Content-Transfer-Encoding field names: its first word, in any case.
  init(_ octets: Span<UInt8>, _ value: Range<Int>) {
    var start = octets.behindComments(from: value.lowerBound, to: value.upperBound)
    while start < value.upperBound, octets[start].isWhite || octets[start] == .quote { start += 1 }
    var end = start
    while end < value.upperBound,
      octets[end].isLetterOrDigit || octets[end] == .hyphen || octets[end] == UInt8(ascii: "_")
    {
      end += 1
    }
    let word = start..<end
    if octets.matches("base64", in: word) {
      self = .base64
    } else if octets.matches("quoted-printable", in: word) {
      self = .quotedPrintable
    } else if octets.matches("x-uuencode", in: word) || octets.matches("uuencode", in: word)
      || octets.matches("x-uue", in: word)
    {
      self = .uuencode
    } else {
      self = .identity
    }
  }
}

/// A decoder for one body.
public struct TransferDecoder {
  private let encoding: TransferEncoding
  private var base64 = Base64Decoder()
  private var quotedPrintable = QuotedPrintableDecoder()
  private var uuencode = UUDecoder()

  public init(_ encoding: TransferEncoding) {
    self.encoding = encoding
  }

  /// Appends to `output` what `range` of `octets`, the next piece of the body, holds: never more octets than
  /// the pieces so far.
  public mutating func decode(
    _ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]
  ) {
    switch encoding {
    case .identity: output.append(octets, range)
    case .base64: base64.decode(octets, range, into: &output)
    case .quotedPrintable: quotedPrintable.decode(octets, range, into: &output)
    case .uuencode: uuencode.decode(octets, range, into: &output)
    }
  }

  /// Ends the body and makes the decoder ready for another.
  public mutating func finish(into output: inout [UInt8]) {
    switch encoding {
    case .identity: break
    case .base64: base64.finish(into: &output)
    case .quotedPrintable: quotedPrintable.finish(into: &output)
    case .uuencode: uuencode = UUDecoder()
    }
  }
}
