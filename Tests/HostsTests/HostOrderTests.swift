// Which hosts are tried, and in which order: RFC 5321 §5.1, RFC 7505.

import DNS
import Jobs
import SMTP
import Testing

@testable import Hosts

private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The order of the hosts of `x.example`.
private func order(_ exchangers: MailExchangers) -> HostOrder {
  var order = HostOrder(
    to: .exchangers(.opportunistic), domain: octets("x.example"), hostname: octets("me.example"))
  #expect(order.next() == .exchangers(of: octets("x.example")))
  order.take(exchangers)
  return order
}

/// The names of all hosts that are given, each with the last part of its address, where the DNS knows these addresses.
private func given(_ order: inout HostOrder, _ known: [String: [String]]) -> [String] {
  var given: [String] = []
  while true {
    switch order.next() {
    case .host(let host):
      guard case .address(let address, _) = host.place else { return given }
      given.append(String(decoding: host.name, as: UTF8.self) + "/" + address)
    case .addresses(let name, _):
      order.take(known[String(decoding: name, as: UTF8.self)] ?? [], isOwn: false)
    case .exchangers: order.take(.domain)
    case .end: return given
    }
  }
}

struct HostOrderTests {
  @Test("The best first, all addresses of one before those of the next")
  func preference() {
    var order = order(.hosts([[octets("a"), octets("b")], [octets("c")]]))
    let hosts = given(&order, ["a": ["1", "2"], "c": ["3"]])
    #expect(hosts == ["a/1", "a/2", "c/3"])
    #expect(order.failure == .noAddressOfDomain)
  }

  @Test("A domain without MX is its own host; aliases are followed, but not for ever")
  func aliases() {
    var order = order(.alias(octets("y.example")))
    #expect(order.next() == .exchangers(of: octets("y.example")))
    order.take(.domain)
    #expect(given(&order, ["y.example": ["1"]]) == ["y.example/1"])
    order = HostOrder(to: .exchangers(.none), domain: octets("x"), hostname: [])
    var questions = 0
    while case .exchangers = order.next() {
      questions += 1
      order.take(.alias(octets("x")))
    }
    #expect(questions == aliasLimit && order.failure == .aliasLoop)
  }

  @Test("A null MX, a domain that does not exist, a DNS that does not answer")
  func nowhere() {
    var null = order(.none)
    #expect(null.next() == .end && null.failure == .nullExchanger)
    for verdict in [Verdict.noSuchDomain, .lookupFailed] {
      var order = HostOrder(to: .exchangers(.none), domain: octets("x"), hostname: [])
      _ = order.next()
      order.fail(verdict)
      #expect(order.next() == .end && order.failure == verdict)
    }
  }

  @Test("Mail goes to no host that is not better than this one")
  func loop() {
    let (mine, other) = (octets("me.example"), octets("a"))
    var best = order(.hosts([[other, mine], [octets("c")]]))
    #expect(given(&best, ["a": ["1"], "c": ["2"]]) == [] && best.failure == .loop)
    var second = order(.hosts([[other], [mine], [octets("c")]]))
    #expect(given(&second, ["a": ["1"], "c": ["2"]]) == ["a/1"])
    #expect(second.failure == .loopBehindOthers)
  }

  @Test("Nor to one whose address is this machine's, by whatever name")
  func ownAddress() {
    var order = order(.hosts([[octets("a"), octets("b")], [octets("c")]]))
    _ = order.next()
    order.take(["1"], isOwn: false)
    #expect(order.next() == .addresses(of: octets("b"), .exchanger))
    order.take(["2"], isOwn: true)
    // The other host of the group is as good as this machine.
    #expect(order.next() == .end && order.failure == .loop)
  }

  @Test("One host that cannot be found does not hide the others")
  func someFound() {
    var order = order(.hosts([[octets("a"), octets("b")]]))
    _ = order.next()
    order.fail(.lookupFailed)
    #expect(given(&order, ["b": ["1"]]) == ["b/1"])
    #expect(order.failure == .lookupFailed)
  }

  @Test func bounds() {
    let names = (0..<40).map { octets("h\($0)") }
    var order = order(.hosts([names, names]))
    var known: [String: [String]] = [:]
    for index in 0..<40 { known["h\(index)"] = (0..<9).map { "\($0)" } }
    let hosts = given(&order, known)
    #expect(hosts.count == 20)
    #expect(hosts[3] == "h0/3" && hosts[4] == "h1/0")
  }

