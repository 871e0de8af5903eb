// The machine-readable part of a delivery report (RFC 3464; addresses in UTF-8: RFC 6533).

import Octets

/// What became of a message, for each recipient.
public struct DeliveryStatus: Equatable, Sendable {
  /// The host that reports.
  public var reportingHost: FieldText
  /// ENVID of the sender (RFC 3461).
  public var envelopeID: FieldText?
  public var arrival: DateTime?
  public var recipients: [Recipient]

  public init(
    reportingHost: FieldText, envelopeID: FieldText? = nil, arrival: DateTime? = nil,
    recipients: [Recipient]
  ) {
    (self.reportingHost, self.envelopeID) = (reportingHost, envelopeID)
    (self.arrival, self.recipients) = (arrival, recipients)
  }

  public enum Action: Equatable, Sendable { case failed, delayed, delivered, relayed, expanded }

  /// One recipient.
  public struct Recipient: Equatable, Sendable {
    /// ORCPT as it was given, with its type (`rfc822;you@example.org`).
    public var originalRecipient: FieldText?
    public var finalRecipient: NamedAddress
    public var action: Action
    /// An enhanced status code, such as `5.1.1` (RFC 3463).
    public var status: FieldText
    /// The host that the verdict is from.
    public var remoteHost: FieldText?
    /// The reply of that host, or why there was none.
    public var diagnostic: FieldText?
    /// Whether `diagnostic` is a reply of SMTP; else it is text of our own (RFC 3464 §2.3.6).
    public var isReply: Bool
    public var lastAttempt: DateTime?
    /// When a delayed message is given up.
    public var retryUntil: DateTime?

    public init(
      finalRecipient: NamedAddress, action: Action, status: FieldText,
      originalRecipient: FieldText? = nil, remoteHost: FieldText? = nil,
      diagnostic: FieldText? = nil, isReply: Bool = true, lastAttempt: DateTime? = nil,
      retryUntil: DateTime? = nil
    ) {
      (self.finalRecipient, self.action, self.status) = (finalRecipient, action, status)
      (self.originalRecipient, self.remoteHost) = (originalRecipient, remoteHost)
      (self.diagnostic, self.isReply) = (diagnostic, isReply)
      (self.lastAttempt, self.retryUntil) = (lastAttempt, retryUntil)
    }
  }

  /// Whether everything is ASCII that is not encoded; if not, the part is a message/global-delivery-status.
  var isASCII: Bool {
    reportingHost.isASCII && envelopeID?.isASCII ?? true
      && recipients.allSatisfy {
        $0.finalRecipient.isASCII && $0.originalRecipient?.isASCII ?? true && $0.status.isASCII
          && $0.remoteHost?.isASCII ?? true
      }
  }

  /// Appends the groups of fields, each with a blank line behind it but the last.
  func append(to output: inout [UInt8]) {
    var writer = HeaderWriter(usesUTF8: !isASCII)
    writer.append(FieldName("Reporting-MTA"), type: "dns;", value: reportingHost, to: &output)
    if let envelopeID {
      writer.append(FieldName("Original-Envelope-Id"), type: nil, value: envelopeID, to: &output)
    }
    if let arrival { writer.append(FieldName("Arrival-Date"), date: arrival, to: &output) }
    for recipient in recipients {
      output.append("\r\n")
      if let original = recipient.originalRecipient {
        writer.append(FieldName("Original-Recipient"), type: nil, value: original, to: &output)
      }
      let address = recipient.finalRecipient
      var final: [UInt8] = []
      final.append(address.isASCII ? "rfc822; " : "utf-8; ")
      final.append(octets: address.address)
      appendAsIs("Final-Recipient", final, &output)
      output.append("Action: ")
      switch recipient.action {
      case .failed: output.append("failed\r\n")
      case .delayed: output.append("delayed\r\n")
      case .delivered: output.append("delivered\r\n")
      case .relayed: output.append("relayed\r\n")
      case .expanded: output.append("expanded\r\n")
      }
      writer.append(FieldName("Status"), type: nil, value: recipient.status, to: &output)
      if let host = recipient.remoteHost {
        writer.append(FieldName("Remote-MTA"), type: "dns;", value: host, to: &output)
      }
      if let reply = recipient.diagnostic {
        writer.append(
          FieldName("Diagnostic-Code"), type: recipient.isReply ? "smtp;" : "x-postern;",
          value: reply, isText: true, to: &output)
      }
      if let date = recipient.lastAttempt {
        writer.append(FieldName("Last-Attempt-Date"), date: date, to: &output)
      }
      if let date = recipient.retryUntil {
        writer.append(FieldName("Will-Retry-Until"), date: date, to: &output)
      }
    }
  }

  /// An address is not folded: a quoted local part may have spaces.
  private func appendAsIs(_ name: StaticString, _ value: [UInt8], _ output: inout [UInt8]) {
    output.append(name)
    output.append(": ")
    output.append(octets: value)
    output.append("\r\n")
  }
}
