// A run of the queue: delivers what is due, and what comes meanwhile. What is next is for the planner to say
// (Queueing/Planner.swift): the runner carries out its effects in one loop, and alone moves and writes envelopes. One
// process for each destination brings one message after the other there (Courier.swift).

import Jobs
import Octets
public import POSIX
public import Queue
public import Queueing
import Routes
public import Routing
import SMTP
import Storage

/// What a run works with.
public struct RunSettings {
  /// What reports call this host.
  public var hostname: [UInt8]
  /// Who is local here, and what aliases stand for.
  public var routing: Routing
  /// Where the mail of local recipients goes.
  public var mailDirectory: String
  /// Whether all mail for others goes to one server.
  public var hasSmarthost: Bool
  /// The program that brings messages to the hosts of one destination, and its arguments.
  public var courier: [String]
  /// The program that brings messages to what is no host.
  public var deliverer: [String]
  /// The program that takes the mail of lists, and the arguments that it always has.
  public var listProgram: [String]
  /// Arguments of both, behind all others.
  public var options: [String]

  public init(
    hostname: [UInt8], routing: Routing, mailDirectory: String, hasSmarthost: Bool,
    courier: [String], deliverer: [String], listProgram: [String], options: [String]
  ) {
    (self.hostname, self.routing, self.mailDirectory) = (hostname, routing, mailDirectory)
    (self.hasSmarthost, self.courier) = (hasSmarthost, courier)
    (self.deliverer, self.listProgram, self.options) = (deliverer, listProgram, options)
  }
}

public struct Runner: ~Copyable {
  let settings: RunSettings
  let queue: QueueDirectory
  let log: Log
  private let termination: Termination
  var planner: Planner
  /// The entries whose envelopes are open.
  var works: [UInt64: Work] = [:]
  var couriers: [Courier] = []
  /// What couriers have said, and nobody has looked at, the last first.
  private var heard: [(courier: Courier, line: Courier.Line)] = []
  /// How often a system call has failed for an entry.
  public internal(set) var failures = 0
  /// The program that is to go on with this run, because it has taken the place of this one.
  public private(set) var successor: String?
  private var isTerminated = false

  public init(
    _ settings: RunSettings, _ limits: Planner.Limits, _ queue: consuming QueueDirectory,
    _ log: Log, _ termination: Termination
  ) throws(SystemError) {
    let away = try queue.away(now: Clock.now().seconds)
    planner = Planner(limits, away, seed: Process.random())
    self.queue = queue
    self.settings = settings
    self.log = log
    self.termination = termination
  }

  var now: Int64 { Clock.now().seconds }

  /// Works until nothing is due.
  public mutating func run() throws(SystemError) {
    try settle()
    var hasHeard = false
    while true {
      if let effect = planner.next(now: now, milliseconds: Clock.monotonicMilliseconds()) {
        if effect == .end { return }
        planner.take(try carryOut(effect))
      } else if let (courier, line) = heard.popLast() {
        take(line, from: courier)
      } else if hasHeard {
        planner.pass()
        hasHeard = false
      } else {
        listen()
        hasHeard = true
      }
    }
  }

  /// Whether something stays in new/ because this run has left it alone.
  public func hasLeftNew() throws(SystemError) -> Bool {
    var isFound = false
    let planner = planner
    try queue.forEachName(in: .new) { (name) throws(SystemError) in
      isFound = planner.isLeftAlone(name.id.bits)
      return !isFound
    }
    return isFound
  }

  /// Decides on what runs before this one have left half done.
  private mutating func settle() throws(SystemError) {
    for name in try queue.names(in: .pending) {
      do throws(SystemError) {
        if let version = try queue.settle(pending: name) { noteNewer(name.id, version) }
      } catch {
        planner.leaveAlone(name.id.bits)
        leave(QueueDirectory.Location(.pending, name), error)
      }
    }
    settleClaims()
    try queue.removeDebris(now: now)
    try setAsideOthers()
  }

  private mutating func findSuccessor() {
    if isTerminated || successor != nil { return }
    successor = Process.successor
    if successor != nil { planner.succeed() }
  }

