// What real spawners tell a session about the peer, and where standard error leads behind them.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct SpawnerTests {
  /// A spawner, and the source of the peer's address behind it.
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let spawner: Server.Spawner
    let source: String
    var hasPort = true
    var isIPv6 = false
    var isTLS = false

    var testDescription: String { "\(name): \(source)" }
  }

  private static let rows = [
    Row(name: "socat nofork", spawner: Server.socat, source: "getpeername"),
    Row(name: "socat nofork", spawner: Server.socatIPv6, source: "getpeername", isIPv6: true),
    Row(name: "socat", spawner: Server.socatPair, source: "SOCAT_PEERADDR"),
    Row(name: "tcpserver", spawner: Server.tcpserver, source: "getpeername"),
    Row(name: "tcpserver, pipe", spawner: Server.piped(Server.tcpserver), source: "TCPREMOTEIP"),
    Row(name: "xinetd", spawner: Server.xinetd, source: "getpeername"),
    // xinetd does not give the port.
    Row(
      name: "xinetd, pipe", spawner: Server.piped(Server.xinetd), source: "REMOTE_HOST",
      hasPort: false),
    Row(
      name: "xinetd, pipe", spawner: Server.piped(Server.xinetdIPv6), source: "REMOTE_HOST",
      hasPort: false, isIPv6: true),
    // stunnel connects to the session with internet sockets: the peer of these is stunnel itself.
    Row(name: "stunnel", spawner: Server.stunnel, source: "REMOTE_HOST", isTLS: true),
    // REMOTE_ADDR is set by the systemd manager, not by systemd-socket-activate.
    Row(name: "systemd", spawner: Server.systemd, source: "getpeername"),
    Row(name: "systemd", spawner: Server.systemdIPv6, source: "getpeername", isIPv6: true),
  ]

  private static let needs = [
    "socat", "tcpserver", "xinetd", "stunnel4", "openssl", "systemd-socket-activate", "python3",
  ]

  @Test(
    .enabled(if: needs.allSatisfy(Command.exists), "one of \(needs) is not installed"),
    arguments: rows)
  func peer(_ row: Row) {
    let server = Server(
      row.spawner, on: row.isIPv6 ? "::1" : "127.0.0.1",
      arguments: ["--check"] + (row.isTLS ? ["--tls"] : []))
    // An address that only the client has.
    let client = row.isIPv6 ? "::1" : "127.0.0.2"
    let exchange = server.exchange([], from: client, isTLS: row.isTLS)
    #expect(exchange.status == 0)
    let port = row.hasPort ? " port \(exchange.port)" : ""
    let lines = exchange.text.split(separator: "\n")
    #expect(
      lines.filter { $0.hasPrefix("# peer") } == ["# peer: \(client)\(port), from \(row.source)"],
      "\(exchange.text)\(server.log)")
  }
}

/// Spawners that make descriptor 2 the client's connection.
@Suite(.serialized) struct StandardErrorTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let spawner: Server.Spawner
    var isTLS = false

    var testDescription: String { name }
  }

  private static let rows = [
    Row(name: "xinetd", spawner: Server.xinetd),
    Row(name: "stunnel as a daemon", spawner: Server.stunnelDaemon, isTLS: true),
  ]

  private static let needs = ["xinetd", "stunnel4", "openssl", "python3"]

  @Test(
    .enabled(if: needs.allSatisfy(Command.exists), "one of \(needs) is not installed"),
    .enabled(
      if: geteuid() == 0 && !FileManager.default.fileExists(atPath: "/dev/log"),
      "only root can stand in for a syslog daemon, and only where there is none"),
    arguments: rows)
  func isTheClient(_ row: Row) throws {
    let syslog = try Syslog()
    let server = Server(
      row.spawner, arguments: row.isTLS ? ["--tls"] : [],
      environment: ["SMTP_LOG_LEVEL": "debug"])
    let session = """
      EHLO client.example\r
      FOO\r
      MAIL FROM:<a@x.example>\r
      RCPT TO:<b@x.example>\r
      DATA\r
      hello\r
      .\r
      QUIT\r

      """
    let text = server.exchange(session.utf8, from: "127.0.0.2", isTLS: row.isTLS).text
    let lines = text.components(separatedBy: "\r\n")
    #expect(lines.last == "")
    #expect(lines.count > 8)
    for line in lines.dropLast() {
      #expect(line.wholeMatch(of: /[2-5][0-9][0-9][ -][ -~]*/) != nil)
    }
    #expect(server.mail.entries.count == 1)

    #expect(Server.wait { syslog.content.contains("event=close reason=quit") })
    // Each line has the program's name. openlog(3) keeps only a pointer to it.
    for event in ["connect peer=127.0.0.2", "refuse", "store", "close reason=quit"] {
      let line = try Regex(" postern-smtpd\\[[0-9]+\\]: session=[0-9a-f]+ event=\(event) ")
      #expect(syslog.content.contains(line), "\(event): \(syslog.content)")
    }
    #expect(!server.log.contains("session="))
  }

  /// Stands in for a syslog daemon: writes what arrives at /dev/log to a file. It ends with this
  /// object, and after two minutes in any case.
  private final class Syslog {
    private let folder = Scratch()
    private let process: RunningProcess

    init() throws {
      let script = """
        import os, signal, socket, sys
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind('/dev/log')
        for number in signal.SIGTERM, signal.SIGALRM: signal.signal(number, lambda *_: sys.exit())
        signal.alarm(120)
        try:
          print('ready', flush=True)
          while True: print(s.recv(65536).decode(errors='replace'), flush=True)
        finally:
          os.unlink('/dev/log')
        """
      process = Command.start(["python3", "-c", script], in: folder)
      try #require(Server.wait { content.hasPrefix("ready") })
    }

    deinit {
      process.terminate()
      _ = process.wait()
    }

    var content: String {
      String(decoding: MailFolder(folder, ".").content("stdout"), as: UTF8.self)
    }
  }
}
