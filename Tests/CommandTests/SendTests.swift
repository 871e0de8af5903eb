// postern-send as it is built: verdicts, routes, TLS and batches, with real servers and with hostile ones.

import Foundation
import TestSupport
import Testing

@Suite struct SendTests {
  private static let message = "Subject: test\r\n\r\nHello.\r\n.dots..\r\n"

  /// Runs postern-send with a message on standard input.
  private func send(
    _ arguments: [String], in folder: Scratch = Scratch(), environment: [String: String] = [:],
    debug: Bool = false, message: some Sequence<UInt8> = SendTests.message.utf8
  ) -> Outcome {
    let program =
      debug ? Command.builtForDebugging("postern-send") : Command.built("postern-send")
    return Command.run(
      ["timeout", "60", program] + arguments, in: folder,
      environment: environment.merging(["SMTP_HOSTNAME": "client.example"]) { a, _ in a },
      input: message)
  }

  // A server that is a command.

  @Test func sessionAsCommand() throws {
    let scratch = Scratch()
    let mail = MailFolder(scratch)
    let outcome = send(
      [
        "--exec", Command.built("postern-smtpd"), "-f", "a@x.example", "b@y.example", "c@y.example",
      ],
      in: scratch, environment: ["SMTP_MAIL_DIR": mail.path])
    #expect(outcome.status == 0)
    #expect(outcome.text.hasPrefix("delivered b@y.example - 250 2.0.0 OK: stored as "))
    #expect(mail.messages.count == 2)
    #expect(mail.messages.allSatisfy { $0.content == Array(Self.message.utf8) })
    #expect(mail.messages.allSatisfy { $0.reversePath == "a@x.example" })
  }

