// Which reverse-paths a login may use.

/// Addresses, and domains all of whose addresses are meant.
public struct AllowedSenders: Sendable {
  /// Whether every reverse-path may be used.
  private var isAny = false
  private var addresses: [LocalAddress] = []
  private var domains: [[UInt8]] = []
  /// Whether the line that says what is allowed is wrong, so that only an operator can say.
  public var isFaulty = false

  /// None: only the null path may be used, which mail programs need for reports (RFC 8098 §3).
  public init() {}

  /// Adds `user@example.org`, `@example.org`, or `*` for everything; false if it is none of these.
  public mutating func add(_ text: [UInt8]) -> Bool {
    if text == [UInt8(ascii: "*")] {
      isAny = true
    } else if text.first == UInt8(ascii: "@") {
      guard let domain = Configuration.domain(Array(text.dropFirst())) else { return false }
      domains.append(domain)
    } else {
      guard let mailbox = Mailbox(text), let address = LocalAddress(mailbox) else { return false }
      addresses.append(address)
    }
    return true
  }

  public func contains(_ path: ReversePath) -> Bool {
    if isAny { return true }
    switch path {
    case .null: return true
    case .mailbox(let mailbox):
      guard let address = LocalAddress(mailbox) else { return false }
      return domains.contains(address.domain) || addresses.contains(address)
    }
  }
}
