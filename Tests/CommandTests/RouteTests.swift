// Where postern-send brings mail: with a name server and mail servers of the test's own, on addresses of
// loopback. Only a debug build can be told to ask that name server and to use another port than 25.

import Foundation
import TestSupport
import Testing

@Suite struct RouteTests {
  private func send(
    _ recipients: [String], _ nameServer: UInt16, port: String? = nil,
    environment: [String: String] = [:]
  ) -> Outcome {
    var own = environment
    own["POSTERN_NAMESERVER"] = "\(nameServer)"
    own["POSTERN_PORT"] = port
    own["SMTP_CONNECT_TIMEOUT"] = "2"
    return PosternSend.run(recipients, environment: own, debug: true)
  }

  private static let records = [
    "--mx-host=two.example,mx1.example,10", "--mx-host=two.example,mx2.example,20",
    "--host-record=mx1.example,127.0.0.2", "--host-record=mx2.example,127.0.0.3",
    "--host-record=a.example,127.0.0.2", "--host-record=aaaa.example,::1",
    "--mx-host=empty.example,nowhere.example,10", "--host-record=empty.example,127.0.0.2",
    "--mx-host=null.example,.,0",
    "--cname=alias.example,two.example", "--cname=chain1.example,chain2.example",
    "--cname=chain2.example,chain3.example", "--cname=chain3.example,two.example",
    "--mx-host=toalias.example,other.example,10",
    "--cname=other.example,mx1.example",
    "--mx-host=xn--bcher-kva.example,mx1.example,10",
  ]

  private static let mx2 = "delivered b@two.example mx2.example 250 2.0.0 taken by 127.0.0.3\n"

  /// What the first host does decides whether the second is tried.
  @Test(
    .enabled(if: NameServer.isInstalled),
    arguments: [
      ("good", "delivered b@two.example mx1.example 250 2.0.0 taken by 127.0.0.2\n", ["127.0.0.2"]),
      (
        "echoing", "delivered b@two.example mx1.example 250 2.0.0 taken by 127.0.0.2\n",
        ["127.0.0.2"]
      ),
      ("dead", mx2, ["127.0.0.3"]),
      ("black", mx2, ["127.0.0.3"]),
      ("closing", mx2, ["127.0.0.2", "127.0.0.3"]),
      ("lying", mx2, ["127.0.0.2", "127.0.0.3"]),
      ("greylisting", mx2, ["127.0.0.2", "127.0.0.3"]),
      ("refusing", "refused b@two.example mx1.example 550 5.1.1 nobody\n", ["127.0.0.2"]),
    ])
  func hostAfterHost(_ behaviour: String, _ text: String, _ connections: [String]) {
    let names = NameServer(Self.records)
    var behaviours = ["127.0.0.3": "good"]
    if behaviour != "dead" { behaviours["127.0.0.2"] = behaviour }
    let hosts = PythonServer(hosts: behaviours)
    #expect(send(["b@two.example"], names.port, port: hosts.port).text == text)
    #expect(hosts.connections == connections)
  }

  /// `mx` leaves the smarthost out; it stands alone.
  @Test(.enabled(if: NameServer.isInstalled)) func byDNS() {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.2": "refusing", "127.0.0.3": "good"])
    let smarthost = ["SMTP_SMARTHOST": "smtp://127.0.0.3:\(hosts.port)?tls=none"]
    let refused = "refused b@two.example mx1.example 550 5.1.1 nobody\n"
    let words = ["--server", "mx", "b@two.example"]
    #expect(send(words, names.port, port: hosts.port, environment: smarthost).text == refused)
    let outcome = send(["--server", "smtp://127.0.0.3"] + words, names.port, port: hosts.port)
    #expect(outcome.status == 64)
  }

