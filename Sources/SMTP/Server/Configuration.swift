/// What the server's owner decides about sessions.
public struct Configuration: Sendable {
  /// The name in the greeting, in the replies to HELO and EHLO and in the Received field.
  public var hostname: [UInt8]
  /// Domains accepted at RCPT, made by `domain(_:)`; empty accepts all.
  public var domains: [[UInt8]] = []
  /// Other names of this host, in lower case. In an address they are the same as `hostname`. Only for programs of this
  /// machine: nobody else can mean this host by them.
  public var otherHostnames: [[UInt8]] = []
  /// Octets that a message may have, as RFC 1870 §5 counts them.
  public var maximumSize = 52_428_800
  /// Recipients that a mail transaction may have.
  public var maximumRecipients = 1000
  /// 5xx replies that a session may draw; the next is 421 and ends it.
  public var maximumErrors = 20
  public var bareLineEnds = BareLineEnds.reject

  /// Whether there are accounts; without any, AUTH is not offered.
  public var hasAccounts = false
  /// Whether every login is right, for programs under test that log in. AUTH is offered without TLS too, and who has
  /// logged in may do no more than everybody.
  public var acceptsAnyLogin = false
  /// Whether a client must authenticate before it sends mail.
  public var requiresAuthentication = false
  /// Whether AUTH is offered without TLS too.
  public var allowsInsecureAuthentication = false
  /// Whether STARTTLS is offered.
  public var canStartTLS = false
  /// Mail transactions that a session may have; the next MAIL is 421 and ends it.
  public var maximumTransactions = 10_000
  /// Commands that may come until a message is stored, not counting those that lead to one; the next is
  /// 421 and ends the session.
  public var maximumIdleCommands = 100_000
  /// Whether delivery status notifications (RFC 3461) are offered to who may relay; something must then send them.
  public var offersDeliveryStatus = false

  /// Whether the client is a program of this machine that hands mail in: it may relay as if it had authenticated.
  public var isSubmission = false
  /// Whether mail for other domains is accepted of who has authenticated or is local.
  public var relays = false
  /// Whether the caller says where the mail for each recipient goes (`Session.Action.route`). Otherwise `domains`
  /// decides.
  public var routesRecipients = false

  /// Whether the caller has filters that are asked about each command (`Session.Action.filter`).
  public var hasFilters = false

  /// What becomes of a message with a bare CR or LF in its content.
  public enum BareLineEnds: Sendable {
    /// It is refused after its final dot.
    case reject
    /// It is stored as it came. A bare CR or LF ends neither a line nor the message.
    case keep
    /// A bare LF is stored as CR LF, but ends nothing; a bare CR is refused.
    case normalize
  }

  public init(hostname: [UInt8]) { self.hostname = hostname }

  /// Whether there is AUTH.
  var hasAuthentication: Bool { hasAccounts || acceptsAnyLogin }
}

/// What is known of the client from outside the session.
public struct Client: Sendable {
  /// The IP address as RFC 5321 §4.1.3 writes it in a literal: `192.0.2.1`, `IPv6:2001:db8::1`.
  /// Nil for a pipe or a local socket.
  public var address: [UInt8]?
  /// Whether TLS protects the session.
  public var isTLS: Bool
  /// The user who runs it, where it is a program of this machine.
  public var uid: UInt32?

  public init(address: [UInt8]? = nil, isTLS: Bool = false, uid: UInt32? = nil) {
    self.address = address
    self.isTLS = isTLS
    self.uid = uid
  }
}

// What the owner writes is checked by the same grammar as what the peer sends.
extension Configuration {
  /// Whether this can be the `hostname`: a domain, in which underscores are tolerated.
  public static func isHostname(_ octets: [UInt8]) -> Bool {
    octets.span.domain(from: 0, allowing: UInt8(ascii: "_")) == octets.count
  }

  /// An entry for `domains`: a domain, in UTF-8 or as A-labels, or an address literal. Nil for anything
  /// else.
  public static func domain(_ octets: [UInt8]) -> [UInt8]? {
    let end = octets.span.domain(from: 0, allowingUTF8: true) ?? octets.span.addressLiteral(from: 0)
    return end == octets.count ? aLabelDomain(octets[...]) : nil
  }
}
