// Where a Maildir is: a path in which `%u` stands for the local part of an address and `%d` for its domain. Whatever the
// address is, either becomes a part of one name of the path, which leads nowhere else.

import Octets
public import SMTP

public struct MaildirPath: Equatable, Sendable {
  /// One name of the path.
  public struct Component: Equatable, Sendable {
    public let name: String
    /// Whether a part of it comes from the address.
    public let isFromAddress: Bool
  }

  /// From the root on; without the names tmp, new and cur.
  public let components: [Component]

  /// Octets of a name of a path (NAME_MAX).
  private static let longestName = 255

  /// The path for an address; nil if there is none: a name would be empty or too long.
  public init?(_ template: [UInt8], for address: LocalAddress) {
    let user = Self.encoded(address.untagged ?? address.localPart)
    let domain = Self.encoded(address.domain)
    var components: [Component] = []
    for part in template.split(separator: UInt8(ascii: "/")) {
      let isFromAddress = part.contains(.percent)
      var name = Self.expanded(part, user: user, domain: domain)
      if isFromAddress {
        guard let expanded = name, !expanded.isEmpty else { return nil }
        if expanded.allSatisfy({ $0 == Self.dot }), expanded.count <= 2 {
          name = Self.expanded(part, user: Self.dotless(user), domain: Self.dotless(domain))
        }
      }
      guard let name, 1...Self.longestName ~= name.count else { return nil }
      components.append(
        Component(name: String(decoding: name, as: UTF8.self), isFromAddress: isFromAddress))
    }
    self.components = components
  }

  private static let dot = UInt8(ascii: ".")

  /// Nil if what an `%` stands for is empty.
  private static func expanded(
    _ part: ArraySlice<UInt8>, user: [UInt8], domain: [UInt8]
  ) -> [UInt8]? {
    var name: [UInt8] = []
    var isEscape = false
    for octet in part {
      if isEscape {
        let value = octet == UInt8(ascii: "u") ? user : domain
        if value.isEmpty { return nil }
        name += value
        isEscape = false
      } else if octet == .percent {
        isEscape = true
      } else {
        name.append(octet)
      }
    }
    return name
  }

  /// Letters, digits and `. _ + -` as they are; every other octet as `%XX`.
  private static func encoded(_ octets: [UInt8]) -> [UInt8] {
    var encoded: [UInt8] = []
    for octet in octets {
      switch octet {
      case dot, UInt8(ascii: "_"), .plus, .hyphen: encoded.append(octet)
      default:
        if octet.isLetterOrDigit {
          encoded.append(octet)
        } else {
          encoded.append(.percent, hex: octet)
        }
      }
    }
    return encoded
  }

  private static func dotless(_ octets: [UInt8]) -> [UInt8] {
    var encoded: [UInt8] = []
    for octet in octets {
      if octet == dot { encoded.append(.percent, hex: octet) } else { encoded.append(octet) }
    }
    return encoded
  }
}
