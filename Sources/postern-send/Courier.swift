// Brings jobs to the hosts of a route: makes connections, each with a process of its own (Sender.swift), and
// goes on to the next host with the recipients that one host has not settled.

import Jobs
import POSIX
import SMTP

struct Courier: ~Copyable {
  private let settings: Settings
  private let password: [UInt8]?
  private let isVerbose: Bool
  private let log: Log
  private let termination: CInt
  private var connection: Connection?
  /// Whether SIGTERM has come.
  private(set) var isTerminated = false

  /// Hosts that a job is brought to at most; others may refuse a connection.
  private static let sessionLimit = 5

  init(
    _ settings: Settings, password: [UInt8]?, isVerbose: Bool, log: Log, termination: CInt
  ) {
    self.settings = settings
    self.password = password
    self.isVerbose = isVerbose
    self.log = log
    self.termination = termination
  }

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

  /// What has become of a connection in a job.
  private enum End {
    case open
    case closed
    /// TLS has failed, for this reason.
    case tlsFailed([UInt8])
  }

  /// Does a job and gives a verdict on each recipient to `tell`. `route` leads to the hosts; a connection that
  /// is open is used first.
  mutating func deliver(
    _ job: Job, _ file: borrowing FileDescriptor, by route: () -> Route, _ tell: (Report) -> Void
  ) {
    var rest = Outstanding(job)
    var done: Host?
    if let host = connection?.host {
      _ = attempt(&rest, file, tell)
      // An idle connection that was closed says nothing about the host.
      if !rest.isConnectionLost { done = host }
    }
    var route = rest.isEmpty ? Route.nowhere : route()
    var sessions = 0
    var again: Host?
    while !rest.isEmpty, !isTerminated, sessions < Self.sessionLimit {
      guard let host = again ?? route.next() else { break }
      again = nil
      if let done, done.isSame(as: host) { continue }
      if let verdict = connect(to: host) {
        rest.judge(verdict, at: host.name)
        continue
      }
      sessions += 1
      switch attempt(&rest, file, tell) {
      case .open: break
      case .closed:
        guard rest.isCutOff else { break }
        again = host
        // As often as there is something to settle.
        if rest.hasSettled { sessions -= 1 }
        rest.rotate()
      case .tlsFailed(let reason):
        rest.judge(.tlsFailed(reason), at: host.name)
        log.write(.warning, "tls") { line in
          line.add("host", host.name)
          line.add("reason", reason)
        }
        if host.level == .opportunistic {
          again = host
          again?.level = .none
        }
      }
    }
    rest.tellAll(isTerminated ? .terminated : route.failure, tell)
  }

  /// Ends the connection, if there is one.
  mutating func close() {
    guard let connection = connection.take() else { return }
    finish(connection)
  }

  /// Has the job done on the connection.
  private mutating func attempt(
    _ rest: inout Outstanding, _ file: borrowing FileDescriptor, _ tell: (Report) -> Void
  ) -> End {
    guard var current = connection.take() else { return .closed }
    let host = current.host
    let job = rest.begin()
    guard current.channel.send(file, job.octets) else {
      rest.judge(.connectionClosed, at: host.name)
      finish(current)
      return .closed
    }
    while true {
      switch current.channel.line(termination: isTerminated ? -1 : termination) {
      case .end:
        rest.judgeRest(.crashed, at: host.name, tell)
        finish(current)
        return .closed
      case .terminated:
        isTerminated = true
        current.process.terminate()
      case .line(let line):
        if let report = Report(line[...]) {
          rest.take(report, tell)
        } else if line.elementsEqual("starttls".utf8) {
          startTLS(&current)
        } else if line.elementsEqual("tls".utf8) {
          let reason = current.tunnel?.reason() ?? [UInt8]("no connection to stunnel".utf8)
          finish(current)
          return .tlsFailed(reason)
        } else {
          let isOpen = line.elementsEqual("done open".utf8) && !isTerminated
          rest.judgeRest(.connectionClosed, at: host.name, tell)
          if isOpen { connection = consume current } else { finish(current) }
          return isOpen ? .open : .closed
        }
      }
    }
  }

