// `add`: a message from standard input goes into the queue. Whoever may write the queue's directory may use it; other
// users hand their mail to the submission socket (Sendmail.swift).

import Acceptance
import Jobs
import POSIX
import Queue
import SMTP
import Storage

extension QueueProgram {
  consuming func add(
    from sender: ReversePath?, for recipients: [Mailbox], and descriptor: Int32?
  ) throws(Failure) {
    let user = Account.current?.name ?? Array("postmaster".utf8)
    let sender = sender ?? ReversePath(user + Array("@".utf8) + settings.hostname) ?? .null
    var submission = Submission(from: sender, arrival: .now)
    submission.isOurs = true
    let isASCII =
      sender.octets.allSatisfy { $0 < 0x80 }
      && recipients.allSatisfy { $0.octets.allSatisfy { $0 < 0x80 } }
    submission.isUTF8 = !isASCII
    var addressing = Addressing(submission)
    addressing.isQueued = true
    var message = try Self.storing { () throws(SystemError) in
      try Acceptance.begin(MessageID(Process.random()), addressing, mail: nil, queue: queue)
    }
    for recipient in recipients { try Self.add(recipient, to: &message) }
    if let descriptor { try Self.addRecipients(of: FileDescriptor(descriptor), to: &message) }
    try Self.addContent(to: &message)
    guard message.recipientCount > 0 else { throw Failure(.usage, "a recipient expected") }
    let id = message.id
    do throws(SystemError) { try message.commit(time: .now) } catch { throw Failure(error) }
    FileDescriptor.print("\(id.text)\n", to: 1)
  }

  private static func add(_ mailbox: Mailbox, to message: inout Acceptance) throws(Failure) {
    try storing { () throws(SystemError) in
      try message.add(Job.Addressee(Recipient(mailbox: mailbox)))
    }
  }

  /// An address in each line.
  private static func addRecipients(
    of file: consuming FileDescriptor, to message: inout Acceptance
  ) throws(Failure) {
    var channel = Channel(file)
    var number = 0
    while case .line(let line) = channel.line(termination: .never) {
      number += 1
      let text = line.last == 13 ? Array(line.dropLast()) : line
      if text.isEmpty { continue }
      guard let mailbox = Mailbox(text) else {
        throw Failure(.dataError, "line \(number) of the recipients: an address expected")
      }
      try add(mailbox, to: &message)
    }
  }

  private static func addContent(to message: inout Acceptance) throws(Failure) {
    let input = FileDescriptor(0)
    var piece: [UInt8] = []
    while true {
      piece.removeAll(keepingCapacity: true)
      do throws(SystemError) {
        if try input.read(into: &piece, atMost: 65_536) == 0 { return }
      } catch {
        throw Failure(.ioError, "standard input: \(error)")
      }
      try storing { () throws(SystemError) in try message.append(piece.span) }
    }
  }
}
