// The envelope of a mail transaction: RFC 5321 §3.3, with the parameters of RFC 3461.

import Octets

/// Who a message is from and who it is for.
public struct Envelope: Sendable {
  /// A filter may change it.
  public var reversePath: ReversePath
  /// No two of these are the same mailbox.
  public private(set) var recipients: [Recipient] = []
  /// Whether the content may be any octets, not only lines (BODY=BINARYMIME, RFC 3030 §3).
  public let isBinary: Bool
  /// Whether addresses and header fields may be UTF-8 (SMTPUTF8, RFC 6531).
  public let isUTF8: Bool
  public let deliveryStatus: DeliveryStatus

  /// What the sender wants of reports on the message (RFC 3461 §4.3 and §4.4).
  public struct DeliveryStatus: Equatable, Sendable {
    /// RET: how much of the message a report returns; nil if the sender did not say.
    public var returned: Returned?
    /// ENVID, as xtext.
    public var envelopeID: [UInt8]?

    public init() {}

    public enum Returned: Sendable {
      case full
      case headers
    }
  }

  /// How many of the recipients the message goes to the queue for.
  public private(set) var queuedRecipients = 0

  private var known: Set<Identity> = []
  /// Recipients with a long address.
  private var longRecipients = 0

  /// Octets above which an address is long: it may not fit the name of a file, and a store needs a file
  /// of its own for it. A few must do, since a peer could fill a disk by one message.
  private static let longAddress = 70
  private static let maximumLongRecipients = 20

  /// A recipient in a form that is the same for the same mailbox. It is hashed in one go: an array is hashed
  /// octet by octet, which took most of the time of a RCPT command.
  private struct Identity: Hashable {
    let octets: [UInt8]

    func hash(into hasher: inout Hasher) {
      unsafe octets.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
  }

  init(from reversePath: ReversePath, _ parameters: MailParameters) {
    self.reversePath = reversePath
    isBinary = parameters.isBinary
    isUTF8 = parameters.isUTF8
    deliveryStatus = parameters.deliveryStatus
  }

  /// Whether one more recipient may be added, as far as the length of addresses matters.
  func hasRoom(for recipient: Recipient) -> Bool {
    recipient.isQueued || recipient.mailbox.octets.count <= Self.longAddress
      || longRecipients < Self.maximumLongRecipients
  }

  /// Adds a recipient. One that is named twice gets the message once.
  public mutating func add(_ recipient: Recipient) {
    let identity = Identity(octets: recipient.mailbox.canonical)
    guard known.insert(identity).inserted else { return }
    recipients.append(recipient)
    if recipient.isQueued {
      queuedRecipients += 1
    } else if recipient.mailbox.octets.count > Self.longAddress {
      longRecipients += 1
    }
  }
}

extension Envelope {
  /// Takes the recipients out that were written so, but for case; false if there is none.
  public mutating func remove(_ address: [UInt8]) -> Bool {
    let rest = recipients.filter { !$0.mailbox.octets.equalsIgnoringCase(address) }
    if rest.count == recipients.count { return false }
    (recipients, known, queuedRecipients, longRecipients) = ([], [], 0, 0)
    for recipient in rest { add(recipient) }
    return true
  }
}

public struct Recipient: Equatable, Sendable {
  public let mailbox: Mailbox
  public let deliveryStatus: DeliveryStatus
  /// Whether the message goes to the queue for this recipient, and not to the mail directory.
  public let isQueued: Bool

  public init(
    mailbox: Mailbox, deliveryStatus: DeliveryStatus = DeliveryStatus(), isQueued: Bool = false
  ) {
    self.mailbox = mailbox
    self.deliveryStatus = deliveryStatus
    self.isQueued = isQueued
  }

  /// What the sender wants of reports on this recipient (RFC 3461 §4.1 and §4.2).
  public struct DeliveryStatus: Equatable, Sendable {
    /// NOTIFY; empty for NEVER, nil if the sender did not say.
    public var notify: Notify?
    /// ORCPT: an address type, a semicolon, and xtext.
    public var originalRecipient: [UInt8]?

    public init() {}
  }

  public struct Notify: OptionSet, Sendable {
    public let rawValue: UInt8
    /// Keeps the bits that mean something.
    public init(rawValue: UInt8) { self.rawValue = rawValue & 7 }

    public static let success = Notify(rawValue: 1)
    public static let failure = Notify(rawValue: 2)
    public static let delay = Notify(rawValue: 4)
  }
}

/// The client's greeting.
public struct Hello: Equatable, Sendable {
  /// The argument of HELO or EHLO (`isHelloName`). Nobody has checked that it is true.
  public let name: [UInt8]
  /// Whether it said EHLO.
  public let isExtended: Bool
}
