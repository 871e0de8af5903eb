// Where mail goes: to a server, a command, or the hosts of each domain.

import Jobs
import POSIX
import SMTP

struct Destination {
  let server: ServerURL?
  let command: String?
  let hostname: [UInt8]
  /// For the hosts of a domain.
  let level: TLSLevel

  /// Recipients that go the same way.
  struct Group {
    let domain: [UInt8]
    var recipients: [Job.Addressee]
  }

  /// The recipients of each domain together, in the order in which the domains come.
  func groups(of recipients: [Job.Addressee]) -> [Group] {
    if server != nil || command != nil { return [Group(domain: [], recipients: recipients)] }
    var groups: [Group] = []
    for recipient in recipients {
      let domain =
        aLabelDomain(recipient.recipient.mailbox.domain)
        ?? Array(recipient.recipient.mailbox.domain)
      if let index = groups.firstIndex(where: { $0.domain == domain }) {
        groups[index].recipients.append(recipient)
      } else {
        groups.append(Group(domain: domain, recipients: [recipient]))
      }
    }
    return groups
  }

  func route(to domain: [UInt8]) -> Route {
    if let command { return Route(command: command) }
    if let server { return Route(server) }
    return Route(domain: domain, hostname: hostname, level: level)
  }
}
