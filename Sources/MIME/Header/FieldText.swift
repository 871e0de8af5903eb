// The text of unstructured fields (RFC 5322 §2.2.1, §2.2.3).

import Octets

extension HeaderField {
  /// The value on one line, not decoded: each fold with its white space is one space, none at the ends.
  public func unfolded(in octets: Span<UInt8>) -> [UInt8] {
    let range = octets.trimmed(value)
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      if octets[index] == .lineFeed || octets[index] == .carriageReturn {
        text.removeTrailingWhite()
        while index < range.upperBound, octets[index].isWhite { index += 1 }
        text.append(.space)
      } else {
        text.append(octets[index])
        index += 1
      }
    }
    return text
  }

  /// The value as people read it: unfolded, encoded words decoded, valid UTF-8 without control characters. Raw octets
  /// that are not UTF-8 are of `rawCharset` (`Part.rawCharset`).
  public func text(in octets: Span<UInt8>, rawCharset: Charset = .fallback) -> [UInt8] {
    let range = octets.trimmed(value)
    var decoder = HeaderTextDecoder()
    var text: [UInt8] = []
    let rawCharset = octets.rawCharset(range, else: rawCharset)
    decoder.decode(octets, range, rawCharset: rawCharset, into: &text)
    text.removeTrailingWhite()
    return text
  }
}
