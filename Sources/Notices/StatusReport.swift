// Delivery reports (RFC 3464, RFC 3461 §5 and §6; UTF-8: RFC 6533; RFC 3834): that a message could not be delivered, is
// late, or has arrived, as a message to its sender. Pure: the clock and what makes identifiers unique are the caller's.
//
// - Nobody is told of a message with a null reverse-path, and a report is sent with one: so no report causes another. What
//   becomes of a report that cannot be delivered is in UndeliveredReport.swift.
// - NOTIFY decides. Without it failures are reported, and delays of what a person has sent.
// - Of the message of someone who has not authenticated nothing is reported but failures, with header fields alone.
// - What a host has said is text within its field, whatever it holds.

public import Jobs
public import MIME
import Octets
public import SMTP

public struct StatusReport: Sendable {
  /// What has become of a recipient.
  public enum Event: Equatable, Sendable {
    /// A host has refused the message, or it cannot be delivered there.
    case refused
    /// It was tried for as long as messages are.
    case expired
    /// An administrator of ours has ended the attempts.
    case returned
    /// It is tried further, until that second since 1970.
    case delayed(until: Int64)
    /// It is in the recipient's mailbox.
    case delivered
    /// It was given to a host that reports nothing.
    case relayed
    /// It was sent on to the addresses that an alias stands for.
    case expanded
  }

  struct Entry: Sendable {
    let recipient: SMTP.Recipient
    let event: Event
    /// What a host has said last, or why none did.
    let report: Report?
    /// When, in seconds since 1970.
    let attempt: Int64?
    /// What the mail goes by; empty for nothing special.
    var route: [UInt8] = []
  }

  /// Recipients of one report, at most. More have another report.
  public static let recipientLimit = 100

  let message: ReportedMessage
  private let mailbox: Mailbox
  private let isAutomatic: Bool
  private(set) var entries: [Entry] = []

  /// Nil where nobody is to be told of `message`.
  public init?(on message: ReportedMessage) {
    guard case .mailbox(let mailbox) = message.reversePath else { return nil }
    self.message = message
    self.mailbox = mailbox.withoutFinalDot
    isAutomatic = message.isAutomatic
  }

  /// Whether there is nothing to report.
  public var isEmpty: Bool { entries.isEmpty }

  /// Adds a recipient, if its sender is to be told of the event; gives whether that is so. `report` is what a host
  /// has said last, `attempt` when that was, in seconds since 1970, `route` what the mail goes by; empty for nothing special.
  public mutating func add(
    _ recipient: SMTP.Recipient, _ event: Event, report: Report? = nil, attempt: Int64? = nil,
    route: [UInt8] = []
  ) -> Bool {
    guard isWanted(event, recipient.deliveryStatus.notify) else { return false }
    entries.append(
      Entry(
        recipient: recipient, event: event, report: report, attempt: attempt, route: route))
    return true
  }

  private func isWanted(_ event: Event, _ notify: SMTP.Recipient.Notify?) -> Bool {
    switch event {
    case .refused, .expired, .returned: notify?.contains(.failure) ?? true
    case .delayed: message.isOurs && (notify?.contains(.delay) ?? !isAutomatic)
    case .delivered, .relayed, .expanded: message.isOurs && notify?.contains(.success) ?? false
    }
  }
}

// Building.
extension StatusReport {
  /// A report as it is sent, with a null reverse-path.
  public struct Built: Sendable {
    public let recipient: Mailbox
    /// Lines end with CR LF.
    public let octets: [UInt8]
    /// Whether it must be sent with SMTPUTF8.
    public let isUTF8: Bool
  }

  /// Builds the report at the second `now` since 1970. `host` is our name, `unique` makes the identifier and the
  /// boundaries: letters and digits that nobody can guess, at most 40. Throws if `host` is no name.
  public func build(host: [UInt8], now: Int64, unique: [UInt8]) throws(BuildError) -> Built {
    let origin = Origin(message.content)
    let daemon = Array("postmaster@".utf8) + host
    var status = DeliveryStatus(
      reportingHost: FieldText(printable: host), envelopeID: envelopeID,
      arrival: DateTime(seconds: message.arrival, zone: 0), recipients: [])
    var isUTF8 = false
    for entry in entries {
      let recipient = try recipient(entry, host)
      if !recipient.finalRecipient.isASCII || recipient.originalRecipient?.isASCII == false {
        isUTF8 = true
      }
      status.recipients.append(recipient)
    }
    let text = ReportText(message, entries, origin, host)
    var parts: [OutgoingPart] = [
      .body(text: try? BodyText(text.octets), html: nil), .deliveryStatus(status),
    ]
    switch message.returned(isFailure: entries.contains { $0.event.action == .failed }) {
    case .whole(let octets):
      if !octets[..<octets.span.headerEnd].allSatisfy({ $0 < 0x80 }) { isUTF8 = message.isUTF8 }
      parts.append(.message(octets, isHeaderOnly: false))
    case .header(let octets):
      if !octets.allSatisfy({ $0 < 0x80 }) { isUTF8 = true }
      parts.append(.message(octets, isHeaderOnly: true))
    }
    var report = OutgoingMessage(
      date: DateTime(seconds: now, zone: 0),
      messageID: try MessageIdentifier(unique + Array("@".utf8) + host),
      from: [
        try NamedAddress(
          name: FieldText(printable: Array("Mail Delivery System".utf8)), address: daemon)
      ],
      body: .multipart(.deliveryReport, parts))
    // A reverse-path need not be an address that may stand in a field.
    if let address = try? NamedAddress(address: mailbox.octets) {
      report.to = [address]
      if !address.isASCII { isUTF8 = true }
    }
    report.subject = FieldText(printable: Array(text.subject.utf8))
    if let messageID = origin.messageID {
      report.inReplyTo = [messageID]
      report.references = origin.references + [messageID]
    }
    report.fields = [
      (
        try FieldName(Array("Auto-Submitted".utf8)),
        FieldText(printable: Array("auto-replied".utf8))
      )
    ]
    report.usesUTF8 = isUTF8
    var octets: [UInt8] = []
    report.append(to: &octets, unique: unique)
    return Built(recipient: mailbox, octets: octets, isUTF8: isUTF8)
  }

