// sendmail(1) as the programs of a system call it, with the real ones where they are installed: what they send is
// delivered, and what cannot be is said.

import Foundation
import TestSupport
import Testing

/// The submission socket, sendmail in front of it, and what comes out behind it.
private final class Submission {
  let folder = Scratch()
  let mail: MailFolder
  let sendmail: String
  private let socket: String
  private let process: RunningProcess

  init(environment: [String: String] = [:]) {
    mail = MailFolder(folder)
    sendmail = folder.path + "/sendmail"
    try! FileManager.default.createSymbolicLink(
      atPath: sendmail, withDestinationPath: Command.built("postern-queue"))
    let path = folder.path + "/submit"
    socket = path
    process = Command.start(
      [
        "socat", "UNIX-LISTEN:\(socket),fork",
        "EXEC:\(Command.built("postern-smtpd")) --local,nofork",
      ],
      in: folder,
      environment: environment.merging([
        "SMTP_MAIL_DIR": mail.path, "SMTP_HOSTNAME": "mail.example.org",
      ]) { own, _ in own }, log: "log")
    #expect(Server.wait { FileManager.default.fileExists(atPath: path) })
  }

  deinit {
    process.terminate()
    _ = process.wait()
  }

  /// Runs a program that calls sendmail.
  func run(
    _ command: [String], _ input: String = "", environment: [String: String] = [:]
  ) -> Outcome {
    Command.run(
      command, in: Scratch(),
      environment: environment.merging([
        "SMTP_SUBMIT_SOCKET": socket, "HOME": folder.path, "SMTP_HOSTNAME": "host.example",
        "NAME": "A User",
      ]) { own, _ in own }, input: input.utf8)
  }

  func send(_ arguments: [String], _ input: String) -> Outcome {
    run([sendmail] + arguments, input)
  }

  /// The recipients of the messages that have arrived.
  var recipients: [String] {
    mail.messages.flatMap(\.recipients).sorted()
  }

  var texts: [String] { mail.messages.map { String(decoding: $0.content, as: UTF8.self) } }
}

@Suite struct SendmailTests {
  /// RFC 5321 §4.5.3.2.6: ten minutes for the reply to a message. A second lasts ten milliseconds here, and the reply
  /// comes after four minutes, or not within ten.
  @Test(arguments: [(2.4, Int32(0)), (7.0, 75)]) func patience(seconds: Double, status: Int32) {
    let folder = Scratch()
    let sendmail = folder.path + "/sendmail"
    try! FileManager.default.createSymbolicLink(
      atPath: sendmail, withDestinationPath: Command.builtForDebugging("postern-queue"))
    let server = PythonServer(
      """
      import socket, sys, time
      listener = socket.socket(socket.AF_UNIX)
      listener.bind(sys.argv[1])
      listener.listen()
      print('ready')
      connection = listener.accept()[0]
      reader = connection.makefile('rb')
      connection.sendall(b'220 x\\r\\n')
      for line in reader:
        if line.startswith(b'DATA'):
          connection.sendall(b'354 go\\r\\n')
          while reader.readline() != b'.\\r\\n': pass
          time.sleep(float(sys.argv[2]))
        connection.sendall(b'250 ok\\r\\n')
      """, [folder.path + "/submit", String(seconds)])
    let outcome = Command.run(
      ["timeout", "60", sendmail, "you@y.example"], in: folder,
      environment: [
        "SMTP_SUBMIT_SOCKET": folder.path + "/submit", "SMTP_HOSTNAME": "x.example",
        "POSTERN_SECOND": "10",
      ], input: "Subject: x\n\nx\n".utf8)
    #expect(outcome.status == status, "\(outcome.errorText) \(server.log)")
  }

  struct Caller: Sendable, CustomTestStringConvertible {
    let name: String
    let line: String
    let input: String
    let recipients: [String]
    /// Something that the message then has.
    let text: String
    var sender = ""

    var testDescription: String { name }
  }

  /// What the session calls this host.
  private static let domain = "mail.example.org"

