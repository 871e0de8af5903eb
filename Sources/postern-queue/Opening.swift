// Opening an entry: what is local is delivered at once, aliases and lists are expanded, and what is for other hosts is
// divided by destination. And its end: who must be told what, and whether it is finished.

import Jobs
import MIME
import POSIX
import Queue
import Reports
import Routing
import SMTP
import Storage

extension Runner {
  /// Begins an attempt of an entry, if it is still there. With `mayWait`, an entry whose one destination is busy is only
  /// noted: it is opened when its turn comes, so that what waits for one host keeps no file open.
  mutating func open(_ location: QueueDirectory.Location, mayWait: Bool = false) {
    let id = location.name.id
    guard !inWork.contains(id), !leftAlone.contains(id) else { return }
    do throws(StoreError) { try begin(location, mayWait: mayWait) } catch { leave(id, error) }
  }

  private mutating func begin(
    _ location: QueueDirectory.Location, mayWait: Bool
  ) throws(StoreError) {
    guard let entry = try queue.read(location) else { return }
    guard try queue.message(of: location.name.id) != nil else {
      log.write(.error, "failure") { line in
        line.add("id", location.name.id.octets)
        line.add("reason", "the message is gone")
      }
      _ = try queue.remove(location)
      return
    }
    let attempts = location.name.isFresh ? 1 : location.name.attempts + 1
    let work = Work(entry, location, attempts: attempts)
    inWork.insert(work.id)
    var parts: [DestinationName: [Int]] = [:]
    if !entry.isToBounce { try deliverHere(work, &parts) }
    let isSingle = parts.count == 1 && entry.count == parts.first?.value.count
    if mayWait, isSingle, let hash = parts.first?.key.hash, isBusy(hash) {
      let name = EntryName(id: work.id, next: now, attempts: attempts - 1, destination: hash)
      if try queue.move(location, to: QueueDirectory.Location(.queue, name)) {
        destinations[hash, default: Backlog()].names.append(name)
      }
      inWork.remove(work.id)
      return
    }
    let next = Schedule.next(after: attempts, now: now, jitter: Process.random())
    let name = EntryName(
      id: work.id, next: next, attempts: attempts,
      destination: isSingle ? parts.first?.key.hash ?? 0 : 0)
    let new = QueueDirectory.Location(.queue, name)
    guard try queue.move(location, to: new) else {  // an operator was faster
      inWork.remove(work.id)
      return
    }
    work.location = new
    hasMoved = true
    for (destination, indexes) in parts where away.until(destination.hash, now: now) == nil {
      work.openParts += 1
      destinations[destination.hash, default: Backlog()].parts.append(
        Part(work: work, indexes: indexes))
    }
    if work.openParts == 0 {
      work.openParts = 1
      end(work)
    }
  }

  /// Whether something is to be done for a destination already.
  private func isBusy(_ hash: UInt64) -> Bool {
    destinations[hash]?.isEmpty == false || couriers.contains { $0.destination.hash == hash }
  }

  /// Deals with the recipients that are waiting and ours, and collects the others by destination.
  private mutating func deliverHere(
    _ work: Work, _ parts: inout [DestinationName: [Int]]
  ) throws(StoreError) {
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
  ) throws(StoreError) {
    for (index, addressee) in zip(indexes, try recipients(indexes, of: work)) {
      let mailbox = addressee.recipient.mailbox
      let destination: Destination
      do throws(UnreadableFile) {
        destination = try settings.routing.destination(of: mailbox)
      } catch {
        try conclude(index, of: work, .deferred(addressee, "a file of ours cannot be read"))
        continue
      }
      switch destination {
      case .foreign: parts[DestinationName(of: mailbox, settings), default: []].append(index)
      case .local: try conclude(index, of: work, try store(work, for: addressee))
      case .alias: try expand(index, addressee, of: work)
      case .list: try giveToList(index, addressee, of: work)
      case .unknown:
        try conclude(index, of: work, .refused(addressee, .init(5, 1, 1), "no such mailbox here"))
      }
    }
  }

  /// Writes what has become of a recipient of ours.
  mutating func conclude(_ index: Int, of work: Work, _ report: Report) throws(StoreError) {
    var lines = Entry.Lines()
    lines.verdict(index, report, at: now)
    try work.entry.append(lines)
    note(report, of: work)
  }