  @Test("An address literal is the host", arguments: ["[192.0.2.1]", "[ipv6:2001:db8::1]"])
  func literal(_ domain: String) {
    var order = HostOrder(to: .exchangers(.required), domain: octets(domain), hostname: [])
    let text = domain.contains("ipv6") ? "2001:db8::1" : "192.0.2.1"
    #expect(order.next() == .addresses(of: octets(text), .literal))
    order.take([text], isOwn: true)
    guard case .host(let host) = order.next() else { return #expect(Bool(false)) }
    #expect(host.name == octets(text) && host.place == .address(text, port: 25))
    #expect(host.level == .required)
  }

  @Test("A server that the configuration names is one host, with its port and user")
  func server() throws {
    let url = try #require(ServerURL("smtps://me@mail.example.:4650"))
    var order = HostOrder(to: .servers([url]), domain: [], hostname: octets("mail.example"))
    #expect(order.next() == .addresses(of: octets("mail.example."), .configuration))
    order.take(["127.0.0.1"], isOwn: true)
    guard case .host(let host) = order.next() else { return #expect(Bool(false)) }
    #expect(host.name == octets("mail.example"))
    #expect(host.place == .address("127.0.0.1", port: 4650))
    #expect(host.isTLSFirst && host.user == octets("me") && host.level == .verified)
    #expect(order.next() == .end && order.failure == .noAddressOfServer)
  }

  @Test func socketsAndCommands() throws {
    let url = try #require(ServerURL("lmtp:///run/lmtp"))
    var order = HostOrder(to: .servers([url]), domain: [], hostname: [])
    guard case .host(let socket) = order.next() else { return #expect(Bool(false)) }
    #expect(socket.place == .socket("/run/lmtp") && socket.isLMTP)
    order = HostOrder(to: .command("true"), domain: [], hostname: [])
    guard case .host(let command) = order.next() else { return #expect(Bool(false)) }
    #expect(command.place == .command("true") && command.level == .none)
    #expect(order.next() == .end && order.failure == .noServer)
    order = HostOrder(to: .servers([]), domain: [], hostname: [])
    #expect(order.next() == .end && order.failure == .noServer)
  }

  @Test("Several servers in order, each with what its URL says")
  func servers() throws {
    let urls = try ServerURL.list(
      "smtp://a:26?tls=none&recipients=3 lmtp:///run/lmtp\tsmtps://me@b?messages=4&rate=5/m")
    var order = HostOrder(to: .servers(urls), domain: [], hostname: octets("a"))
    #expect(given(&order, ["a": ["1", "2"]]) == ["a/1", "a/2"])
    order = HostOrder(to: .servers(urls), domain: [], hostname: [])
    // The DNS does not answer for the first.
    #expect(order.next() == .addresses(of: octets("a"), .configuration))
    order.fail(.lookupFailed)
    guard case .host(let socket) = order.next() else { return #expect(Bool(false)) }
    #expect(socket.place == .socket("/run/lmtp") && socket.isLMTP && socket.server == 1)
    #expect(order.next() == .addresses(of: octets("b"), .configuration))
    order.take(["3"], isOwn: true)
    guard case .host(let last) = order.next() else { return #expect(Bool(false)) }
    #expect(last.place == .address("3", port: 465) && last.user == octets("me"))
    #expect(last.isTLSFirst && !last.isLMTP && last.server == 2)
    #expect(last.limits.messages == 4 && last.limits.rate == .init(5, in: 60))
    #expect(order.next() == .end && order.failure == .lookupFailed)
    order = HostOrder(to: .servers(urls), domain: [], hostname: [])
    _ = order.next()
    order.take(["1"], isOwn: false)
    guard case .host(let first) = order.next() else { return #expect(Bool(false)) }
    #expect(first.user == nil && first.level == TLSLevel.none && first.limits.recipients == 3)
    #expect(first.place == .address("1", port: 26) && first.server == 0)
  }

  @Test("Servers that could not be reached come last, in their order")
  func behind() throws {
    let urls = try ServerURL.list("smtp://a smtp://b smtp://c smtp://d")
    for (behind, names) in [
      (Set<Int>(), "abcd"), ([0], "bcda"), ([2, 0], "bdac"), ([0, 1, 2, 3], "abcd"), ([7], "abcd"),
    ] {
      var order = HostOrder(to: .servers(urls), domain: [], hostname: [], behind: behind)
      let known = Dictionary(uniqueKeysWithValues: "abcd".map { (String($0), ["1"]) })
      #expect(given(&order, known) == names.map { "\($0)/1" })
    }
  }

  @Test("Addresses of both families in turn")
  func families() {
    #expect(HostOrder.inTurn([[[1], [2], [3]], [[4]]]) == [[1], [4], [2], [3]])
    #expect(HostOrder.inTurn([[], [[4], [5]]]) == [[4], [5]])
  }

  @Test("Recipients of a domain go together, whatever its case; to a server, all do")
  func groups() throws {
    let recipients = job("a@x.example", "b@y.example", "c@X.EXAMPLE", "d@b\u{fc}cher.example")
      .recipients
    let domains = Target.exchangers(.none).groups(of: recipients)
    #expect(domains.map { $0.recipients.count } == [2, 1, 1])
    #expect(domains[2].domain == octets("xn--bcher-kva.example"))
    #expect(Target.command("true").groups(of: recipients).map { $0.recipients.count } == [4])
  }
}
