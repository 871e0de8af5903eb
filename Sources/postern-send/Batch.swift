// Batch: jobs on standard input (Jobs/Job.swift), a report on each recipient on standard output
// (Jobs/Report.swift), one connection as long as it lasts.
//
//     message, from, to ..., end      the caller
//     a line for each recipient       postern-send
//     done
//     ack                             the caller, when the reports are durable
//
// The next job is begun only behind `ack`; the caller may have written it already. Recipients are taken a
// slice at a time, and reports on one slice come before the next is read: a caller that writes many recipients
// has to read meanwhile.

import Jobs
import POSIX
import SMTP

enum Batch {
  /// Recipients that are sent to at once.
  private static let slice = 1000

  static func run(
    _ courier: inout Courier, to destination: Destination, termination: CInt
  ) -> Process.ExitStatus {
    var channel = Channel(FileDescriptor(0))
    var domain: [UInt8]?
    while !courier.isTerminated {
      var job = Job()
      var lines = 0
      var isEnded = false
      while !isEnded {
        switch channel.line(termination: termination) {
        case .terminated: return .temporaryFailure
        case .end: return lines == 0 ? .success : complain("a job has no end")
        case .line(let line):
          lines += 1
          switch job.read(line[...]) {
          case .read: break
          case .end: isEnded = true
          case .malformed: return complain(String(decoding: line, as: UTF8.self))
          }
        }
        if isEnded || job.recipients.count == slice {
          deliver(&job, &courier, destination, &domain)
        }
      }
      FileDescriptor.print("done\n", to: 1)
      guard case .line(let line) = channel.line(termination: termination),
        line.elementsEqual("ack".utf8)
      else { return .temporaryFailure }
    }
    return .temporaryFailure
  }

  /// `domain` is the one that the open connection is for. Mail for another one must not go there.
  private static func deliver(
    _ job: inout Job, _ courier: inout Courier, _ destination: Destination, _ domain: inout [UInt8]?
  ) {
    let path = String(decoding: job.path, as: UTF8.self)
    for group in destination.groups(of: job.recipients) {
      job.recipients = group.recipients
      guard let file = try? FileDescriptor.reading(path) else {
        for addressee in job.recipients {
          tell(Report(addressee.recipient.mailbox.octets, at: [], .contentFailed))
        }
        continue
      }
      if domain != group.domain { courier.close() }
      domain = group.domain
      courier.deliver(job, file, by: { destination.route(to: group.domain) }, tell)
    }
    job.recipients = []
  }

  private static func tell(_ report: Report) {
    FileDescriptor.print(String(decoding: report.octets, as: UTF8.self), to: 1)
  }

  private static func complain(_ line: String) -> Process.ExitStatus {
    FileDescriptor.print("postern-send: not a line of a job: \(line)\n", to: 2)
    return .dataError
  }
}
