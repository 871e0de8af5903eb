// An entry of the queue as lists show it. Times are in seconds since 1970.

public import Jobs
public import SMTP

public struct Item: Sendable {
  public enum State: Equatable, Sendable {
    /// No run has looked at it.
    case new
    case waiting(next: Int64)
    /// An operator holds it back.
    case held
    /// What it follows from does not have it in the journal yet.
    case pending
  }

  public enum Content: Sendable {
    case message(from: ReversePath, arrival: Int64)
    case newer(version: Int, reason: String)
    case unreadable(reason: String)
  }

  /// The recipients of a message, and those of them that wait.
  public struct Recipients: Sendable {
    public let count: Int
    public let waiting: Int
    /// The first ones that wait.
    public let first: [Mailbox]
    /// Why the first one waits; nil if it has not been tried.
    public let reason: Reason?

    public init(count: Int, waiting: Int, first: [Mailbox], reason: Reason?) {
      (self.count, self.waiting, self.first, self.reason) = (count, waiting, first, reason)
    }
  }

  public enum Reason: Sendable {
    /// What was said last.
    case report(Report)
    /// Its destination is left alone.
    case leftAlone(destination: [UInt8], until: Int64)
  }

  /// 16 hexadecimal digits.
  public let id: [UInt8]
  public let state: State
  /// Octets of the message.
  public let size: Int
  /// How often it was tried.
  public let attempts: Int
  public let content: Content
  /// Nil if they were not read.
  public var recipients: Recipients?

  public init(id: [UInt8], _ state: State, size: Int, attempts: Int, _ content: Content) {
    (self.id, self.state, self.size, self.attempts) = (id, state, size, attempts)
    self.content = content
  }
}

extension Item.State {
  /// What JSON and metrics call it: the folder of the queue that the entry is in.
  var name: StaticString {
    switch self {
    case .new: "new"
    case .waiting: "queue"
    case .held: "hold"
    case .pending: "pending"
    }
  }
}

extension Report {
  /// What a host has said: the host, the code, the status and the text.
  var words: [UInt8] {
    var words = host.isEmpty ? [] : Array("host ".utf8) + host + Array(": ".utf8)
    if let code = verdict.code { words += Array("\(code) ".utf8) }
    return words + verdict.status.octets + [32] + verdict.text
  }
}
