// What the caller of sendmail(1) is told at the end: an exit status of sysexits.h, and lines for standard error.

public import Jobs
public import SMTP

public struct Conclusion: Sendable {
  /// The number is that of sysexits.h.
  public enum Status: Int32, Sendable {
    case success = 0
    case usage = 64
    case dataError = 65
    case noUser = 67
    case unavailable = 69
    case temporaryFailure = 75
    case noPermission = 77
  }

  public private(set) var status = Status.success
  public private(set) var lines: [[UInt8]] = []

  /// A message that was not sent.
  public init(_ refusal: Preparation.Refusal) {
    status = .dataError
    switch refusal {
    case .noRecipient:
      status = .usage
      lines = [Array("no recipient is named".utf8)]
    case .notAddress(let text): lines = [Self.notAddress(text)]
    case .headerTooLong: lines = [Array("the header is too long".utf8)]
    }
  }

  /// Names those who did not get the message, or all recipients if `isVerbose`. Those who got nothing for now decide on
  /// the status, since the caller can try again for them.
  public init(
    _ preparation: Preparation, isVerbose: Bool, _ verdict: (Recipient) -> ClientSession.Verdict
  ) {
    for recipient in preparation.recipients {
      let verdict = verdict(recipient)
      if verdict.outcome != .delivered || isVerbose {
        let code = verdict.code.map { "\($0) " } ?? ""
        lines.append(
          Array("<".utf8) + recipient.mailbox.octets + Array(">: \(code)".utf8)
            + verdict.status.octets + [32] + verdict.text)
      }
      switch verdict.outcome {
      case .delivered: break
      case .deferred, .unknown: status = .temporaryFailure
      case .refused: if status != .temporaryFailure { status = Self.status(of: verdict.status) }
      }
    }
    lines += preparation.unreadable.map(Self.notAddress)
    if status == .success, !preparation.unreadable.isEmpty { status = .dataError }
  }

  /// Of a refusal.
  private static func status(of code: EnhancedStatusCode) -> Status {
    switch (code.subject, code.detail) {
    case (1, _): .noUser
    case (3, 4), (6, _): .dataError
    case (7, _): .noPermission
    default: .unavailable
    }
  }

  private static func notAddress(_ text: [UInt8]) -> [UInt8] {
    Array("not an address: ".utf8) + text.map { 0x20...0x7E ~= $0 ? $0 : 0x3F }
  }
}

extension Preparation {
  /// What is asked of the server.
  public func job(of invocation: Invocation) -> Job {
    var job = Job()
    job.reversePath = sender
    job.recipients = recipients.map { Job.Addressee($0) }
    job.isUTF8 = invocation.requestsUTF8
    job.deliveryStatus = invocation.deliveryStatus
    return job
  }
}
