// What is in the queue: as text, as JSON lines, and as numbers for Prometheus. SendmailQueue.swift has mailq.

import JSON
import Jobs
import POSIX
import Queue
import Queueing
import SMTP
import Storage

extension QueueProgram {
  borrowing func list() throws(Failure) {
    let isJSON = arguments.isJSON
    var output = Output()
    try Self.storing { () throws(StoreError) in
      for place in [QueueDirectory.Place.new, .queue, .hold] {
        try queue.forEachName(in: place) { (name) throws(StoreError) in
          let location = QueueDirectory.Location(place, name)
          do throws(StoreError) {
            let reading = try queue.read(location)
            if case .gone = reading { return true }
            try output.add(isJSON ? json(location, reading) : text(location, reading))
          } catch {
            output.add(isJSON ? json(location, error) : text(location, error))
          }
          return true
        }
      }
    }
    output.flush()
  }

  borrowing func show(_ id: MessageID) throws(Failure) {
    let location = try Self.storing { () throws(StoreError) in try queue.find(id) }
    let none = Failure(.failure, "\(id.text): there is no such entry")
    guard let location else { throw none }
    let reading = try Self.storing { () throws(StoreError) in try queue.read(location) }
    if case .gone = reading { throw none }
    try Self.storing { () throws(StoreError) in
      var output = Output()
      if arguments.isJSON {
        try output.add(json(location, reading))
        return output.flush()
      }
      try output.add(text(location, reading))
      guard case .entry(let entry) = reading else { return output.flush() }
      for index in 0..<entry.count { try output.add(line(index, entry)) }
      output.flush()
      if let message = try queue.message(of: id) { try copyHeader(of: message, entry) }
    }
  }

  /// Prints the header of a message, at most 64 KiB of it.
  private borrowing func copyHeader(of file: borrowing FileDescriptor, _ entry: Entry)
    throws(StoreError)
  {
    var octets: [UInt8] = []
    do throws(Errno) {
      _ = try file.read(into: &octets, atMost: 65_536, at: entry.submission.offset)
    } catch {
      throw StoreError(call: "read", errno: error)
    }
    var end = 0
    while end < octets.count, !octets[end...].starts(with: [13, 10, 13, 10]) { end += 1 }
    let header = octets[..<end].filter { $0 == 10 || $0 == 9 || $0 >= 32 && $0 != 127 }
    FileDescriptor.print("\n" + String(decoding: header, as: UTF8.self) + "\n", to: 1)
  }

  /// Text for Prometheus (its exposition format, version 0.0.4).
  borrowing func metrics() throws(Failure) {
    let now = Clock.now().seconds
    var lines = ""
    do throws(StoreError) {
      lines +=
        "# HELP postern_queue_entries Messages in the queue.\n# TYPE postern_queue_entries gauge\n"
      var (due, oldest) = (0, Int64(0))
      for place in [QueueDirectory.Place.new, .queue, .hold] {
        var count = 0
        try queue.forEachName(in: place) { (name) throws(StoreError) in
          count += 1
          if place == .new || place == .queue && name.next <= now {
            due += 1
            if place == .queue { oldest = max(oldest, now - name.next) }
          }
          return true
        }
        lines += "postern_queue_entries{state=\"\(place.name)\"} \(count)\n"
      }
      let corrupt = try queue.corruptCount()
      lines += "postern_queue_entries{state=\"corrupt\"} \(corrupt)\n"
      lines +=
        "# HELP postern_queue_due Messages whose next attempt is due.\n# TYPE postern_queue_due gauge\n"
      lines += "postern_queue_due \(due)\n"
      lines += "# HELP postern_queue_late_seconds How long the longest due attempt has been due.\n"
      lines += "# TYPE postern_queue_late_seconds gauge\npostern_queue_late_seconds \(oldest)\n"
    } catch {
      throw Failure(error)
    }
    FileDescriptor.print(lines, to: 1)
  }

  // Entries.

  private borrowing func recipients(
    _ indexes: some Sequence<Int>, _ entry: Entry
  ) throws(StoreError) -> [Mailbox] {
    do throws(Entry.Failure) {
      return try entry.recipients(indexes).map { $0.recipient.mailbox }
    } catch {
      throw error.asStoreError
    }
  }

  /// Recipients that wait, at most ten, and how many there are.
  private borrowing func waiting(_ entry: Entry) throws(StoreError) -> (
    first: [Mailbox], count: Int
  ) {
    var indexes: [Int] = []
    var count = 0
    for index in 0..<entry.count where entry.state(of: index) == .waiting {
      if indexes.count < 10 { indexes.append(index) }
      count += 1
    }
    return (try recipients(indexes, entry), count)
  }

  /// What a host has said last of one of the recipients.
  private borrowing func lastWord(_ entry: Entry) -> Report? {
    let waiting = (0..<entry.count).first { entry.state(of: $0) == .waiting }
    guard let waiting, let reports = try? entry.lastReports(of: [waiting]) else { return nil }
    return reports[waiting]?.report
  }

  /// Why an entry waits: what was said last of its first recipient, or that its destination is left alone. Nil if it has
  /// not been tried.
  private borrowing func reason(_ entry: Entry, _ waiting: [Mailbox]) -> String? {
    if let report = lastWord(entry) { return Self.word(report) }
    guard let mailbox = waiting.first else { return nil }
    let destination = DestinationName(of: mailbox, hasSmarthost: settings.hasSmarthost)
    return queue.untilTried(destination.hash, now: Clock.now().seconds).map { until in
      "not tried: \(String(decoding: destination.octets, as: UTF8.self)) is left alone until "
        + "\(Self.date(until)), because it could not be reached or wants no more"
    }
  }

