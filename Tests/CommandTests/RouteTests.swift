// Where postern-send brings mail: with a name server and mail servers of the test's own, on addresses of
// loopback. Only a debug build can be told to ask that name server and to use another port than 25.

import Foundation
import TestSupport
import Testing

@Suite struct RouteTests {
  /// dnsmasq, with the options given.
  private final class NameServer {
    let folder = Scratch()
    let port: UInt16
    private let process: RunningProcess

    init(_ records: [String]) {
      port = Server.freePort()
      process = Command.start(
        [
          "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
          "--port=\(port)", "--listen-address=127.0.0.1", "--bind-interfaces", "--log-facility=-",
          "--log-queries", "--pid-file", "--local=/example/", "--user=root",
        ] + records, in: folder)
      let port = self.port
      _ = Server.wait {
        Command.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"], in: Scratch()).status == 0
      }
    }

    var log: String {
      String(
        decoding: FileManager.default.contents(atPath: folder.path + "/stderr") ?? Data(),
        as: UTF8.self)
    }

    deinit {
      process.terminate()
      _ = process.wait()
    }
  }

  /// Mail servers on addresses of loopback, all on the same port: what each does with a connection, in
  /// Python.
  private final class Hosts {
    let folder = Scratch()
    let port: UInt16
    private let process: RunningProcess

    /// `good` takes everything, `refusing` no recipient, `greylisting` none now, `lying` greets with 554,
    /// `closing` closes at once. An address without an entry refuses connections.
    init(_ behaviours: [String: String]) {
      port = Server.freePort()
      let code = """
        import socket, sys, threading
        def serve(address, behaviour, connection):
          print(address, flush=True)
          reader = connection.makefile('rb')
          def say(text): connection.sendall(text.encode() + b'\\r\\n')
          try:
            if behaviour == 'closing': return connection.close()
            say('554 5.7.0 no' if behaviour == 'lying' else '220 x')
            while line := reader.readline():
              verb = line[:4].upper()
              if verb == b'RCPT' and behaviour == 'refusing': say('550 5.1.1 nobody')
              elif verb == b'RCPT' and behaviour == 'greylisting': say('450 4.7.1 later')
              elif verb == b'DATA':
                say('354 go')
                while reader.readline() not in (b'.\\r\\n', b''): pass
                say('250 2.0.0 taken by ' + address)
              else: say('250 ok')
          except OSError: pass
        listeners = []
        for argument in sys.argv[2:]:
          address, behaviour = argument.split('=')
          listener = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
          listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
          listener.bind((address, int(sys.argv[1])))
          listener.listen()
          listeners.append((address, behaviour, listener))
        def accept(address, behaviour, listener):
          while True:
            threading.Thread(target=serve, args=(address, behaviour, listener.accept()[0])).start()
        for one in listeners: threading.Thread(target=accept, args=one).start()
        print('ready', flush=True)
        """
      process = Command.start(
        ["python3", "-uc", code, "\(port)"] + behaviours.map { "\($0)=\($1)" }, in: folder)
      let file = folder.path + "/stdout"
      _ = Server.wait { FileManager.default.contents(atPath: file)?.isEmpty == false }
    }

    /// The addresses that were connected to.
    var connections: [String] {
      let content = FileManager.default.contents(atPath: folder.path + "/stdout") ?? Data()
      return String(decoding: content, as: UTF8.self).split(separator: "\n").map(String.init)
        .filter { $0 != "ready" }
    }

    deinit {
      process.terminate()
      _ = process.wait()
    }
  }

  private func send(_ recipients: [String], _ names: NameServer, port: UInt16) -> Outcome {
    Command.run(
      ["timeout", "60", Command.builtForDebugging("postern-send")] + recipients, in: Scratch(),
      environment: [
        "SMTP_HOSTNAME": "client.example", "POSTERN_NAMESERVER": "\(names.port)",
        "POSTERN_PORT": "\(port)", "SMTP_CONNECT_TIMEOUT": "2",
      ],
      input: "Subject: x\r\n\r\nx\r\n".utf8)
  }

  private static let records = [
    "--mx-host=two.example,mx1.example,10", "--mx-host=two.example,mx2.example,20",
    "--host-record=mx1.example,127.0.0.2", "--host-record=mx2.example,127.0.0.3",
    "--host-record=a.example,127.0.0.2", "--host-record=aaaa.example,::1",
    "--mx-host=empty.example,nowhere.example,10", "--host-record=empty.example,127.0.0.2",
    "--mx-host=null.example,.,0",
    "--cname=alias.example,two.example", "--mx-host=toalias.example,other.example,10",
    "--cname=other.example,mx1.example",
    "--mx-host=xn--bcher-kva.example,mx1.example,10",
  ]

