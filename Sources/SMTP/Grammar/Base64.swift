// Base64 as AUTH uses it: RFC 4648 §4. Decoding is strict: there are no line breaks,
// the padding is complete, and the bits that it leaves unused are zero, so that each octet string has exactly
// one encoding.

/// Decodes the octets of `range`; nil if they are not base64.
///
/// The result may be a password, so it is allocated once: growing it would leave copies in memory.
func decodeBase64(_ input: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
  guard range.count.isMultiple(of: 4) else { return nil }
  var padding = 0
  while padding < 2, padding < range.count,
    input[range.upperBound - 1 - padding] == UInt8(ascii: "=")
  {
    padding += 1
  }
  var decoded: [UInt8] = []
  decoded.reserveCapacity(range.count / 4 * 3 + 1)
  var bits: UInt32 = 0
  var count = 0
  for index in range.lowerBound..<range.upperBound - padding {
    guard let value = base64Value(input[index]) else { return nil }
    bits = bits << 6 | UInt32(value)
    count += 6
    if count >= 8 {
      count -= 8
      decoded.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      bits &= (1 << UInt32(count)) - 1
    }
  }
  return bits == 0 ? decoded : nil
}

private func base64Value(_ octet: UInt8) -> UInt8? {
  switch octet {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): octet - UInt8(ascii: "A")
  case UInt8(ascii: "a")...UInt8(ascii: "z"): octet - UInt8(ascii: "a") + 26
  case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0") + 52
  case UInt8(ascii: "+"): 62
  case UInt8(ascii: "/"): 63
  default: nil
  }
}

extension [UInt8] {
  /// Appends `octets` in base64 (RFC 4648 §4).
  mutating func append(base64 octets: [UInt8]) {
    let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for start in stride(from: 0, to: octets.count, by: 3) {
      let rest = Swift.min(3, octets.count - start)
      var bits: UInt32 = 0
      for index in 0..<3 { bits = bits << 8 | (index < rest ? UInt32(octets[start + index]) : 0) }
      for index in 0..<4 {
        let digit = Int(bits >> UInt32(18 - 6 * index) & 63)
        append(index <= rest ? digits.withUTF8Buffer { unsafe $0[digit] } : UInt8(ascii: "="))
      }
    }
  }
}
