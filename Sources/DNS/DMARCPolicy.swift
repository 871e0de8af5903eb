// What the owner of a domain asks receivers to do with mail that somebody else sends in its name: DMARC, RFC 7489 §6.3.

import Octets

/// A record `v=DMARC1; p=...`.
public struct DMARCPolicy: Equatable, Sendable {
  public enum Request: Equatable, Sendable {
    case none
    case quarantine
    case reject
  }

  /// For mail of the domain itself.
  public let domain: Request
  /// For mail of the domains below it.
  public let subdomains: Request

  /// Reads the text of a record; nil if it is none of DMARC.
  public init?(_ text: [UInt8]) {
    var tags = text.split(separator: UInt8(ascii: ";")).map(Self.tag)[...]
    guard let version = tags.popFirst(), version.name == "v", version.value == "dmarc1" else {
      return nil
    }
    func request(_ name: String) -> Request? {
      guard let tag = tags.first(where: { $0.name == name }) else { return nil }
      return switch tag.value {
      case "reject": .reject
      case "quarantine": .quarantine
      default: Request.none
      }
    }
    domain = request("p") ?? .none
    subdomains = request("sp") ?? domain
  }

  /// `name = value` in lower case, without white space. The values that matter are words of ASCII.
  private static func tag(_ octets: ArraySlice<UInt8>) -> (name: String, value: String) {
    let octets = octets.filter { $0 > 32 }.lowercased()
    let parts = octets.split(
      separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    return (
      String(decoding: parts[0], as: UTF8.self),
      parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : ""
    )
  }
}