  /// A host is left with QUIT (RFC 5321 §4.1.1.10), also for the next one.
  @Test(.enabled(if: NameServer.isInstalled)) func farewell() {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.2": "greylisting", "127.0.0.3": "good"])
    #expect(send(["b@two.example"], names.port, port: hosts.port).text == Self.mx2)
    #expect(hosts.farewells == ["127.0.0.2", "127.0.0.3"])
  }

  /// No host can be connected to.
  @Test(.enabled(if: NameServer.isInstalled)) func allDead() {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.9": "good"])
    let outcome = send(["b@two.example"], names.port, port: hosts.port)
    #expect(outcome.status == 75)
    #expect(outcome.text.hasPrefix("deferred b@two.example mx2.example 4.4.1 No connection to "))
  }

  @Test(
    .enabled(if: NameServer.isInstalled),
    arguments: [
      ("b@a.example", "delivered b@a.example a.example 250 2.0.0 taken by 127.0.0.2\n"),
      ("b@aaaa.example", "delivered b@aaaa.example aaaa.example 250 2.0.0 taken by ::1\n"),
      ("b@alias.example", "delivered b@alias.example mx1.example 250 2.0.0 taken by 127.0.0.2\n"),
      ("b@chain1.example", "delivered b@chain1.example mx1.example 250 2.0.0 taken by 127.0.0.2\n"),
      (
        "b@toalias.example",
        "delivered b@toalias.example other.example 250 2.0.0 taken by 127.0.0.2\n"
      ),
      (
        "b@empty.example",
        "refused b@empty.example - 5.4.4 No host that takes mail for the domain has an address\n"
      ),
      ("b@nosuch.example", "refused b@nosuch.example - 5.1.2 The domain does not exist\n"),
      ("b@bücher.example", "delivered b@bücher.example mx1.example 250 2.0.0 taken by 127.0.0.2\n"),
      ("b@[127.0.0.2]", "delivered b@[127.0.0.2] 127.0.0.2 250 2.0.0 taken by 127.0.0.2\n"),
    ])
  func domains(_ address: String, _ text: String) {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.2": "good", "::1": "good"])
    #expect(send([address], names.port, port: hosts.port).text == text)
  }

  /// Recipients of one domain go together, each domain by itself.
  @Test(.enabled(if: NameServer.isInstalled)) func severalDomains() {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.2": "good"])
    let outcome = send(
      ["b@two.example", "b@nosuch.example", "c@TWO.example"], names.port, port: hosts.port)
    #expect(outcome.status == 69)
    #expect(hosts.connections.count == 1)
    #expect(outcome.text.split(separator: "\n").count == 3)
  }

  /// The best host is this one: mail would come back (RFC 5321 §5.1). This holds for port 25 alone.
  @Test(
    .enabled(if: NameServer.isInstalled),
    arguments: [
      ("own.example", "refused b@own.example - 5.4.6 "),
      ("named.example", "refused b@named.example - 5.4.6 "),
      ("null.example", "refused b@null.example - 5.1.10 "),
    ])
  func hostsThatTakeNoMail(_ domain: String, _ text: String) {
    let names = NameServer(
      Self.records + [
        "--mx-host=own.example,mx1.example,10", "--mx-host=named.example,client.example,10",
      ])
    let outcome = send(["b@\(domain)"], names.port)
    #expect(outcome.text.hasPrefix(text), "\(outcome.text)")
    #expect(outcome.status == 69)
  }

  /// No name server answers: nothing is known, so nothing is refused.
  @Test func noNameServer() {
    let outcome = send(["b@two.example"], 9)
    #expect(outcome.status == 75)
    #expect(outcome.text.contains(" 4.4.3 "))
  }