  /// Bare CR and LF become CR LF, and the last line gets one (RFC 5321 §2.3.8).
  @Test func lineEnds() throws {
    let scratch = Scratch()
    let mail = MailFolder(scratch)
    let outcome = send(
      ["--exec", Command.built("postern-smtpd"), "b@y.example"], in: scratch,
      environment: ["SMTP_MAIL_DIR": mail.path], message: "A: b\n\n\n.\n.\rx\r.\rend".utf8)
    #expect(outcome.status == 0)
    #expect(
      mail.messages.map { String(decoding: $0.content, as: UTF8.self) }
        == ["A: b\r\n\r\n\r\n.\r\n.\r\nx\r\n.\r\nend\r\n"])
  }

  @Test(arguments: [
    ("exit 0", "deferred b@y.example - 4.4.2 The server closed the connection\n"),
    ("echo garbage", "deferred b@y.example - 4.5.0 The server's reply is not SMTP\n"),
    ("sleep 100", "deferred b@y.example - 4.4.2 The server did not reply in time\n"),
  ])
  func commandsThatAreNoServers(_ command: String, _ text: String) {
    let outcome = send(
      ["--exec", command, "b@y.example"], environment: ["SMTP_SEND_TIMEOUT": "1"])
    #expect(outcome.text == text)
    #expect(outcome.status == 75)
  }

  // A message that is made, and one that is converted.

  /// Another program reads what was made.
  @Test func composition() throws {
    let scratch = Scratch()
    let mail = MailFolder(scratch)
    let file = scratch.file("r\u{E9}port.pdf", [0, 1, 2, 255])
    let html = scratch.file("page", "<p>caf\u{E9}".utf8)
    let outcome = send(
      [
        "--exec", Command.built("postern-smtpd"), "--from", "J\u{FC}rgen <j@x.example>", "--to",
        "b@y.example, \"C. D.\" <c@y.example>", "--bcc", "hidden@y.example", "--subject",
        "\u{DC}bung, " + String(repeating: "long ", count: 40), "--html", html, "--text", "-",
        "--attach", file,
      ], in: scratch, environment: ["SMTP_MAIL_DIR": mail.path], message: "Gr\u{FC}\u{DF}e\n".utf8)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(mail.messages.count == 3)
    let message = try #require(mail.messages.first)
    #expect(message.reversePath == "j@x.example")
    let reader = """
      import email, email.policy, sys
      m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
      assert not m.defects
      print(m['from'], m['to'], m['subject'].strip(), m.get_body(('plain',)).get_content().strip(),
        m.get_body(('html',)).get_content().strip(), sep='|')
      for part in m.iter_attachments():
        print(part.get_filename(), part.get_content_type(), list(part.get_content()), sep='|')
      """
    let read = Command.run(["python3", "-c", reader], in: Scratch(), input: message.content)
    let long = String(repeating: "long ", count: 40).dropLast()
    #expect(
      read.text == """
        J\u{FC}rgen <j@x.example>|b@y.example, "C. D." <c@y.example>|\u{DC}bung, \(long)|\
        Gr\u{FC}\u{DF}e|<p>caf\u{E9}
        r\u{E9}port.pdf|application/pdf|[0, 1, 2, 255]

        """, "\(read.errorText)")
    #expect(
      !mail.messages.contains { String(decoding: $0.content, as: UTF8.self).contains("hidden") })
  }

  /// A server without 8BITMIME gets quoted-printable; what is signed is not changed (RFC 6152 §3).
  @Test func sevenBits() {
    let script = "220 x|250 x|250 ok|250 ok|354 go|250 ok"
    let server = Fake(script)
    let arguments = ["--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example"]
    let converted = send(arguments, message: "A: b\r\n\r\ncaf\u{E9}\n".utf8)
    #expect(converted.text.hasPrefix("delivered "))
    let signed = send(arguments, message: "DKIM-Signature: v=1\r\n\r\ncaf\u{E9}\n".utf8)
    #expect(signed.text.hasPrefix("refused b@y.example localhost 5.6.3 "))
    #expect(Server.wait { server.commands.contains("caf=C3=A9\r\n.\r\n") })
    #expect(server.commands.contains("Content-Transfer-Encoding: quoted-printable\r\n"))
    #expect(!server.commands.contains("DKIM-Signature"))
  }

  // The command line.

  @Test(arguments: [
    ["--from", "a@x.example\nBcc: c@y.example", "--to", "b@y.example"], ["--from", "a@x.example"],
    ["--from", "a@x.example", "--to", "b@y.example", "--subject", "a\r\nX: y"],
    ["--to", "b@y.example"],
    [], ["no address"], ["a@x.example\r\nRCPT TO:<b@x.example>"], ["-f", "a@x\nb", "c@y.example"],
    ["--server", "http://x", "a@y.example"], ["--server", "smtps://x?tls=none", "a@y.example"],
    ["--no-such-option"],
  ])
  func badArguments(_ arguments: [String]) {
    let outcome = send(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.text.isEmpty)
  }

  @Test func settingsThatAreNotUnderstood() {
    let outcome = send(["b@y.example"], environment: ["SMTP_SMARTHOST": "x"])
    #expect(outcome.status == 78)
    #expect(send(["--server", "smtp://me@localhost", "b@y.example"]).status == 78)
  }

  @Test func noConnection() {
    let outcome = send(["--server", "smtp://localhost:9", "b@y.example"])
    #expect(outcome.status == 75)
    #expect(
      outcome.text
        == "deferred b@y.example localhost 4.4.1 No connection to [127.0.0.1]:9: "
        + "Connection refused\n")
  }

  @Test func json() throws {
    let outcome = send(["--exec", "exit", "--json", "b@y.example", #""q\"q"@y.example"#])
    let value = try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [[String: Any]]
    let reports = try #require(value)
    #expect(reports.map { $0["address"] as? String } == ["b@y.example", #""q\"q"@y.example"#])
    #expect(reports.allSatisfy { $0["outcome"] as? String == "deferred" && $0["code"] is NSNull })
  }

  // Servers by a script: each line is what is said to the next command, `-` nothing and the end.

  private static let fake = """
    import socket, sys, threading
    script = sys.argv[1].encode().decode('unicode_escape').encode('latin-1').split(b'|')
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    def serve(connection):
      reader = connection.makefile('rb')
      log = []
      try:
        for number, reply in enumerate(script):
          if number > 0:
            line = reader.readline()
            if script[number - 1].startswith(b'354'):
              while line not in (b'.\\r\\n', b''):
                log.append(line)
                line = reader.readline()
            if not line: break
            log.append(line)
          if reply == b'-': break
          if reply: connection.sendall(reply + b'\\r\\n')
        else:
          while reader.readline(): pass
      except ConnectionError: pass
      print(b''.join(log).decode('latin-1'), file=sys.stderr, flush=True)
      connection.shutdown(2)
    while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    """

  /// A server that says the same in each connection.
  private final class Fake {
    let folder = Scratch()
    let port: String
    private let process: RunningProcess

    init(_ script: String, code: String = SendTests.fake) {
      process = Command.start(["python3", "-uc", code, script], in: folder)
      let file = folder.path + "/stdout"
      _ = Server.wait { FileManager.default.contents(atPath: file)?.contains(10) == true }
      let content = FileManager.default.contents(atPath: file) ?? Data()
      port =
        String(decoding: content, as: UTF8.self).split(separator: "\n").first.map(String.init)
        ?? "0"
    }

    /// The commands that have come.
    var commands: String {
      String(
        decoding: FileManager.default.contents(atPath: folder.path + "/stderr") ?? Data(),
        as: UTF8.self)
    }

    deinit {
      process.terminate()
      _ = process.wait()
    }
  }

  @Test(arguments: [
    // The cases of a server that does not pipeline: greeting, EHLO, MAIL, RCPT, DATA, end.
    (
      "220 x|250 x|250 ok|250 ok|354 go|250 2.0.0 done",
      "delivered b@y.example localhost 250 2.0.0 done", 0
    ),
    ("554 no|221 bye", "deferred b@y.example localhost 554 5.0.0 no", 75),
    ("220 x|421 4.3.2 busy", "deferred b@y.example localhost 421 4.3.2 busy", 75),
    (
      "220 x|500 what|250 x|250 ok|250 ok|354 go|250 ok",
      "delivered b@y.example localhost 250 2.0.0 ok", 0
    ),
    (
      "220 x|250 x|550 5.1.8 bad sender|250 reset|221 x",
      "refused b@y.example localhost 550 5.1.8 bad sender", 69
    ),
    (
      "220 x|250 x|250 ok|550 5.1.1 nobody|250 x|221 x",
      "refused b@y.example localhost 550 5.1.1 nobody", 69
    ),
    (
      "220 x|250 x|250 ok|450 4.2.0 later|250 x|221 x",
      "deferred b@y.example localhost 450 4.2.0 later", 75
    ),
    (
      "220 x|250 x|250 ok|250 ok|550 5.7.1 no|250 x|221 x",
      "refused b@y.example localhost 550 5.7.1 no", 69
    ),
    (
      "220 x|250 x|250 ok|250 ok|354 go|451 4.3.0 full|221 x",
      "deferred b@y.example localhost 451 4.3.0 full", 75
    ),
    (
      "220 x|250 x|250 ok|250 ok|354 go|554 5.6.0 spam|221 x",
      "refused b@y.example localhost 554 5.6.0 spam", 69
    ),
    (
      "220 x|250 x|250 ok|250 ok|354 go|-",
      "unknown b@y.example localhost 4.4.2 The server closed the connection", 75
    ),
    (
      "220 x|250 x|250 ok|250-a\\r\\n550 b",
      "deferred b@y.example localhost 4.5.0 The server's reply is not SMTP", 75
    ),
    (
      "220 x|250-x\\r\\n250 SIZE 10|250 ok|250 ok|354 go|250 ok",
      "refused b@y.example localhost 5.3.4 The message is bigger than the server takes", 69
    ),
  ])
  func replies(_ script: String, _ text: String, _ status: Int32) {
    let server = Fake(script)
    let outcome = send(["--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example"])
    #expect(outcome.text == text + "\n")
    #expect(outcome.status == status)
  }

  /// One of two recipients is refused, the other gets the message.
  @Test func someRecipients() {
    let server = Fake("220 x|250 x|250 ok|250 ok|550 5.1.1 no|354 go|250 ok")
    let outcome = send(
      ["--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example", "c@y.example"])
    #expect(
      outcome.text.split(separator: "\n").sorted() == [
        "delivered b@y.example localhost 250 2.0.0 ok",
        "refused c@y.example localhost 550 5.1.1 no",
      ])
    #expect(outcome.status == 69)
  }

  /// Required TLS that is not offered: neither MAIL nor AUTH is sent.
  @Test(arguments: ["required", "verified"])
  func strippedTLS(_ level: String) {
    let folder = Scratch()
    let password = folder.file("password", "secret\n".utf8)
    let server = Fake("220 x|250-x\\r\\n250 AUTH PLAIN LOGIN|250 ok|250 ok|250 ok|250 ok")
    let outcome = send(
      ["--server", "smtp://me@localhost:\(server.port)?tls=\(level)", "b@y.example"], in: folder,
      environment: ["SMTP_SMARTHOST_PASSWORD_FILE": password])
    #expect(outcome.status == 75)
    #expect(outcome.text.contains("4.7.4"))
    #expect(Server.wait { server.commands.contains("EHLO") })
    #expect(!server.commands.contains("MAIL") && !server.commands.contains("AUTH"))
  }

  /// A reply that stands behind the reply to STARTTLS was put there by somebody (CVE-2011-0411).
  @Test func injectedReply() {
    let server = Fake(
      "220 x|250-x\\r\\n250 STARTTLS|220 go\\r\\n250-x\\r\\n250 AUTH PLAIN|250 ok|250 ok")
    let outcome = send(["--server", "smtp://localhost:\(server.port)", "b@y.example"])
    #expect(outcome.status == 75)
    #expect(outcome.text.contains("4.7.4"))
  }

  /// A gigabyte of greeting, endless replies, an octet a second: the session ends soon, and memory is flat.
  @Test(arguments: [
    "connection.sendall(b'220 ' + b'x' * (1 << 30))",
    "while True: connection.sendall(b'220-x\\r\\n' * 1000)",
    "connection.sendall(b'220 x\\r\\n'); reader.readline(); connection.sendall(b'250 ' + b'y' * (1 << 26))",
    "\n  while True: connection.sendall(b'2'); time.sleep(1)",
    "connection.sendall(b'220 x\\r\\n'); reader.readline()\n  while True: connection.sendall(b'250-x\\r\\n'); time.sleep(0.5)",
  ])
  func hostileServer(_ behaviour: String) throws {
    let server = Fake(
      "",
      code: """
        import socket, sys, time
        listener = socket.socket()
        listener.bind(('127.0.0.1', 0))
        listener.listen()
        print(listener.getsockname()[1], flush=True)
        connection = listener.accept()[0]
        reader = connection.makefile('rb')
        try:
          \(behaviour)
        except ConnectionError: pass
        """)
    let folder = Scratch()
    let command =
      "/usr/bin/time -f %M \(Command.built("postern-send")) --server "
      + "'smtp://localhost:\(server.port)?tls=none' b@y.example <stdin"
    _ = folder.file("message", Self.message.utf8)
    let outcome = Command.run(
      ["timeout", "60", "bash", "-c", command], in: folder,
      environment: ["SMTP_SEND_TIMEOUT": "3", "SMTP_HOSTNAME": "client.example"],
      input: Self.message.utf8)
    #expect(outcome.text.hasPrefix("deferred b@y.example localhost 4."))
    #expect(outcome.status == 75)
    let last = outcome.errorText.split(separator: "\n").last ?? ""
    let kilobytes = try #require(Int(last), "\(outcome.errorText)")
    #expect(kilobytes < 30_000)
  }

  /// While it waits for the greeting, the process that reads it has given up all files and calls.
  @Test func confinement() throws {
    let server = Fake("")
    let folder = Scratch()
    let script = """
      "$0" --server 'smtp://localhost:\(server.port)?tls=none' b@y.example <stdin >verdict & parent=$!
      sleep 1
      for child in $(cat /proc/$parent/task/$parent/children); do
        grep -E '^(NoNewPrivs|Seccomp):' /proc/$child/status
      done
      kill $parent
      wait $parent
      """
    let outcome = Command.run(
      ["bash", "-c", script, Command.built("postern-send")], in: folder,
      environment: ["SMTP_HOSTNAME": "client.example"], input: Self.message.utf8)
    #expect(outcome.text == "NoNewPrivs:\t1\nSeccomp:\t2\n")
    #expect(!outcome.errorText.contains("unconfined"))
    #expect(outcome.status == 75)
  }

  /// SIGTERM while the server is silent: a verdict, and the end.
  @Test func termination() throws {
    let server = Fake("220 x|")
    let folder = Scratch()
    let process = Command.start(
      [
        Command.built("postern-send"), "--server", "smtp://localhost:\(server.port)?tls=none",
        "b@y.example",
      ], in: folder, environment: ["SMTP_HOSTNAME": "client.example"], input: Self.message.utf8)
    usleep(500_000)
    process.terminate()
    #expect(process.wait() == 75)
    let text = FileManager.default.contents(atPath: folder.path + "/stdout") ?? Data()
    #expect(
      String(decoding: text, as: UTF8.self).hasPrefix("deferred b@y.example localhost 4.3.2 "))
  }
}

