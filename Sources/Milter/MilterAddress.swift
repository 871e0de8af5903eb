// Where a milter listens, as SMTP_MILTERS has it: `unix:/path` or `inet:host:port`, and what holds where it cannot be asked.

import Octets

public struct MilterAddress: Equatable, Sendable {
  public enum Place: Equatable, Sendable {
    /// The path of a UNIX socket.
    case socket([UInt8])
    /// An address or a name, without square brackets.
    case host([UInt8], port: UInt16)
  }

  public let place: Place
  public let fallback: MilterChain.Fallback
  /// As it is written, for the log.
  public let text: [UInt8]

  /// Nil if it is none. Without `?default=accept` or `?default=tempfail` the latter holds.
  public init?(_ text: [UInt8]) {
    let parts = text.split(separator: .question, maxSplits: 1, omittingEmptySubsequences: false)
    switch parts.count == 2 ? Array(parts[1]) : [] {
    case Array("default=accept".utf8): fallback = .accept
    case Array("default=tempfail".utf8): fallback = .temporaryFailure
    default:
      guard parts.count < 2 else { return nil }
      fallback = .temporaryFailure
    }
    self.text = Array(parts.first ?? [])
    if self.text.starts(with: "unix:/".utf8) {
      place = .socket(Array(self.text.dropFirst(5)))
    } else if self.text.starts(with: "inet:".utf8) {
      let rest = self.text.dropFirst(5)
      guard let colon = rest.lastIndex(of: .colon),
        let port = Int(decimal: rest[(colon + 1)...]), 1...65_535 ~= port
      else { return nil }
      var host = rest[..<colon]
      if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
        host = host.dropFirst().dropLast()
      } else if host.contains(.colon) {
        return nil
      }
      guard !host.isEmpty else { return nil }
      place = .host(Array(host), port: UInt16(port))
    } else {
      return nil
    }
  }
}
