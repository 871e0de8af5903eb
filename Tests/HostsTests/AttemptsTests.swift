// Which host is tried next, and with whom: with hosts that take all, some or nothing, without a process.

import DNS
import Jobs
import SMTP
import Testing

@testable import Hosts

/// Attempts at a job where the hosts of the domain are these, one address each.
private func attempts(
  _ job: Job, at hosts: [String], on open: Host? = nil, level: TLSLevel = .opportunistic
) -> Attempts {
  var order = HostOrder(to: .exchangers(level), domain: Array("x.example".utf8), hostname: [])
  _ = order.next()
  order.take(.hosts(hosts.map { [Array($0.utf8)] }))
  return Attempts(job, on: open, order: order)
}

extension Attempts {
  /// The next step, where a question to the DNS is answered by one address.
  fileprivate mutating func step() -> Step {
    while true {
      let step = next()
      guard case .addresses(let name, _) = step else { return step }
      order.take(["192.0.2.\(name.count)"], isOwn: false)
    }
  }

  /// The name of the next host; nil if the next step is not to connect.
  fileprivate mutating func connects() -> String? {
    guard case .connect(let host) = step() else { return nil }
    return String(decoding: host.name, as: UTF8.self)
  }

  /// With how much TLS the next host is to be connected to.
  fileprivate mutating func level() -> TLSLevel? {
    guard case .connect(let host) = step() else { return nil }
    return host.level
  }
}

struct AttemptsTests {
  @Test("The next host is tried with whom the first has deferred")
  func nextHost() {
    var attempts = attempts(job("a", "b", "c"), at: ["x", "yy"])
    #expect(attempts.connects() == "x")
    #expect(names(attempts.outstanding.begin()) == ["a", "b", "c"])
    _ = attempts.outstanding.take(report("a", .reply(250)))
    _ = attempts.outstanding.take(report("b", .reply(550)))
    _ = attempts.outstanding.take(report("c", .reply(450)))
    attempts.ended(.open)
    #expect(attempts.connects() == "yy")
    #expect(names(attempts.outstanding.begin()) == ["c"])
    _ = attempts.outstanding.take(report("c", .reply(250)))
    attempts.ended(.open)
    #expect(attempts.step() == .end)
    #expect(attempts.lastWord(nil).isEmpty)
  }

