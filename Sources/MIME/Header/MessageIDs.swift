// Message-ID, In-Reply-To and References (RFC 5322 §3.6.4).

extension HeaderField {
  /// The identifiers without their brackets, in order, at most `Limits.messageIDs`. Without
  /// brackets a word by itself is one, or the first word if it has an `@`; other text, as old In-Reply-To
  /// fields have it, is left out.
  public func messageIDs(in octets: Span<UInt8>) -> [[UInt8]] {
    let range = octets.trimmed(value)
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
      if !identifier.isEmpty { identifiers.append(identifier) }
    }
    if identifiers.isEmpty, !range.isEmpty {
      var end = range.lowerBound
      while end < range.upperBound, !octets[end].isWhite { end += 1 }
      let word = range.lowerBound..<end
      if word == range || octets.firstIndex(of: .at, from: word.lowerBound, to: end) < end {
        identifiers.append(octets.copied(word).filter { $0 > .space && $0 != 0x7F })
      }
    }
    return identifiers
  }
}
