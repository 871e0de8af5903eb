// Brings jobs to hosts. Which host is tried next is decided in the module Hosts; here are the connections, each with a process
// of its own (SenderProcess.swift).

public import Couriers
import DNS
public import Hosts
public import Jobs
public import POSIX
import SMTP

public struct Transport: ~Copyable, Deliverer {
  /// What the sender's owner decides about connections.
  public struct Configuration: Sendable {
    /// What EHLO says.
    public var hostname: [UInt8]
    /// Certificates of authorities, in PEM.
    public var authorities = ""
    /// Seconds that the server has for a reply at most.
    public var timeout = 600
    /// Seconds that a connection may take to be made.
    public var connectTimeout = 30
    /// Seconds that a session may take.
    public var sessionTimeout = 14_400
    public var isConfined = true
    /// Whether the dialogue is shown on standard error.
    public var isVerbose = false
    /// Of the account at each server whose URL has a user.
    public var password: [UInt8]?

    public init(hostname: [UInt8]) { self.hostname = hostname }
  }

  private let target: Target
  private let configuration: Configuration
  private let log: Log
  private let termination: Termination
  private var connection: Connection?
  /// The domain that the open connection is for. Mail for another one must not go there.
  private var domain: [UInt8] = []
  /// When mail may go to the servers that have a rate, by their numbers.
  private var paces: [Int: Pace] = [:]
  /// Until when servers come behind the others because they could not be reached, by their numbers.
  private var absences: [Int: Deadline] = [:]
  /// Whether SIGTERM has come.
  public private(set) var isTerminated = false

  public init(to target: Target, _ configuration: Configuration, log: Log, termination: Termination)
  {
    self.target = target
    self.configuration = configuration
    self.log = log
    self.termination = termination
  }

  /// Does a job and gives a verdict on each recipient.
  public mutating func deliver(
    _ job: Job, _ file: borrowing FileDescriptor, to listener: any Listener
  ) {
    var part = job
    for group in target.groups(of: job.recipients) {
      if domain != group.domain { close() }
      domain = group.domain
      part.recipients = group.recipients
      deliverGroup(part, file, listener)
    }
  }

  private mutating func deliverGroup(
    _ job: Job, _ file: borrowing FileDescriptor, _ listener: any Listener
  ) {
    var attempts = Attempts(
      job, on: connection?.host,
      order: HostOrder(
        to: target, domain: domain, hostname: configuration.hostname, port: Self.standardPort,
        behind: Set(absences.keys.filter { absences[$0]?.hasPassed == false })))
    loop: while !isTerminated {
      switch attempts.next() {
      case .exchangers(let domain): attempts.order.lookUpExchangers(of: domain)
      case .addresses(let name, let naming): attempts.order.lookUpAddresses(of: name, naming)
      case .connect(let host):
        guard wait(for: host, listener) else { break loop }
        if let verdict = connect(to: host) {
          attempts.failed(verdict)
        } else {
          attempts.ended(attempt(&attempts.outstanding, file, listener))
        }
        note(host, isLost: !attempts.outstanding.isEmpty && attempts.outstanding.isConnectionLost)
      case .reuse:
        guard let host = connection?.host, pause(for: host) <= Self.longestPause else {
          close()
          attempts.ended(.closed)
          continue
        }
        guard wait(for: host, listener) else { break loop }
        attempts.ended(attempt(&attempts.outstanding, file, listener))
      case .end: break loop
      }
    }
    for report in attempts.lastWord(isTerminated ? .terminated : nil) { listener.tell(report) }
  }

  /// Ends the connection, if there is one.
  public mutating func close() {
    guard let connection = connection.take() else { return }
    finish(connection)
  }

  /// Ends the connection, and waits until another process may send to the servers. So a caller that starts one process
  /// behind the other keeps their rates.
  public mutating func finish() {
    close()
    let now = Clock.monotonicMilliseconds()
    isTerminated = hasTerminated(within: paces.values.map { $0.pause(at: now) }.max() ?? 0)
  }

