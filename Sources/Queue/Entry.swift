// An entry that is worked on: what its envelope says, and where each recipient stands. Of a recipient there are five
// octets in memory, so 100,000 of them need half a megabyte; their lines are read when they are needed.

public import Jobs
public import POSIX
public import Queueing
import SMTP
public import Storage

public final class Entry {
  public let submission: Submission
  /// The places of the recipients' lines in the envelope.
  private var places: [UInt32] = []
  public private(set) var states = RecipientStates(count: 0)
  /// Whether a recipient has NOTIFY, so that it is worth while to look who wants to hear of a success.
  private var hasNotify = false
  /// How many notices the sender has been sent.
  public private(set) var notices = 0
  public private(set) var noticeIDs: [MessageID] = []
  public private(set) var hasToldDelay = false
  /// Whether an operator wants no more attempts.
  public private(set) var isToBounce = false
  private let file: FileDescriptor
  /// Where the journal begins.
  private let journal: Int
  /// Whether a crash has left a line without its end.
  private var isCut = false
  private var isUnsynchronized = false

  /// The version of the envelope, if this program does not know it. Nothing else is then known.
  private(set) var newerVersion: Int?

  /// Reads an envelope. What is none is an error that `isCorrupt`.
  init(_ file: consuming FileDescriptor) throws(SystemError) {
    var lines = LineFile(from: 0)
    var head = HeadReader()
    var places: [UInt32] = []
    var hasNotify = false
    var journal: Int?
    let mark = Array("to ".utf8)
    while journal == nil, newerVersion == nil {
      guard let (line, offset) = try lines.next(in: file) else { throw .malformed }
      if line.starts(with: mark), head.isComplete {
        guard let place = UInt32(exactly: offset) else { throw .malformed }
        places.append(place)
        if !hasNotify, line.count > 10, Self.mentionsNotify(line) { hasNotify = true }
      } else if line.elementsEqual("end".utf8), head.isComplete {
        journal = offset + 4
      } else {
        guard head.read(line) else { throw .malformed }
        newerVersion = Self.newer(head.version)
      }
    }
    submission = head.submission
    self.places = places
    self.hasNotify = hasNotify
    self.journal = journal ?? 0
    states = RecipientStates(count: places.count)
    self.file = file
    if newerVersion != nil { return }
    var version: Int?
    let end = try forEachLine { line in
      if case .version(let named) = line { version = max(named, version ?? 0) }
      self.apply(line)
    }
    newerVersion = Self.newer(version)
    isCut = try self.file.status().size > end
  }

  private static func newer(_ version: Int?) -> Int? {
    version.flatMap { $0 > QueueVersion.latest ? $0 : nil }
  }

  private static func mentionsNotify(_ line: ArraySlice<UInt8>) -> Bool {
    let word = Array(" NOTIFY=".utf8)
    return (line.startIndex...(line.endIndex - word.count)).contains {
      line[$0...].starts(with: word)
    }
  }

  /// Calls `body` for each line of the journal; returns where the last one ends.
  @discardableResult
  private func forEachLine(_ body: (JournalLine) -> Void) throws(SystemError) -> Int {
    var lines = LineFile(from: journal)
    var end = journal
    while let (line, offset) = try lines.next(in: file) {
      end = offset + line.count + 1
      if let line = JournalLine(line) { body(line) }
    }
    return end
  }

  private func apply(_ line: JournalLine) {
    switch line {
    case .verdict(let index, _, let report):
      states.take(report.verdict.outcome, of: index)
    case .notice(let id, let indexes):
      notices += 1
      noticeIDs.append(id)
      for index in indexes { states.tell(of: index) }
    case .delay: hasToldDelay = true
    case .bounce: isToBounce = true
    case .version: break
    }
  }
}

// The recipients.
extension Entry {
  public var count: Int { places.count }

  public func state(of index: Int) -> RecipientState { states[index] }

  /// Whether there may be recipients whose sender wants to hear of a success.
  public var mayWantSuccess: Bool { hasNotify && submission.isOurs }

  /// Reads recipients, which must be in ascending order.
  public func recipients(_ indexes: some Sequence<Int>) throws(SystemError) -> [Job.Addressee] {
    var addressees: [Job.Addressee] = []
    var lines: LineFile?
    var last = -2
    for index in indexes {
      if index != last + 1 || lines == nil { lines = .some(LineFile(from: Int(places[index]))) }
      last = index
      var job = Job()
      guard let (line, _) = try lines?.next(in: file), job.read(line) == .read,
        let addressee = job.recipients.first
      else { throw .malformed }
      addressees.append(addressee)
    }
    return addressees
  }

  /// What was said last of recipients, by their numbers.
  public func lastReports(of indexes: Set<Int>) throws(SystemError) -> [Int: (
    report: Report, time: Int64
  )] {
    var reports: [Int: (report: Report, time: Int64)] = [:]
    try forEachLine { line in
      if case .verdict(let index, let time, let report) = line, indexes.contains(index) {
        reports[index] = (report, time)
      }
    }
    return reports
  }
}

// The journal.
extension Entry {
  /// Lines that are not in the journal yet.
  public struct Lines: Sendable {
    fileprivate var lines: [JournalLine] = []

    public init() {}

    public var isEmpty: Bool { lines.isEmpty }
    public var count: Int { lines.count }

    public mutating func verdict(_ index: Int, _ report: Report, at time: Int64) {
      lines.append(.verdict(index: index, time: time, report))
    }
    public mutating func notice(_ id: MessageID, _ indexes: [Int]) {
      lines.append(.notice(id, indexes))
    }
    public mutating func delay(at time: Int64) { lines.append(.delay(time)) }
    public mutating func bounce(at time: Int64) { lines.append(.bounce(time)) }
  }

  /// Adds lines to the journal, durably. If it throws, none of them counts until the envelope is read again.
  public func append(_ lines: Lines) throws(SystemError) {
    if lines.isEmpty, !isUnsynchronized { return }
    try put(lines)
    try file.synchronizeData()
    isUnsynchronized = false
    apply(lines)
  }

  /// The same without waiting for the disk: the lines outlast this process, and are durable with the next `append`.
  public func write(_ lines: Lines) throws(SystemError) {
    try put(lines)
    isUnsynchronized = true
    apply(lines)
  }

  private func put(_ lines: Lines) throws(SystemError) {
    if lines.isEmpty { return }
    var octets: [UInt8] = isCut ? [10] : []
    for line in lines.lines { octets += line.octets }
    isCut = true  // until all of it is there
    try file.write(octets.span)
  }

  private func apply(_ lines: Lines) {
    isCut = isCut && lines.isEmpty
    for line in lines.lines { apply(line) }
  }
}