  static let table = [
    Caller(
      name: "Debian's cron", line: "-FCronDaemon -i -B8BITMIME -oem root",
      input: "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> x\n\nout\n.\nput\n",
      recipients: ["root@" + domain],
      text: "From: root@\(domain) (Cron Daemon)\r\nTo: root@\(domain)\r\n"),
    Caller(
      name: "vixie-cron", line: "-FCronDaemon -odi -oem -oi -t",
      input: "To: root\nSubject: Cron\n\nx\n", recipients: ["root@" + domain],
      text: "From: CronDaemon <"),
    Caller(
      name: "cronie", line: "-FCronDaemon -i -odi -oem -oi -t -f root",
      input: "From: \"(Cron Daemon)\" <root>\nTo: root\nSubject: x\n\nx\n",
      recipients: ["root@" + domain],
      text: "From: \"(Cron Daemon)\" <root@\(domain)>\r\n", sender: "root@" + domain),
    Caller(
      name: "dcron", line: "-t -oem -i", input: "To: root\n\nx\n", recipients: ["root@" + domain],
      text: "\r\n\r\nx\r\n"),
    Caller(
      name: "systemd-cron", line: "-i -B 8BITMIME root", input: "To: root\nSubject: é\n\né\n",
      recipients: ["root@" + domain], text: "é\r\n"),
    Caller(
      name: "PHP 8", line: "-t -i -fwww@x.example",
      input: "To: a@x.example\r\nSubject: x\r\nBcc: b@x.example,\r\n c@x.example\r\n\r\nx\r\ny\r\n",
      recipients: ["a@x.example", "b@x.example", "c@x.example"], text: "\r\n\r\nx\r\ny\r\n",
      sender: "www@x.example"),
    Caller(
      name: "PHP 7, with mixed line ends", line: "-t -i",
      input: "To: a@x.example\nSubject: x\nFrom: b@x.example\r\nX-Y: z\n\nx\r\ny\n",
      recipients: ["a@x.example"], text: "From: b@x.example\r\nX-Y: z\r\n\r\nx\r\ny\r\n"),
    Caller(
      name: "git send-email", line: "-f me@x.example -i a@x.example b@x.example",
      input: "From: Me <me@x.example>\nTo: a@x.example\nSubject: [PATCH] x\n\n---\n.\n",
      recipients: ["a@x.example", "b@x.example"], text: "---\r\n.\r\n", sender: "me@x.example"),
    Caller(
      name: "mutt", line: "-oem -oi -f me@x.example -N failure,delay -R hdrs -- a@x.example",
      input: "To: a@x.example\nSubject: x\n\nx\n", recipients: ["a@x.example"], text: "x\r\n",
      sender: "me@x.example"),
    Caller(
      name: "s-nail", line: "-i -m -v -r me@x.example -- a@x.example",
      input: "To: a@x.example\nSubject: x\n\nx\n", recipients: ["a@x.example"], text: "x\r\n",
      sender: "me@x.example"),
    Caller(
      name: "mailutils", line: "-oi -f me@x.example -t",
      input: "To: <a@x.example>\nCc: \"B, C\" <b@x.example>\n\nx\n",
      recipients: ["a@x.example", "b@x.example"], text: "x\r\n", sender: "me@x.example"),
    Caller(
      name: "logwatch and sudo", line: "-t",
      input: "To: root\nFrom: Logwatch <logwatch>\nSubject: x\n\nx\n",
      recipients: ["root@" + domain], text: "x\r\n"),
    Caller(
      name: "at", line: "-i user", input: "Subject: Output from your job 1\nTo: user\n\nx\n",
      recipients: ["user@" + domain], text: "x\r\n"),
    Caller(
      name: "apt-listchanges and unattended-upgrades", line: "-oi -t",
      input: "To: root\nAuto-Submitted: auto-generated\n\nx\n", recipients: ["root@" + domain],
      text: "Auto-Submitted: auto-generated\r\n"),
    Caller(
      name: "procmail", line: "-oi a@x.example",
      input: "From a@b Tue Nov 24 23:10:00 2026\nTo: c@x.example\n\nx\n",
      recipients: ["a@x.example"], text: "To: c@x.example\r\n\r\nx\r\n"),
    Caller(
      name: "Rails", line: "-i -f me@x.example -- a@x.example", input: "To: a@x.example\r\n\r\nx",
      recipients: ["a@x.example"], text: "\r\n\r\nx\r\n", sender: "me@x.example"),
  ]

