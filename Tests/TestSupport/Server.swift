// Real spawners on the loopback interface, which start the session program for each connection.

import Foundation
import Glibc

package final class Server {
  package let address: String
  package let port: UInt16
  package let folder: Scratch
  package let mail: MailFolder
  private let process: RunningProcess

  /// Makes the command line of a spawner, from the port of 127.0.0.1 that it is to listen on and the
  /// command line of the session.
  package typealias Spawner =
    @Sendable (_ port: UInt16, _ session: [String], _ folder: Scratch) -> [String]

  package static let socat: Spawner = { port, session, _ in
    [
      "socat", "TCP-LISTEN:\(port),bind=127.0.0.1,reuseaddr,backlog=128,fork,max-children=200",
      "EXEC:\(session.joined(separator: " ")),nofork",
    ]
  }

  package static let tcpserver: Spawner = { port, session, _ in
    ["tcpserver", "-HRD", "-l0", "127.0.0.1", "\(port)"] + session
  }

  /// stunnel in the foreground, with a new certificate.
  package static let stunnel: Spawner = { port, session, folder in
    stunnel(
      """
      foreground = yes
      pid =
      [smtps]
      accept = 127.0.0.1:\(port)
      exec = \(session[0])
      execArgs = \(session.joined(separator: " "))
      """, in: folder)
  }

  /// Starts a spawner that listens on `address`, at a free port or at one that was free before.
  package init(
    _ spawner: Spawner, on address: String = "127.0.0.1", port: UInt16? = nil,
    arguments: [String] = [],
    environment: [String: String] = [:]
  ) {
    self.address = address
    folder = Scratch()
    mail = MailFolder(folder)
    let port = port ?? Server.freePort()
    self.port = port
    let session = [Command.built("postern-smtpd")] + arguments
    process = Command.start(
      spawner(port, session, folder), in: folder,
      environment: environment.merging(
        ["SMTP_MAIL_DIR": mail.path, "SMTP_HOSTNAME": Transcript.hostname]) { a, _ in a },
      log: "log")
    // This connection starts a session, too: it appears in the log.
    _ = Server.wait { Server.accepts(address, port) }
  }

  deinit {
    // A spawner that became a daemon is not our child. Its process id is in a file.
    let file = FileManager.default.contents(atPath: folder.path + "/" + Self.daemonFile) ?? Data()
    let text = String(decoding: file, as: UTF8.self)
    if let daemon = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), daemon > 1 {
      kill(daemon, SIGTERM)
    }
    process.terminate()
    _ = process.wait()
  }

  /// What the spawner and the sessions have written to standard error.
  package var log: String {
    String(
      decoding: FileManager.default.contents(atPath: folder.path + "/log") ?? Data(), as: UTF8.self)
  }

  /// Waits some seconds for `condition` to hold, and returns whether it does.
  package static func wait(until condition: () -> Bool) -> Bool {
    for _ in 0..<500 {
      if condition() { return true }
      usleep(20_000)
    }
    return false
  }

  private static func accepts(_ address: String, _ port: UInt16) -> Bool {
    let scratch = Scratch()
    let probe = "exec 3<>/dev/tcp/\(address)/\(port)"
    return Command.run(["bash", "-c", probe], in: scratch).status == 0
  }

  /// A free port. Another program could take it before the spawner does.
  package static func freePort() -> UInt16 {
    let script =
      "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
    let text = Command.run(["python3", "-c", script], in: Scratch()).text
    return UInt16(text.trimmingCharacters(in: .whitespacesAndNewlines))!
  }
}

// More spawners.
extension Server {
  /// socat on ::1.
  package static let socatIPv6: Spawner = { port, session, _ in
    [
      "socat", "TCP6-LISTEN:\(port),bind=[::1],reuseaddr,backlog=128,fork,max-children=200",
      "EXEC:\(session.joined(separator: " ")),nofork",
    ]
  }

  /// socat that stays between the client and the session, which gets one of a pair of sockets.
  package static let socatPair: Spawner = { port, session, _ in
    [
      "socat", "TCP-LISTEN:\(port),bind=127.0.0.1,reuseaddr,backlog=128,fork,max-children=200",
      "EXEC:\(session.joined(separator: " "))",
    ]
  }

  /// socat, with sessions that become stunnel at STARTTLS.
  package static let startTLS: Spawner = { port, command, folder in
    // stunnel stays in the foreground, so that the session behind TLS logs to standard error. That
    // session must not expect a PROXY header: the first session has read it.
    let session = command.filter { $0 != "--proxy" }
    let inetd = stunnel(
      """
      foreground = yes
      debug = warning
      exec = \(session[0])
      execArgs = \(session.joined(separator: " ")) --tls --resumed
      """, in: folder)
    return ["env", "SMTP_STARTTLS=\(inetd[1])"] + socat(port, command, folder)
  }

  /// stunnel that does the STARTTLS dialogue itself, as [submission] in stunnel.conf.
  package static let submission: Spawner = { port, session, folder in
    stunnel(
      """
      foreground = yes
      pid =
      [submission]
      accept = 127.0.0.1:\(port)
      protocol = smtp
      exec = \(session[0])
      execArgs = \(session.joined(separator: " "))
      """, in: folder)
  }

