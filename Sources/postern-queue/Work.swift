// An entry in work: its attempt has begun, and some destinations have not answered yet.

import Jobs
import Queue
import SMTP
import Storage

final class Work {
  let entry: Entry
  var location: QueueDirectory.Location
  /// The attempts with this one.
  let attempts: Int
  /// Destinations that have not answered yet.
  var openParts = 0
  var id: MessageID { location.name.id }

  init(_ entry: Entry, _ location: QueueDirectory.Location, attempts: Int) {
    (self.entry, self.location, self.attempts) = (entry, location, attempts)
  }
}

/// The recipients of an entry that have the same destination.
struct Part {
  let work: Work
  /// Their numbers, in ascending order.
  var indexes: [Int]
}

/// Where mail goes: a domain, or the one server that takes all.
struct DestinationName: Hashable {
  let hash: UInt64
  /// The domain in lower case, as A-labels.
  let octets: [UInt8]

  init(_ octets: [UInt8]) {
    self.octets = octets
    hash = EntryName.hash(of: octets)
  }

  init(of mailbox: Mailbox, _ settings: QueueSettings) {
    if settings.hasSmarthost {
      self.init(Array("smarthost".utf8))
    } else {
      self.init(aLabelDomain(mailbox.domain) ?? Array(mailbox.domain))
    }
  }

  static func == (left: Self, right: Self) -> Bool { left.octets == right.octets }
  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