  private func startTLS(_ current: inout Connection) {
    do throws(Errno) {
      try current.tunnel?.start(for: current.host, authorities: settings.authorities)
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
extension Courier {
  /// Connects and starts the process; gives why that failed.
  private mutating func connect(to host: Host) -> ClientSession.Verdict? {
    var host = host
    if host.level != .none, !Tunnel.isAvailable {
      guard host.level == .opportunistic else { return .noStunnel }
      log.write(.warning, "tls") { $0.add("reason", "no stunnel: mail goes in clear text") }
      host.level = .none
    }
    var command: Subprocess?
    let link: Link
    do throws(Link.Interruption) {
      link = Link(try socket(to: host, &command), termination: termination)
    } catch {
      if error == .terminated { isTerminated = true }
      return .unreachable(host, error)
    }
    do throws(Errno) {
      try start(host, link, command)
      return nil
    } catch {
      return .systemFailed(error)
    }
  }

  private func socket(
    to host: Host, _ command: inout Subprocess?
  ) throws(Link.Interruption) -> FileDescriptor {
    switch host.place {
    case .address(let address):
      return try Socket.connect(
        to: address, until: Deadline(inSeconds: settings.connectTimeout), termination: termination)
    case .command(let text):
      do throws(Errno) {
        var servers: FileDescriptor?
        let own = try Socket.pair().split(&servers)
        guard let server = servers.take() else { throw .invalidArgument }
        command = .some(
          try Subprocess(["/bin/sh", "-c", text], standard: [server.value, server.value, 2]))
        return own
      } catch {
        throw .failed(error)
      }
    }
  }

  private mutating func start(
    _ host: Host, _ link: consuming Link, _ command: consuming Subprocess?
  ) throws(Errno) {
    var tunnel: Tunnel?
    var end: Tunnel.End?
    if host.level != .none {
      tunnel = .some(try Tunnel.make(&end))
    }
    var childs: FileDescriptor?
    var parents: FileDescriptor? = .some(try Socket.pair().split(&childs))
    var link: Link? = link
    let (settings, password, isVerbose, termination) = (
      settings, password, isVerbose, termination
    )
    let log = log
    let process = try Subprocess {
      _ = parents.take()
      _ = tunnel.take()
      guard let link = link.take(), let channel = childs.take() else { return }
      let dialogue = Dialogue(isShown: isVerbose)
      if settings.isConfined { Self.confine(log) }
      var sender = Sender(
        host, link: link, channel: Channel(channel), tunnel: end.take(), settings: settings,
        password: password, dialogue: dialogue, termination: termination)
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
    for lack in confinement.apply() {
      log.write(.notice, "unconfined") { line in
        line.add("part", lack.part)
        line.add("reason", lack.errno.description)
      }
    }
  }
}

extension Host {
  func isSame(as other: Host) -> Bool {
    guard case .address(let own) = place, case .address(let others) = other.place else {
      return false
    }
    return own == others
  }
}

extension ClientSession.Verdict {
  static let crashed = Self(
    .unknown, .message, .init(4, 3, 0), Array("The sending process ended unexpectedly".utf8))

  static let noStunnel = Self(
    .deferred, .destination, .init(4, 3, 5),
    Array("TLS is required, but stunnel is not installed".utf8))

  static func tlsFailed(_ reason: [UInt8]) -> Self {
    Self(.deferred, .destination, .init(4, 7, 5), Array("TLS failed: ".utf8) + reason)
  }

  static func systemFailed(_ errno: Errno) -> Self {
    Self(.deferred, .message, .init(4, 3, 0), [UInt8](errno.description.utf8))
  }

  static func unreachable(_ host: Host, _ interruption: Link.Interruption) -> Self {
    let reason =
      switch interruption {
      case .timeout: "timeout"
      case .terminated: "interrupted"
      case .failed(let errno): errno.description
      }
    let address =
      if case .address(.internet(let address, let port)) = host.place {
        "[\(address.text)]:\(port)"
      } else { "the server" }
    return Self(
      .deferred, .destination, .init(4, 4, 1),
      [UInt8]("No connection to \(address): \(reason)".utf8))
  }
}
