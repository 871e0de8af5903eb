// Real clients log in: under TLS from the start, and by STARTTLS. RFC 4954, RFC 3207, RFC 8314.

import Foundation
import TestSupport
import Testing

/// A way to have TLS in front of a session.
struct TLSFront: Sendable {
  let name: String
  let spawner: Server.Spawner
  /// Whether TLS begins with the first octet, not with STARTTLS.
  var isImplicit = false
  /// Whether another program decrypts before the session starts.
  var isTLS = true

  static let smtps = TLSFront(name: "SMTPS", spawner: Server.stunnel, isImplicit: true)
  static let startTLS = TLSFront(name: "STARTTLS", spawner: Server.startTLS, isTLS: false)
  static let submission = TLSFront(name: "STARTTLS by stunnel", spawner: Server.submission)
}

/// A client that logs in as "user" and sends its standard input as a message.
struct MailClient: Sendable {
  let name: String
  /// The command line.
  let command: @Sendable (_ port: UInt16, _ front: TLSFront, _ password: String) -> [String]
  /// The address that it connects from.
  var address = "127.0.0.2"

  static let curl = MailClient(name: "curl") { port, front, password in
    [
      "curl", "-sS", "-k", "--crlf", "--ssl-reqd", "--interface", "127.0.0.2", "--user",
      "user:\(password)",
      "\(front.isImplicit ? "smtps" : "smtp")://127.0.0.1:\(port)", "--mail-from", "a@x.example",
      "--mail-rcpt", "b@x.example", "-T", "-",
    ]
  }

  static let swaks = MailClient(name: "swaks") { port, front, password in
    [
      "swaks", "--server", "127.0.0.1:\(port)", "--local-interface", "127.0.0.2",
      front.isImplicit ? "--tls-on-connect" : "--tls", "--auth-user", "user", "--auth-password",
      password, "--from", "a@x.example", "--to", "b@x.example", "--data", "-",
    ]
  }

  static let smtplib = MailClient(name: "smtplib") { port, front, password in
    let script = """
      import smtplib, ssl, sys
      context = ssl._create_unverified_context()
      where = dict(host='127.0.0.1', port=\(port), source_address=('127.0.0.2', 0))
      if \(front.isImplicit ? "True" : "False"): s = smtplib.SMTP_SSL(**where, context=context)
      else:
        s = smtplib.SMTP(**where)
        s.starttls(context=context)
      s.login('user', '\(password)')
      s.sendmail('a@x.example', ['b@x.example'], sys.stdin.read())
      s.quit()
      """
    return ["python3", "-c", script]
  }

  static let msmtp = MailClient(name: "msmtp") { port, front, password in
    [
      "msmtp", "--host=127.0.0.1", "--port=\(port)", "--source-ip=127.0.0.2", "--tls=on",
      "--tls-starttls=\(front.isImplicit ? "off" : "on")", "--tls-certcheck=off", "--auth=on",
      "--user=user", "--passwordeval=echo \(password)", "--from=a@x.example", "b@x.example",
    ]
  }

  static let sNail = MailClient(
    name: "s-nail",
    command: { port, front, password in
      let url = "\(front.isImplicit ? "smtps" : "smtp")://user:\(password)@127.0.0.1:\(port)"
      return [
        "s-nail", "-:/", "-Sv15-compat", "-Smta=\(url)", "-Stls-verify=ignore",
        "-Sfrom=a@x.example", "-Ssmtp-auth=plain", "-s", "hello",
      ] + (front.isImplicit ? [] : ["-Ssmtp-use-starttls"]) + ["b@x.example"]
    }, address: "127.0.0.1")
}

