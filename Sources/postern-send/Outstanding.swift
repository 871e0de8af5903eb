// The recipients of a job that have no final verdict yet, and what is known of each. One host after the other is
// tried with them.

import Jobs
import SMTP

struct Outstanding {
  private struct Entry {
    let addressee: Job.Addressee
    var report: Report?
  }

  /// Without recipients.
  private let head: Job
  private var entries: [Entry]
  /// The first so many entries are those that the current attempt has reported on.
  private var heard = 0
  /// Whether the current attempt has brought a final verdict.
  private(set) var hasSettled = false

  init(_ job: Job) {
    entries = job.recipients.map { Entry(addressee: $0) }
    var head = job
    head.recipients = []
    self.head = head
  }

  var isEmpty: Bool { entries.isEmpty }

  /// The job for the recipients that are left. An attempt at it begins.
  mutating func begin() -> Job {
    heard = 0
    hasSettled = false
    var job = head
    job.recipients = entries.map { $0.addressee }
    return job
  }

  /// What an attempt says of a recipient.
  mutating func take(_ report: Report, _ tell: (Report) -> Void) {
    let found = entries[heard...].firstIndex {
      $0.addressee.recipient.mailbox.octets == report.address
    }
    guard let index = found else { return }
    if report.verdict.isFinal {
      entries.remove(at: index)
      hasSettled = true
      tell(report)
    } else {
      note(report.verdict, at: report.host, of: index)
      entries.swapAt(heard, index)
      heard += 1
    }
  }

  /// The verdict on those that the attempt has not reported on.
  mutating func judgeRest(
    _ verdict: ClientSession.Verdict, at host: [UInt8], _ tell: (Report) -> Void
  ) {
    for index in entries.indices.dropFirst(heard) { note(verdict, at: host, of: index) }
    guard verdict.isFinal else { return }
    for entry in entries[heard...] { if let report = entry.report { tell(report) } }
    entries.removeSubrange(heard...)
  }

  /// The same verdict for all.
  mutating func judge(_ verdict: ClientSession.Verdict, at host: [UInt8]) {
    heard = 0
    for index in entries.indices { note(verdict, at: host, of: index) }
  }

  /// A host that said something counts for more than one that could not be asked.
  private mutating func note(_ verdict: ClientSession.Verdict, at host: [UInt8], of index: Int) {
    if entries[index].report?.verdict.code != nil, verdict.code == nil,
      verdict.outcome == .deferred
    {
      return
    }
    let address = entries[index].addressee.recipient.mailbox.octets
    entries[index].report = Report(address, at: host, verdict)
  }

  /// Whether the attempt has reported on some, while the others had no turn: the host takes no more on this
  /// connection.
  var isCutOff: Bool { (heard > 0 || hasSettled) && heard < entries.count }

  /// Puts those first that had no turn.
  mutating func rotate() {
    entries = Array(entries[heard...]) + entries[..<heard]
    heard = 0
  }

  /// Whether nothing is known but that there was no connection.
  var isConnectionLost: Bool {
    entries.allSatisfy {
      $0.report.map { $0.verdict.scope == .destination && $0.verdict.code == nil } ?? true
    }
  }

  /// The last word: `reason` for those that there is none on.
  mutating func tellAll(_ reason: ClientSession.Verdict, _ tell: (Report) -> Void) {
    for entry in entries {
      tell(entry.report ?? Report(entry.addressee.recipient.mailbox.octets, at: [], reason))
    }
    entries = []
  }
}

extension ClientSession.Verdict {
  /// Whether another host cannot change it in this attempt.
  var isFinal: Bool {
    switch outcome {
    case .delivered, .unknown: true
    case .deferred: false
    case .refused: scope != .destination
    }
  }
}
