// The end of an attempt: notices to the sender (RFC 3461, RFC 3464), and that an entry is finished.

import Acceptance
import Jobs
import MIME
import Notices
import POSIX
import Queue
import Queueing
import Routes
import Routing
import SMTP
import Storage

extension Runner {
  /// Queues a notice, durably, and notes that in the journal: then the recipients are done with, also if nobody is to be
  /// told of them. Of those that are late only that the sender was told.
  mutating func notify(_ number: UInt64, _ told: [Planner.Told]) throws(SystemError) {
    guard let work = works[number] else { return }
    let id = work.id.derived(work.entry.notices)
    let isQueued = try queueNotice(id, told, of: work)
    let isDelay = told.contains { if case .delayed = $0.event { true } else { false } }
    var lines = Entry.Lines()
    lines.notice(isQueued ? id : MessageID(0), isDelay ? [] : told.map { $0.recipient })
    if isDelay { lines.delay(at: now) }
    try work.entry.append(lines)
    if isQueued { try queue.release(pending: id) }
    log.write(.notice, "notify") { line in
      line.add("id", work.id.octets)
      line.add("recipients", told.count)
      line.add("notice", isQueued ? id.octets : Array("none".utf8))
    }
  }

  /// Which deliveries the sender may be told of.
  func successes(_ delivered: [Int], of number: UInt64) throws(SystemError) -> Planner.Result {
    guard let work = works[number] else { return .gone }
    let reports = try work.entry.lastReports(of: Set(delivered))
    var told: [Planner.Told] = []
    for index in delivered {
      guard let report = reports[index], !report.report.isHostsDuty else { continue }
      told.append(Planner.Told(index, report.report.host.isEmpty ? .delivered : .relayed))
    }
    return .successes(told)
  }

  mutating func remove(_ turn: Planner.Turn) throws(SystemError) {
    let id = MessageID(turn.id)
    if try !queue.remove(turn.location), let place = try queue.find(id) {
      _ = try queue.remove(place)
    }
    let arrival = works[turn.id]?.entry.submission.arrival.seconds ?? now
    log.write(.info, "finish") { line in
      line.add("id", id.octets)
      line.add("seconds", Int(max(0, now - arrival)))
    }
  }

  /// Stores a notice in pending/; false if nobody is to be told.
  private mutating func queueNotice(
    _ id: MessageID, _ told: [Planner.Told], of work: Work
  ) throws(SystemError) -> Bool {
    let submission = work.entry.submission
    var message = ReportedMessage(from: submission.reversePath)
    message.deliveryStatus = submission.deliveryStatus
    message.isUTF8 = submission.isUTF8
    message.isOurs = submission.isOurs
    message.isReport = submission.isReport
    message.arrival = submission.arrival.seconds
    if let file = try queue.message(of: work.id) {
      while message.content.count <= ReportedMessage.contentLimit {
        let rest = ReportedMessage.contentLimit + 1 - message.content.count
        let count = try? file.read(
          into: &message.content, atMost: rest, at: submission.offset + message.content.count)
        guard let count, count > 0 else { break }
      }
    }
    var status = StatusReport(on: message)
    var undelivered = UndeliveredReport(on: message)
    if status == nil, undelivered == nil { return false }
    let indexes = told.map { $0.recipient }
    let reports = try work.entry.lastReports(of: Set(indexes))
    for (one, addressee) in zip(told, try work.entry.recipients(indexes)) {
      let (recipient, last) = (addressee.recipient, reports[one.recipient])
      var route: [UInt8] = []
      if case .delayed = one.event { route = routeName(of: addressee, in: submission) }
      _ = status?.add(
        recipient, one.event, report: last?.report, attempt: last?.time, route: route)
      _ = undelivered?.add(recipient, one.event, report: last?.report)
    }
    if status?.isEmpty ?? true, undelivered?.isEmpty ?? true { return false }
    let built: StatusReport.Built
    do throws(BuildError) {
      if let status {
        built = try status.build(host: settings.hostname, now: now, unique: id.octets)
      } else if let undelivered {
        built = try undelivered.build(host: settings.hostname, now: now, unique: id.octets)
      } else {
        return false
      }
    } catch {
      throw SystemError(call: "report", errno: .invalidArgument)
    }
    var notice = Submission(from: .null, arrival: .now)
    notice.isUTF8 = built.isUTF8
    notice.isReport = status != nil && !isOfList(built.recipient)
    notice.cause = work.id
    try queueNotice(id, notice, to: built.recipient, built.octets)
    return true
  }

  /// What the route of a recipient is called; empty if there is none.
  private func routeName(of addressee: Job.Addressee, in submission: Submission) -> [UInt8] {
    if let target = try? RouteTarget(addressee.target) {
      return MailRoute(line: 0, target: target, text: addressee.target).name
    }
    let mailbox = addressee.recipient.mailbox
    switch try? settings.routing.destination(of: mailbox, isFromHere: submission.isFromHere) {
    case .route(let route): return route.name
    case .foreign(let route): return route?.name ?? []
    case .list, .alias, .faulty, .local, .unknown, nil: return []
    }
  }

  /// Whether a list looks after what comes back from its members.
  private func isOfList(_ mailbox: Mailbox) -> Bool {
    let destination = try? settings.routing.destination(of: mailbox)
    return if case .some(.list) = destination { true } else { false }
  }

  /// Stores a mail of our own in pending/.
  func queueNotice(
    _ id: MessageID, _ submission: Submission, to recipient: Mailbox, _ octets: [UInt8]
  ) throws(SystemError) {
    var addressing = Addressing(submission)
    addressing.isQueued = true
    var message = try Acceptance.begin(id, addressing, mail: nil, queue: queue)
    try message.add(Job.Addressee(Recipient(mailbox: recipient)))
    try message.append(octets.span)
    try message.commitPending()
  }
}