  private var envelopeID: FieldText? {
    message.deliveryStatus.envelopeID.map { decoded($0[...], prefix: []) }
  }

  private func recipient(
    _ entry: Entry, _ host: [UInt8]
  ) throws(BuildError) -> DeliveryStatus.Recipient {
    let mailbox = entry.recipient.mailbox
    let isPostmaster = mailbox.domain.isEmpty  // `postmaster` alone
    var recipient = DeliveryStatus.Recipient(
      finalRecipient: try NamedAddress(
        ofEnvelope: isPostmaster ? mailbox.octets + Array("@".utf8) + host : mailbox.octets),
      action: entry.event.action, status: FieldText(printable: entry.status.octets))
    if let original = entry.recipient.deliveryStatus.originalRecipient,
      let semicolon = original.firstIndex(of: UInt8(ascii: ";"))
    {
      recipient.originalRecipient = decoded(
        original[(semicolon + 1)...], prefix: original[...semicolon])
    }
    if let report = entry.report {
      let verdict = report.verdict
      if verdict.code != nil, !report.host.isEmpty {
        recipient.remoteHost = FieldText(printable: report.host)
      }
      recipient.diagnostic = FieldText(printable: verdict.reply)
      recipient.isReply = verdict.code != nil
    }
    recipient.lastAttempt = entry.attempt.map { DateTime(seconds: $0, zone: 0) }
    if case .delayed(let until) = entry.event {
      recipient.retryUntil = DateTime(seconds: until, zone: 0)
    }
    return recipient
  }

  /// What a sender has given as xtext, decoded where the result may stand in a field: without control characters and
  /// what seems to be an encoded word, and above ASCII only if the sender speaks UTF-8. Else it stays as it is.
  private func decoded(_ xtext: ArraySlice<UInt8>, prefix: ArraySlice<UInt8>) -> FieldText {
    if let octets = decodedXtext(xtext.span), octets.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
      !zip(octets, octets.dropFirst()).contains(where: { $0 == 0x3D && $1 == 0x3F }),
      message.isUTF8 || octets.allSatisfy({ $0 < 0x80 }),
      let text = try? FieldText(prefix + octets)
    {
      return text
    }
    return FieldText(printable: Array(prefix + xtext))
  }
}

extension StatusReport.Event {
  var action: DeliveryStatus.Action {
    switch self {
    case .refused, .expired, .returned: .failed
    case .delayed: .delayed
    case .delivered: .delivered
    case .relayed: .relayed
    case .expanded: .expanded
    }
  }
}

extension StatusReport.Entry {
  /// The status that the last report has, where it is of a class that the event may have; for what has expired that
  /// of the last attempt says more than 4.4.7 would (RFC 3463 §3.5).
  fileprivate var status: EnhancedStatusCode {
    let reported = report?.verdict.status
    switch event {
    case .refused: return reported?.of(5...5) ?? EnhancedStatusCode(5, 0, 0)
    case .expired: return reported?.of(4...5) ?? EnhancedStatusCode(4, 4, 7)
    case .returned: return reported?.of(4...5) ?? EnhancedStatusCode(5, 0, 0)
    case .delayed: return reported?.of(4...4) ?? EnhancedStatusCode(4, 0, 0)
    case .delivered, .relayed, .expanded:
      return reported?.of(2...2) ?? EnhancedStatusCode(2, 0, 0)
    }
  }
}

extension EnhancedStatusCode {
  fileprivate func of(_ categories: ClosedRange<Int>) -> Self? {
    categories.contains(category) ? self : nil
  }
}

extension ClientSession.Verdict {
  /// The reply as the host gave it: code, enhanced status code and text; a status that was made up is left out.
  var reply: [UInt8] {
    guard let code else { return text }
    var reply = Array(String(code).utf8) + [32]
    if status.subject != 0 || status.detail != 0 { reply += status.octets + [32] }
    return reply + text
  }
}
