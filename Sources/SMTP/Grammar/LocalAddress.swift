// Addresses of ours. RFC 5321 §2.4 leaves it to the host that a mailbox is at to say which local parts mean
// the same. Here: those that differ in the case of ASCII letters, or in quotes that need not be there.

import Octets

/// A mailbox in the form in which addresses of ours are compared: two ways to write one give the same.
public struct LocalAddress: Equatable, Sendable {
  /// Without quotes and backslashes, ASCII letters in lower case.
  public let localPart: [UInt8]
  /// As A-labels in lower case; empty for `postmaster` alone.
  public let domain: [UInt8]

  /// Nil if the domain is none that can exist: a label is too long.
  public init?(_ mailbox: Mailbox) {
    guard let domain = aLabelDomain(mailbox.withoutFinalDot.domain) else { return nil }
    self.domain = domain
    localPart = Self.folded(mailbox.localPart)
  }

  /// The local part in front of its first `+`; nil if it has no tag.
  public var untagged: [UInt8]? {
    guard let plus = localPart.firstIndex(of: UInt8(ascii: "+")), plus > 0 else { return nil }
    return Array(localPart[..<plus])
  }

  /// The same address without its tag; nil if it has none.
  public var withoutTag: LocalAddress? {
    untagged.map { LocalAddress(localPart: $0, domain: domain) }
  }

  /// The same local part at another domain.
  public func at(_ domain: [UInt8]) -> LocalAddress {
    LocalAddress(localPart: localPart, domain: domain)
  }

  private init(localPart: [UInt8], domain: [UInt8]) {
    (self.localPart, self.domain) = (localPart, domain)
  }

  /// A local part, as it stands in an address, without its quotes and in lower case.
  static func folded(_ localPart: ArraySlice<UInt8>) -> [UInt8] {
    guard localPart.first == UInt8(ascii: "\"") else { return localPart.lowercased() }
    var folded: [UInt8] = []
    var isEscaped = false
    for octet in localPart.dropFirst().dropLast() {
      if octet == UInt8(ascii: "\\"), !isEscaped {
        isEscaped = true
      } else {
        folded.append(octet.lowercased)
        isEscaped = false
      }
    }
    return folded
  }
}

extension Mailbox {
  /// What stands in front of the `@`, with its quotes; `postmaster` where it is alone.
  public var localPart: ArraySlice<UInt8> { octets[..<(at ?? octets.count)] }

  /// Whether the local part says what other servers take for an address at another host (RFC 5321 §2.3.11 and appendix
  /// F.2): with `%`, `!`, or a quoted `@`. Who looks for open relays tries these.
  var hasRoute: Bool {
    localPart.contains {
      $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "!") || $0 == UInt8(ascii: "@")
    }
  }

  /// Whether the domain is one of `domains`, which `Configuration.domain` has made. Where there are none every
  /// domain is. `postmaster` alone always is.
  public func isAt(_ domains: [[UInt8]]) -> Bool {
    if domains.isEmpty || domain.isEmpty { return true }
    guard let domain = aLabelDomain(withoutFinalDot.domain) else { return false }
    return domains.contains { $0.equalsIgnoringCase(domain) }
  }
}