  private static func word(_ report: Report) -> String {
    let verdict = report.verdict
    let host = report.host.isEmpty ? "" : "host \(String(decoding: report.host, as: UTF8.self)): "
    let code = verdict.code.map { "\($0) " } ?? ""
    let unknown = verdict.outcome == .unknown ? "perhaps delivered; " : ""
    return unknown + host + code
      + String(decoding: verdict.status.octets + [32] + verdict.text, as: UTF8.self)
  }

  // As text.

  private borrowing func text(
    _ location: QueueDirectory.Location, _ reading: QueueDirectory.Reading
  ) throws(StoreError) -> [UInt8] {
    let name = location.name
    let state: String =
      switch location.place {
      case .new: "new"
      case .hold: "held"
      case .pending: "pending"
      case .queue: "attempt \(name.attempts + 1) \(Self.date(name.next))"
      }
    let size = "\(name.id.text) \(queue.size(of: name.id)) octets"
    let entry: Entry
    switch reading {
    case .gone: return []
    case .newer(let version):
      return Array("\(size), \(state), \(QueueVersion.newer(version))\n".utf8)
    case .entry(let found): entry = found
    }
    let (first, count) = try waiting(entry)
    let arrival = Self.date(entry.submission.arrival.seconds)
    var text = Array("\(size), \(arrival), \(state)\n    from <".utf8)
    text += entry.submission.reversePath.octets + Array(">\n".utf8)
    for mailbox in first { text += Array("    to   <".utf8) + mailbox.octets + Array(">\n".utf8) }
    if count > first.count { text += Array("    and \(count - first.count) more\n".utf8) }
    if let reason = reason(entry, first) { text += Array("    \(reason)\n".utf8) }
    return text
  }

  /// An entry that cannot be read.
  private borrowing func text(
    _ location: QueueDirectory.Location, _ error: StoreError
  ) -> [UInt8] {
    let id = location.name.id
    return Array(
      "\(id.text) \(queue.size(of: id)) octets, \(location.place.name)\n    \(error.inList)\n".utf8)
  }

  private borrowing func line(_ index: Int, _ entry: Entry) throws(StoreError) -> [UInt8] {
    let mailbox = try recipients([index], entry)[0]
    return Array("  \(Self.name(entry.state(of: index))) <".utf8) + mailbox.octets
      + Array(">\n".utf8)
  }

  private static func name(_ state: RecipientState) -> StaticString {
    switch state {
    case .waiting: "waiting  "
    case .delivered: "delivered"
    case .refused: "refused  "
    case .told: "returned "
    }
  }

  private static func date(_ seconds: Int64) -> String {
    var octets: [UInt8] = []
    Timestamp(seconds: seconds, microseconds: 0).appendSortable(to: &octets)
    // 20261122T065412.000000Z
    func part(_ range: Range<Int>) -> String { String(decoding: octets[range], as: UTF8.self) }
    return
      "\(part(0..<4))-\(part(4..<6))-\(part(6..<8)) \(part(9..<11)):\(part(11..<13)):\(part(13..<15))Z"
  }

  // As JSON.

  private borrowing func json(
    _ location: QueueDirectory.Location, _ reading: QueueDirectory.Reading
  ) throws(StoreError) -> [UInt8] {
    let name = location.name
    var json = JSONWriter()
    json.beginObject()
    json.member("id", name.id.octets)
    json.member("state", location.place.name)
    json.member("size", queue.size(of: name.id))
    json.member("attempts", name.attempts)
    if location.place == .queue { json.member("next", Int(name.next)) }
    switch reading {
    case .gone: break
    case .newer(let version):
      json.member("version", version)
      json.member("reason", Array(QueueVersion.newer(version).utf8))
    case .entry(let entry): try add(entry, to: &json)
    }
    json.endObject()
    return json.finish()
  }

  private borrowing func json(
    _ location: QueueDirectory.Location, _ error: StoreError
  ) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.member("id", location.name.id.octets)
    json.member("state", location.place.name)
    json.member("size", queue.size(of: location.name.id))
    json.member("attempts", location.name.attempts)
    json.member("reason", Array(error.inList.utf8))
    json.endObject()
    return json.finish()
  }

  private borrowing func add(_ entry: Entry, to json: inout JSONWriter) throws(StoreError) {
    let (first, count) = try waiting(entry)
    json.member("arrival", Int(entry.submission.arrival.seconds))
    json.member("from", entry.submission.reversePath.octets)
    json.member("recipients", entry.count)
    json.member("waiting", count)
    json.member("to", first.map { $0.octets })
    json.key("reason")
    if let reason = reason(entry, first) {
      json.string(Array(reason.utf8))
    } else {
      json.null()
    }
  }
}

extension StoreError {
  /// What a list says of an entry that it cannot read. It only reads: the next run decides.
  var inList: String {
    let reason = isCorrupt ? "it is damaged, and the next run sets it aside" : errno.description
    return "it cannot be read: \(reason)"
  }
}

/// Standard output, in pieces.
private struct Output {
  private var octets: [UInt8] = []
  private var isFirst = true

  /// The first piece is printed at once, so that whoever waits sees that there is something.
  mutating func add(_ piece: [UInt8]) {
    octets += piece
    if isFirst || octets.count > 60_000 { flush() }
    isFirst = false
  }

  mutating func flush() {
    FileDescriptor.print(String(decoding: octets, as: UTF8.self), to: 1)
    octets.removeAll(keepingCapacity: true)
  }
}