  @Test(arguments: table) func callers(_ caller: Caller) throws {
    let submission = Submission()
    let outcome = submission.send(
      caller.line.split(separator: " ").map { String($0) }, caller.input)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(submission.recipients == caller.recipients)
    for message in submission.mail.messages {
      let text = String(decoding: message.content, as: UTF8.self)
      #expect(text.contains(caller.text), "\(text)")
      for name in ["Date: ", "From: ", "Message-ID: "] { #expect(text.contains(name)) }
      #expect(!text.lowercased().contains("bcc") && !text.contains("c@x.example,"))
      if !caller.sender.isEmpty { #expect(message.reversePath == caller.sender) }
    }
  }

  // The programs themselves.

  private static func exists(_ name: String) -> Bool { Command.exists(name) }

  @Test(.enabled(if: exists("php"), "php is not installed")) func php() {
    let submission = Submission()
    let outcome = submission.run([
      "php", "-n", "-d", "sendmail_path=\(submission.sendmail) -t -i", "-r",
      #"exit(mail("a@x.example", "Grüße", "x\n.\ny", "Bcc: b@x.example", "-fme@x.example") ? 0 : 1);"#,
    ])
    #expect(outcome.status == 0, "\(outcome.errorText)\(outcome.text)")
    #expect(submission.recipients == ["a@x.example", "b@x.example"])
    #expect(submission.texts.allSatisfy { $0.contains("x\r\n.\r\ny") && !$0.contains("Bcc") })
    #expect(submission.mail.messages.allSatisfy { $0.reversePath == "me@x.example" })
  }

  /// It is a package of its own.
  private static let hasGitSendEmail: Bool = {
    let outcome = Command.run(["git", "send-email", "-h"], in: Scratch())
    return (outcome.text + outcome.errorText).contains("[<options>]")
  }()

  @Test(.enabled(if: hasGitSendEmail, "git send-email is not installed")) func gitSendEmail() {
    let submission = Submission()
    let patch = submission.folder.file(
      "0001-x.patch",
      Array(
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: Me <me@x.example>\nDate: Tue, 24 Nov 2026 23:10:00 +0100\nSubject: [PATCH] x\n\ny\n---\n.\n"
          .utf8))
    let outcome = submission.run(
      [
        "git", "send-email", "--quiet", "--confirm=never", "--no-validate", "--from=me@x.example",
        "--to=a@x.example", "--cc=b@x.example", "--envelope-sender=bounce@x.example",
        "--smtp-server=\(submission.sendmail)", patch,
      ],
      environment: [
        "GIT_AUTHOR_NAME": "Me", "GIT_AUTHOR_EMAIL": "me@x.example", "GIT_COMMITTER_NAME": "Me",
        "GIT_COMMITTER_EMAIL": "me@x.example",
      ])
    #expect(outcome.status == 0, "\(outcome.errorText)\(outcome.text)")
    #expect(Set(submission.recipients).isSuperset(of: ["a@x.example", "b@x.example"]))
    #expect(submission.texts.allSatisfy { $0.contains("y\r\n---\r\n.\r\n") })
    #expect(submission.mail.messages.allSatisfy { $0.reversePath == "bounce@x.example" })
  }

  @Test(.enabled(if: exists("mutt"), "mutt is not installed")) func mutt() {
    let submission = Submission()
    let outcome = submission.run(
      [
        "mutt", "-n", "-F", "/dev/null", "-e",
        "set sendmail='\(submission.sendmail) -oem -oi' use_envelope_from=yes from=me@x.example copy=no",
        "-s", "Grüße", "-b", "b@x.example", "--", "a@x.example",
      ], "x\n.\ny\n", environment: ["LC_ALL": "C.UTF-8"])
    #expect(outcome.status == 0, "\(outcome.errorText)\(outcome.text)")
    #expect(submission.recipients == ["a@x.example", "b@x.example"])
    #expect(submission.texts.allSatisfy { $0.contains("x\r\n.\r\ny\r\n") && !$0.contains("Bcc") })
    #expect(submission.mail.messages.allSatisfy { $0.reversePath == "me@x.example" })
  }

  @Test(.enabled(if: exists("s-nail"), "s-nail is not installed")) func snail() {
    let submission = Submission()
    let outcome = submission.run(
      [
        "s-nail", "-:/", "-S", "mta=\(submission.sendmail)", "-S", "sendwait", "-r", "me@x.example",
        "-s", "x", "-b", "b@x.example", "a@x.example",
      ], "x\n")
    #expect(outcome.status == 0, "\(outcome.errorText)\(outcome.text)")
    #expect(submission.recipients == ["a@x.example", "b@x.example"])
    #expect(submission.texts.allSatisfy { $0.contains("\r\n\r\nx\r\n") })
  }

  @Test func swaks() {
    let submission = Submission()
    let outcome = submission.run([
      "swaks", "--pipe", "\(submission.sendmail) -bs -oem -oi", "--from", "me@x.example", "--to",
      "a@x.example", "--silent", "3",
    ])
    #expect(outcome.status == 0, "\(outcome.errorText)\(outcome.text)")
    #expect(submission.recipients == ["a@x.example"])
  }

  // Through the queue.

  /// While the server is down the message waits and mailq says why; then it is delivered.
  @Test func throughTheQueue() throws {
    let queue = Scratch()
    let port = Server.freePort()
    var settings = [
      "SMTP_QUEUE_DIR": queue.path, "SMTP_DOMAINS": "x.example", "SMTP_LOG_LEVEL": "error",
      "SMTP_SMARTHOST": "smtp://127.0.0.1:\(port)?tls=none",
    ]
    let submission = Submission(environment: settings)
    settings["SMTP_MAIL_DIR"] = submission.mail.path
    func queueRun(_ arguments: [String]) -> Outcome {
      submission.run([submission.sendmail] + arguments, environment: settings)
    }
    #expect(queueRun(["-bp"]).text == "Mail queue is empty\n")
    let sent = submission.send(["-i", "-f", "me@x.example", "a@y.example"], "Subject: x\n\nx\n")
    #expect(sent.status == 0, "\(sent.errorText)")
    let first = queueRun(["-q"])
    #expect(first.status == 0 && first.text.isEmpty, "\(first.errorText)")
    let listed = queueRun(["-bp"])
    let lines = listed.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 7, "\(listed.text)")
    #expect(lines[0] == "-Queue ID-        --Size-- ----Arrival Time---- -Sender/Recipient-------")
    #expect(
      lines[1].wholeMatch(
        of: /[0-9a-f]{16} {2,}\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d  me@x\.example/)
        != nil)
    #expect(lines[2].contains("refused") && lines[2].hasSuffix(")"))
    #expect(lines[3].hasSuffix("   a@y.example"))
    #expect(lines[5].wholeMatch(of: /-- \d+ Kbytes in 1 Request\./) != nil)
    let server = Server(Server.socat, port: port)
    let second = queueRun(["-qRy.example"])
    #expect(second.status == 0, "\(second.errorText)")
    #expect(server.mail.messages.flatMap(\.recipients) == ["a@y.example"])
    #expect(queueRun(["-bp"]).text == "Mail queue is empty\n")
  }

