// Real clients deliver through real spawners. What is stored is what was sent, octet for octet.

import Foundation
import TestSupport
import Testing

/// A spawner, with a name for the output of the tests.
struct Front: Sendable, CustomTestStringConvertible {
  let name: String
  let spawner: Server.Spawner
  var isTLS = false
  let needs: [String]

  var testDescription: String { name }
  var arguments: [String] { isTLS ? ["--tls"] : [] }
  /// The protocol that a Received field names.
  var protocolName: String { isTLS ? "ESMTPS" : "ESMTP" }

  static let all = [
    Front(name: "socat", spawner: Server.socat, needs: ["socat"]),
    Front(name: "tcpserver", spawner: Server.tcpserver, needs: ["tcpserver"]),
    Front(name: "stunnel", spawner: Server.stunnel, isTLS: true, needs: ["stunnel4", "openssl"]),
  ]

  static func installed(with client: String) -> Bool {
    all.flatMap(\.needs).allSatisfy(Command.exists) && Command.exists(client)
  }
}

@Suite struct DeliveryTests {
  private static let message = """
    From: <a@x.example>\r
    To: <b@x.example>\r
    Subject: dots and octets\r
    \r
    .\r
    ..two\r
    gr\u{fc}n \u{2603}\r
    last\r

    """

  private func check(
    _ front: Front, _ server: Server, _ message: String = Self.message,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(server.mail.entries.count == 1, "\(server.log)", sourceLocation: sourceLocation)
    guard let name = server.mail.entries.first else { return }
    let stored = server.mail.message(name)
    #expect(stored.reversePath == "a@x.example", sourceLocation: sourceLocation)
    #expect(stored.recipients == ["b@x.example"], sourceLocation: sourceLocation)
    #expect(stored.content == Array(message.utf8), sourceLocation: sourceLocation)
    let fields = String(decoding: server.mail.content(name), as: UTF8.self)
    #expect(
      fields.contains(
        " ([127.0.0.1])\r\n\tby \(Transcript.hostname) with \(front.protocolName) id "),
      sourceLocation: sourceLocation)
  }

  @Test(
    .enabled(if: Front.installed(with: "swaks"), "a spawner or swaks is not installed"),
    arguments: Front.all)
  func swaks(_ front: Front) {
    let server = Server(front.spawner, arguments: front.arguments)
    let outcome = Command.run(
      [
        "swaks", "--server", "127.0.0.1:\(server.port)", "--from", "a@x.example", "--to",
        "b@x.example", "--helo", "client.example", "--data", "-",
      ] + (front.isTLS ? ["--tls-on-connect"] : []),
      in: server.folder, input: Self.message.utf8)
    #expect(outcome.status == 0, "\(outcome.text)")
    check(front, server, Self.message + "\r\n")  // swaks adds an empty line
  }

  @Test(
    .enabled(if: Front.installed(with: "curl"), "a spawner or curl is not installed"),
    arguments: Front.all)
  func curl(_ front: Front) {
    let server = Server(front.spawner, arguments: front.arguments)
    let file = server.folder.file("message", Self.message.utf8)
    let outcome = Command.run(
      [
        "curl", "-sS", "-k", "\(front.isTLS ? "smtps" : "smtp")://127.0.0.1:\(server.port)",
        "--mail-from", "a@x.example", "--mail-rcpt", "b@x.example", "--upload-file", file,
      ], in: server.folder)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    check(front, server)
  }

  @Test(
    .enabled(if: Front.installed(with: "python3"), "a spawner or python3 is not installed"),
    arguments: Front.all)
  func smtplib(_ front: Front) {
    let server = Server(front.spawner, arguments: front.arguments)
    let script = """
      import smtplib, ssl, sys
      context = ssl._create_unverified_context()
      with (smtplib.SMTP_SSL('127.0.0.1', \(server.port), context=context) if \
      \(front.isTLS ? "True" : "False") else smtplib.SMTP('127.0.0.1', \(server.port))) as s:
        s.sendmail('a@x.example', ['b@x.example'], sys.stdin.buffer.read(), ['BODY=8BITMIME'])
      """
    let outcome = Command.run(
      ["python3", "-c", script], in: server.folder, input: Self.message.utf8)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    check(front, server)
  }

  /// The replies to a pipelined message with 100 recipients take few calls of write(2).
  @Test(
    .enabled(if: Front.installed(with: "strace"), "a spawner or strace is not installed"),
    arguments: Front.all.filter { !$0.isTLS })
  func pipelined(_ front: Front) {
    let spawner = front.spawner
    let server = Server { port, session, folder in
      spawner(
        port,
        ["strace", "-f", "-qq", "-o", "\(folder.path)/trace", "-e", "trace=sendto"] + session,
        folder)
    }
    let script = """
      import socket
      s = socket.create_connection(('127.0.0.1', \(server.port)))
      s.recv(1000)
      s.sendall(b'EHLO x\\r\\nMAIL FROM:<>\\r\\n' + b''.join(b'RCPT TO:<r%d@x>\\r\\n' % i for i in range(100))
        + b'DATA\\r\\nx\\r\\n.\\r\\nQUIT\\r\\n')
      while s.recv(65536): pass
      """
    #expect(Command.run(["python3", "-c", script], in: server.folder).status == 0)
    #expect(server.mail.entries.count == 100)
    let trace = String(decoding: MailFolder(server.folder, ".").content("trace"), as: UTF8.self)
    // The greeting has its quotation mark: a process can have a number that ends in 220.
    let replies = trace.split(separator: "\n").filter { !$0.contains("\"220 ") }
    #expect(1...4 ~= replies.count, "\(trace)")
  }
}
