// Message-ID, In-Reply-To and References (RFC 5322 §3.6.4).

import Octets

extension HeaderField {
  /// The identifiers without their brackets, as valid UTF-8, in order, at most `Limits.messageIDs`. Without
  /// brackets a word by itself is one, or the first word if it has an `@`; other text, as old In-Reply-To
  /// fields have it, is left out.
  public func messageIDs(in octets: Span<UInt8>) -> [[UInt8]] {
    let range = octets.trimmed(value)
    let charset = octets.rawCharset(range)
    var identifiers: [[UInt8]] = []
    var index = range.lowerBound
    while identifiers.count < Limits.messageIDs {
      let start = octets.firstIndex(of: UInt8(ascii: "<"), from: index, to: range.upperBound)
      guard start < range.upperBound else { break }
      var identifier: [UInt8] = []
      index = start + 1
      while index < range.upperBound, octets[index] != UInt8(ascii: ">") {
        if octets[index] > .space, octets[index] != 0x7F { identifier.append(octets[index]) }
        index += 1
      }
      if !identifier.isEmpty { identifiers.append(identifier.utf8(charset)) }
    }
    if identifiers.isEmpty, !range.isEmpty {
      var end = range.lowerBound
      while end < range.upperBound, !octets[end].isWhite { end += 1 }
      let word = range.lowerBound..<end
      if word == range || octets.firstIndex(of: .at, from: word.lowerBound, to: end) < end {
        identifiers.append(
          octets.copy(word).filter { $0 > .space && $0 != 0x7F }.utf8(charset))
      }
    }
    return identifiers
  }
}

extension [UInt8] {
  /// Raw octets of `charset` as valid UTF-8.
  fileprivate func utf8(_ charset: Charset) -> [UInt8] {
    var text: [UInt8] = []
    text.append(span, charset: charset)
    return text
  }
}