  /// What the other host refuses comes back, and Python reads it.
  @Test func bounce() throws {
    let queue = Scratch()
    let server = Server(Server.socat, environment: ["SMTP_DOMAINS": "nobody.example"])
    let settings = [
      "SMTP_QUEUE_DIR": queue.path, "SMTP_DOMAINS": "x.example", "SMTP_LOG_LEVEL": "error",
      "SMTP_SMARTHOST": "smtp://127.0.0.1:\(server.port)?tls=none",
    ]
    let submission = Submission(environment: settings)
    let sent = submission.send(
      ["-i", "-V", "my id", "-f", "me@x.example", "a@y.example"], "Subject: x\n\nwords\n")
    #expect(sent.status == 0, "\(sent.errorText)")
    let run = submission.run(
      [submission.sendmail, "-q"],
      environment: settings.merging(["SMTP_MAIL_DIR": submission.mail.path]) { own, _ in own })
    #expect(run.status == 0, "\(run.errorText)")
    let file = try #require(submission.mail.entries.first { $0.hasSuffix("-me@x.example.eml") })
    let reader = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let read = submission.run([
      "python3", "/\(reader)/NoticesTests/report.py", submission.mail.path + "/" + file,
    ])
    #expect(read.status == 0, "\(read.errorText)")
    for line in [
      "0 Original-Envelope-Id: my id", "1 Final-Recipient: rfc822; a@y.example",
      "1 Action: failed", "1 Status: 5.7.1", "subject: Your message could not be delivered",
    ] {
      #expect(read.text.contains(line + "\n"), "\(read.text)")
    }
    #expect(read.text.contains("said: 550 5.7.1 ") && read.text.contains("\nwords\n"))
  }

