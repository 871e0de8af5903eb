// Address literals: RFC 5321 §4.1.3. IPv6 is the only tag that IANA has registered, so any other
// tag is refused.

import Octets

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

  /// The argument of HELO and EHLO, as it can stand in a Received field. It should be a domain or an address literal
  /// (RFC 5321 §4.1.1.1), and clients send whatever their host is called. Nothing is decided by it, so it is taken; what
  /// could mean something in the field, and what is not ASCII, becomes `?`. At most 255 octets are kept.
  func helloName(_ range: Range<Int>) -> [UInt8] {
    copy(range.prefix(PathLimit.domain)).map { octet in
      switch octet {
      case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"),
        UInt8(ascii: "@"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\\"),
        UInt8(ascii: "\""), .space:
        UInt8(ascii: "?")
      default: octet.isPrintable ? octet : UInt8(ascii: "?")
      }
    }
  }

  /// `IPv4-address-literal`: four decimal numbers of up to three digits, below 256.
  private func ipv4(from start: Int) -> Int? {
    var index = start
    for part in 0..<4 {
      if part > 0 {
        guard octet(at: index, is: UInt8(ascii: ".")) else { return nil }
        index += 1
      }
      guard let value = decimal(from: &index, to: Swift.min(index + 3, count)), value < 256 else {
        return nil
      }
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
    while index < count, self[index].hexValue != nil, groups < 8 {
      if let end = ipv4(from: index) {
        groups += 2
        index = end
        break
      }
      let first = index
      while index < count, index - first < 4, self[index].hexValue != nil { index += 1 }
      groups += 1
      guard octet(at: index, is: UInt8(ascii: ":")) else { break }
      if octet(at: index + 1, is: UInt8(ascii: ":")) {
        guard !compressed else { return nil }
        compressed = true
        index += 2
      } else {
        index += 1
        // A single colon stands between two groups, never behind the last.
        guard index < count, self[index].hexValue != nil else { return nil }
      }
    }
    return (compressed ? groups <= 6 : groups == 8) ? index : nil
  }
}