// TLS, with certificates of an authority made for the tests.
extension SendTests {
  private struct Authority {
    let folder = Scratch()
    var file: String { folder.path + "/ca.pem" }

    init() {
      run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=CA' -keyout ca.key -out ca.pem"
      )
    }

    /// The names of a certificate and its key.
    func certificate(_ name: String, days: Int, isSelfSigned: Bool) -> (String, String) {
      let signer = isSelfSigned ? "-signkey x.key" : "-CA ca.pem -CAkey ca.key -CAcreateserial"
      run(
        """
        openssl req -newkey rsa:2048 -nodes -subj '/CN=x' -keyout x.key -out x.csr
        printf 'subjectAltName=DNS:\(name)' >x.ext
        openssl x509 -req -in x.csr \(signer) -days \(days) -extfile x.ext -out x.pem
        """)
      return (folder.path + "/x.pem", folder.path + "/x.key")
    }

    private func run(_ script: String) {
      let outcome = Command.run(["bash", "-ec", "cd \(folder.path)\n" + script], in: folder)
      precondition(outcome.status == 0, outcome.errorText)
    }
  }

  private struct TLSCase: Sendable, CustomTestStringConvertible {
    let certificate: String
    let level: String
    /// The end of a text that is deferred; nil if the mail is delivered.
    let failure: String?
    var testDescription: String { "\(certificate), \(level)" }
  }

  private static let cases: [TLSCase] = ["good", "other", "self-signed", "expired"].flatMap {
    name in
    ["opportunistic", "required", "verified"].map { level in
      let failure: [String: String] = [
        "other": "Subject checks failed", "self-signed": "self-signed certificate",
        "expired": "certificate has expired",
      ]
      return TLSCase(
        certificate: name, level: level, failure: level == "verified" ? failure[name] : nil)
    }
  }

  @Test(arguments: cases) private func certificates(_ test: TLSCase) throws {
    let authority = Authority()
    let (certificate, key) = authority.certificate(
      test.certificate == "other" ? "other.example" : "localhost",
      days: test.certificate == "expired" ? -1 : 2,
      isSelfSigned: test.certificate == "self-signed")
    let server = Server(
      { port, session, folder in
        let inetd = folder.file(
          "inetd.conf",
          """
          foreground = yes
          syslog = no
          debug = warning
          cert = \(certificate)
          key = \(key)
          exec = \(session[0])
          execArgs = \(session[0]) --tls --resumed
          """.utf8)
        return ["env", "SMTP_STARTTLS=\(inetd)"] + Server.socat(port, session, folder)
      },
      environment: ["SMTP_USERNAME": "me", "SMTP_PASSWORD": "pass word"])
    let folder = Scratch()
    let password = folder.file("password", "pass word\n".utf8)
    let user = test.level == "verified" ? "me@" : ""
    let outcome = send(
      ["--server", "smtp://\(user)localhost:\(server.port)?tls=\(test.level)", "b@y.example"],
      in: folder,
      environment: ["SMTP_CA_FILE": authority.file, "SMTP_SMARTHOST_PASSWORD_FILE": password])
    if let failure = test.failure {
      #expect(outcome.text.hasPrefix("deferred b@y.example localhost 4.7.5 TLS failed: "))
      #expect(outcome.text.hasSuffix("\(failure)\n"))
      #expect(outcome.status == 75)
      #expect(!server.log.contains("event=authenticate"))
      #expect(server.mail.messages.isEmpty)
    } else {
      #expect(outcome.text.hasPrefix("delivered b@y.example localhost 250 "), "\(outcome.text)")
      #expect(server.log.contains("tls=yes"))
      #expect(server.log.contains("event=authenticate") == (test.level == "verified"))
      #expect(server.mail.messages.count == 1)
    }
  }

  /// A handshake that fails where TLS is not required: the same host again, in clear text.
  @Test func handshakeFails() {
    let server = Server(
      { port, session, folder in
        let inetd = folder.file("inetd.conf", "no such option\n".utf8)
        return ["env", "SMTP_STARTTLS=\(inetd)"] + Server.socat(port, session, folder)
      })
    let outcome = send(["--server", "smtp://localhost:\(server.port)", "b@y.example"])
    #expect(outcome.text.hasPrefix("delivered b@y.example localhost 250 "))
    #expect(outcome.errorText.contains("event=tls host=localhost"))
    #expect(server.log.contains("tls=no"))
  }

  /// TLS from the beginning, and in the dialogue of `-v` no password.
  @Test func smtps() {
    let server = Server(
      Server.stunnel, arguments: ["--tls"],
      environment: ["SMTP_USERNAME": "me", "SMTP_PASSWORD": "pass word"])
    let folder = Scratch()
    let password = folder.file("password", "pass word\n".utf8)
    let outcome = send(
      ["-v", "--server", "smtps://me@localhost:\(server.port)", "b@y.example"], in: folder,
      environment: [
        "SMTP_CA_FILE": server.folder.path + "/cert.pem", "SMTP_SMARTHOST_PASSWORD_FILE": password,
      ])
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errorText)")
    #expect(outcome.errorText.contains("C: (not shown)\nS: 235 "))
    #expect(!outcome.errorText.contains("AG1l"))  // \0me in base64
    #expect(server.log.contains("result=accepted user=me"))
  }
}
