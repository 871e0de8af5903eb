// The part of a report that people read: which message, who, why, and what next.

import Jobs
import MIME
import SMTP

struct ReportText {
  /// Of the report.
  let subject: String
  private(set) var octets: [UInt8] = []

  init(
    _ message: ReportedMessage, _ entries: [StatusReport.Entry], _ origin: Origin, _ host: [UInt8]
  ) {
    let actions: [DeliveryStatus.Action] = [.failed, .delayed, .relayed, .expanded, .delivered]
    let present = actions.filter { action in entries.contains { $0.event.action == action } }
    subject =
      switch present.first {
      case .failed, nil: "Your message could not be delivered"
      case .delayed: "Your message is delayed"
      case .relayed, .expanded: "Your message was sent on"
      case .delivered: "Your message was delivered"
      }
    octets += Array("This is the mail system at ".utf8)
    octets += FieldText(printable: host).utf8
    octets += Array(".\n\nYour message".utf8)
    if message.isOurs, !origin.subject.isEmpty {
      octets += Array(" \"".utf8) + origin.subject + Array("\"".utf8)
    }
    octets += Array("\nof ".utf8)
    append(date: message.arrival)
    octets += Array("\n".utf8)
    for action in present {
      octets += Array(introduction(to: action).utf8)
      for entry in entries where entry.event.action == action { entry.append(to: &octets) }
      octets += Array(conclusion(of: action).utf8)
    }
  }

  private func introduction(to action: DeliveryStatus.Action) -> String {
    switch action {
    case .failed: "\ncould not be delivered to these recipients:\n\n"
    case .delayed: "\nhas not been delivered to these recipients yet:\n\n"
    case .delivered: "\nwas delivered to these recipients:\n\n"
    case .relayed: "\nwas given to the next mail system for these recipients:\n\n"
    case .expanded: "\nwas sent on to the addresses that these stand for:\n\n"
    }
  }

  private func conclusion(of action: DeliveryStatus.Action) -> String {
    switch action {
    case .failed:
      """

      No further attempt will be made. What the mail system of a recipient said
      stands above. Check the address, and send the message again once the
      cause is removed. If you cannot tell the cause, reach the recipient in
      another way, or show this report to your postmaster.

      """
    case .delayed:
      """

      This is no failure. Delivery is attempted again by itself: there is
      nothing that you need to do, and no need to send the message again.

      """
    case .delivered, .expanded: ""
    case .relayed:
      """

      That system does not report deliveries: you will hear from it only if
      the message cannot be delivered.

      """
    }
  }

  private mutating func append(date seconds: Int64) {
    DateTime(seconds: seconds, zone: 0).append(to: &octets)
  }
}

extension StatusReport.Entry {
  /// Says in lines who it is and what has become of the message for him.
  func append(to octets: inout [UInt8]) {
    octets += Array("  <".utf8) + recipient.mailbox.octets + Array(">\n".utf8)
    switch event {
    case .refused, .delivered, .relayed, .expanded: break
    case .expired: octets += Array("    It was attempted again and again, but not for ever.\n".utf8)
    case .returned:
      octets += Array("    An administrator of this system has ended the attempts.\n".utf8)
    case .delayed(let until):
      octets += Array("    It will be attempted until ".utf8)
      DateTime(seconds: until, zone: 0).append(to: &octets)
      octets += Array(".\n".utf8)
      if !route.isEmpty {
        octets += Array("    It goes by the route \"".utf8)
        octets += FieldText(printable: Array(route.prefix(200))).utf8 + Array("\".\n".utf8)
      }
    }
    guard let report else { return }
    if event.action == .failed || event.action == .delayed,
      report.verdict.outcome == .unknown
    {
      octets += Array(
        """
            The connection was lost when the whole message had been sent: the
            recipient may have received it all the same.

        """.utf8)
    }
    octets += Array("    ".utf8)
    if !report.host.isEmpty {
      octets += FieldText(printable: report.host).utf8
      octets += Array((report.verdict.code == nil ? ": " : " said: ").utf8)
    }
    octets += FieldText(printable: report.verdict.reply).utf8 + Array("\n".utf8)
  }
}