  /// stunnel as a daemon, which closes the descriptors that it inherits.
  package static let stunnelDaemon: Spawner = { port, session, folder in
    stunnel(
      """
      foreground = no
      pid = \(folder.path)/\(daemonFile)
      output = \(folder.path)/stunnel.log
      [smtps]
      accept = 127.0.0.1:\(port)
      exec = \(session[0])
      execArgs = \(session.joined(separator: " "))
      """, in: folder)
  }

  package static let xinetd: Spawner = { port, session, folder in
    xinetd(port, session, folder, listener: "bind = 127.0.0.1")
  }

  package static let xinetdIPv6: Spawner = { port, session, folder in
    xinetd(port, session, folder, listener: "flags = IPv6\n bind = ::1")
  }

  package static let systemd: Spawner = { port, session, _ in
    ["systemd-socket-activate", "--inetd", "-a", "-l", "127.0.0.1:\(port)"] + session
  }

  package static let systemdIPv6: Spawner = { port, session, _ in
    ["systemd-socket-activate", "--inetd", "-a", "-l", "[::1]:\(port)"] + session
  }

  /// A spawner with pipes between it and the session, so that descriptor 0 does not tell the peer.
  package static func piped(_ spawner: @escaping Spawner) -> Spawner {
    { port, session, folder in
      let script = folder.file("piped", "cat | \"$@\" | cat\n".utf8)
      return spawner(port, ["/bin/sh", script] + session, folder)
    }
  }

  /// stunnel with a certificate in `folder` and a configuration that begins with `options`.
  package static func stunnel(_ options: String, in folder: Scratch) -> [String] {
    let certificate = Certificate.make(in: folder)
    let configuration = """
      syslog = no
      \(options)
      cert = \(certificate.certificate)
      key = \(certificate.key)

      """
    return ["stunnel4", folder.file("stunnel.conf", configuration.utf8)]
  }

  private static func xinetd(
    _ port: UInt16, _ session: [String], _ folder: Scratch, listener: String
  ) -> [String] {
    let configuration = """
      service smtp-test
      {
       type = UNLISTED
       socket_type = stream
       protocol = tcp
       wait = no
       user = \(NSUserName())
       \(listener)
       port = \(port)
       server = \(session[0])
       \(session.count > 1 ? "server_args = " : "")\(session.dropFirst().joined(separator: " "))
       log_type = FILE \(folder.path)/xinetd.log
      }

      """
    return [
      "xinetd", "-dontfork", "-f", folder.file("xinetd.conf", configuration.utf8), "-pidfile",
      "\(folder.path)/xinetd.pid",
    ]
  }

  fileprivate static let daemonFile = "daemon.pid"
}

// A plain client: it sends the octets it is given and returns what it receives.
extension Server {
  package struct Exchange {
    package let text: String
    /// The client's port.
    package let port: String
    /// The client's exit status: 0 if the server closed the connection.
    package let status: Int32
  }

  /// Sends `octets` at once and reads until the connection ends.
  package func exchange(
    _ octets: some Sequence<UInt8>, from source: String? = nil, isTLS: Bool = false
  ) -> Exchange {
    client(
      source, isTLS,
      sending: """
        s.sendall(sys.stdin.buffer.read())
        if not \(isTLS ? "True" : "False"): s.shutdown(socket.SHUT_WR)
        """, octets)
  }

  /// Sends one of `octets` each second until the server closes the connection.
  package func trickle(_ octets: some Sequence<UInt8>) -> Exchange {
    client(
      nil, false,
      sending: """
        for octet in sys.stdin.buffer.read():
          s.sendall(bytes([octet]))
          if select.select([s], [], [], 1)[0]: break
        else: sys.exit('still there')
        """, octets)
  }

  /// Runs a client in Python. `sending` is the part of the program that sends.
  private func client(
    _ source: String?, _ isTLS: Bool, sending: String, _ octets: some Sequence<UInt8>
  ) -> Exchange {
    let script = """
      import errno, select, socket, ssl, sys
      s = socket.create_connection(('\(address)', \(port)), 60, ('\(source ?? address)', 0))
      print(s.getsockname()[1], file=sys.stderr)
      if \(isTLS ? "True" : "False"): s = ssl._create_unverified_context().wrap_socket(s)
      try:
      \(sending.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
        while data := s.recv(65536): sys.stdout.buffer.write(data)
      except OSError as error:  # closed before all was read, perhaps before shutdown(2)
        if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN: raise
      """
    let outcome = Command.run(["python3", "-c", script], in: Scratch(), input: octets)
    return Exchange(
      text: outcome.text, port: String(outcome.errorText.prefix { $0 != "\n" }),
      status: outcome.status)
  }
}

package enum Certificate {
  /// A key and a self-signed certificate for localhost.
  package static func make(in folder: Scratch) -> (certificate: String, key: String) {
    let certificate = folder.path + "/cert.pem"
    let key = folder.path + "/key.pem"
    let outcome = Command.run(
      [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
        "-out", certificate,
      ], in: folder)
    precondition(outcome.status == 0, outcome.errorText)
    return (certificate, key)
  }
}