  /// Names that are aliases of each other (dnsmasq refuses to serve them).
  @Test func aliasLoop() {
    let names = PythonServer(
      """
      import socket
      def name(text): return b''.join(bytes([len(l)]) + l.encode() for l in text.split('.')) + b'\\0'
      server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      server.bind(('127.0.0.1', 0))
      print(server.getsockname()[1], flush=True)
      while True:
        question, client = server.recvfrom(512)
        end = question.index(b'\\0', 12) + 5
        target = name('b.example' if question[12:14] == b'\\x01a' else 'a.example')
        record = b'\\xc0\\x0c\\0\\x05\\0\\x01\\0\\0\\0\\0' + len(target).to_bytes(2, 'big') + target
        server.sendto(
          question[:2] + b'\\x85\\0\\0\\x01\\0\\x01\\0\\0\\0\\0' + question[12:end] + record, client)
      """)
    let outcome = send(["b@a.example"], UInt16(names.port) ?? 0)
    #expect(outcome.text == "deferred b@a.example - 4.4.3 The domain has too many aliases\n")
  }

  /// The search list of the resolver is for people who type names.
  @Test(.enabled(if: NameServer.isInstalled)) func searchList() {
    let names = NameServer(["--host-record=single.local.test,127.0.0.2", "--local=/test/"])
    let outcome = send(
      ["a@single"], names.port, environment: ["LOCALDOMAIN": "local.test"])
    #expect(outcome.status != 0)
    #expect(names.log.contains("single") && !names.log.contains("single.local.test"))
  }

  /// A host that said something counts for more than one that cannot be reached.
  @Test(.enabled(if: NameServer.isInstalled)) func greylistedBeforeDead() {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.2": "greylisting"])
    #expect(
      send(["b@two.example"], names.port, port: hosts.port).text
        == "deferred b@two.example mx1.example 450 4.7.1 later\n")
  }

  /// TLS that the hosts of a domain need by the settings, and do not offer.
  @Test(.enabled(if: NameServer.isInstalled), arguments: ["required", "verified"])
  func levelOfTLS(_ level: String) {
    let names = NameServer(Self.records)
    let hosts = PythonServer(hosts: ["127.0.0.2": "good"])
    let outcome = send(
      ["b@a.example"], names.port, port: hosts.port, environment: ["SMTP_SEND_TLS": level])
    #expect(outcome.text.hasPrefix("deferred b@a.example a.example 4.7.4 "))
  }

  /// A server that the configuration names is looked for by the search list, unless it has a dot at its end.
  @Test(
    .enabled(if: NameServer.isInstalled),
    arguments: [
      ("relay", 0), ("relay.svc", 0), ("mx1.example", 0), ("MX1.example.", 0), ("relay.", 75),
      ("nowhere", 75),
    ])
  func searchList(_ name: String, status: Int32) {
    let names = NameServer(
      Self.records + [
        "--host-record=relay.svc.example,127.0.0.2", "--local=/example/", "--local=/svc/",
        "--local=/relay/", "--local=/nowhere/",
      ])
    let hosts = PythonServer(hosts: ["127.0.0.2": "good"])
    let outcome = send(
      ["--server", "smtp://\(name):\(hosts.port)?tls=none", "b@a.example"], names.port,
      environment: ["LOCALDOMAIN": "none.example svc.example example"])
    #expect(outcome.status == status, "\(outcome.text)")
    if status == 0 {
      let bare = name.lowercased().hasSuffix(".") ? name.dropLast() : name[...]
      #expect(outcome.text.hasPrefix("delivered b@a.example \(bare.lowercased()) 250 "))
    }
  }

  /// Equal hosts get equal shares, about: 60 of 120 would be exact.
  @Test(.enabled(if: NameServer.isInstalled)) func shuffle() {
    let names = NameServer([
      "--mx-host=equal.example,mx1.example,10", "--mx-host=equal.example,mx2.example,10",
      "--host-record=mx1.example,127.0.0.2", "--host-record=mx2.example,127.0.0.3",
    ])
    let hosts = PythonServer(hosts: ["127.0.0.2": "good", "127.0.0.3": "good"])
    for _ in 0..<40 {
      #expect(send(["b@equal.example"], names.port, port: hosts.port).status == 0)
    }
    #expect(8...32 ~= hosts.connections.filter { $0 == "127.0.0.2" }.count)
  }
}
