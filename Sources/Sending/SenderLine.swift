// What the process of a connection says to the client that has started it, in lines, and what that answers.

import Jobs

enum SenderLine: Equatable {
  /// What has become of a recipient.
  case report(Report)
  /// Start stunnel.
  case startTLS
  /// TLS has failed: the session is over, no recipient is told.
  case tlsFailed
  /// Another mail transaction of the job is to begin: the client answers `goOn` or `stop`.
  case more
  /// The job is done; `isOpen` says that another may follow.
  case done(isOpen: Bool)

  static let goOn = Array("go".utf8)
  static let stop = Array("stop".utf8)

  /// A line without its LF.
  init(_ line: [UInt8]) {
    if let report = Report(line[...]) {
      self = .report(report)
      return
    }
    switch String(decoding: line, as: UTF8.self) {
    case "starttls": self = .startTLS
    case "tls": self = .tlsFailed
    case "more": self = .more
    case "done open": self = .done(isOpen: true)
    // A process that says anything else is not to be spoken to again.
    default: self = .done(isOpen: false)
    }
  }

  /// The line, with its LF.
  var octets: [UInt8] {
    switch self {
    case .report(let report): report.octets
    case .startTLS: Array("starttls\n".utf8)
    case .tlsFailed: Array("tls\n".utf8)
    case .more: Array("more\n".utf8)
    case .done(let isOpen): Array((isOpen ? "done open\n" : "done closed\n").utf8)
    }
  }
}
