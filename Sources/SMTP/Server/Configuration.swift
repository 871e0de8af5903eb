/// What the server's owner decides about sessions.
public struct Configuration: Sendable {
  /// The name in the greeting, in the reply to EHLO and in the Received field.
  public var hostname: [UInt8]
  /// Domains accepted at RCPT, compared in any case; empty accepts all.
  public var domains: [[UInt8]] = []
  /// Octets that a message may have, as RFC 1870 §5 counts them.
  public var maximumSize = 52_428_800
  /// Recipients that a mail transaction may have.
  public var maximumRecipients = 1000
  /// 5xx replies that a session may draw; the next is 421 and ends it.
  public var maximumErrors = 20
  public var bareLineEnds = BareLineEnds.reject

  /// Whether there are accounts, so that AUTH has somebody to let in.
  public var hasAccounts = false
  /// Whether MAIL needs AUTH first.
  public var requiresAuthentication = false
  /// Whether AUTH may be without TLS.
  public var allowsInsecureAuthentication = false
  /// Whether STARTTLS can be done.
  public var canStartTLS = false
  /// Mail transactions that a session may have; the next MAIL is 421 and ends it.
  public var maximumTransactions = 10_000
  /// Commands that may come without a message being stored, those that help to send one not counted;
  /// the next is 421 and ends the session.
  public var maximumIdleCommands = 100_000
  /// Whether delivery status notifications (RFC 3461) are offered: where something honours them.
  public var offersDeliveryStatus = false

  /// What becomes of a message with a bare CR or LF in its content.
  public enum BareLineEnds: Sendable {
    /// It is refused behind its final dot.
    case reject
    /// It is stored as it came. The bare octets end nothing.
    case keep
    /// A bare LF is stored as CR LF, but ends nothing; a bare CR is refused.
    case normalize
  }

  public init(hostname: [UInt8]) { self.hostname = hostname }

  func accepts(_ mailbox: Mailbox) -> Bool {
    domains.isEmpty || mailbox.domain.isEmpty
      || domains.contains { $0.equalsIgnoringCase(mailbox.domain) }
  }
}

/// What is known of the client from outside the session.
public struct Client: Sendable {
  /// The IP address as RFC 5321 §4.1.3 writes it in a literal: `192.0.2.1`, `IPv6:2001:db8::1`.
  /// Nil for a pipe or a local socket.
  public var address: [UInt8]?
  /// Whether TLS protects the session.
  public var isTLS: Bool

  public init(address: [UInt8]? = nil, isTLS: Bool = false) {
    self.address = address
    self.isTLS = isTLS
  }
}

// What the owner writes, checked by the same grammar as what the peer sends.
extension Configuration {
  /// A name for `hostname`: a domain, where underscores are tolerated as they are in HELO.
  public static func isHostname(_ octets: [UInt8]) -> Bool {
    octets.span.domain(from: 0, allowing: UInt8(ascii: "_")) == octets.count
  }

  /// An entry of `domains`: a domain or an address literal.
  public static func isDomain(_ octets: [UInt8]) -> Bool {
    (octets.span.domain(from: 0, allowingUTF8: true) ?? octets.span.addressLiteral(from: 0))
      == octets.count
  }
}
