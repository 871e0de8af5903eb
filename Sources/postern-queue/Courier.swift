// A program that runs beside the runner: `postern-send --batch`, which gets one job after the other for its destination.
// The runner waits for all of them at once, so nothing here waits.

import Jobs
import POSIX
import Queue
import SMTP
import Storage

final class Courier {
  let destination: DestinationName
  private var program: Subprocess?
  let socket: FileDescriptor
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var position = 0
  /// How many messages it was given.
  private(set) var jobs = 0
  /// The job that it works on.
  var job: Job?
  /// Whether it gets no more jobs.
  private(set) var isClosing = false

  /// Messages on one connection.
  static let mostJobs = 100
  /// Recipients of one job. More of a message are another job, so that not too much is sent twice after a crash.
  static let mostRecipients = 1000

  struct Job {
    let part: Part
    /// The recipients that no report has come for, by their addresses.
    var expected: [[UInt8]: [Int]]
    var lines = Entry.Lines()
    /// Whether the destination wants no more, for now.
    var isDeferred = false
    var hasDelivered = false
  }

  init(_ destination: DestinationName, _ arguments: [String]) throws(Errno) {
    self.destination = destination
    var other: FileDescriptor?
    socket = try Socket.pair().split(&other)
    guard let end = other.take() else { throw .invalidArgument }
    program = .some(try Subprocess(arguments, standard: [end.value, end.value, 2]))
  }

  /// Gives it a job; `octets` is the whole of it.
  func give(_ job: Job, _ octets: [UInt8]) {
    self.job = job
    jobs += 1
    output += octets
  }

  /// The reports of the job are durable.
  func acknowledge() {
    job = nil
    output += Array("ack\n".utf8)
  }

  /// It gets no more jobs, and ends when what it was given is done.
  func close() { isClosing = true }

  var hasOutput: Bool { position < output.count }

  /// Writes what can be written now.
  func write() {
    position += sendNow()
    if position == output.count {
      output.removeAll(keepingCapacity: true)
      position = 0
      if isClosing, job == nil { socket.shutDownWriting() }
    }
  }

  private func sendNow() -> Int {
    let output = output
    let rest = output.span.extracting(position...)
    do throws(Errno) { return try socket.sendNow(rest) ?? 0 } catch {
      terminate()  // the next read tells that it has ended
      return rest.count
    }
  }

  enum Line {
    case line([UInt8])
    /// It has ended.
    case end
  }

  /// The lines that have come. To be called when there is something to read.
  func read() -> [Line] {
    guard let count = try? socket.read(into: &input, atMost: 65_536), count > 0,
      input.count < 1 << 20
    else {
      return [.end]
    }
    var lines: [Line] = []
    while let end = input.firstIndex(of: 10) {
      lines.append(.line(Array(input[..<end])))
      input.removeFirst(end + 1)
    }
    return lines
  }

  /// Takes a report on a recipient of the job; returns the numbers that it is about.
  func take(_ report: Report, at time: Int64) -> [Int] {
    guard let indexes = job?.expected.removeValue(forKey: report.address) else { return [] }
    for index in indexes { job?.lines.verdict(index, report, at: time) }
    let verdict = report.verdict
    switch verdict.outcome {
    case .delivered: job?.hasDelivered = true
    case .deferred, .unknown: if verdict.scope == .destination { job?.isDeferred = true }
    case .refused: break
    }
    return indexes
  }

  /// Asks it to end now.
  func terminate() { program?.terminate() }

  /// Waits for its end.
  func wait(seconds: Int) { program?.wait(until: Deadline(inSeconds: seconds)) }
}
