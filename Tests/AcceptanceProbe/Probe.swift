// A process that accepts a message after editing it, for Tests/Acceptance/faults.py: `acceptance-probe MAIL QUEUE SIZE`.
// The message and what it becomes are in that script. Exit status 0 is a promise, as of any program that accepts mail.

import Acceptance
import Jobs
import POSIX
import Queue
import SMTP
import Storage

@main
struct Probe {
  static func main() {
    let arguments = Array(Process.arguments.dropFirst())
    guard arguments.count == 3, let size = Int(arguments[2]) else { Process.exit(.usage) }
    do throws(SystemError) {
      try accept(arguments[0], arguments[1], size)
    } catch {
      FileDescriptor.print("\(error.call): \(error)\n", to: 2)
      Process.exit(.ioError)
    }
  }

  private static func accept(
    _ mail: String, _ queue: String, _ size: Int
  ) throws(SystemError) {
    let (mail, queue) = (try MailDirectory(path: mail), try QueueDirectory(path: queue))
    let first = addressing(from: "me@x.example", to: ["a@x.example", "b@x.example"])
    let second = addressing(from: "other@x.example", to: ["b@x.example", "c@x.example"])
    var message = try Acceptance.begin(
      MessageID(0xAB), first, mail: mail, queue: queue, isReadable: true)
    try message.add(addressee("d@y.example"))
    try message.append(Array("Subject: before\r\n\r\n".utf8).span)
    for _ in 0..<size { try message.append(Array("before\r\n".utf8).span) }
    // A header alone, then everything.
    message = try message.edit(header: Array("Subject: between\r\n".utf8))
    message = try message.edit(addressing: second, header: Array("Subject: after\r\n".utf8)) {
      (new: inout Acceptance) throws(SystemError) in
      for _ in 0..<size { try new.append(Array("after\r\n".utf8).span) }
    }
    try message.add(addressee("e@y.example"))
    try message.commit(time: Timestamp(seconds: 1_800_000_000, microseconds: 5))
    FileDescriptor.print("accepted\n", to: 1)
  }

  private static func addressing(from sender: String, to stored: [String]) -> Addressing {
    let path = ReversePath(Array(sender.utf8)) ?? .null
    var addressing = Addressing(
      Submission(from: path, arrival: Timestamp(seconds: 1_800_000_000, microseconds: 5)))
    addressing.stored = stored.compactMap { Mailbox(Array($0.utf8)) }
    addressing.isQueued = true
    return addressing
  }

  private static func addressee(_ text: String) -> Job.Addressee {
    guard let mailbox = Mailbox(Array(text.utf8)) else { preconditionFailure(text) }
    return Job.Addressee(Recipient(mailbox: mailbox))
  }
}
