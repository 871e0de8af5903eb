// Where the mail for a recipient goes, as runs and those who look at the queue call it.

public import Routes
public import SMTP

/// Where mail goes: a domain, the one server that takes all, or the target of a route.
public struct DestinationName: Hashable, Sendable {
  public let hash: UInt64
  /// The domain in lower case, as A-labels; or what a route is called.
  public let octets: [UInt8]

  private init(_ octets: [UInt8], hashing text: [UInt8]? = nil) {
    self.octets = octets
    hash = EntryName.hash(of: text ?? octets)
  }

  /// `route` is what the routes say of the recipient.
  public init(of mailbox: Mailbox, by route: MailRoute?, hasSmarthost: Bool) {
    switch route?.target {
    case .maildir, .servers, .exec, .post:
      self.init(route?.name ?? [], hashing: route?.text)
    case .exchangers: self.init(of: mailbox, hasSmarthost: false)
    case .mail, .discard, .refuse, nil: self.init(of: mailbox, hasSmarthost: hasSmarthost)
    }
  }

  init(of mailbox: Mailbox, hasSmarthost: Bool) {
    if hasSmarthost {
      self.init(Array("smarthost".utf8))
    } else {
      let domain = mailbox.withoutFinalDot.domain
      self.init(aLabelDomain(domain) ?? Array(domain))
    }
  }

  public static func == (left: Self, right: Self) -> Bool {
    left.hash == right.hash && left.octets == right.octets
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
