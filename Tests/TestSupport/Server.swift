// Real spawners with the session program behind them, on loopback, ended by their process id.

import Foundation

package final class Server {
  package let port: UInt16
  package let folder: Scratch
  package let mail: MailFolder
  private let process: RunningProcess

  /// The command line of a spawner that listens on a port of 127.0.0.1, given that port and the
  /// session's own command line.
  package typealias Spawner =
    @Sendable (_ port: UInt16, _ session: [String], _ folder: Scratch) -> [String]

  package static let socat: Spawner = { port, session, _ in
    [
      "socat", "TCP-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork,max-children=64",
      "EXEC:\(session.joined(separator: " ")),nofork",
    ]
  }

  package static let tcpserver: Spawner = { port, session, _ in
    ["tcpserver", "-HRD", "-l0", "127.0.0.1", "\(port)"] + session
  }

  /// stunnel in the foreground, with a certificate made for the occasion.
  package static let stunnel: Spawner = { port, session, folder in
    let certificate = Certificate.make(in: folder)
    let configuration = """
      foreground = yes
      pid =
      syslog = no
      [smtps]
      accept = 127.0.0.1:\(port)
      cert = \(certificate.certificate)
      key = \(certificate.key)
      exec = \(session[0])
      execArgs = \(session.joined(separator: " "))

      """
    return ["stunnel4", folder.file("stunnel.conf", configuration.utf8)]
  }

  package init(
    _ spawner: Spawner, arguments: [String] = [], environment: [String: String] = [:]
  ) {
    folder = Scratch()
    mail = MailFolder(folder)
    port = Server.freePort()
    let session = [Command.built("postern-smtpd")] + arguments
    process = Command.start(
      spawner(port, session, folder), in: folder,
      environment: environment.merging(
        ["SMTP_MAIL_DIR": mail.path, "SMTP_HOSTNAME": Transcript.hostname]) { a, _ in a },
      log: "log")
    for _ in 0..<200 where !Server.accepts(port) { usleep(20_000) }
  }

  deinit {
    process.terminate()
    _ = process.wait()
  }

  /// What the spawner and the sessions have logged.
  package var log: String {
    String(
      decoding: FileManager.default.contents(atPath: folder.path + "/log") ?? Data(), as: UTF8.self)
  }

  /// Waits until `condition` holds, for some seconds at most.
  package static func wait(until condition: () -> Bool) -> Bool {
    for _ in 0..<500 {
      if condition() { return true }
      usleep(20_000)
    }
    return false
  }

  private static func accepts(_ port: UInt16) -> Bool {
    let scratch = Scratch()
    let probe = "exec 3<>/dev/tcp/127.0.0.1/\(port)"
    return Command.run(["bash", "-c", probe], in: scratch).status == 0
  }

  /// A port that was free a moment ago.
  private static func freePort() -> UInt16 {
    let script =
      "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
    let text = Command.run(["python3", "-c", script], in: Scratch()).text
    return UInt16(text.trimmingCharacters(in: .whitespacesAndNewlines))!
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
