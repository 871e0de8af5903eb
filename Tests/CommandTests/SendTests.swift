// postern-send as it is built: verdicts, routes, TLS and batches, with real servers and with hostile ones.

import Foundation
import TestSupport
import Testing

@Suite struct SendTests {
  // A server that is a command.

  @Test func sessionAsCommand() throws {
    let scratch = Scratch()
    let mail = MailFolder(scratch)
    let outcome = PosternSend.run(
      [
        "--exec", Command.built("postern-smtpd"), "-f", "a@x.example", "b@y.example", "c@y.example",
      ],
      in: scratch, environment: ["SMTP_MAIL_DIR": mail.path])
    #expect(outcome.status == 0)
    #expect(outcome.text.hasPrefix("delivered b@y.example - 250 2.0.0 OK: stored as "))
    #expect(mail.messages.count == 2)
    #expect(mail.messages.allSatisfy { $0.content == Array(PosternSend.message.utf8) })
    #expect(mail.messages.allSatisfy { $0.reversePath == "a@x.example" })
  }

  /// Bare CR and LF become CR LF, and the last line gets one (RFC 5321 §2.3.8).
  @Test func lineEnds() throws {
    let scratch = Scratch()
    let mail = MailFolder(scratch)
    let outcome = PosternSend.run(
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
    let outcome = PosternSend.run(
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
    let outcome = PosternSend.run(
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

  /// A server without 8BITMIME gets quoted-printable (RFC 6152 §3); what is signed is not changed, and sent as it is.
  @Test func sevenBits() {
    let script = "220 x|250 x|250 ok|250 ok|354 go|250 ok"
    let server = PythonServer(script: script)
    let arguments = ["--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example"]
    let converted = PosternSend.run(arguments, message: "A: b\r\n\r\ncaf\u{E9}\n".utf8)
    #expect(converted.text.hasPrefix("delivered "))
    let signed = PosternSend.run(arguments, message: "DKIM-Signature: v=1\r\n\r\ncaf\u{E9}\n".utf8)
    #expect(signed.text.hasPrefix("delivered b@y.example localhost 250 "))
    #expect(Server.wait { server.log.contains("caf=C3=A9\r\n.\r\n") })
    #expect(server.log.contains("Content-Transfer-Encoding: quoted-printable\r\n"))
    #expect(Server.wait { server.log.contains("DKIM-Signature: v=1\r\n\r\n") })
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
    let outcome = PosternSend.run(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.text.isEmpty)
  }

  @Test func settingsThatAreNotUnderstood() {
    let outcome = PosternSend.run(["b@y.example"], environment: ["SMTP_SMARTHOST": "x"])
    #expect(outcome.status == 78)
    #expect(PosternSend.run(["--server", "smtp://me@localhost", "b@y.example"]).status == 78)
  }

  @Test func noConnection() {
    let outcome = PosternSend.run(["--server", "smtp://localhost:9", "b@y.example"])
    #expect(outcome.status == 75)
    #expect(
      outcome.text
        == "deferred b@y.example localhost 4.4.1 No connection to [127.0.0.1]:9: "
        + "Connection refused\n")
  }

  @Test func json() throws {
    let outcome = PosternSend.run(["--exec", "exit", "--json", "b@y.example", #""q\"q"@y.example"#])
    let value = try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [[String: Any]]
    let reports = try #require(value)
    #expect(reports.map { $0["address"] as? String } == ["b@y.example", #""q\"q"@y.example"#])
    #expect(reports.allSatisfy { $0["outcome"] as? String == "deferred" && $0["code"] is NSNull })
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
      "220 x|502 what|250 x|250 ok|250 ok|354 go|250 ok",
      "delivered b@y.example localhost 250 2.0.0 ok", 0
    ),
    (
      "220 x|250-x\\r\\n250 SIZE|250 ok|250 ok|354 go|250 ok",
      "delivered b@y.example localhost 250 2.0.0 ok", 0
    ),
    (
      "220 x|250-x\\r\\n250 SIZE 0|250 ok|250 ok|354 go|250 ok",
      "delivered b@y.example localhost 250 2.0.0 ok", 0
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
      "220 x|250 x|250 ok|250-a\\r\\n550 b|250 ok|221 x",
      "refused b@y.example localhost 550 5.0.0 a b", 69
    ),
    (
      "220 x|250-x\\r\\n250 SIZE 10|250 ok|250 ok|354 go|250 ok",
      "refused b@y.example localhost 5.3.4 The message is bigger than the server takes", 69
    ),
  ])
  func replies(_ script: String, _ text: String, _ status: Int32) {
    let server = PythonServer(script: script)
    let outcome = PosternSend.run([
      "--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example",
    ])
    #expect(outcome.text == text + "\n")
    #expect(outcome.status == status)
  }

  /// One of two recipients is refused, the other gets the message.
  @Test func someRecipients() {
    let server = PythonServer(script: "220 x|250 x|250 ok|250 ok|550 5.1.1 no|354 go|250 ok")
    let outcome = PosternSend.run(
      ["--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example", "c@y.example"])
    #expect(
      outcome.text.split(separator: "\n").sorted() == [
        "delivered b@y.example localhost 250 2.0.0 ok",
        "refused c@y.example localhost 550 5.1.1 no",
      ])
    #expect(outcome.status == 69)
  }

  /// A server takes five recipients at a time: three transactions, each recipient once. A server that closes
  /// the connection after each gets three connections.
  @Test(arguments: [(10, 1), (1, 3)]) func tooManyRecipients(_ messages: Int, _ sessions: Int) {
    let scratch = Scratch()
    let mail = MailFolder(scratch)
    let recipients = (1...12).map { "u\($0)@y.example" }
    let command =
      "echo x >>sessions; SMTP_MAX_RECIPIENTS=5 SMTP_MAX_MESSAGES=\(messages) exec "
      + Command.built("postern-smtpd")
    let outcome = PosternSend.run(
      ["--exec", command] + recipients, in: scratch, environment: ["SMTP_MAIL_DIR": mail.path])
    #expect(outcome.status == 0, "\(outcome.text)")
    #expect(mail.messages.flatMap { $0.recipients }.sorted() == recipients.sorted())
    #expect(
      FileManager.default.contents(atPath: scratch.path + "/sessions")?.count == sessions * 2)
  }

  /// What was lost behind the final dot is sent again octet for octet, by whoever sends it again.
  @Test func unknownIsSentAgain() {
    let server = PythonServer(script: "220 x|250 x|250 ok|250 ok|354 go|-")
    for _ in 0..<2 {
      let outcome = PosternSend.run(
        ["--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example"])
      #expect(outcome.text.hasPrefix("unknown "))
    }
    #expect(Server.wait { server.log.components(separatedBy: "EHLO").count == 3 })
    let sessions = server.log.components(separatedBy: "EHLO").dropFirst()
    #expect(Set(sessions.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }).count == 1)
  }

  /// A message that needs SMTPUTF8, and one where A-labels do.
  @Test(arguments: [
    ("\u{FC}@y.example", "refused \u{FC}@y.example localhost 5.6.7 ", false),
    ("b@b\u{FC}cher.example", "delivered b@b\u{FC}cher.example localhost 250 ", true),
  ])
  func addressesInUTF8(_ address: String, _ text: String, _ isSent: Bool) {
    let server = PythonServer(script: "220 x|250 x|250 ok|250 ok|354 go|250 ok")
    let outcome = PosternSend.run(
      ["--server", "smtp://localhost:\(server.port)?tls=none", "-f", "a@x.example", address])
    #expect(outcome.text.hasPrefix(text))
    #expect(Server.wait { server.log.contains("EHLO") })
    #expect(server.log.contains("MAIL") == isSent)
    #expect(server.log.contains("RCPT TO:<b@xn--bcher-kva.example>") == isSent)
  }

  /// Required TLS that is not offered: neither MAIL nor AUTH is sent.
  @Test(arguments: ["required", "verified"])
  func strippedTLS(_ level: String) {
    let folder = Scratch()
    let password = folder.file("password", "secret\n".utf8)
    let server = PythonServer(
      script: "220 x|250-x\\r\\n250 AUTH PLAIN LOGIN|250 ok|250 ok|250 ok|250 ok")
    let outcome = PosternSend.run(
      ["--server", "smtp://me@localhost:\(server.port)?tls=\(level)", "b@y.example"], in: folder,
      environment: ["SMTP_SMARTHOST_PASSWORD_FILE": password])
    #expect(outcome.status == 75)
    #expect(outcome.text.contains("4.7.4"))
    #expect(Server.wait { server.log.contains("EHLO") })
    #expect(!server.log.contains("MAIL") && !server.log.contains("AUTH"))
  }

  /// A reply that stands behind the reply to STARTTLS was put there by somebody (CVE-2011-0411).
  @Test func injectedReply() {
    let server = PythonServer(
      script:
        "220 x|250-x\\r\\n250 STARTTLS|220 go\\r\\n250-x\\r\\n250 AUTH PLAIN|250 ok|250 ok")
    let outcome = PosternSend.run(["--server", "smtp://localhost:\(server.port)", "b@y.example"])
    #expect(outcome.status == 75)
    #expect(outcome.text.contains("4.7.4"))
  }

  /// SIGTERM while the server is silent: a verdict, and the end.
  @Test func termination() throws {
    let server = PythonServer(script: "220 x|")
    let folder = Scratch()
    let process = Command.start(
      [
        Command.built("postern-send"), "--server", "smtp://localhost:\(server.port)?tls=none",
        "b@y.example",
      ], in: folder, environment: ["SMTP_HOSTNAME": "client.example"],
      input: PosternSend.message.utf8)
    usleep(500_000)
    process.terminate()
    #expect(process.wait() == 75)
    let text = FileManager.default.contents(atPath: folder.path + "/stdout") ?? Data()
    #expect(
      String(decoding: text, as: UTF8.self).hasPrefix("deferred b@y.example localhost 4.3.2 "))
  }
}
