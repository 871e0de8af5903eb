// How a job is brought to hosts: which is tried next, and with which recipients. The caller looks up what `next` wants to
// know, makes connections, and says how each attempt has ended.

public import Jobs
public import SMTP

public struct Attempts: Sendable {
  public enum Step: Equatable, Sendable {
    /// Ask the DNS, and answer to `order`.
    case exchangers(of: [UInt8])
    case addresses(of: [UInt8], HostOrder.Naming)
    /// Have the job done on the connection that is open.
    case reuse
    /// Connect to this host and have the job done there.
    case connect(Host)
    /// There is nobody left, or no other host: `lastWord`.
    case end
  }

  /// How an attempt has ended.
  public enum End: Equatable, Sendable {
    /// The connection takes another job.
    case open
    case closed
    /// TLS has failed, for this reason; nobody has a verdict by that.
    case tlsFailed([UInt8])
  }

  public var outstanding: Outstanding
  public var order: HostOrder
  /// The host of the attempt that was begun.
  private var host: Host?
  private var isReused: Bool
  /// A host that was asked on the connection that was open, and one that is to be asked once more.
  private var done: Host?
  private var again: Host?
  private var sessions = 0

  /// Hosts that a job is brought to at most; others may refuse a connection.
  static let sessionLimit = 5

  /// `open` is the host of the connection that is open.
  public init(_ job: Job, on open: Host?, order: HostOrder) {
    outstanding = Outstanding(job, takesFirstWord: order.isConfigured)
    self.order = order
    host = open
    isReused = open != nil
  }

  public mutating func next() -> Step {
    if isReused, !outstanding.isEmpty { return .reuse }
    while !outstanding.isEmpty, sessions < Self.sessionLimit {
      if let again = again.take() { return connect(again) }
      switch order.next() {
      case .host(let host):
        if let done, done.isSame(as: host) { continue }
        return connect(host)
      case .exchangers(let domain): return .exchangers(of: domain)
      case .addresses(let name, let naming): return .addresses(of: name, naming)
      case .end: return .end
      }
    }
    return .end
  }

  private mutating func connect(_ host: Host) -> Step {
    self.host = host
    return .connect(host)
  }

  /// There is no connection.
  public mutating func failed(_ verdict: ClientSession.Verdict) {
    outstanding.judge(verdict, at: host?.name ?? [])
  }

  public mutating func ended(_ end: End) {
    guard let host else { return }
    if isReused {
      isReused = false
      // A connection that was closed, or on which the host takes no more mail, says nothing about the host.
      if outstanding.isCutOff {
        again = host
        outstanding.rotate()
      } else if !outstanding.isConnectionLost {
        done = host
      }
      return
    }
    sessions += 1
    switch end {
    case .open: break
    case .closed:
      guard outstanding.isCutOff else { break }
      again = host
      // As often as there is something to settle.
      if outstanding.hasSettled { sessions -= 1 }
      outstanding.rotate()
    case .tlsFailed(let reason):
      outstanding.judge(.tlsFailed(reason), at: host.name)
      if host.level == .opportunistic { again = host.inClearText }
    }
  }

  /// What is said of those who are left; `reason` is that of all of them, if there is one.
  public mutating func lastWord(_ reason: ClientSession.Verdict?) -> [Report] {
    outstanding.tellAll(reason ?? order.failure)
  }
}
