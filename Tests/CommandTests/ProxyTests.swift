// Sessions with --proxy, behind a proxy that sends a PROXY header.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

import Foundation
import TestSupport
import Testing

@Suite struct ProxyTests {
  /// A proxy; `spawner` is given the port of the session's spawner.
  struct Proxy: Sendable, CustomTestStringConvertible {
    let name: String
    let spawner: @Sendable (_ backend: UInt16) -> Server.Spawner
    /// Whether clients use TLS to connect to it.
    var isTLS = false
    var arguments = ["--proxy"]
    var protocolName = "ESMTP"

    var testDescription: String { name }

    static func haproxy(_ server: String, isTLS: Bool = false)
      -> @Sendable (UInt16) ->
      Server
      .Spawner
    {
      { backend in
        { port, _, folder in
          var options = ""
          if isTLS {
            let pair = Certificate.make(in: folder)
            let files = [pair.certificate, pair.key].map {
              FileManager.default.contents(atPath: $0)!
            }
            options = "ssl crt " + folder.file("pair.pem", files.joined())
          }
          let configuration = """
            defaults
              mode tcp
              timeout connect 20s
              timeout client 20s
              timeout server 20s
            listen smtp
              bind 127.0.0.1:\(port) \(options)
              bind [::1]:\(port) \(options)
              server session 127.0.0.1:\(backend) \(server)

            """
          return ["haproxy", "-db", "-f", folder.file("haproxy.cfg", configuration.utf8)]
        }
      }
    }

    /// stunnel's header does not say that TLS is on, so the session needs --tls.
    static let stunnel: @Sendable (UInt16) -> Server.Spawner = { backend in
      { port, _, folder in
        Server.stunnel(
          """
          foreground = yes
          pid =
          [smtps]
          accept = 127.0.0.1:\(port)
          protocol = proxy
          connect = 127.0.0.1:\(backend)
          """, in: folder)
      }
    }
  }

  private static let proxies = [
    Proxy(name: "HAProxy, version 1", spawner: Proxy.haproxy("send-proxy")),
    Proxy(name: "HAProxy, version 2", spawner: Proxy.haproxy("send-proxy-v2")),
    Proxy(
      name: "HAProxy, version 2, checksum",
      spawner: Proxy.haproxy("send-proxy-v2 proxy-v2-options crc32c,unique-id")),
    Proxy(
      name: "HAProxy, TLS", spawner: Proxy.haproxy("send-proxy-v2-ssl", isTLS: true), isTLS: true,
      protocolName: "ESMTPS"),
    // A client in clear text is not under TLS, although this proxy's header can say that a client is.
    Proxy(name: "HAProxy, no TLS", spawner: Proxy.haproxy("send-proxy-v2-ssl")),
    Proxy(
      name: "stunnel", spawner: Proxy.stunnel, isTLS: true, arguments: ["--proxy", "--tls"],
      protocolName: "ESMTPS"),
  ]

  private static let needs = ["haproxy", "stunnel4", "openssl", "socat", "tcpserver", "python3"]
  private static let isInstalled = needs.allSatisfy(Command.exists)

  private static let session =
    "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n"

  /// The Received field of the only message.
  private func origin(_ server: Server) -> String? {
    guard server.mail.entries.count == 1 else { return nil }
    let text = String(decoding: server.mail.content(server.mail.entries[0]), as: UTF8.self)
    return text.firstMatch(of: #/Received: from x (.*)\r\n\tby .* (with .*) id /#).map {
      "\($0.1) \($0.2)"
    }
  }

  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"), arguments: proxies)
  func proxy(_ proxy: Proxy) {
    let server = Server(Server.socat, arguments: proxy.arguments)
    let front = Server(proxy.spawner(server.port))
    let text = front.exchange(Self.session.utf8, from: "127.0.0.2", isTLS: proxy.isTLS).text
    #expect(text.hasSuffix("221 2.0.0 Goodbye\r\n"), "\(text)\(server.log)\(front.log)")
    #expect(origin(server) == "([127.0.0.2]) with \(proxy.protocolName)")
  }

  @Test(
    .enabled(if: isInstalled, "one of \(needs) is not installed"),
    arguments: ["send-proxy", "send-proxy-v2"])
  func ipv6(_ option: String) {
    let server = Server(Server.tcpserver, arguments: ["--proxy"])
    let front = Server(Proxy.haproxy(option)(server.port), on: "::1")
    _ = front.exchange(Self.session.utf8)
    #expect(origin(server) == "([IPv6:::1]) with ESMTP", "\(server.log)")
  }

