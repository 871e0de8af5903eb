// Opening an entry: what is ours is dealt with at once (LocalDelivery.swift, ListMail.swift), and what is for other hosts
// is divided by destination.

import Jobs
import POSIX
public import Queue
import Queueing
import Routes
public import Routing
public import SMTP
import Storage

extension Runner {
  /// Reads an envelope, and deals with what is ours.
  mutating func open(_ turn: Planner.Turn) throws(SystemError) -> Planner.Result {
    let id = MessageID(turn.id)
    let entry: Entry
    switch try queue.read(turn.location) {
    case .gone: return .gone
    case .newer(let version):
      noteNewer(id, version)
      return .newer
    case .entry(let found): entry = found
    }
    guard try queue.message(of: id) != nil else { return .withoutMessage }
    let work = Work(entry, id)
    works[turn.id] = work
    var parts: [DestinationName: [Int]] = [:]
    if !entry.isToBounce { try deliverHere(work, &parts) }
    return .opened(
      parts.map { Planner.Part(id: turn.id, destination: $0.key.hash, recipients: $0.value) },
      recipients: entry.count)
  }

  /// Deals with the recipients that are waiting and ours, and collects the others by destination.
  private mutating func deliverHere(
    _ work: Work, _ parts: inout [DestinationName: [Int]]
  ) throws(SystemError) {
    // In slices, so that the lines of 100,000 recipients are never in memory at once.
    var slice: [Int] = []
    for index in 0..<work.entry.count where work.entry.state(of: index) == .waiting {
      slice.append(index)
      if slice.count == 1000 {
        try deliverHere(slice, of: work, &parts)
        slice = []
      }
    }
    try deliverHere(slice, of: work, &parts)
  }

  private mutating func deliverHere(
    _ indexes: [Int], of work: Work, _ parts: inout [DestinationName: [Int]]
  ) throws(SystemError) {
    for (index, addressee) in zip(indexes, try work.entry.recipients(indexes)) {
      let mailbox = addressee.recipient.mailbox
      if !addressee.target.isEmpty {
        try send(index, addressee, of: work, to: addressee.target, &parts)
        continue
      }
      let destination: Destination
      do throws(UnreadableFile) {
        destination = try settings.routing.destination(
          of: mailbox, isFromHere: work.entry.submission.isFromHere)
      } catch {
        try conclude(index, of: work, .deferred(addressee, error.summary))
        continue
      }
      switch destination {
      case .foreign(let route): try send(index, addressee, of: work, by: route, &parts)
      case .route(let route): try send(index, addressee, of: work, by: route, &parts)
      case .local: try conclude(index, of: work, try store(work, for: addressee))
      case .alias: try expand(index, addressee, of: work)
      case .list: try giveToList(index, addressee, of: work)
      case .faulty(let fault):
        try conclude(
          index, of: work, .ours(addressee, .deferred, .init(4, 3, 5), fault.summary))
      case .unknown:
        try conclude(index, of: work, .refused(addressee, .init(5, 1, 1), "no such mailbox here"))
      }
    }
  }

  /// Sends to what an alias has named.
  private mutating func send(
    _ index: Int, _ addressee: Job.Addressee, of work: Work, to text: [UInt8],
    _ parts: inout [DestinationName: [Int]]
  ) throws(SystemError) {
    guard let target = try? RouteTarget(text) else {
      let reason = "this program does not know the target \(String(decoding: text, as: UTF8.self))"
      return try conclude(index, of: work, .ours(addressee, .deferred, .init(4, 3, 5), reason))
    }
    let route = MailRoute(line: 0, target: target, text: text)
    try send(index, addressee, of: work, by: route, &parts)
  }

  /// What a route says is done at once, or the recipient is for a courier.
  private mutating func send(
    _ index: Int, _ addressee: Job.Addressee, of work: Work, by route: MailRoute?,
    _ parts: inout [DestinationName: [Int]]
  ) throws(SystemError) {
    switch route?.target {
    case .mail: try conclude(index, of: work, try store(work, for: addressee))
    case .discard:
      try conclude(
        index, of: work, .ours(addressee, .delivered, .init(2, 0, 0), "discarded by a route"))
    case .refuse(let status, let text):
      let reason = String(decoding: text, as: UTF8.self)
      try conclude(index, of: work, .refused(addressee, status, reason))
    case .maildir, .servers, .exchangers, .exec, .post, nil:
      let name = DestinationName(
        of: addressee.recipient.mailbox, by: route, hasSmarthost: settings.hasSmarthost)
      work.routes[name.hash] = route
      parts[name, default: []].append(index)
    }
  }

  /// Writes what has become of a recipient of ours.
  mutating func conclude(_ index: Int, of work: Work, _ report: Report) throws(SystemError) {
    var lines = Entry.Lines()
    lines.verdict(index, report, at: now)
    try work.entry.append(lines)
    note(report, of: work)
  }
}

extension Report {
  /// One of ours: no host has said it.
  static func ours(
    _ addressee: Job.Addressee, _ outcome: ClientSession.Verdict.Outcome,
    _ status: EnhancedStatusCode,
    _ text: String
  ) -> Report {
    Report(
      addressee.recipient.mailbox.octets, at: [],
      ClientSession.Verdict(outcome, .recipient, status, Array(text.utf8)))
  }

  static func deferred(_ addressee: Job.Addressee, _ text: String) -> Report {
    ours(addressee, .deferred, .init(4, 3, 0), text)
  }

  static func refused(_ addressee: Job.Addressee, _ status: EnhancedStatusCode, _ text: String)
    -> Report
  {
    ours(addressee, .refused, status, text)
  }
}

extension Routing {
  /// The destination of mail that a courier brings to a recipient; nil if it goes another way, or nobody knows.
  public func destinationName(
    of mailbox: Mailbox, in submission: Submission, hasSmarthost: Bool
  ) -> DestinationName? {
    let destination = try? destination(of: mailbox, isFromHere: submission.isFromHere)
    switch destination {
    case .foreign(let route):
      return DestinationName(of: mailbox, by: route, hasSmarthost: hasSmarthost)
    case .route(let route):
      return DestinationName(of: mailbox, by: route, hasSmarthost: hasSmarthost)
    case .list, .alias, .faulty, .local, .unknown, nil: return nil
    }
  }
}

extension Submission {
  /// Whether a program of this machine has handed the mail in, or the queue has written it.
  var isFromHere: Bool { login.isEmpty && (isOurs || cause != nil && reversePath == .null) }
}