  // What goes wrong.

  @Test func serverThatRefuses() {
    let submission = Submission(environment: ["SMTP_DOMAINS": "x.example", "SMTP_MAX_SIZE": "5000"])
    let some = submission.send(["-i", "a@x.example", "b@y.example"], "x\n")
    #expect(some.status == 77)
    #expect(some.errorText.contains("sendmail: <b@y.example>: 550 5.7.1 "))
    #expect(submission.recipients == ["a@x.example"])
    let big = submission.send(
      ["a@x.example"], "\n" + String(repeating: "xxxxxxxxx\n", count: 1000))
    #expect(big.status == 65 && big.errorText.contains("5.3.4"))
    #expect(submission.recipients == ["a@x.example"])
  }

  @Test func serverThatIsNotThere() {
    let submission = Submission()
    let outcome = submission.run(
      [submission.sendmail, "root"], "x\n", environment: ["SMTP_SUBMIT_SOCKET": "/nowhere/submit"])
    #expect(outcome.status == 75)
    #expect(outcome.errorText == "sendmail: /nowhere/submit: No such file or directory\n")
  }

  /// Where as many programs wait at the socket as it lets, the next one waits too.
  @Test func socketThatIsFull() {
    let submission = Submission()
    let outcome = submission.run(
      [
        "python3", "-c",
        """
        import socket, subprocess, sys, time
        listener = socket.socket(socket.AF_UNIX)
        listener.bind('full')
        listener.listen(0)
        listener.settimeout(10)
        first = socket.socket(socket.AF_UNIX)
        first.connect('full')
        program = subprocess.Popen([sys.argv[1], 'a@x.example'], stdin=subprocess.PIPE)
        program.stdin.write(b'x\\n')
        program.stdin.close()
        time.sleep(0.3)
        listener.accept()
        second, _ = listener.accept()
        subprocess.run([sys.argv[2], '--local'], stdin=second, stdout=second, stderr=subprocess.DEVNULL)
        second.close()
        sys.exit(program.wait())
        """, submission.sendmail, Command.built("postern-smtpd"),
      ],
      environment: ["SMTP_SUBMIT_SOCKET": "full", "SMTP_MAIL_DIR": submission.mail.path])
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(submission.recipients == ["a@x.example"])
  }

  /// The store is full, and the server says so.
  @Test func storeThatFails() {
    let submission = Submission(environment: ["SMTP_MAIL_DIR": "/proc"])
    let outcome = submission.send(["a@x.example"], "x\n")
    #expect(outcome.status == 75 && outcome.errorText.split(separator: "\n").count == 1)
  }