  @Test("The next server is tried where the first takes no mail, and not for whom it has deferred")
  func nextServer() throws {
    let urls = try ServerURL.list("smtp://x smtp://yy smtp://x")
    var attempts = Attempts(
      job("a", "b"), on: nil, order: HostOrder(to: .servers(urls), domain: [], hostname: []))
    #expect(attempts.connects() == "x")
    _ = attempts.outstanding.begin()
    #expect(attempts.outstanding.take(report("a", .reply(450))) != nil)
    _ = attempts.outstanding.take(report("b", .reply(451, .message)))
    attempts.ended(.open)
    #expect(attempts.connects() == "yy")
    #expect(names(attempts.outstanding.begin()) == ["b"])
    attempts.failed(.timeout)
    // The same host, but another server.
    guard case .connect(let last) = attempts.step() else { return #expect(Bool(false)) }
    #expect(last.server == 2)
  }

  @Test("A host that cannot be reached is reported where no other is left")
  func unreachable() throws {
    var attempts = attempts(job("a"), at: ["x"])
    _ = attempts.step()
    attempts.failed(.unreachable(host("x"), "timeout"))
    #expect(attempts.step() == .end)
    let reports = attempts.lastWord(nil)
    let report = try #require(reports.first)
    #expect(report.verdict.text == Array("No connection to [192.0.2.1]:25: timeout".utf8))
    #expect(report.host == Array("x".utf8))
  }

  @Test("Without a host, why there is none")
  func noHost() {
    var attempts = attempts(job("a"), at: [])
    #expect(attempts.step() == .end)
    #expect(attempts.lastWord(nil).first?.verdict == .noAddressOfDomain)
    attempts = HostsTests.attempts(job("a"), at: [])
    #expect(attempts.lastWord(.terminated).first?.verdict == .terminated)
  }

  @Test("TLS that fails is left out where it is opportunistic, and only there")
  func clearText() {
    var attempts = attempts(job("a"), at: ["x", "yy"])
    #expect(attempts.level() == .opportunistic)
    attempts.ended(.tlsFailed([]))
    #expect(attempts.level() == TLSLevel.none)
    attempts.ended(.tlsFailed([]))
    #expect(attempts.level() == .opportunistic)
    attempts = HostsTests.attempts(job("a"), at: ["x", "yy"], level: .required)
    #expect(attempts.level() == .required)
    attempts.ended(.tlsFailed(Array("why".utf8)))
    #expect(attempts.connects() == "yy")
    #expect(host("x", level: .opportunistic).inClearText?.level == TLSLevel.none)
    #expect(host("x", level: .required).inClearText == nil)
    #expect(host("x", level: .verified).inClearText == nil)
  }

  @Test("A connection that is open is used first, and its host is not asked twice")
  func reuse() {
    var attempts = attempts(job("a"), at: ["x", "yy"], on: host("x"))
    #expect(attempts.step() == .reuse)
    _ = attempts.outstanding.begin()
    _ = attempts.outstanding.take(report("a", .reply(450)))
    attempts.ended(.open)
    #expect(attempts.connects() == "yy")
  }

  @Test("That an open connection was closed meanwhile says nothing about its host")
  func reuseOfWhatIsClosed() {
    var attempts = attempts(job("a"), at: ["x", "yy"], on: host("x"))
    _ = attempts.step()
    _ = attempts.outstanding.begin()
    _ = attempts.outstanding.judgeRest(.connectionClosed, at: [])
    attempts.ended(.closed)
    #expect(attempts.connects() == "x")
  }

  @Test(
    "A host that takes a few on each connection is asked again, first for those who had no turn")
  func fewAtATime() {
    let recipients = (0..<40).map { "r\($0)" }
    var job = job()
    job.recipients = recipients.flatMap { HostsTests.job($0).recipients }
    var attempts = attempts(job, at: ["x"])
    var connections = 0
    while case .connect = attempts.step() {
      connections += 1
      for name in names(attempts.outstanding.begin()).prefix(4) {
        #expect(attempts.outstanding.take(report(name, .reply(250))) != nil)
      }
      _ = attempts.outstanding.judgeRest(.connectionClosed, at: [])
      attempts.ended(.closed)
    }
    #expect(connections == 10 && attempts.outstanding.isEmpty)
  }

  @Test("A host that settles nothing is not asked for ever")
  func nothingSettled() {
    var attempts = attempts(job("a", "b", "c"), at: ["x"])
    var connections = 0
    while case .connect = attempts.step() {
      connections += 1
      let first = names(attempts.outstanding.begin())[0]
      _ = attempts.outstanding.take(report(first, .reply(450)))
      attempts.ended(.closed)
    }
    #expect(connections == Attempts.sessionLimit)
  }

  @Test("Hosts that cannot be reached do not count against those that can")
  func manyUnreachable() {
    let hosts = (1...12).map { String(repeating: "x", count: $0) }
    var attempts = attempts(job("a"), at: hosts)
    for _ in 0..<11 {
      _ = attempts.step()
      attempts.failed(.timeout)
    }
    #expect(attempts.connects() == hosts[11])
  }
}

/// Hosts that do what chance says.
struct RandomHostsTests {
  @Test("Each recipient has one last word, and nothing is sent behind it", arguments: 0..<2000)
  func everybodyOnce(_ seed: UInt64) {
    var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
    let everybody = (0...random.below(8)).map { "r\($0)" }
    var job = job()
    job.recipients = everybody.flatMap { HostsTests.job($0).recipients }
    let hosts = (0..<random.below(6)).map { String(repeating: "h", count: $0 + 1) }
    var attempts = attempts(
      job, at: hosts, on: random.below(3) == 0 ? host("h") : nil,
      level: random.below(2) == 0 ? .opportunistic : .required)
    var told: [Report] = []
    var steps = 0
    while true {
      steps += 1
      let step = attempts.step()
      if step == .end { break }
      if step != .reuse, random.below(4) == 0 {
        attempts.failed(.timeout)
        continue
      }
      let asked = names(attempts.outstanding.begin())
      #expect(Set(asked).isDisjoint(with: names(told)))
      if random.below(5) == 0 {
        attempts.ended(.tlsFailed([]))
        continue
      }
      for name in asked where random.below(3) > 0 {
        let verdict = Verdict.reply(
          [250, 450, 550, 450][random.below(4)], random.below(2) == 0 ? .recipient : .destination)
        if let report = attempts.outstanding.take(report(name, verdict)) { told.append(report) }
      }
      var verdict = Verdict.connectionClosed
      if random.below(8) == 0 { verdict.outcome = .unknown }
      told += attempts.outstanding.judgeRest(verdict, at: [])
      attempts.ended(random.below(2) == 0 ? .open : .closed)
    }
    told += attempts.lastWord(nil)
    #expect(names(told).sorted() == everybody.sorted())
    #expect(steps <= 2 + 6 * 2 + everybody.count)
  }
}

private struct Random {
  var state: UInt64

  mutating func below(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }
}
