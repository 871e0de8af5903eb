// The PROXY protocol, versions 1 and 2. In its header a proxy tells which client's connection it forwards.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
//
// Pure: the caller reads the octets. It must not read more than `parse` has asked for, so that it does not read beyond
// the header.

import Octets

/// What a header says.
public struct ProxyHeader: Equatable, Sendable {
  /// The client; nil if the proxy opened the connection itself (LOCAL) or does not know the client (UNKNOWN, UNSPEC).
  public let source: Source?
  /// Whether the client's connection to the proxy is under TLS (the SSL TLV of version 2).
  public let isTLS: Bool

  public enum Source: Equatable, Sendable {
    /// An address in four octets (IPv4) or sixteen (IPv6): version 2.
    case octets([UInt8], port: UInt16)
    /// Text for inet_pton(3), which decides whether it is an address: version 1.
    case text(String, port: UInt16)
    /// A local socket.
    case local
  }

  public enum Finding: Equatable, Sendable {
    case header(ProxyHeader)
    /// The header is not complete: read more octets, at most this many.
    case needOctets(Int)
    case malformed(Malformation)
  }

  /// Why octets are not a header.
  public enum Malformation: String, Equatable, Sendable {
    case signature = "no PROXY header"
    case tooLong = "PROXY header too long"
    case version = "PROXY version not known"
    case command = "PROXY command not known"
    case addresses = "addresses in the PROXY header not understood"
    case parameters = "parameters of the PROXY header not understood"
    case checksum = "checksum of the PROXY header wrong"
  }

  /// The most octets of a version 1 header, including its CR LF.
  static let limitV1 = 107
  /// The most octets of a version 2 header after its first 16. Addresses take at most 216. The rest is for parameters;
  /// the names in a certificate are the longest of them.
  static let limitV2 = 4096

  /// Reads the header in front of a connection.
  public static func parse(_ input: Span<UInt8>) -> Finding {
    if input.count < signature.count { return .needOctets(signature.count - input.count) }
    if input.equals(signature, in: 0..<signature.count) { return parseV2(input) }
    if input.equals([UInt8]("PROXY "), in: 0..<6) { return parseV1(input) }
    return .malformed(.signature)
  }

  private static var signature: [UInt8] {
    [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
  }
}

// Version 2: binary.
extension ProxyHeader {
  private static func parseV2(_ input: Span<UInt8>) -> Finding {
    if input.count < 16 { return .needOctets(16 - input.count) }
    guard input[12] >> 4 == 2 else { return .malformed(.version) }
    let length = Int(input.uint16(at: 14))
    guard length <= limitV2 else { return .malformed(.tooLong) }
    let end = 16 + length
    if input.count < end { return .needOctets(end - input.count) }

    let isProxied: Bool
    switch input[12] & 15 {
    case 0: isProxied = false  // LOCAL
    case 1: isProxied = true  // PROXY
    default: return .malformed(.command)
    }
    // Whatever follows LOCAL, or the family UNSPEC, is ignored (section 2.2): health checks send both, with any content.
    guard isProxied, input[13] != 0 else { return .header(.withoutSource) }

    let addressLength: Int
    switch input[13] {
    case 0x11, 0x12: addressLength = 12
    case 0x21, 0x22: addressLength = 36
    case 0x31, 0x32: addressLength = 216
    default: return .malformed(.addresses)
    }
    guard addressLength <= length else { return .malformed(.addresses) }
    let source: Source =
      switch addressLength {
      case 12: .octets(input.copy(16..<20), port: input.uint16(at: 24))
      case 36: .octets(input.copy(16..<32), port: input.uint16(at: 48))
      default: .local
      }
    switch parameters(input, 16 + addressLength..<end) {
    case .failure(let malformation): return .malformed(malformation)
    case .success(let isTLS): return .header(ProxyHeader(source: source, isTLS: isTLS))
    }
  }

