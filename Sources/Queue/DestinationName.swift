// Where the mail for a recipient goes, as runs and those who look at the queue call it.

public import SMTP

/// Where mail goes: a domain, or the one server that takes all.
public struct DestinationName: Hashable, Sendable {
  public let hash: UInt64
  /// The domain in lower case, as A-labels.
  public let octets: [UInt8]

  private init(_ octets: [UInt8]) {
    self.octets = octets
    hash = EntryName.hash(of: octets)
  }

  public init(of mailbox: Mailbox, hasSmarthost: Bool) {
    if hasSmarthost {
      self.init(Array("smarthost".utf8))
    } else {
      let domain = mailbox.withoutFinalDot.domain
      self.init(aLabelDomain(domain) ?? Array(domain))
    }
  }

  public static func == (left: Self, right: Self) -> Bool { left.octets == right.octets }
  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
