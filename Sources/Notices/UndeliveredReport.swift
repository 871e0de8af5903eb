// A word to the postmaster: a delivery report of ours could not be delivered itself (a double bounce). The sender of the
// first mail is not told, since there is no way to him, but somebody may look why.
//
// - It is about reports that we have made (`ReportedMessage.isReport`), and about nothing else with a null reverse-path:
//   a stranger's mail with one, by an alias of ours, must not fill the postmaster's mailbox.
// - It is no report itself. So what becomes of it is told to nobody, and it causes no other.
// - There is one for a report at most `StatusReport.recipientLimit` times its recipients, which is one as a rule, and it
//   has no more than that report and some lines.

public import Jobs
public import MIME
public import SMTP

public struct UndeliveredReport: Sendable {
  private let message: ReportedMessage
  private var entries: [StatusReport.Entry] = []

  /// Nil where `message` is not such a report.
  public init?(on message: ReportedMessage) {
    guard message.isReport, message.reversePath == .null else { return nil }
    self.message = message
  }

  /// Whether there is nothing to tell.
  public var isEmpty: Bool { entries.isEmpty }

  /// Adds whom the report was for, if it has failed; gives whether that is so. See `StatusReport.add`.
  public mutating func add(
    _ recipient: SMTP.Recipient, _ event: StatusReport.Event, report: Report? = nil
  ) -> Bool {
    guard event.action == .failed else { return false }
    entries.append(
      StatusReport.Entry(recipient: recipient, event: event, report: report, attempt: nil))
    return true
  }

  /// Builds the mail, for `postmaster` alone. See `StatusReport.build`.
  public func build(
    host: [UInt8], now: Int64, unique: [UInt8]
  ) throws(BuildError) -> StatusReport.Built {
    guard let recipient = Mailbox(Array("postmaster".utf8)) else {
      preconditionFailure("postmaster is a mailbox")
    }
    let postmaster = Array("postmaster@".utf8) + host
    var isUTF8 = false
    let part: OutgoingPart
    switch message.whole {
    case .whole(let octets):
      isUTF8 = !octets[..<octets.span.headerEnd].allSatisfy { $0 < 0x80 }
      part = .message(octets, isHeaderOnly: false)
    case .header(let octets):
      isUTF8 = !octets.allSatisfy { $0 < 0x80 }
      part = .message(octets, isHeaderOnly: true)
    }
    var mail = OutgoingMessage(
      date: DateTime(seconds: now, zone: 0),
      messageID: try MessageIdentifier(unique + Array("@".utf8) + host),
      from: [
        try NamedAddress(
          name: FieldText(printable: Array("Mail Delivery System".utf8)), address: postmaster)
      ],
      body: .multipart(.mixed, [.body(text: try? BodyText(text(host)), html: nil), part]))
    mail.to = [try NamedAddress(address: postmaster)]
    mail.subject = FieldText(printable: Array("A report could not be delivered".utf8))
    mail.fields = [
      (
        try FieldName(Array("Auto-Submitted".utf8)),
        FieldText(printable: Array("auto-generated".utf8))
      )
    ]
    mail.usesUTF8 = isUTF8
    var octets: [UInt8] = []
    mail.append(to: &octets, unique: unique)
    return StatusReport.Built(recipient: recipient, octets: octets, isUTF8: isUTF8)
  }

  private func text(_ host: [UInt8]) -> [UInt8] {
    var text = Array("This is the mail system at ".utf8) + FieldText(printable: host).utf8
    text += Array(".\n\nThe report below could not be delivered to\n\n".utf8)
    for entry in entries { entry.append(to: &text) }
    text += Array(
      """

      who is the sender of the mail that it is about. Nothing more will be done:
      he does not know what has become of his mail. Often there is no such
      sender, because the mail was spam.

      """.utf8)
    return text
  }
}