  func recipients(_ indexes: some Sequence<Int>, of work: Work) throws(StoreError) -> [Job
    .Addressee]
  {
    do throws(Entry.Failure) { return try work.entry.recipients(indexes) } catch {
      switch error {
      case .unreadable(let errno): throw StoreError(call: "read", errno: errno)
      case .malformed: throw StoreError(call: "read", errno: .invalidArgument)
      }
    }
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

// The mail directory, aliases and lists.
extension Runner {
  /// Stores a message for a recipient of ours. After a crash it may be there already: its name is the same each time.
  private func store(_ work: Work, for addressee: Job.Addressee) throws(StoreError) -> Report {
    let mailbox = addressee.recipient.mailbox
    let arrival = work.entry.submission.arrival
    do throws(StoreError) {
      let mail = try MailDirectory(path: settings.mailDirectory)
      if mail.has(id: work.id, for: mailbox, time: arrival) {
        return .ours(addressee, .delivered, .init(2, 0, 0), "stored")
      }
      var message = try mail.open(id: work.id, for: [mailbox])
      let path =
        Array("Return-Path: <".utf8) + work.entry.submission.reversePath.octets
        + Array(">\r\n".utf8)
      do throws(StoreError) {
        try message.append(path.span)
        try forEachPiece(of: work) { (piece) throws(StoreError) in try message.append(piece.span) }
      } catch {
        mail.discard(message)
        throw error
      }
      try mail.store(message, time: arrival)
      return .ours(addressee, .delivered, .init(2, 0, 0), "stored")
    } catch {
      log.write(.error, "failure") { line in
        line.add("call", error.call)
        line.add("reason", error.errno.description)
        line.add("directory", settings.mailDirectory)
      }
      return .deferred(addressee, "the mail directory cannot be written")
    }
  }

  /// Calls `body` with the message, piece by piece, from where it is sent on.
  func forEachPiece(
    of work: Work, _ body: ([UInt8]) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard let file = try queue.message(of: work.id) else {
      throw StoreError(call: "open", errno: .noSuchFile)
    }
    var position = work.entry.submission.offset
    var piece: [UInt8] = []
    while true {
      piece.removeAll(keepingCapacity: true)
      let count: Int
      do throws(Errno) { count = try file.read(into: &piece, atMost: 65_536, at: position) } catch {
        throw StoreError(call: "read", errno: error)
      }
      if count == 0 { return }
      position += count
      try body(piece)
    }
  }

  /// Sends on what an alias stands for: to mailboxes of ours at once, to the rest as an entry of its own.
  private mutating func expand(
    _ index: Int, _ addressee: Job.Addressee, of work: Work
  ) throws(StoreError) {
    let expansion: [Routing.Expansion]
    do throws(UnreadableFile) {
      expansion = try settings.routing.expand(addressee.recipient.mailbox)
    } catch {
      return try conclude(index, of: work, .deferred(addressee, "a file of ours cannot be read"))
    }
    var others: [Job.Addressee] = []
    for target in expansion {
      var status = addressee.recipient.deliveryStatus
      // Its sender has heard of a success when it was sent on (RFC 3461 §5.2.7.1).
      status.notify?.remove(.success)
      if status.originalRecipient == nil {
        status.originalRecipient = Array("rfc822;".utf8) + xtext(addressee.recipient.mailbox.octets)
      }
      let own = Job.Addressee(Recipient(mailbox: target.mailbox, deliveryStatus: status))
      if target.destination == .local {
        let report = try store(work, for: own)
        guard report.verdict.outcome == .delivered else {
          return try conclude(index, of: work, report)
        }
      } else {
        others.append(own)
      }
    }
    let report = Report.ours(
      addressee, .delivered, .init(2, 0, 0), "sent on to \(expansion.count) addresses")
    var lines = Entry.Lines()
    lines.verdict(index, report, at: now)
    var id: MessageID?
    if !others.isEmpty {
      let new = work.id.derived(work.entry.notices)
      var submission = work.entry.submission
      submission.cause = work.id
      submission.offset = 0
      var entry = try queue.open(id: new, submission)
      do throws(StoreError) {
        for other in others { try entry.add(other) }
        try forEachPiece(of: work) { (piece) throws(StoreError) in try entry.append(piece.span) }
      } catch {
        queue.discard(entry)
        throw error
      }
      try queue.storePending(entry)
      lines.notice(new, [])
      id = new
    }
    try work.entry.append(lines)
    if let id { try queue.release(pending: id) }
    note(report, of: work)
  }
}

// The end of an attempt.
extension Runner {
  /// A destination has answered, or was not asked. When that was the last one, it is seen what comes of the entry.
  mutating func end(_ work: Work) {
    work.openParts -= 1
    guard work.openParts == 0 else { return }
    inWork.remove(work.id)
    do throws(StoreError) { try conclude(work) } catch { leave(work.id, error) }
  }

  private mutating func conclude(_ work: Work) throws(StoreError) {
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
