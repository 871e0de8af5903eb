// The IP address of a peer. It comes from text that a spawner has put into the environment, or from the socket.

import CSystem

public struct IPAddress: Equatable, Sendable {
  /// The address as inet_ntop(3) writes it. An IPv4 address that is mapped into IPv6 is written as IPv4.
  public let text: String
  public let isIPv6: Bool

  /// Reads an address in any form that inet_pton(3) accepts. Brackets, as socat writes them, and a scope are allowed.
  /// Nil for anything else.
  public init?(_ text: String) {
    var text = text[...]
    if text.first == "[", text.last == "]" { text = text.dropFirst().dropLast() }
    if let scope = text.firstIndex(of: "%") { text = text[..<scope] }
    var ipv6 = in6_addr()
    var ipv4 = in_addr()
    if unsafe inet_pton(AF_INET, String(text), &ipv4) == 1 {
      self.init(ipv4)
    } else if unsafe inet_pton(AF_INET6, String(text), &ipv6) == 1 {
      self.init(ipv6)
    } else {
      return nil
    }
  }

  /// An address in network order: four octets are IPv4, sixteen IPv6; nil for another count.
  public init?(octets: [UInt8]) {
    switch octets.count {
    case 4:
      unsafe self.init(octets.span.withUnsafeBytes { unsafe $0.loadUnaligned(as: in_addr.self) })
    case 16:
      unsafe self.init(octets.span.withUnsafeBytes { unsafe $0.loadUnaligned(as: in6_addr.self) })
    default: return nil
    }
  }

  private init(_ address: in_addr) {
    var address = address
    text = unsafe Self.text(AF_INET, &address)
    isIPv6 = false
  }

  private init(_ address: in6_addr) {
    var address = address
    let text = unsafe Self.text(AF_INET6, &address)
    if text.hasPrefix("::ffff:"), text.contains(".") {
      self.text = String(text.dropFirst(7))
      isIPv6 = false
    } else {
      self.text = text
      isIPv6 = true
    }
  }

  private static func text(_ family: CInt, _ address: UnsafeRawPointer) -> String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard unsafe inet_ntop(family, address, &text, socklen_t(text.count)) != nil else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The address and port that getpeername(2) gives for a descriptor; nil if that is not an
  /// internet socket.
  public static func peer(of descriptor: CInt) -> (address: IPAddress, port: UInt16)? {
    unsafe address { unsafe getpeername(descriptor, $0, $1) }
  }

  /// The address that getsockname(2) gives for a descriptor.
  static func own(of descriptor: CInt) -> IPAddress? {
    unsafe address { unsafe getsockname(descriptor, $0, $1) }?.address
  }

  private static func address(
    _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
  ) -> (address: IPAddress, port: UInt16)? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutableBytes(of: &storage) { memory in
      guard let start = memory.baseAddress,
        unsafe call(start.assumingMemoryBound(to: sockaddr.self), &length) == 0
      else { return nil }
      switch unsafe CInt(start.load(as: sockaddr.self).sa_family) {
      case AF_INET:
        let address = unsafe start.load(as: sockaddr_in.self)
        return (IPAddress(address.sin_addr), UInt16(bigEndian: address.sin_port))
      case AF_INET6:
        let address = unsafe start.load(as: sockaddr_in6.self)
        return (IPAddress(address.sin6_addr), UInt16(bigEndian: address.sin6_port))
      default: return nil
      }
    }
  }
}
