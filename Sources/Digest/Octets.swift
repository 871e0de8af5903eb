// How digests are compared and written.

/// Whether two secrets are the same. The time that it takes says nothing but whether their lengths are.
public func isEqualInConstantTime(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  var difference: UInt8 = 0
  for index in 0..<left.count { difference |= left[index] ^ right[index] }
  return difference == 0
}

/// Each octet as two hexadecimal digits, in lower case.
public func hexadecimal(_ octets: Span<UInt8>) -> [UInt8] {
  var text: [UInt8] = []
  text.reserveCapacity(2 * octets.count)
  for index in 0..<octets.count {
    for digit in [octets[index] >> 4, octets[index] & 15] {
      text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
    }
  }
  return text
}
