// Relaying by the built program: what is in the queue and in the mail directory at the 250, who hands mail in, and the
// files that say where mail goes.

import Foundation
import TestSupport
import Testing

@Suite struct RelayTests {
  private let folder = Scratch()

  private static let settings = [
    "SMTP_HOSTNAME": "mail.example.org", "SMTP_DOMAINS": "ours.example", "SMTP_QUEUE_DIR": "queue",
  ]

  private func run(
    _ arguments: [String], _ environment: [String: String] = [:], _ lines: [String] = []
  ) -> Outcome {
    Command.run(
      [Command.built("postern-smtpd")] + arguments, in: folder,
      environment: Self.settings.merging(environment) { _, new in new },
      input: lines.map { $0 + "\r\n" }.joined().utf8)
  }

  private static let both = [
    "EHLO x", "MAIL FROM:<a@b.example> RET=HDRS ENVID=e BODY=8BITMIME SMTPUTF8",
    "RCPT TO:<c@theirs.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@y", "RCPT TO:<d@ours.example>",
    "RCPT TO:<ü@theirs.example> NOTIFY=NEVER", "DATA", "Subject: x", "", "hello", ".",
  ]

  /// One file with a name in the mail directory and one in the queue, and all of the envelope.
  @Test func oneFileForBoth() throws {
    let (mail, queue) = (MailFolder(folder), QueueFolder(folder))
    let outcome = run(["--local"], [:], Self.both)
    #expect(outcome.text.contains("250 2.0.0 OK: stored as "), "\(outcome.errorText)")
    let id = try #require(queue.ids.first)
    #expect(outcome.text.contains("stored as \(id)"))
    let envelope = queue.envelope(id)
    #expect(envelope.first == "postern-queue 2" && envelope.last == "end")
    #expect(envelope.contains("uid \(getuid())"))
    #expect(envelope.contains("ours"))
    #expect(!envelope.contains { $0.hasPrefix("login") })
    #expect(envelope.contains("from <a@b.example> SMTPUTF8 RET=HDRS ENVID=e"))
    #expect(
      envelope.filter { $0.hasPrefix("to ") } == [
        "to <c@theirs.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@y",
        "to <ü@theirs.example> NOTIFY=NEVER",
      ])
    let stored = try #require(mail.entries.first)
    #expect(mail.entries.count == 1 && stored.hasSuffix("\(id)-d@ours.example.eml"))
    #expect(queue.content("data/\(id)") == mail.content(stored))
    #expect(queue.message(id).starts(with: "Received: from x (uid ".utf8))
    #expect(links(mail.path + "/" + stored) == 2)
    #expect(outcome.errorText.contains("recipients=3 queued=2 "))
  }

  /// The queue is on another file system, so it gets a copy.
  @Test(.enabled(if: FileManager.default.isWritableFile(atPath: "/dev/shm")))
  func copyForTheQueue() throws {
    let mail = MailFolder(folder)
    let queue = QueueFolder(path: "/dev/shm/postern-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(atPath: queue.path) }
    let long = String(repeating: "x", count: 200_000)
    let lines = Self.both.dropLast() + [long, "."]
    let outcome = run(["--local"], ["SMTP_QUEUE_DIR": queue.path], Array(lines))
    #expect(outcome.text.contains("250 2.0.0 OK: stored as "), "\(outcome.errorText)")
    let id = try #require(queue.ids.first)
    let stored = try #require(mail.entries.first)
    #expect(queue.content("data/\(id)") == mail.content(stored))
    #expect(queue.content("data/\(id)").count > long.utf8.count)
    #expect(queue.message(id).starts(with: "Received: ".utf8))
    #expect(links(mail.path + "/" + stored) == 1)
    #expect(queue.files.count == 2)
  }

  /// A local recipient whose address does not fit into a name has a file of its own, which no other recipient may see.
  @Test func longLocalRecipient() throws {
    let (mail, queue) = (MailFolder(folder), QueueFolder(folder))
    let long = String(repeating: "!", count: 100) + "@ours.example"
    let lines = Self.both.map { $0.replacing("d@ours.example", with: long) }
    let outcome = run(["--local"], [:], lines)
    #expect(outcome.text.contains("250 2.0.0 OK: stored as "), "\(outcome.errorText)")
    let id = try #require(queue.ids.first)
    #expect(!String(decoding: queue.content("data/\(id)"), as: UTF8.self).contains(long))
    #expect(mail.messages.map(\.recipients) == [[long]])
    #expect(queue.messages.map(\.content) == mail.messages.map(\.content))
  }

  /// Neither is durable without the other: what cannot be queued is not stored.
  @Test func bothOrNeither() {
    let (mail, queue) = (MailFolder(folder), QueueFolder(folder))
    _ = folder.file("queue/new")  // is to be a directory
    let outcome = run(
      ["--local"], [:],
      Self.both + Self.both[1...3] + ["RSET"] + [
        "MAIL FROM:<a@b.example>", "RCPT TO:<d@ours.example>", "DATA", ".",
      ])
    #expect(outcome.text.contains("451 4.3.0 Message not stored; try again later\r\n"))
    #expect(outcome.errorText.contains("event=failure call="))
    // A message for us alone does not need the queue.
    #expect(mail.messages.map(\.recipients) == [["d@ours.example"]])
    #expect(queue.files == ["new"])
  }

  /// The login is in the envelope, and mail for others of who has none is not ours.
  @Test func whoseMailItIs() throws {
    _ = MailFolder(folder)
    let queue = QueueFolder(folder)
    _ = folder.file("aliases", "root: x@theirs.example\n".utf8)
    let outcome = run(
      ["--tls"],
      ["SMTP_USERNAME": "us er", "SMTP_PASSWORD": "b", "SMTP_ALIASES": "aliases"],
      [
        "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<root@ours.example>", "DATA", ".",
        "AUTH PLAIN " + Data("\0us er\0b".utf8).base64EncodedString(), "MAIL FROM:<a@b.example>",
        "RCPT TO:<c@theirs.example>", "DATA", ".",
      ])
    #expect(outcome.text.matches(of: /stored as/).count == 2, "\(outcome.errorText)")
    let envelopes = queue.ids.map { queue.envelope($0) }
    let stranger = try #require(envelopes.first { $0.contains("to <root@ours.example>") })
    #expect(!stranger.contains("ours") && !stranger.contains { $0.hasPrefix("login") })
    let user = try #require(envelopes.first { $0.contains("to <c@theirs.example>") })
    #expect(user.contains("ours") && user.contains("login us+20er"))
  }

  /// NOTIFY=SUCCESS for a local recipient: an entry of the queue, durable with the message, has the verdict. A run has
  /// nothing to deliver, and tells the sender.
  @Test func reportOfSuccess() throws {
    let (mail, queue) = (MailFolder(folder), QueueFolder(folder))
    let outcome = run(
      ["--local"], [:],
      [
        "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<d@ours.example> NOTIFY=SUCCESS",
        "RCPT TO:<e@ours.example> NOTIFY=FAILURE", "RCPT TO:<f@theirs.example> NOTIFY=SUCCESS",
        "DATA", ".", "MAIL FROM:<a@b.example>", "RCPT TO:<d@ours.example> NOTIFY=NEVER", "DATA",
        ".",
        "MAIL FROM:<>", "RCPT TO:<d@ours.example> NOTIFY=SUCCESS", "DATA", ".",
      ])
    #expect(outcome.text.matches(of: /stored as/).count == 3, "\(outcome.errorText)")
    #expect(mail.entries.count == 4 && queue.ids.count == 1)
    let lines = queue.envelope(try #require(queue.ids.first))
    #expect(
      lines.suffix(4).prefix(3) == [
        "to <f@theirs.example> NOTIFY=SUCCESS", "to <d@ours.example> NOTIFY=SUCCESS", "end",
      ])
    let verdict =
      /verdict 1 \d+ delivered recipient <d@ours.example> - - 2.1.5 stored in the mailbox/
    #expect(lines.last?.wholeMatch(of: verdict) != nil, "\(lines)")
  }

  /// `--local` behind a UNIX socket: the kernel says who the client is. Behind TCP it is refused.
  @Test(.enabled(if: Command.exists("python3")))
  func localUser() throws {
    _ = MailFolder(folder)
    let queue = QueueFolder(folder)
    let script = """
      import os, socket, subprocess, sys
      for family, address in ((socket.AF_UNIX, 'socket'), (socket.AF_INET, ('127.0.0.1', 0))):
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen()
        if family == socket.AF_UNIX: os.chmod(address, 0o777)
        address = listener.getsockname()
        client = os.fork()
        if client == 0:
          try:
            if os.getuid() == 0: os.setuid(4711)
            s = socket.socket(family)
            s.connect(address)
            s.sendall(b'EHLO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<c@theirs.example>\\r\\nDATA\\r\\n.\\r\\nQUIT\\r\\n')
            while s.recv(4096): pass
          finally: os._exit(0)
        session = listener.accept()[0]
        p = subprocess.run([sys.argv[1], '--local'], stdin=session, stdout=session)
        print(p.returncode, flush=True)
        session.close()
        os.waitpid(client, 0)
      print(4711 if os.getuid() == 0 else os.getuid())
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: Self.settings)
    let lines = outcome.text.split(separator: "\n")
    #expect(lines.prefix(2) == ["0", "64"], "\(outcome.errorText)")
    let user = try #require(lines.last)
    #expect(queue.ids.count == 1)
    let id = try #require(queue.ids.first)
    #expect(queue.message(id).starts(with: "Received: from x (uid \(user))\r\n\tby ".utf8))
    #expect(outcome.errorText.contains("peer=unknown uid=\(user) from=SO_PEERCRED"))
    #expect(outcome.errorText.contains("anybody could send mail anywhere"))
  }

  /// `--local` needs no delay before the greeting, no password and no TLS, whatever is configured.
  @Test func localIsGreetedAtOnce() {
    _ = MailFolder(folder)
    _ = QueueFolder(folder)
    let outcome = run(
      ["--local"],
      [
        "SMTP_GREETING_DELAY": "300", "SMTP_REQUIRE_AUTH": "true", "SMTP_PASSWD_FILE": "/nothing",
        "SMTP_STARTTLS": "/nothing",
      ], Self.both)
    #expect(outcome.text.contains("250 2.0.0 OK: stored as "), "\(outcome.errorText)")
    #expect(!outcome.text.contains("AUTH") && !outcome.text.contains("STARTTLS"))
    for other in ["--tls", "--proxy", "--resumed"] {
      #expect(run(["--local", other]).status == 64)
    }
  }

  /// A session sees who has come since it began.
  @Test(.enabled(if: Command.exists("python3")))
  func recipientsAreReadAgain() {
    _ = MailFolder(folder)
    _ = folder.file("recipients", "alice\n".utf8)
    let script = """
      import os, subprocess, sys
      p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      p.stdout.readline()
      def say(line):
        p.stdin.write(line + b'\\r\\n')
        p.stdin.flush()
        return p.stdout.readline()[:3].decode()
      print(say(b'HELO x'), say(b'MAIL FROM:<>'), say(b'RCPT TO:<bob@ours.example>'))
      open('next', 'w').write('bob\\n')
      os.rename('next', 'recipients')
      print(say(b'RCPT TO:<bob@ours.example>'), say(b'RCPT TO:<alice@ours.example>'), say(b'QUIT'))
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: ["SMTP_DOMAINS": "ours.example", "SMTP_RECIPIENTS": "recipients"])
    #expect(outcome.text == "250 250 550\n250 550 221\n", "\(outcome.errorText)")
  }

  // The configuration.

  /// What is wrong, the variable that is named, and words of the reason.
  @Test(arguments: [
    (["SMTP_DOMAINS": ""], "SMTP_QUEUE_DIR", "SMTP_DOMAINS expected"),
    (["SMTP_QUEUE_DIR": "", "SMTP_ALIASES": "aliases"], "SMTP_QUEUE_DIR", "need a queue"),
    (["SMTP_QUEUE_DIR": "", "SMTP_LISTS_DIR": "lists"], "SMTP_QUEUE_DIR", "need a queue"),
    (["SMTP_ALIASES": "nothing"], "SMTP_ALIASES", "No such file or directory"),
    (["SMTP_SENDERS": "nothing"], "SMTP_SENDERS", "No such file or directory"),
  ])
  func wrong(_ environment: [String: String], _ variable: String, _ reason: String) {
    _ = (MailFolder(folder), QueueFolder(folder))
    _ = folder.file("aliases", "a: b\n".utf8)
    let outcome = run([], environment, Self.both)
    #expect(outcome.status == 78)
    #expect(outcome.text == "421 4.3.5 This server is not configured correctly\r\n")
    #expect(outcome.errorText.contains("event=configuration variable=\(variable) "))
    #expect(outcome.errorText.contains(reason), "\(outcome.errorText)")
    let check = run(["--check"], environment)
    #expect(check.status == 78 && check.text.hasPrefix("\(variable)="))
    #expect(check.text.contains(reason), "\(check.text)")
  }

  /// `--check` counts what it finds, names the bad line of the recipients, and knows the other programs' variables.
  @Test func check() {
    _ = (MailFolder(folder), QueueFolder(folder))
    _ = folder.file("aliases", "a: b\nc: d\n".utf8)
    _ = folder.file("senders", "a: *\n".utf8)
    _ = folder.file("recipients", "# x\na\nb\nd\n".utf8)
    _ = folder.file("bad", "a\nb c\n".utf8)
    let environment = [
      "SMTP_ALIASES": "aliases", "SMTP_SENDERS": "senders", "SMTP_RECIPIENTS": "recipients",
      "SMTP_SMARTHOST": "smtp://x", "SMTP_QUEUE_LIFETIME": "1", "SMTP_QUEUE_LIFTIME": "1",
    ]
    let good = run(["--check"], environment)
    #expect(good.status == 0)
    let lines = good.text.split(separator: "\n")
    for line in ["queue: can be written", "aliases: 2", "senders: 1", "recipients: 3"] {
      #expect(lines.contains("# \(line)"), "\(good.text)")
    }
    #expect(lines.filter { $0.contains("is not a variable of Postern") }.count == 1)
    #expect(lines.contains("SMTP_QUEUE_DIR=queue\t# environment"))
    let bad = run(["--check"], environment.merging(["SMTP_RECIPIENTS": "bad"]) { _, new in new })
    #expect(bad.status == 78)
    #expect(bad.text.contains("# recipients: error: bad: line 2: b c: an address, a local part or"))
    _ = folder.file("wrong", "a: a@b.example\nb: /var/x\n".utf8)
    for (variable, name, reason) in [
      ("SMTP_ALIASES", "aliases", "wrong: line 2: /var/x: delivery to a file"),
      ("SMTP_SENDERS", "senders", "line 2: /var/x: an address, @domain or *"),
    ] {
      let wrong = run(["--check"], environment.merging([variable: "wrong"]) { _, new in new })
      #expect(wrong.status == 78)
      #expect(wrong.text.contains("# \(name): error: \(reason)"), "\(wrong.text)")
      // One wrong line stops no session.
      #expect(
        run([], environment.merging([variable: "wrong"]) { _, new in new }).text.hasPrefix("220 "))
    }
    let none = run(["--check"], ["SMTP_RECIPIENTS": "nothing", "SMTP_QUEUE_DIR": "none"])
    #expect(none.text.contains("# recipients: error: nothing: No such file or directory"))
    #expect(
      none.text.contains("# queue: error: none cannot be written: open: No such file or directory"))
  }

  private func links(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.referenceCount] as? Int
  }
}
