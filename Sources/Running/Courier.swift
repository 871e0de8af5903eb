// A program that runs beside the runner, and gets one job after the other for its destination (Jobs/Job.swift). The runner
// waits for all of them at once, so nothing here waits.

import Jobs
import Octets
import POSIX
import Queue
import SMTP

final class Courier {
  private static let longestLine = 1 << 20

  let destination: DestinationName
  private var program: Subprocess?
  let socket: FileDescriptor
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var position = 0
  /// The job that it works on.
  private(set) var job: Assignment?
  /// Whether it gets no more jobs.
  private var isClosing = false
  private(set) var hasEnded = false

  struct Assignment {
    let work: Work
    /// The recipients that no report has come for, by their addresses.
    var expected: [[UInt8]: [Int]] = [:]
    /// What has come, and is not in the journal yet.
    var lines = Entry.Lines()
  }

  /// `words` are in front of the first job.
  init(
    _ destination: DestinationName, _ arguments: [String], saying words: [UInt8] = []
  ) throws(SystemError) {
    self.destination = destination
    output = words
    var other: FileDescriptor?
    socket = try Socket.pair().split(&other)
    guard let end = other.take() else { throw .invalidArgument }
    program = .some(try Subprocess(arguments, standard: [end.value, end.value, 2]))
  }

  /// Gives it a job: the message in the file `path`, for these recipients.
  func give(_ work: Work, _ indexes: [Int], _ addressees: [Job.Addressee], _ path: String) {
    var assignment = Assignment(work: work)
    let submission = work.entry.submission
    var job = Job()
    job.path = Array(path.utf8)
    job.offset = submission.offset
    job.reversePath = submission.reversePath
    job.isBinary = submission.isBinary
    job.isUTF8 = submission.isUTF8
    job.deliveryStatus = submission.deliveryStatus
    // Who is named twice gets one copy.
    var named: [[UInt8]: [UInt8]] = [:]
    for (index, addressee) in zip(indexes, addressees) {
      let mailbox = addressee.recipient.mailbox
      if let first = named[mailbox.canonical] {
        assignment.expected[first, default: []].append(index)
      } else {
        named[mailbox.canonical] = mailbox.octets
        assignment.expected[mailbox.octets] = [index]
        var own = addressee
        own.target = []
        job.recipients.append(own)
      }
    }
    self.job = assignment
    output += job.octets
  }

  /// Takes a report on a recipient of the job; returns the numbers that it is about.
  func take(_ report: Report, at time: Int64) -> [Int] {
    guard let indexes = job?.expected.removeValue(forKey: report.address) else { return [] }
    for index in indexes { job?.lines.verdict(index, report, at: time) }
    return indexes
  }

  /// Writes what has come into the journal. Where that fails it counts for nothing.
  func keep(isDurable: Bool) throws(SystemError) {
    guard let job else { return }
    try isDurable ? job.work.entry.append(job.lines) : job.work.entry.write(job.lines)
    self.job?.lines = .init()
  }

  /// The reports of the job so far are kept: another mail transaction of it may begin.
  func goOn() { output += Answer.acknowledgement + [.lineFeed] }

  /// The reports of the job are durable.
  func acknowledge() {
    job = nil
    goOn()
  }

  /// It gets no more jobs, and ends when what it was given is done.
  func close() {
    isClosing = true
    if !hasOutput { socket.shutDownWriting() }
  }

  var hasOutput: Bool { position < output.count }

  /// Writes what can be written now.
  func write() {
    position += sendNow()
    if position == output.count {
      output.removeAll(keepingCapacity: true)
      position = 0
      if isClosing { socket.shutDownWriting() }
    }
  }

  private func sendNow() -> Int {
    let output = output
    let rest = output.span.extracting(position...)
    do throws(SystemError) { return try socket.sendNow(rest) ?? 0 } catch {
      terminate()  // the next read tells that it has ended
      return rest.count
    }
  }

  enum Line {
    case line([UInt8])
    /// Nothing more for now.
    case pause
    /// It has ended.
    case end
  }

  /// The lines that have come. To be called when there is something to read. A courier that says this much without a
  /// line's end is asked to end.
  func read() -> [Line] {
    guard let count = try? socket.read(into: &input, atMost: 65_536), count > 0 else {
      hasEnded = true
      return [.end]
    }
    guard let end = input.lastIndex(of: .lineFeed) else {
      if input.count <= Self.longestLine { return [.pause] }
      terminate()
      hasEnded = true
      return [.end]
    }
    let lines = input[..<end].split(separator: .lineFeed, omittingEmptySubsequences: false)
    input.removeFirst(end + 1)
    return lines.map { .line(Array($0)) } + [.pause]
  }

  /// Asks it to end now.
  func terminate() { program?.terminate() }

  /// Waits for its end.
  func wait(seconds: Int) { program?.wait(until: Deadline(inSeconds: seconds)) }
}
