// Address literals: RFC 5321 §4.1.3. IPv6 is the only tag that IANA has registered, so any other
// tag is refused.

extension Span<UInt8> {
  /// `address-literal`: `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
  func addressLiteral(from start: Int) -> Int? {
    guard octet(at: start, is: UInt8(ascii: "[")) else { return nil }
    let tagEnd = start + 6
    let end =
      tagEnd <= count && matches("ipv6:", in: start + 1..<tagEnd)
      ? ipv6(from: tagEnd) : ipv4(from: start + 1)
    guard let end, octet(at: end, is: UInt8(ascii: "]")) else { return nil }
    return end + 1
  }

  /// Whether `range` is an argument of HELO and EHLO: a domain or an address literal (RFC 5321
  /// §4.1.1.1), or what many clients send instead: a domain with underscores or a dot at its end, or an
  /// IPv6 address without its tag, or without the brackets too. Nothing is decided by it.
  func isHelloName(_ range: Range<Int>) -> Bool {
    let (start, end) = (range.lowerBound, range.upperBound)
    if octet(at: start, is: UInt8(ascii: "[")) {
      return addressLiteral(from: start) == end
        || ipv6(from: start + 1) == end - 1 && self[end - 1] == UInt8(ascii: "]")
    }
    return domain(from: start, allowing: UInt8(ascii: "_"), allowingFinalDot: true) == end
      || ipv6(from: start) == end
  }

  /// `IPv4-address-literal`: four decimal numbers of up to three digits, below 256.
  private func ipv4(from start: Int) -> Int? {
    var index = start
    for part in 0..<4 {
      if part > 0 {
        guard octet(at: index, is: UInt8(ascii: ".")) else { return nil }
        index += 1
      }
      let first = index
      var value = 0
      while index < count, index - first < 3, self[index].isDigit {
        value = value * 10 + Int(self[index] - UInt8(ascii: "0"))
        index += 1
      }
      guard index > first, value < 256 else { return nil }
    }
    return index
  }

  /// `IPv6-addr`: eight groups of up to four hexadecimal digits; or `::` once, which stands for
  /// two groups at least; the last two groups may be an IPv4 address.
  private func ipv6(from start: Int) -> Int? {
    var index = start
    var groups = 0
    var compressed = false
    if octet(at: index, is: UInt8(ascii: ":")) {
      guard octet(at: index + 1, is: UInt8(ascii: ":")) else { return nil }
      compressed = true
      index += 2
    }
    while index < count, self[index].isHexDigit, groups < 8 {
      if let end = ipv4(from: index) {
        groups += 2
        index = end
        break
      }
      let first = index
      while index < count, index - first < 4, self[index].isHexDigit { index += 1 }
      groups += 1
      guard octet(at: index, is: UInt8(ascii: ":")) else { break }
      if octet(at: index + 1, is: UInt8(ascii: ":")) {
        guard !compressed else { return nil }
        compressed = true
        index += 2
      } else {
        index += 1
        // A single colon stands between two groups, never behind the last.
        guard index < count, self[index].isHexDigit else { return nil }
      }
    }
    return (compressed ? groups <= 6 : groups == 8) ? index : nil
  }
}