  /// The session behind STARTTLS gets the address from the session that read the header.
  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"))
  func startTLS() {
    let server = Server(Server.startTLS, arguments: ["--proxy"])
    let front = Server(Proxy.haproxy("send-proxy-v2")(server.port))
    let script = """
      import smtplib, ssl
      with smtplib.SMTP('127.0.0.1', \(front.port), 'x', source_address=('127.0.0.2', 0)) as s:
        s.starttls(context=ssl._create_unverified_context())
        s.sendmail('a@x.example', ['b@x.example'], 'hello')
      """
    let outcome = Command.run(["python3", "-c", script], in: Scratch())
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(origin(server) == "([127.0.0.2]) with ESMTPS", "\(server.log)")
  }

  private static let headers = [
    Array("PROXY TCP4 192.0.2.9 192.0.2.1 4711 25\r\n".utf8),
    Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [0x21, 0x11, 0, 12]
      + [192, 0, 2, 9, 192, 0, 2, 1, 0, 9, 0, 25],
  ]

  /// Input that comes in the same segment as the header goes to the session.
  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"), arguments: headers)
  func oneSegment(_ header: [UInt8]) {
    for spawner in [Server.socat, Server.tcpserver] {
      let server = Server(spawner, arguments: ["--proxy"])
      let text = server.exchange(header + Self.session.utf8).text
      #expect(text.hasSuffix("221 2.0.0 Goodbye\r\n"), "\(text)\(server.log)")
      #expect(origin(server) == "([192.0.2.9]) with ESMTP")
    }
  }

  struct BadHeader: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let octets: String
    let reason: String

    init(_ description: String, _ octets: String, _ reason: String) {
      (testDescription, self.octets, self.reason) = (description, octets, reason)
    }
  }

  private static let badHeaders = [
    BadHeader("none", "EHLO x\r\nQUIT\r\n", "no PROXY header"),
    BadHeader("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}ssssssss", "no PROXY header"),
    BadHeader(
      "version 1, cut", "PROXY TCP4 192.0.2.9 192.0.2.1 4711 25", "no PROXY header came"),
    BadHeader("version 1, five octets", "PROXY", "no PROXY header came"),
    BadHeader(
      "version 2, cut", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{c}abc", "no PROXY header came"),
    BadHeader(
      "two families", "PROXY TCP4 192.0.2.9 ::1 4711 25\r\n",
      "addresses in the PROXY header not understood"),
    BadHeader(
      "no address", "PROXY TCP4 192.0.2.999 192.0.2.1 1 25\r\n",
      "addresses in the PROXY header not understood"),
    BadHeader(
      "version 1, too long", "PROXY UNKNOWN \(String(repeating: "x", count: 107))\r\n",
      "PROXY header too long"),
    BadHeader(
      "version 2, too long", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\u{7f}\u{7f}",
      "PROXY header too long"),
    BadHeader(
      "version 1 in binary", "\r\n\r\n\0\r\nQUIT\n\u{11}\u{11}\0\u{c}abcdefghijkl",
      "PROXY version not known"),
  ]

  /// The connection is closed without a reply, and the log says why.
  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"), arguments: badHeaders)
  func badHeader(_ header: BadHeader) {
    let server = Server(Server.socat, arguments: ["--proxy"])
    let exchange = server.exchange(header.octets.utf8)
    #expect(exchange.status == 0)
    #expect(exchange.text == "")
    expectLog(server, header.reason)
  }

  /// A header that comes octet by octet has the same deadline as one that comes at once.
  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"))
  func slowHeader() {
    let server = Server(Server.socat, arguments: ["--proxy"])
    let exchange = server.trickle("PROXY UNKNOWN \(String(repeating: "x", count: 60))\r\n".utf8)
    #expect(exchange.status == 0)
    #expect(exchange.text == "")
    expectLog(server, "no PROXY header came")
  }

  /// Waiting for the server to start made a connection without a header too.
  private func expectLog(
    _ server: Server, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var lines: [String] {
      server.log.split(separator: "\n").compactMap {
        $0.wholeMatch(of: /session=[0-9a-f]+ event=proxy reason="(.*)"/).map { String($0.1) }
      }
    }
    let expected = ["no PROXY header came", reason].sorted()
    #expect(
      Server.wait { lines.sorted() == expected }, "\(server.log)", sourceLocation: sourceLocation)
  }
}
