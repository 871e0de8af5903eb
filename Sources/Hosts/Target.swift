// Where mail goes: to servers, to a command, or to the hosts of each domain.

public import Jobs
import SMTP

public enum Target: Equatable, Sendable {
  /// The first of these that can be reached and takes mail.
  case servers([ServerURL])
  /// A command that speaks SMTP on its standard input and output.
  case command(String)
  /// The hosts that take mail for the domain of each recipient, with so much TLS.
  case exchangers(TLSLevel)

  /// The recipients that one connection may be for: those of a domain together, in the order in which the domains come.
  public func groups(
    of recipients: [Job.Addressee]
  ) -> [(domain: [UInt8], recipients: [Job.Addressee])] {
    guard case .exchangers = self else { return [([], recipients)] }
    var groups: [(domain: [UInt8], recipients: [Job.Addressee])] = []
    for recipient in recipients {
      let mailbox = recipient.recipient.mailbox
      let domain = aLabelDomain(mailbox.domain) ?? Array(mailbox.domain)
      if let index = groups.firstIndex(where: { $0.domain == domain }) {
        groups[index].recipients.append(recipient)
      } else {
        groups.append((domain, [recipient]))
      }
    }
    return groups
  }
}
