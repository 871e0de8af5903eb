// The recipients of a job that have no final verdict yet, and what is known of each. One host after the other is
// tried with them.

public import Jobs
public import SMTP

public struct Outstanding: Sendable {
  private struct Addressee: Sendable {
    let addressee: Job.Addressee
    var report: Report?

    var address: [UInt8] { addressee.recipient.mailbox.octets }
  }

  /// Without recipients.
  private let head: Job
  /// Whether the next host is not asked about a recipient whom the first has deferred.
  private let takesFirstWord: Bool
  private var addressees: [Addressee]
  /// The first so many are those that the current attempt has reported on.
  private var heard = 0
  /// Whether the current attempt has brought a final verdict.
  public private(set) var hasSettled = false

  /// The hosts of a domain may differ in whom they defer, since each has its own greylist. Servers that the configuration
  /// names stand in for each other only where one takes no mail at all: `takesFirstWord`.
  public init(_ job: Job, takesFirstWord: Bool = false) {
    self.takesFirstWord = takesFirstWord
    addressees = job.recipients.map { Addressee(addressee: $0) }
    var head = job
    head.recipients = []
    self.head = head
  }

  public var isEmpty: Bool { addressees.isEmpty }

  /// The job for the recipients that are left. An attempt at it begins.
  public mutating func begin() -> Job {
    heard = 0
    hasSettled = false
    var job = head
    job.recipients = addressees.map { $0.addressee }
    return job
  }

  /// What an attempt says of a recipient; gives the report if it is final.
  public mutating func take(_ report: Report) -> Report? {
    let found = addressees[heard...].firstIndex { $0.address == report.address }
    guard let index = found else { return nil }
    if report.verdict.isFinal || takesFirstWord && report.verdict.defersRecipient {
      addressees.remove(at: index)
      hasSettled = true
      return report
    }
    note(report.verdict, at: report.host, of: index)
    addressees.swapAt(heard, index)
    heard += 1
    return nil
  }

  /// The verdict on those that the attempt has not reported on; gives the reports if it is final.
  public mutating func judgeRest(_ verdict: ClientSession.Verdict, at host: [UInt8]) -> [Report] {
    for index in addressees.indices.dropFirst(heard) { note(verdict, at: host, of: index) }
    guard verdict.isFinal else { return [] }
    defer { addressees.removeSubrange(heard...) }
    return addressees[heard...].compactMap { $0.report }
  }

  /// The same verdict for all.
  public mutating func judge(_ verdict: ClientSession.Verdict, at host: [UInt8]) {
    heard = 0
    for index in addressees.indices { note(verdict, at: host, of: index) }
  }

  /// A host that said something counts for more than one that could not be asked.
  private mutating func note(_ verdict: ClientSession.Verdict, at host: [UInt8], of index: Int) {
    if addressees[index].report?.verdict.code != nil, verdict.code == nil,
      verdict.outcome == .deferred
    {
      return
    }
    addressees[index].report = Report(addressees[index].address, at: host, verdict)
  }

  /// Whether the attempt has reported on some, while the others had no turn: the host takes no more on this
  /// connection.
  public var isCutOff: Bool { (heard > 0 || hasSettled) && heard < addressees.count }

  /// Puts those first that had no turn.
  public mutating func rotate() {
    addressees = Array(addressees[heard...]) + addressees[..<heard]
    heard = 0
  }

  /// Whether nothing is known but that there was no connection.
  public var isConnectionLost: Bool {
    addressees.allSatisfy {
      $0.report.map { $0.verdict.scope == .destination && $0.verdict.code == nil } ?? true
    }
  }

  /// The last word: `reason` for those that there is none on.
  public mutating func tellAll(_ reason: ClientSession.Verdict) -> [Report] {
    defer { addressees = [] }
    return addressees.map { $0.report ?? Report($0.address, at: [], reason) }
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

  /// Whether a host has said so, of one recipient.
  var defersRecipient: Bool { outcome == .deferred && scope == .recipient && code != nil }
}
