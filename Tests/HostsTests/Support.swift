import Hosts
import Jobs
import SMTP

/// A job for recipients of `x.example`, or with a domain of their own.
func job(_ recipients: String...) -> Job {
  var job = Job()
  job.recipients = recipients.map {
    let address = $0.utf8.contains(UInt8(ascii: "@")) ? $0 : "\($0)@x.example"
    return Job.Addressee(Recipient(mailbox: Mailbox(Array(address.utf8))!))
  }
  return job
}

typealias Verdict = ClientSession.Verdict

extension Verdict {
  /// What a host has said.
  static func reply(_ code: Int, _ scope: Scope = .recipient) -> Verdict {
    let outcome: Outcome = code < 300 ? .delivered : code < 500 ? .deferred : .refused
    return Verdict(outcome, scope, code: code, .init(code / 100, 0, 0), Array("text".utf8))
  }
}

func report(_ recipient: String, _ verdict: Verdict, at host: String = "mx") -> Report {
  Report(Array("\(recipient)@x.example".utf8), at: Array(host.utf8), verdict)
}

func names(_ reports: [Report]) -> [String] {
  reports.map { String(decoding: $0.address.prefix { $0 != UInt8(ascii: "@") }, as: UTF8.self) }
}

func names(_ job: Job) -> [String] {
  job.recipients.map {
    String(decoding: $0.recipient.mailbox.octets.prefix { $0 != UInt8(ascii: "@") }, as: UTF8.self)
  }
}

func host(_ name: String, level: TLSLevel = .opportunistic) -> Host {
  var host = Host(name: Array(name.utf8), place: .address("192.0.2.\(name.utf8.count)", port: 25))
  host.level = level
  return host
}