  /// 25; tests of debug builds may say otherwise.
  private static var standardPort: UInt16 {
    #if DEBUG
      Process.environment("POSTERN_PORT").flatMap { UInt16($0) } ?? 25
    #else
      25
    #endif
  }
}

// The servers of the configuration.
extension Transport {
  /// Seconds for which a server comes behind the others.
  private static let absence = 300

  /// The next message does not wait for a server that cannot be reached, where there are others.
  private mutating func note(_ host: Host, isLost: Bool) {
    absences[host.server] = isLost ? Deadline(inSeconds: Self.absence) : nil
  }

  /// Milliseconds that a connection is kept open for the next mail.
  private static let longestPause: Int64 = 20_000

  /// Milliseconds until the host may be sent another mail.
  private func pause(for host: Host) -> Int64 {
    paces[host.server]?.pause(at: Clock.monotonicMilliseconds()) ?? 0
  }

  /// Waits until the host may be sent another mail; false if SIGTERM has come.
  private mutating func wait(for host: Host, _ listener: any Listener) -> Bool {
    let pause = pause(for: host)
    if pause > 0 { listener.give() }
    if hasTerminated(within: pause) { isTerminated = true }
    return !isTerminated
  }

  /// A mail transaction begins.
  private mutating func note(_ host: Host) {
    guard let rate = host.limits.rate else { return }
    paces[host.server, default: Pace(rate)].begin(at: Clock.monotonicMilliseconds())
  }

  /// Waits so many milliseconds, or until SIGTERM has come.
  private func hasTerminated(within milliseconds: Int64) -> Bool {
    if milliseconds <= 0 { return false }
    var poll = Poll()
    poll.add(termination)
    poll.wait(milliseconds: Int32(clamping: milliseconds))
    return poll.isReadable(0)
  }
}

// A job on a connection.
extension Transport {
  /// A process that speaks to a host.
  private struct Connection: ~Copyable {
    let host: Host
    var process: Subprocess
    /// The command that is the server, if it is one.
    var command: Subprocess?
    var channel: Channel
    var tunnel: Tunnel?
    /// Seconds that its end may take.
    static let closingTime = 10
  }

  /// Has the job done on the connection.
  private mutating func attempt(
    _ outstanding: inout Outstanding, _ file: borrowing FileDescriptor, _ listener: any Listener
  ) -> Attempts.End {
    guard listener.mayGoOn() else {
      isTerminated = true
      return .closed
    }
    guard var current = connection.take() else { return .closed }
    let host = current.host
    note(host)
    let job = outstanding.begin()
    guard current.channel.send(file, job.octets) else {
      outstanding.judge(.connectionClosed, at: host.name)
      finish(current)
      return .closed
    }
    while true {
      if !current.channel.hasLine { listener.give() }
      switch current.channel.line(termination: isTerminated ? .never : termination) {
      case .end:
        for report in outstanding.judgeRest(.crashed, at: host.name) { listener.tell(report) }
        finish(current)
        return .closed
      case .terminated:
        isTerminated = true
        current.process.terminate()
      case .line(let line):
        switch SenderLine(line) {
        case .report(let report):
          if let report = outstanding.take(report) { listener.tell(report) }
        case .more:
          if !isTerminated, !listener.mayGoOn() { isTerminated = true }
          if !isTerminated, wait(for: host, listener) { note(host) }
          current.channel.write((isTerminated ? SenderLine.stop : SenderLine.goOn) + [10])
        case .startTLS: startTLS(&current)
        case .tlsFailed: return failTLS(current)
        case .done(let mayGoOn):
          let isOpen = mayGoOn && !isTerminated
          _ = outstanding.judgeRest(.connectionClosed, at: host.name)
          if isOpen { connection = consume current } else { finish(current) }
          return isOpen ? .open : .closed
        }
      }
    }
  }

  private func failTLS(_ ended: consuming Connection) -> Attempts.End {
    var connection = ended
    let host = connection.host.name
    let reason = connection.tunnel?.reason() ?? [UInt8]("no connection to stunnel".utf8)
    finish(connection)
    log.write(.warning, "tls") { line in
      line.add("host", host)
      line.add("reason", reason)
    }
    return .tlsFailed(reason)
  }