  private static let mx2 = "delivered b@two.example mx2.example 250 2.0.0 taken by 127.0.0.3\n"

  /// What the first host does decides whether the second is tried.
  @Test(
    .enabled(if: Command.exists("dnsmasq")),
    arguments: [
      ("good", "delivered b@two.example mx1.example 250 2.0.0 taken by 127.0.0.2\n", ["127.0.0.2"]),
      ("dead", mx2, ["127.0.0.3"]),
      ("closing", mx2, ["127.0.0.2", "127.0.0.3"]),
      ("lying", mx2, ["127.0.0.2", "127.0.0.3"]),
      ("greylisting", mx2, ["127.0.0.2", "127.0.0.3"]),
      ("refusing", "refused b@two.example mx1.example 550 5.1.1 nobody\n", ["127.0.0.2"]),
    ])
  func hostAfterHost(_ behaviour: String, _ text: String, _ connections: [String]) {
    let names = NameServer(Self.records)
    var behaviours = ["127.0.0.3": "good"]
    if behaviour != "dead" { behaviours["127.0.0.2"] = behaviour }
    let hosts = Hosts(behaviours)
    #expect(send(["b@two.example"], names, port: hosts.port).text == text)
    #expect(hosts.connections == connections)
  }

  /// No host can be connected to.
  @Test(.enabled(if: Command.exists("dnsmasq"))) func allDead() {
    let names = NameServer(Self.records)
    let hosts = Hosts(["127.0.0.9": "good"])
    let outcome = send(["b@two.example"], names, port: hosts.port)
    #expect(outcome.status == 75)
    #expect(outcome.text.hasPrefix("deferred b@two.example mx2.example 4.4.1 No connection to "))
  }

  @Test(
    .enabled(if: Command.exists("dnsmasq")),
    arguments: [
      ("b@a.example", "delivered b@a.example a.example 250 2.0.0 taken by 127.0.0.2\n"),
      ("b@aaaa.example", "delivered b@aaaa.example aaaa.example 250 2.0.0 taken by ::1\n"),
      ("b@alias.example", "delivered b@alias.example mx1.example 250 2.0.0 taken by 127.0.0.2\n"),
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
    let hosts = Hosts(["127.0.0.2": "good", "::1": "good"])
    #expect(send([address], names, port: hosts.port).text == text)
  }

  /// Recipients of one domain go together, each domain by itself.
  @Test(.enabled(if: Command.exists("dnsmasq"))) func severalDomains() {
    let names = NameServer(Self.records)
    let hosts = Hosts(["127.0.0.2": "good"])
    let outcome = send(
      ["b@two.example", "b@nosuch.example", "c@TWO.example"], names, port: hosts.port)
    #expect(outcome.status == 69)
    #expect(hosts.connections.count == 1)
    #expect(outcome.text.split(separator: "\n").count == 3)
  }

  /// The best host is this one: mail would come back (RFC 5321 §5.1). This holds for port 25 alone.
  @Test(
    .enabled(if: Command.exists("dnsmasq")),
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
    let outcome = Command.run(
      ["timeout", "60", Command.builtForDebugging("postern-send"), "b@\(domain)"], in: Scratch(),
      environment: ["SMTP_HOSTNAME": "client.example", "POSTERN_NAMESERVER": "\(names.port)"],
      input: "x\r\n".utf8)
    #expect(outcome.text.hasPrefix(text), "\(outcome.text)")
    #expect(outcome.status == 69)
  }

  /// No name server answers: nothing is known, so nothing is refused.
  @Test(.enabled(if: Command.exists("dnsmasq"))) func noNameServer() {
    let names = NameServer(Self.records + ["--address=/#/"])
    let outcome = Command.run(
      ["timeout", "60", Command.builtForDebugging("postern-send"), "b@two.example"], in: Scratch(),
      environment: ["SMTP_HOSTNAME": "client.example", "POSTERN_NAMESERVER": "9"],
      input: "x\r\n".utf8)
    _ = names
    #expect(outcome.status == 75)
    #expect(outcome.text.contains(" 4.4.3 "))
  }

  /// Equal hosts get equal shares, about: 60 of 120 would be exact.
  @Test(.enabled(if: Command.exists("dnsmasq"))) func shuffle() {
    let names = NameServer([
      "--mx-host=equal.example,mx1.example,10", "--mx-host=equal.example,mx2.example,10",
      "--host-record=mx1.example,127.0.0.2", "--host-record=mx2.example,127.0.0.3",
    ])
    let hosts = Hosts(["127.0.0.2": "good", "127.0.0.3": "good"])
    for _ in 0..<40 {
      #expect(send(["b@equal.example"], names, port: hosts.port).status == 0)
    }
    #expect(8...32 ~= hosts.connections.filter { $0 == "127.0.0.2" }.count)
  }
}
