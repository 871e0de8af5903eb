// The end of an attempt: who must be told what (RFC 3461, RFC 3464), and whether an entry is finished.

import Jobs
import MIME
import POSIX
import Queue
import Reports
import SMTP
import Storage

extension Runner {
  /// A destination has answered, or was not asked. When that was the last one, it is seen what comes of the entry.
  mutating func end(_ work: Work) {
    work.openParts -= 1
    guard work.openParts == 0 else { return }
    inWork.remove(work.id)
    do throws(StoreError) { try finish(work) } catch { leave(work.id, error) }
  }

  private mutating func finish(_ work: Work) throws(StoreError) {
    let entry = work.entry
    let age = max(0, now - entry.submission.arrival.seconds)
    let isOver = age >= Int64(settings.lifetime) || entry.isToBounce
    if entry.hasRefused || isOver && entry.hasWaiting {
      try tell(of: work, entry.isToBounce ? .returned : isOver ? .expired : nil)
    }
    if entry.hasWaiting, age >= Schedule.delayNotice, !entry.hasToldDelay {
      try tellDelay(of: work)
    }
    guard entry.isFinished else { return }
    if entry.mayWantSuccess { try tellSuccess(of: work) }
    if try !queue.remove(work.location), let place = try queue.find(work.id) {
      _ = try queue.remove(place)
    }
    log.write(.info, "finish") { line in
      line.add("id", work.id.octets)
      line.add("seconds", Int(age))
    }
  }

  private typealias Told = (index: Int, event: StatusReport.Event)

  /// Tells the sender of recipients that are refused and, if `event` says why, of those that still wait.
  private mutating func tell(of work: Work, _ event: StatusReport.Event?) throws(StoreError) {
    var told: [Told] = []
    for index in 0..<work.entry.count {
      switch work.entry.state(of: index) {
      case .refused: told.append((index, .refused))
      case .waiting: if let event { told.append((index, event)) }
      case .delivered, .told: break
      }
      if told.count == StatusReport.recipientLimit {
        try tell(told, of: work, settles: true)
        told = []
      }
    }
    try tell(told, of: work, settles: true)
  }

  private mutating func tellDelay(of work: Work) throws(StoreError) {
    let until = work.entry.submission.arrival.seconds + Int64(settings.lifetime)
    let waiting = (0..<work.entry.count).lazy.filter { work.entry.state(of: $0) == .waiting }
    try tell(
      waiting.prefix(StatusReport.recipientLimit).map { ($0, .delayed(until: until)) }, of: work,
      settles: false)
    var lines = Entry.Lines()
    lines.delay(at: now)
    try work.entry.append(lines)
  }

  private mutating func tellSuccess(of work: Work) throws(StoreError) {
    var told: [Told] = []
    let delivered = (0..<work.entry.count).filter { work.entry.state(of: $0) == .delivered }
    let reports = try reports(of: delivered, of: work)
    for index in delivered {
      guard let report = reports[index] else { continue }
      told.append((index, report.report.host.isEmpty ? .delivered : .relayed))
      if told.count == StatusReport.recipientLimit {
        try tell(told, of: work, settles: true)
        told = []
      }
    }
    try tell(told, of: work, settles: true)
  }

  /// Queues a notice, durably, and notes that in the journal. With `settles` these recipients are done with, also if
  /// nobody is to be told of them.
  private mutating func tell(
    _ told: [Told], of work: Work, settles: Bool
  ) throws(StoreError) {
    if told.isEmpty { return }
    let indexes = told.map { $0.index }
    var lines = Entry.Lines()
    let id = work.id.derived(work.entry.notices)
    let isQueued = try queueNotice(id, told, of: work)
    lines.notice(isQueued ? id : MessageID(0), settles ? indexes : [])
    try work.entry.append(lines)
    if isQueued { try queue.release(pending: id) }
    log.write(.notice, "notify") { line in
      line.add("id", work.id.octets)
      line.add("recipients", told.count)
      line.add("notice", isQueued ? id.octets : Array("none".utf8))
    }
  }

  /// Stores a notice in pending/; false if nobody is to be told.
  private mutating func queueNotice(
    _ id: MessageID, _ told: [Told], of work: Work
  ) throws(StoreError) -> Bool {
    let submission = work.entry.submission
    var message = ReportedMessage(from: submission.reversePath)
    message.deliveryStatus = submission.deliveryStatus
    message.isUTF8 = submission.isUTF8
    message.isOurs = submission.isOurs
    message.arrival = submission.arrival.seconds
    if let file = try queue.message(of: work.id) {
      while message.content.count <= ReportedMessage.contentLimit {
        let rest = ReportedMessage.contentLimit + 1 - message.content.count
        let count = try? file.read(
          into: &message.content, atMost: rest, at: submission.offset + message.content.count)
        guard let count, count > 0 else { break }
      }
    }
    guard var status = StatusReport(on: message) else { return false }
    let indexes = told.map { $0.index }
    let reports = try reports(of: indexes, of: work)
    for (one, addressee) in zip(told, try recipients(indexes, of: work)) {
      let last = reports[one.index]
      _ = status.add(addressee.recipient, one.event, report: last?.report, attempt: last?.time)
    }
    if status.isEmpty { return false }
    let built: StatusReport.Built
    do throws(BuildError) {
      built = try status.build(host: settings.hostname, now: now, unique: id.octets)
    } catch {
      throw StoreError(call: "report", errno: .invalidArgument)
    }
    var notice = Submission(from: .null, arrival: .now)
    notice.isUTF8 = built.isUTF8
    notice.cause = work.id
    var entry = try queue.open(id: id, notice)
    do throws(StoreError) {
      try entry.add(Job.Addressee(Recipient(mailbox: built.recipient)))
      try entry.append(built.octets.span)
    } catch {
      queue.discard(entry)
      throw error
    }
    try queue.storePending(entry)
    return true
  }

  private func reports(
    of indexes: [Int], of work: Work
  ) throws(StoreError) -> [Int: (report: Report, time: Int64)] {
    do throws(Entry.Failure) { return try work.entry.lastReports(of: Set(indexes)) } catch {
      throw StoreError(call: "read", errno: .invalidArgument)
    }
  }
}