  /// The header of a connection without a known client.
  private static var withoutSource: ProxyHeader { ProxyHeader(source: nil, isTLS: false) }

  enum ParametersResult {
    case success(isTLS: Bool)
    case failure(Malformation)
  }

  /// Reads the TLVs behind the addresses: finds out whether the client uses TLS, and verifies the checksum.
  private static func parameters(_ input: Span<UInt8>, _ range: Range<Int>) -> ParametersResult {
    var isTLS = false
    var index = range.lowerBound
    while index < range.upperBound {
      guard index + 3 <= range.upperBound else { return .failure(.parameters) }
      let value = index + 3
      let end = value + Int(input.uint16(at: index + 1))
      guard end <= range.upperBound else { return .failure(.parameters) }
      switch input[index] {
      case 0x20:  // PP2_TYPE_SSL: client flags, verify result, then TLVs of its own
        guard end - value >= 5 else { return .failure(.parameters) }
        isTLS = input[value] & 1 != 0  // PP2_CLIENT_SSL
      case 0x03:  // PP2_TYPE_CRC32C
        guard end - value == 4 else { return .failure(.parameters) }
        let stated = UInt32(input.uint16(at: value)) << 16 | UInt32(input.uint16(at: value + 2))
        guard crc32c(input, range.upperBound, without: value..<end) == stated else {
          return .failure(.checksum)
        }
      default: break
      }
      index = end
    }
    return .success(isTLS: isTLS)
  }

  /// CRC32C (RFC 4960 appendix B) of the first `count` octets. The octets of `hole` count as zero.
  private static func crc32c(_ input: Span<UInt8>, _ count: Int, without hole: Range<Int>) -> UInt32
  {
    var crc: UInt32 = 0xFFFF_FFFF
    for index in 0..<count {
      crc ^= hole.contains(index) ? 0 : UInt32(input[index])
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 0 ? 0 : 0x82F6_3B78) }
    }
    return ~crc
  }
}

// Version 1: a line.
extension ProxyHeader {
  private static func parseV1(_ input: Span<UInt8>) -> Finding {
    // Ask for one octet at a time, because the length of the line is unknown until its end.
    guard input[input.count - 2] == 0x0D, input[input.count - 1] == 0x0A else {
      return input.count < limitV1 ? .needOctets(1) : .malformed(.tooLong)
    }
    let text = String(decoding: input.copy(6..<input.count - 2), as: UTF8.self)
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    if words.first == "UNKNOWN" { return .header(.withoutSource) }
    guard words.count == 5, let port = port(words[3]), Self.port(words[4]) != nil,
      let source = source(words[0], words[1], port), Self.source(words[0], words[2], port) != nil
    else { return .malformed(.addresses) }
    return .header(ProxyHeader(source: source, isTLS: false))
  }

  /// A word with the letters of an address of the family that the header names. The caller's inet_pton(3)
  /// decides whether it is an address.
  private static func source(_ family: Substring, _ word: Substring, _ port: UInt16) -> Source? {
    let isVersion6 = family == "TCP6"
    guard isVersion6 || family == "TCP4", !word.isEmpty,
      word.utf8.allSatisfy({
        $0.isDigit || $0 == UInt8(ascii: ".")
          || isVersion6 && ($0 == .colon || $0.hexValue != nil)
      }), word.utf8.contains(.colon) == isVersion6
    else { return nil }
    return .text(String(word), port: port)
  }

  /// A decimal number. Leading zeros are not permitted (section 2.1): some would read it as octal.
  private static func port(_ word: Substring) -> UInt16? {
    let digits = word.utf8
    guard digits.allSatisfy({ $0.isDigit }), digits.first != UInt8(ascii: "0") || digits.count == 1
    else { return nil }
    return UInt16(word)
  }
}

extension Span<UInt8> {
  /// Two octets, the higher first.
  fileprivate func uint16(at index: Int) -> UInt16 {
    UInt16(self[index]) << 8 | UInt16(self[index + 1])
  }
}