  private func startTLS(_ current: inout Connection) {
    do throws(SystemError) {
      try current.tunnel?.start(for: current.host, authorities: configuration.authorities)
    } catch {
      log.write(.error, "failure") { $0.add("reason", "stunnel: \(error)") }
    }
  }

  private func finish(_ ended: consuming Connection) {
    var connection = ended
    let deadline = Deadline(inSeconds: Connection.closingTime)
    connection.channel.shutDown()
    connection.process.wait(until: deadline)
    connection.command?.wait(until: deadline)
  }
}

// Connecting.
extension Transport {
  /// Leaves the host before, connects and starts the process; gives why that failed.
  private mutating func connect(to host: Host) -> ClientSession.Verdict? {
    close()
    var host = host
    if host.level != .none, !Tunnel.isAvailable {
      guard let inClearText = host.inClearText else { return .noStunnel }
      log.write(.warning, "tls") { $0.add("reason", "no stunnel: mail goes in clear text") }
      host = inClearText
    }
    var command: Subprocess?
    let link: Link
    do throws(Interruption) {
      link = Link(try socket(to: host, &command), termination: termination)
    } catch {
      if error == .terminated { isTerminated = true }
      return .unreachable(host, error.reason)
    }
    do throws(SystemError) {
      try start(host, link, command)
      return nil
    } catch {
      return .systemFailed(error)
    }
  }

  private func socket(
    to host: Host, _ command: inout Subprocess?
  ) throws(Interruption) -> FileDescriptor {
    switch host.place {
    case .address(let text, let port):
      guard let address = IPAddress(text) else { throw .failed(.invalidArgument) }
      return try connect(to: .internet(address, port: port))
    case .socket(let path): return try connect(to: .unix(path))
    case .command(let text):
      do throws(SystemError) {
        var servers: FileDescriptor?
        let own = try Socket.pair().split(&servers)
        guard let server = servers.take() else { throw .invalidArgument }
        command = .some(
          try Subprocess(
            ["/bin/sh", "-c", text], standard: [server.value, server.value, 2],
            orphaned: .terminated))
        return own
      } catch {
        throw .failed(error)
      }
    }
  }

  private func connect(to address: SocketAddress) throws(Interruption) -> FileDescriptor {
    try Socket.connect(
      to: address, until: Deadline(inSeconds: configuration.connectTimeout),
      termination: termination)
  }

  private mutating func start(
    _ host: Host, _ link: consuming Link, _ command: consuming Subprocess?
  ) throws(SystemError) {
    var tunnel: Tunnel?
    var end: Tunnel.End?
    if host.level != .none {
      tunnel = .some(try Tunnel.make(&end))
    }
    var childs: FileDescriptor?
    var parents: FileDescriptor? = .some(try Socket.pair().split(&childs))
    var link: Link? = link
    let (configuration, log, termination) = (configuration, log, termination)
    let process = try Subprocess {
      _ = parents.take()
      _ = tunnel.take()
      guard let link = link.take(), let channel = childs.take() else { return }
      // It asks whether standard error is a terminal, which is not allowed later.
      let dialogue = Dialogue(isShown: configuration.isVerbose)
      if configuration.isConfined { Self.confine(log) }
      var sender = SenderProcess(
        host, over: link, channel: Channel(channel), tunnel: end.take(), configuration,
        dialogue: dialogue, termination: termination)
      sender.run()
    }
    guard let channel = parents.take() else { return }
    connection = Connection(
      host: host, process: process, command: command, channel: Channel(channel), tunnel: tunnel)
  }

  /// A session needs no file, and no connection besides those that it has.
  private static func confine(_ log: Log) {
    var confinement = Confinement()
    confinement.receivesDescriptors = true
    log.unconfined(confinement.apply())
  }
}

extension ClientSession.Verdict {
  fileprivate static let crashed = Self(
    .unknown, .message, .init(4, 3, 0), Array("The sending process ended unexpectedly".utf8))

  fileprivate static func systemFailed(_ error: SystemError) -> Self {
    Self(.deferred, .message, .init(4, 3, 0), [UInt8](error.description.utf8))
  }
}