  /// Waits until one of the couriers says something, or a moment.
  private mutating func listen() {
    var poll = Poll()
    for courier in couriers { poll.add(courier.socket, reading: true, writing: courier.hasOutput) }
    poll.add(termination)
    poll.wait(milliseconds: Planner.pause)
    if poll.isReadable(couriers.count) {
      isTerminated = true
      planner.terminate()
    }
    findSuccessor()
    for (index, courier) in couriers.enumerated() {
      if courier.hasOutput, poll.isWritable(index) { courier.write() }
      if poll.isReadable(index) { heard += courier.read().map { (courier, $0) } }
    }
    heard.reverse()
  }

  private mutating func take(_ line: Courier.Line, from courier: Courier) {
    planner.hear(word(line, from: courier), from: courier.destination.hash)
  }

  private func word(_ line: Courier.Line, from courier: Courier) -> Planner.Word {
    switch line {
    case .pause: return .pause
    case .end:
      courier.wait(seconds: 10)
      return .end
    case .line(let line):
      switch Answer(line[...]) {
      case .done: return .done
      case .more: return .more
      case .report(let report):
        guard let job = courier.job else { return .nonsense }
        let indexes = courier.take(report, at: now)
        if !indexes.isEmpty { note(report, of: job.work) }
        return .verdict(report.verdict, recipients: indexes.count)
      case nil: return .nonsense
      }
    }
  }

  /// Names what lies in a place.
  func look(
    _ place: QueueDirectory.Place, _ planner: inout Planner
  ) throws(SystemError) {
    try queue.forEachName(in: place) { (name) throws(SystemError) in
      planner.see(Planner.Turn(name, in: place))
    }
  }
}

// Effects.
extension Runner {
  /// Throws what ends the run: an error that is not about one entry.
  private mutating func carryOut(_ effect: Planner.Effect) throws(SystemError) -> Planner.Result {
    switch effect {
    case .look(let place):
      findSuccessor()
      var planner = planner
      try look(place == .new ? .new : .queue, &planner)
      self.planner = planner
    case .synchronize: try queue.synchronize(.queue)
    case .start(let destination, let id, let recipient):
      let route = works[id]?.routes[destination]
      let name: DestinationName
      do throws(SystemError) { name = try self.destination(of: recipient, id, by: route) } catch {
        return failed(effect, error)
      }
      couriers.append(try start(name, by: route))
    case .leaveAlone(let destination, let absence): leaveAlone(destination, absence)
    case .welcome(let destination): queue.welcome(destination)
    case .goOn(let destination): courier(destination)?.goOn()
    case .acknowledge(let destination): courier(destination)?.acknowledge()
    case .close(let destination): courier(destination)?.close()
    case .terminate(let destination): courier(destination)?.terminate()
    case .bury(let destination): couriers.removeAll { $0.destination.hash == destination }
    case .noteLoss(let id, let isExpected):
      log.write(isExpected ? .info : .error, "failure") { line in
        line.add("id", MessageID(id).octets)
        line.add("reason", "a courier has ended in the middle of a job")
      }
    case .release(let id): works[id] = nil
    case .open, .move, .give, .keep, .review, .readSuccesses, .notify, .remove, .setAside:
      return work(effect)
    case .end: break
    }
    return .done
  }

  /// Carries out what is about one entry.
  private mutating func work(_ effect: Planner.Effect) -> Planner.Result {
    do throws(SystemError) {
      switch effect {
      case .open(let turn): return try open(turn)
      case .move(let turn, let new):
        return try queue.move(turn.location, to: new.location) ? .done : .gone
      case .give(let destination, let part): try give(part, to: destination)
      case .keep(let destination, let isDurable):
        try courier(destination)?.keep(isDurable: isDurable)
      case .review(let id): return works[id].map { .reviewed($0.standing) } ?? .gone
      case .readSuccesses(let id, let delivered): return try successes(delivered, of: id)
      case .notify(let id, let told): try notify(id, told)
      case .remove(let turn): try remove(turn)
      case .setAside(let turn, let damage): try setAside(turn.location, damage)
      case .look, .synchronize, .start, .leaveAlone, .welcome, .goOn, .acknowledge, .close,
        .terminate, .bury, .noteLoss, .release, .end:
        break
      }
      return .done
    } catch {
      return failed(effect, error)
    }
  }

