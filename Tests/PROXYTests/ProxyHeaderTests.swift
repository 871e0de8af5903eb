// The PROXY protocol, against its specification (version 3.0 of the document).

import Testing

@testable import PROXY

@Suite struct ProxyHeaderTests {
  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

  /// Parses as a caller does, who brings no more than is asked for; gives what was left too.
  private func parse(_ octets: [UInt8]) -> (ProxyHeader.Finding, rest: Int) {
    var brought: [UInt8] = []
    while true {
      let finding = ProxyHeader.parse(brought.span)
      guard case .needOctets(let count) = finding, brought.count < octets.count else {
        return (finding, octets.count - brought.count)
      }
      precondition(count > 0)
      brought += octets[brought.count..<min(octets.count, brought.count + count)]
    }
  }

  private func v2(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
    Self.signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
  }

  private static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0, 25]
  private static let source = ProxyHeader.Source.octets([192, 0, 2, 1], port: 0x1267)

  @Test(arguments: [
    ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\n", "192.0.2.1"),
    ("PROXY TCP6 2001:db8::1 ::1 4711 0\r\n", "2001:db8::1"),
  ])
  func version1(_ header: String, _ address: String) {
    let (finding, rest) = parse(Array((header + "EHLO x\r\n").utf8))
    #expect(
      finding == .header(ProxyHeader(source: .text(address, port: 4711), isTLS: false)))
    #expect(rest == 8, "nothing is read beyond the header")
  }

  @Test(arguments: [
    "PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
  ])
  func version1Unknown(_ header: String) {
    #expect(parse(Array(header.utf8)).0 == .header(ProxyHeader(source: nil, isTLS: false)))
  }

  @Test(arguments: [
    ("EHLO client.example\r\n", ProxyHeader.Malformation.signature),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 4711\r\n", .addresses),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 65536\r\n", .addresses),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 -1 25\r\n", .addresses),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 04711 25\r\n", .addresses),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 025\r\n", .addresses),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 00 25\r\n", .addresses),
    ("PROXY TCP4 192.0.2.1  198.51.100.1 4711 25\r\n", .addresses),
    ("PROXY TCP4 ::1 ::1 4711 25\r\n", .addresses),
    ("PROXY TCP6 192.0.2.1 198.51.100.1 4711 25\r\n", .addresses),
    ("PROXY TCP5 192.0.2.1 198.51.100.1 4711 25\r\n", .addresses),
    ("PROXY TCP4 host.example 198.51.100.1 4711 25\r\n", .addresses),
    ("PROXY " + String(repeating: "x", count: 101) + "\r\n", .tooLong),
    ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\n" + String(repeating: "x", count: 80), .tooLong),
  ])
  func version1Malformed(_ header: String, _ expected: ProxyHeader.Malformation) {
    #expect(parse(Array(header.utf8)).0 == .malformed(expected))
  }

  @Test func version2() {
    let (finding, rest) = parse(v2(0x21, 0x11, Self.ipv4) + [1, 2, 3])
    #expect(finding == .header(ProxyHeader(source: Self.source, isTLS: false)))
    #expect(rest == 3)
    let ipv6 = [UInt8](repeating: 7, count: 32) + [0, 1, 0, 2]
    #expect(
      parse(v2(0x21, 0x21, ipv6)).0
        == .header(
          ProxyHeader(source: .octets([UInt8](repeating: 7, count: 16), port: 1), isTLS: false)))
    let local = [UInt8](repeating: 0, count: 216)
    #expect(parse(v2(0x21, 0x31, local)).0 == .header(ProxyHeader(source: .local, isTLS: false)))
    #expect(parse(v2(0x20, 0x00, [])).0 == .header(ProxyHeader(source: nil, isTLS: false)))
    #expect(parse(v2(0x20, 0x11, Self.ipv4)).0 == .header(ProxyHeader(source: nil, isTLS: false)))
  }

  /// Section 2.2: of LOCAL and of UNSPEC the block is discarded, whatever family it names and whatever
  /// it holds.
  @Test(arguments: [
    (0x20, 0x00, [1, 2, 3]), (0x20, 0x00, ipv4), (0x20, 0x11, [1]), (0x20, 0x41, []),
    (0x20, 0xFF, ipv4), (0x20, 0x11, ipv4 + [3, 0, 4, 0, 0, 0, 0]), (0x21, 0x00, ipv4),
    (0x21, 0x00, [1]), (0x21, 0x00, [0x20, 0, 5, 1, 0, 0, 0, 0]),
  ])
  func discarded(_ command: UInt8, _ family: UInt8, _ block: [UInt8]) {
    let (finding, rest) = parse(v2(command, family, block) + Array("EHLO x\r\n".utf8))
    #expect(finding == .header(ProxyHeader(source: nil, isTLS: false)))
    #expect(rest == 8, "what stands behind the block is the session's")
  }

  @Test func tls() {
    let on: [UInt8] = [0x20, 0, 5, 1, 0, 0, 0, 0]
    let off: [UInt8] = [0x20, 0, 5, 0, 0, 0, 0, 1]
    #expect(
      parse(v2(0x21, 0x11, Self.ipv4 + on)).0
        == .header(ProxyHeader(source: Self.source, isTLS: true)))
    #expect(
      parse(v2(0x21, 0x11, Self.ipv4 + [4, 0, 1, 0] + off)).0
        == .header(ProxyHeader(source: Self.source, isTLS: false)))
  }

  /// CRC32C, with "123456789" giving E3069283 as the standard's check value.
  @Test func checksum() {
    // The checksum of this very header with its own field as zero, computed bit by bit here.
    let blank = v2(0x21, 0x11, Self.ipv4 + [3, 0, 4, 0, 0, 0, 0])
    let crc = Self.crc32c(blank)
    #expect(Self.crc32c(Array("123456789".utf8)) == 0xE306_9283)
    let octets = (0..<4).map { UInt8(truncatingIfNeeded: crc >> (24 - 8 * UInt32($0))) }
    #expect(
      parse(v2(0x21, 0x11, Self.ipv4 + [3, 0, 4] + octets)).0
        == .header(ProxyHeader(source: Self.source, isTLS: false)))
    #expect(parse(blank).0 == .malformed(.checksum))
  }

  private static func crc32c(_ octets: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for octet in octets {
      for bit in 0..<8 {
        let low = (crc ^ UInt32(octet >> UInt8(bit))) & 1
        crc = crc >> 1 ^ (low == 1 ? 0x82F6_3B78 : 0)
      }
    }
    return ~crc
  }

  @Test func version2Malformed() {
    #expect(parse(v2(0x11, 0x11, Self.ipv4)).0 == .malformed(.version))
    #expect(parse(v2(0x22, 0x11, Self.ipv4)).0 == .malformed(.command))
    #expect(parse(v2(0x22, 0x00, [])).0 == .malformed(.command))
    #expect(parse(Self.signature + [0x20, 0x00, 0xFF, 0xFF]).0 == .malformed(.tooLong))
    #expect(parse(v2(0x21, 0x41, Self.ipv4)).0 == .malformed(.addresses))
    #expect(parse(v2(0x21, 0x21, Self.ipv4)).0 == .malformed(.addresses))
    #expect(parse(v2(0x21, 0x11, Self.ipv4 + [1])).0 == .malformed(.parameters))
    #expect(parse(v2(0x21, 0x11, Self.ipv4 + [1, 0, 9, 0])).0 == .malformed(.parameters))
    #expect(parse(v2(0x21, 0x11, Self.ipv4 + [0x20, 0, 1, 1])).0 == .malformed(.parameters))
    #expect(parse(Self.signature + [0x21, 0x11, 0xFF, 0xFF]).0 == .malformed(.tooLong))
  }
}