@Suite struct ClientTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let client: MailClient
    let front: TLSFront

    var testDescription: String { "\(client.name), \(front.name)" }
  }

  private static let cases =
    [MailClient.curl, .swaks, .smtplib, .msmtp, .sNail].flatMap { client in
      [TLSFront.smtps, .startTLS].map { Case(client: client, front: $0) }
    } + [MailClient.swaks, .smtplib].map { Case(client: $0, front: .submission) }

  private static let needs = [
    "socat", "stunnel4", "openssl", "curl", "swaks", "python3", "msmtp", "s-nail",
  ]
  private static let isInstalled = needs.allSatisfy(Command.exists)

  /// It contains characters that base64 never contains, so where they are found, the password is in clear text.
  private static let password = "se_cr-et"
  private static let account = ["SMTP_USERNAME": "user", "SMTP_PASSWORD": password]
  private static let message = "From: <a@x.example>\nSubject: hello\n\nIt works.\n"

  private func server(_ front: TLSFront) -> Server {
    Server(front.spawner, arguments: front.isTLS ? ["--tls"] : [], environment: Self.account)
  }

  private func send(_ item: Case, _ server: Server, password: String) -> Outcome {
    let folder = Scratch()
    return Command.run(
      item.client.command(server.port, item.front, password), in: folder,
      environment: ["HOME": folder.path, "DEAD": "/dev/null", "LC_ALL": "C.UTF-8"],
      input: Self.message.utf8)
  }

  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"), arguments: cases)
  func rightPassword(_ item: Case) throws {
    let server = server(item.front)
    let outcome = send(item, server, password: Self.password)
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errorText)\(server.log)")
    let name = try #require(server.mail.entries.first)
    #expect(server.mail.entries.count == 1)
    let text = String(decoding: server.mail.content(name), as: UTF8.self)
    let fields = text.components(separatedBy: "\r\n").prefix(3).joined(separator: "\r\n")
    #expect(
      fields.contains(" ([\(item.client.address)])\r\n\tby \(Transcript.hostname) with ESMTPSA "))
    #expect(text.contains("\r\nIt works.\r\n"))
    #expect(!server.log.contains(Self.password))
  }

  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"), arguments: cases)
  func wrongPassword(_ item: Case) {
    let server = server(item.front)
    let outcome = send(item, server, password: "wr_ong")
    #expect(outcome.status != 0)
    #expect(server.mail.entries.isEmpty)
    #expect(
      server.log.contains(
        /event=authenticate result=denied user=user mechanism=(PLAIN|LOGIN) peer=127/),
      "\(outcome.text)\(outcome.errorText)\(server.log)")
    #expect(!server.log.contains("wr_ong"))
  }

  /// A whole session typed into `openssl s_client`.
  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"))
  func openssl() throws {
    let server = server(.startTLS)
    let login = Data("\0user\0\(Self.password)".utf8).base64EncodedString()
    let session = """
      EHLO client.example\r
      AUTH PLAIN \(login)\r
      MAIL FROM:<a@x.example>\r
      RCPT TO:<b@x.example>\r
      DATA\r
      hello\r
      .\r
      QUIT\r

      """
    let outcome = Command.run(
      [
        "openssl", "s_client", "-starttls", "smtp", "-quiet", "-connect",
        "127.0.0.1:\(server.port)",
      ],
      in: Scratch(), input: session.utf8)
    let replies = outcome.text.components(separatedBy: "\r\n").filter {
      $0.dropFirst(3).first == " "
    }
    // The session behind TLS sends no greeting.
    #expect(
      replies.map { $0.prefix(3) } == [
        "250", "235", "250", "250", "354", "250", "221",
      ], "\(outcome.text)")
    #expect(server.mail.messages.map(\.content) == [Array("hello\r\n".utf8)])
  }
}

@Suite struct StartTLSTests {
  private static let needs = ["socat", "stunnel4", "openssl", "python3"]
  private static let isInstalled = needs.allSatisfy(Command.exists)

  /// CVE-2011-0411: commands sent along with STARTTLS are never executed behind TLS.
  @Test(
    .enabled(if: isInstalled, "one of \(needs) is not installed"),
    arguments: [["MAIL FROM:<>", ""], ["", ""], ["x"]])
  func plaintextBehindTheCommand(_ lines: [String]) {
    let server = Server(Server.startTLS)
    let text = server.exchange("EHLO x\r\nSTARTTLS\r\n\(lines.joined(separator: "\r\n"))".utf8).text
    #expect(text.contains("\r\n250-STARTTLS\r\n"))
    #expect(text.hasSuffix("421 4.7.0 Input behind STARTTLS\r\n"))
    #expect(!text.contains("220 2.0.0"))
    #expect(!server.log.contains("tls=yes"))
  }

  /// If stunnel's configuration is missing, the session goes on in clear text.
  @Test(.enabled(if: isInstalled, "one of \(needs) is not installed"))
  func missingConfiguration() {
    let server = Server(Server.socat, environment: ["SMTP_STARTTLS": "/nonexistent"])
    let script = """
      import smtplib
      with smtplib.SMTP('127.0.0.1', \(server.port)) as s:
        s.ehlo()
        print(s.docmd('STARTTLS'))
        s.sendmail('a@x.example', ['b@x.example'], 'hello')
      """
    let outcome = Command.run(["python3", "-c", script], in: Scratch())
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(outcome.text.hasPrefix("(454, b'4.7.0 "))
    #expect(server.mail.entries.count == 1)
    #expect(server.log.contains("configuration=/nonexistent"))
  }
}