  @Test(arguments: [
    (["-t"], "Subject: x\n\nx\n", 64), ([], "x\n", 64), (["-Z", "root"], "x\n", 64),
    (["-bd"], "", 64), (["a b@x"], "x\n", 65), (["root\nBcc: a@x"], "x\n", 65),
    (["-f", "a\nb", "root"], "x\n", 65), (["-bi"], "", 0), (["-bH"], "", 0),
  ])
  func statuses(_ arguments: [String], _ input: String, _ status: Int32) {
    let submission = Submission()
    let outcome = submission.send(arguments, input)
    #expect(outcome.status == status)
    #expect(outcome.errorText.split(separator: "\n").count == (status == 0 ? 0 : 1))
    #expect(submission.recipients.isEmpty)
  }

  /// A body that is kept in a file on its way.
  @Test func largeMessage() {
    let submission = Submission()
    let line = String(repeating: "x", count: 70)
    let body = String(repeating: line + "\n", count: 10_000)
    #expect(submission.send(["a@x.example"], "Subject: x\n\n.\n" + body).status == 0)
    #expect(submission.send(["-i", "b@x.example"], "Subject: x\n\n.\n" + body).status == 0)
    #expect(submission.texts[0].hasSuffix("Subject: x\r\n\r\n"))
    #expect(
      submission.texts[1].hasSuffix(
        "Subject: x\r\n\r\n.\r\n" + body.replacing("\n", with: "\r\n")))
  }

  /// More recipients than the server takes in a transaction.
  @Test func manyRecipients() {
    let submission = Submission(environment: ["SMTP_MAX_RECIPIENTS": "100"])
    let recipients = (100..<350).map { "u\($0)@x.example" }
    let outcome = submission.send(["-i"] + recipients, "x\n")
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(submission.recipients == recipients)
  }

  /// newaliases names the file, the line and the reason.
  @Test func wrongAliases() {
    let scratch = Scratch()
    let queue = QueueFolder(scratch)
    _ = queue
    let path = scratch.file("aliases", "root: a@x.example\nnoreply: /var/mail/x\nx:\n".utf8)
    let environment = [
      "SMTP_ALIASES": path, "SMTP_QUEUE_DIR": "queue", "SMTP_DOMAINS": "x.example",
      "SMTP_HOSTNAME": "mail.example.org",
    ]
    let command = [Command.built("postern-queue"), "sendmail", "-bi"]
    let outcome = Command.run(command, in: scratch, environment: environment)
    #expect(outcome.status == 65)
    #expect(
      outcome.errorText == """
        sendmail: \(path): line 2: /var/mail/x: delivery to a file is not possible
        sendmail: \(path): line 3: a value expected

        """)
    _ = scratch.file("aliases", "a: \"|/nowhere/x\"\nb: c\nc: b\n".utf8)
    #expect(
      Command.run(command, in: scratch, environment: environment).errorText == """
        sendmail: \(path): line 1: /nowhere/x is not a program that this user may run
        sendmail: \(path): b@x.example leads to aliases only
        sendmail: \(path): c@x.example leads to aliases only

        """)
    _ = scratch.file(
      "aliases", "root: a@x.example\nroot@localhost: b\nroot@MAIL.example.org: b\n".utf8)
    #expect(Command.run(command, in: scratch, environment: environment).status == 0)
  }

  /// One bad address of several: the others get the message, and the caller hears of it.
  @Test func oneBadAddress() {
    let submission = Submission()
    let outcome = submission.send(["-t"], "To: bad@@x.example, ok@x.example\n\nx\n")
    #expect(outcome.status == 65)
    #expect(outcome.errorText == "sendmail: not an address: bad@@x.example\n")
    #expect(submission.recipients == ["ok@x.example"])
  }

  @Test(arguments: ["newaliases", "hoststat", "purgestat"]) func otherNames(_ name: String) {
    let scratch = Scratch()
    try! FileManager.default.createSymbolicLink(
      atPath: scratch.path + "/" + name, withDestinationPath: Command.built("postern-queue"))
    #expect(Command.run([scratch.path + "/" + name], in: scratch).status == 0)
  }
}
