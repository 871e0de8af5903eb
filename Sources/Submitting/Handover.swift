// The session in which a message is handed in on the submission socket, and what has become of each recipient.

public import Couriers
public import Jobs
public import POSIX
public import SMTP
public import Sending

public final class Handover: Listener {
  private var verdicts: [[UInt8]: ClientSession.Verdict] = [:]
  /// What has become of those that nothing was said of.
  private var others = ClientSession.Verdict.connectionClosed

  /// Sends the message to all recipients of `job`, in as many transactions as the server wants.
  public init(
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

  public func verdict(on recipient: Recipient) -> ClientSession.Verdict {
    verdicts[recipient.mailbox.octets] ?? others
  }

  /// A recipient that is named twice has the worse of two verdicts.
  public func tell(_ report: Report) {
    if let verdict = verdicts[report.address], verdict.outcome != .delivered { return }
    verdicts[report.address] = report.verdict
  }

  public func give() {}

  public func mayGoOn() -> Bool { true }
}
