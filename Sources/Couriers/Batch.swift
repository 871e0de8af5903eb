// Batch: jobs on standard input (Jobs/Job.swift), a report on each recipient on standard output
// (Jobs/Answer.swift). Every courier process works so: a connection to hosts (postern-send), or a target that is no host.
//
//     message, from, to ..., end      the caller
//     a line for each recipient       the courier
//     more                            before it begins another mail transaction of the job
//     ack                             the caller, when the reports so far are durable
//     a line for each recipient
//     done
//     ack
//
// So if both are killed, no more than one transaction is not noted. The next job is begun only behind the last `ack`; the
// caller may have written it already. Recipients are taken a slice at a time, and reports on one slice come before the
// next is read: a caller that writes many recipients has to read meanwhile. It cannot answer `more` while it writes, so
// a job of more than a slice goes without.

public import Jobs
public import POSIX
import SMTP

public final class Batch {
  /// Whose complaints those on standard error are.
  private let program: String
  private let termination: Termination
  private var channel = Channel(FileDescriptor(0))
  private let output = FileDescriptor(1)
  /// Whether the caller cannot be told anything more.
  private var isMute = false
  private var reader = JobReader()
  /// Reports that the caller was not given yet.
  private var reports: [UInt8] = []
  /// Whether it was given some that it has not acknowledged.
  private var isUnacknowledged = false
  /// Whether all of the job's recipients were read.
  private var isWhole = false

  public init(of program: String, termination: Termination) {
    (self.program, self.termination) = (program, termination)
  }

  /// A line in front of the first job, which says what arguments should not; nil if there is none.
  public func firstLine() -> [UInt8]? {
    guard case .line(let line) = channel.line(termination: termination) else { return nil }
    return line
  }

  /// Does jobs until there are no more; gives the exit status.
  public func run<Work: Deliverer & ~Copyable>(_ deliverer: inout Work) -> Process.ExitStatus {
    while !deliverer.isTerminated {
      switch channel.line(termination: termination) {
      case .terminated: return .temporaryFailure
      case .end: return reader.isInJob ? complain("a job has no end") : .success
      case .line(let line):
        switch reader.read(line[...]) {
        case .more: break
        case .malformed: return complain(String(decoding: line, as: UTF8.self))
        case .part(let job, let isWhole, let isLast):
          self.isWhole = isWhole
          deliver(job, &deliverer)
          guard isLast else { continue }
          say(.done)
          isUnacknowledged = false
          guard isAcknowledged() else { return .temporaryFailure }
        }
      }
    }
    return .temporaryFailure
  }

  private func deliver<Work: Deliverer & ~Copyable>(_ job: Job, _ deliverer: inout Work) {
    let path = String(decoding: job.path, as: UTF8.self)
    if let file = try? FileDescriptor.reading(path) {
      deliverer.deliver(job, file, to: self)
    } else {
      for addressee in job.recipients {
        tell(Report(addressee.recipient.mailbox.octets, at: [], .contentFailed))
      }
    }
    give()
  }

  private func complain(_ line: String) -> Process.ExitStatus {
    FileDescriptor.print("\(program): not a line of a job: \(line)\n", to: 2)
    return .dataError
  }
}

// What the caller is told.
extension Batch: Listener {
  public func tell(_ report: Report) { reports += Answer.report(report).octets }

  public func give() {
    guard !reports.isEmpty else { return }
    isUnacknowledged = true
    say(nil)
  }

  public func mayGoOn() -> Bool {
    give()
    guard isUnacknowledged, isWhole else { return !isMute }
    isUnacknowledged = false
    say(.more)
    return isAcknowledged()
  }

  /// Writes the reports that are left, and an answer behind them.
  private func say(_ answer: Answer?) {
    let lines = reports + (answer?.octets ?? [])
    if isMute || (try? output.write(lines.span)) == nil { isMute = true }
    reports.removeAll(keepingCapacity: true)
  }

  private func isAcknowledged() -> Bool {
    guard !isMute, case .line(let line) = channel.line(termination: termination) else {
      return false
    }
    return line == Answer.acknowledgement
  }
}
