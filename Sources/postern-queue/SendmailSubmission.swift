// The session in which sendmail(1) hands a message in, on the submission socket.

import Jobs
import POSIX
import SMTP
import Sending

final class SendmailSubmission: Listener {
  private var verdicts: [[UInt8]: ClientSession.Verdict] = [:]
  /// What has become of those that nothing was said of.
  private var others = ClientSession.Verdict.connectionClosed

  /// Sends the message to all recipients of `job`, in as many transactions as the server wants.
  init(
    _ job: Job, _ message: borrowing MessageFile, over socket: consuming FileDescriptor,
    hostname: [UInt8]
  ) {
    var configuration = ClientSession.Configuration(hostname: hostname)
    configuration.startTLS = .never
    // The server says how many it takes.
    configuration.maximumRecipients = .max
    var patience = Conversation.Patience()
    patience.farewell = 5
    var sender = Sender(
      Conversation(
        ClientSession(configuration), over: Link(socket, termination: .never), patience: patience),
      to: self)
    sender.deliver(job, message)
    if let failure = sender.failure { others = failure }
    sender.quit()
  }

  func verdict(on recipient: Recipient) -> ClientSession.Verdict {
    verdicts[recipient.mailbox.octets] ?? others
  }

  /// Who is named twice has the worse of two verdicts.
  func tell(_ report: Report) {
    if let verdict = verdicts[report.address], verdict.outcome != .delivered { return }
    verdicts[report.address] = report.verdict
  }

  func give() {}

  func mayGoOn() -> Bool { true }
}