  private mutating func failed(
    _ effect: Planner.Effect, _ error: SystemError
  ) -> Planner.Result {
    let id: UInt64?
    switch effect {
    case .open(let turn), .move(let turn, _), .remove(let turn): id = turn.id
    case .setAside(let turn, _):
      logFailure(of: MessageID(turn.id), error)
      id = nil
    case .give(_, let part): id = part.id
    case .start(_, let one, _): id = one
    case .review(let one), .readSuccesses(let one, _), .notify(let one, _): id = one
    case .keep(let destination, _):
      // It is tried once more when the courier has ended.
      let courier = courier(destination)
      id = courier?.hasEnded == true ? courier?.job?.work.number : nil
    case .look, .synchronize, .leaveAlone, .welcome, .goOn, .acknowledge, .close, .terminate,
      .bury, .noteLoss, .release, .end:
      id = nil
    }
    if let id, !error.isCorrupt { logFailure(of: MessageID(id), error) }
    return .failed(isCorrupt: error.isCorrupt)
  }

  func courier(_ destination: UInt64) -> Courier? {
    couriers.first { $0.destination.hash == destination }
  }

  private func destination(
    of recipient: Int, _ id: UInt64, by route: MailRoute?
  ) throws(SystemError) -> DestinationName {
    guard let work = works[id] else { throw SystemError(call: "read", errno: .noSuchFile) }
    let first = try work.entry.recipients([recipient])
    return DestinationName(
      of: first[0].recipient.mailbox, by: route, hasSmarthost: settings.hasSmarthost)
  }

  /// Starts the program that brings mail to a destination.
  private func start(
    _ name: DestinationName, by route: MailRoute?
  ) throws(SystemError) -> Courier {
    switch route?.target {
    case .servers:
      let servers = (try? RouteTarget.words(route?.text[...] ?? [])) ?? []
      let options = servers.flatMap { ["--server", String(decoding: $0, as: UTF8.self)] }
      return try Courier(name, settings.courier + options + settings.options)
    case .exchangers:
      return try Courier(name, settings.courier + ["--server", "mx"] + settings.options)
    case .maildir, .exec, .post:
      // By its input: everybody can see the arguments of a program.
      let target = (route?.text ?? []) + [.lineFeed]
      return try Courier(name, settings.deliverer + settings.options, saying: target)
    case .mail, .discard, .refuse, nil:
      return try Courier(name, settings.courier + settings.options)
    }
  }

  /// Tells a courier of a job.
  private func give(_ part: Planner.Part, to destination: UInt64) throws(SystemError) {
    guard let work = works[part.id], let courier = courier(destination) else {
      throw SystemError(call: "read", errno: .noSuchFile)
    }
    let addressees = try work.entry.recipients(part.recipients)
    courier.give(work, part.recipients, addressees, queue.dataPath(of: work.id))
  }

  private func leaveAlone(_ destination: UInt64, _ absence: Away.Absence) {
    guard let name = courier(destination)?.destination.octets else { return }
    queue.leaveAlone(destination, name: name, absence)
    log.write(.notice, "away") { line in
      line.add("destination", name)
      line.add("seconds", Int(absence.until - now))
    }
  }

  func note(_ report: Report, of work: Work) {
    let verdict = report.verdict
    log.write(verdict.outcome == .delivered ? .info : .notice, "send") { line in
      line.add("id", work.id.octets)
      line.add("to", report.address)
      line.add("outcome", verdict.outcome.name)
      if !report.host.isEmpty { line.add("host", report.host) }
      if let code = verdict.code { line.add("code", code) }
      line.add("status", verdict.status.octets)
      line.add("text", verdict.text.prefix(200))
    }
  }
}
