// Accounts in the built program: who can log in, and that passwords do not leak.

import Foundation
import TestSupport
import Testing

@Suite struct AccountTests {
  private static let password = "correct-horse%battery"

  /// All forms in which the password could stand in the output or the memory of a session.
  private static var spellings: [String] {
    let plain = Data("\0user\0\(password)".utf8).base64EncodedString()
    return [password, Data(password.utf8).base64EncodedString(), plain, String(plain.dropFirst(8))]
  }

  /// 1,000 wrong passwords in many sessions: nobody gets in, and the log has a line for each.
  @Test func wrongPasswords() {
    let script = """
      import base64, subprocess, sys
      def auth(n, k): return b'AUTH PLAIN %s\\r\\n' % base64.b64encode(b'\\0user\\0wrong-%d-%d' % (n, k))
      denied = other = 0
      for batch in range(3):
        sessions = []
        for n in range(112):
          p = subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
          p.stdin.write(b'EHLO x\\r\\n' + b''.join(auth(n, k) for k in range(4)) + b'MAIL FROM:<>\\r\\n')
          p.stdin.close()
          sessions.append(p)
        for p in sessions:
          for line in p.stdout.read().splitlines():
            if line.startswith((b'535 5.7.8', b'421 4.7.0')): denied += 1
            elif not line.startswith((b'220', b'250-', b'250 ENH')): other += 1
          p.wait()
      print(denied, other)
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch(),
      environment: [
        "SMTP_USERNAME": "user", "SMTP_PASSWORD": Self.password, "SMTP_REQUIRE_AUTH": "true",
      ])
    #expect(outcome.text == "1008 0\n")
    let named = outcome.errorText.split(separator: "\n").filter {
      $0.contains("event=authenticate result=denied user=user mechanism=PLAIN peer=unknown")
    }
    #expect(named.count == 1008)
    #expect(!outcome.errorText.contains("result=accepted"))
  }

  /// The password is in the log at no level, whatever the client does with it.
  @Test(arguments: ["error", "warning", "notice", "info", "debug"])
  func passwordIsNotLogged(_ level: String) {
    let plain = Data("\0user\0\(Self.password)".utf8).base64EncodedString()
    let login = Data(Self.password.utf8).base64EncodedString()
    let input = """
      AUTH PLAIN \(plain)\r
      EHLO client.example\r
      AUTH PLAIN\(plain)\r
      AUTH PLAIN \(plain) x\r
      AUTH PLAINS \(plain)\r
      AUTH PLAIN x\(plain)\r
      \(plain)\r
      \(Self.password)\r
      MAIL \(plain)\r
      MAIL \(Self.password)\r
      AUTH LOGIN\r
      dXNlcg==\r
      x\(login)\r
      AUTH LOGIN\r
      dXNlcg==\r
      \(login)\r
      AUTH PLAIN \(plain)\r
      QUIT\r

      """
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: Scratch(),
      environment: [
        "SMTP_USERNAME": "user", "SMTP_PASSWORD": Self.password, "SMTP_LOG_LEVEL": level,
      ], input: input.utf8)
    #expect(outcome.text.contains("235 2.7.0 "))
    for spelling in Self.spellings {
      #expect(!outcome.errorText.contains(spelling))
      #expect(!outcome.text.contains(spelling))
    }
    let check = Command.run(
      [Command.built("postern-smtpd"), "--check"], in: Scratch(),
      environment: ["SMTP_USERNAME": "user", "SMTP_PASSWORD": Self.password])
    #expect(check.text.contains("SMTP_PASSWORD=(set)"))
    #expect(!check.text.contains(Self.password))
  }

  /// However long the name is, the log says who tried to log in, and by which mechanism.
  @Test func longName() {
    let name = [UInt8](repeating: 1, count: 8000)
    let response = Data([0] + name + [0, 120]).base64EncodedString()
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: Scratch(),
      environment: ["SMTP_PASSWD_FILE": "/nonexistent"],
      input: "EHLO x\r\nAUTH PLAIN \(response)\r\n".utf8)
    #expect(
      outcome.errorText.contains("\\x01\" mechanism=PLAIN peer=unknown reason=\"/nonexistent: "))
  }

  /// After use the password is gone from the process's memory.
  @Test(
    arguments: [
      "AUTH PLAIN %plain", "AUTH LOGIN\\r\\ndXNlcg==\\r\\n%login", "AUTH PLAIN %plain\\0",
      // AUTH arrives in two pieces, and other commands come in front of it with the first piece.
      "%noopsAUTH PLAIN %plain|", "%noopsAUTH LOGIN dXNlcg==\\r\\n%login|",
      "NOOP\\r\\nAUTH PLAIN %plain\\n%plain|",
    ])
  func passwordIsOverwritten(_ exchange: String) {
    let folder = Scratch()
    let made = Command.run(
      [Command.built("postern-passwd"), folder.path + "/passwd", "user"], in: folder,
      input: Self.password.utf8)
    #expect(made.status == 0, "\(made.errorText)")
    let script = """
      import base64, re, subprocess, sys, time
      password = b'\(Self.password)'
      plain = base64.b64encode(b'\\0user\\0' + password)
      login = base64.b64encode(password)
      exchange = b'\(exchange)'.replace(b'%plain', plain).replace(b'%login', login)
      exchange = exchange.replace(b'%noops', b'NOOP\\r\\n' * 40)
      p = subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      for piece in (b'EHLO x\\r\\n' + exchange + b'\\r\\nHELP\\r\\n').split(b'|'):
        p.stdin.write(piece)
        p.stdin.flush()
        time.sleep(0.2)
      while True:
        line = p.stdout.readline()
        if line.startswith(b'214'): break
      found = seen = 0
      with open('/proc/%d/maps' % p.pid) as maps, open('/proc/%d/mem' % p.pid, 'rb') as memory:
        for line in maps:
          m = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)
          if not m: continue
          start, end = (int(x, 16) for x in m.groups())
          memory.seek(start)
          content = memory.read(end - start)
          found += sum(content.count(s) for s in (password, plain[8:], login))
          seen += content.count(b'ENHANCEDSTATUSCODES')
      p.stdin.close()
      print(found, seen > 0)
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: ["SMTP_PASSWD_FILE": folder.path + "/passwd"])
    #expect(outcome.text == "0 True\n", "\(outcome.errorText)")
  }

  /// When a session executes stunnel, the environment has a hash in the place of the password. The session behind stunnel
  /// verifies against the hash.
  @Test(
    .enabled(if: Front.installed(with: "python3"), "a spawner or python3 is not installed"),
    arguments: ["", "{SHA256-CRYPT}"])
  func passwordIsHashedForStunnel(_ scheme: String) {
    // A value that is a hash already, as Dovecot writes it, is handed on unchanged.
    let hash = Command.run(
      ["openssl", "passwd", "-5", "-salt", "salt", Self.password], in: Scratch()
    ).text.dropLast()
    let value = scheme.isEmpty ? Self.password : scheme + hash
    let server = Server(
      Server.startTLS, environment: ["SMTP_USERNAME": "user", "SMTP_PASSWORD": value])
    let script = """
      import glob, smtplib, ssl
      s = smtplib.SMTP('127.0.0.1', \(server.port))
      s.starttls(context=ssl._create_unverified_context())
      seen = hashed = 0
      for process in glob.glob('/proc/[0-9]*'):
        try:
          if not open(process + '/comm').read().startswith('stunnel'): continue
          environment = open(process + '/environ', 'rb').read()
        except OSError: continue
        if b'SMTP_MAIL_DIR=\(server.mail.path)\\0' not in environment: continue
        seen += b'\(Self.password)' in environment
        hashed += b'SMTP_PASSWORD=\(scheme)$5$' in environment
      # There are two as long as a child of stunnel's has not become the session.
      print(seen, hashed > 0, s.login('user', '\(Self.password)')[0])
      """
    let outcome = Command.run(["python3", "-c", script], in: server.folder)
    #expect(outcome.text == "0 True 235\n", "\(outcome.errorText)")
  }

  /// An empty variable counts as not set, behind STARTTLS as well.
  @Test(.enabled(if: Front.installed(with: "python3"), "a spawner or python3 is not installed"))
  func emptyPasswordBehindSTARTTLS() {
    let server = Server(
      Server.startTLS, environment: ["SMTP_USERNAME": "", "SMTP_PASSWORD": ""])
    let script = """
      import smtplib, ssl
      s = smtplib.SMTP('127.0.0.1', \(server.port))
      s.starttls(context=ssl._create_unverified_context())
      print(s.ehlo()[0])
      """
    let outcome = Command.run(["python3", "-c", script], in: server.folder)
    #expect(outcome.text == "250\n", "\(outcome.errorText) \(server.log)")
  }

  /// libcrypt hashes at most 511 octets, so a longer password could not be handed on at STARTTLS. It is an error, which
  /// does not show the password.
  @Test func passwordThatIsTooLong() {
    func run(_ count: Int, _ arguments: [String] = []) -> Outcome {
      Command.run(
        [Command.built("postern-smtpd")] + arguments, in: Scratch(),
        environment: [
          "SMTP_USERNAME": "user", "SMTP_PASSWORD": String(repeating: "x", count: count),
        ])
    }
    #expect(run(511).status == 0)
    let refused = run(512)
    #expect(refused.status == 78)
    #expect(refused.errorText.contains("variable=SMTP_PASSWORD value=(set) reason="))
    #expect(run(512, ["--check"]).text.hasPrefix("SMTP_PASSWORD=(set): "))
    #expect(!refused.errorText.contains("xxx"))
  }

  /// A hash that libcrypt does not know is not taken as a password: everybody who has seen it could log in.
  @Test(arguments: [
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g", "{SSHA}c2VjcmV0", "$6$saltsalt$cut",
  ])
  func hashThatIsNone(_ value: String) {
    let response = Data("\0user\0\(value)".utf8).base64EncodedString()
    func run(_ arguments: [String]) -> Outcome {
      Command.run(
        [Command.built("postern-smtpd")] + arguments, in: Scratch(),
        environment: ["SMTP_USERNAME": "user", "SMTP_PASSWORD": value],
        input: "EHLO x\r\nAUTH PLAIN \(response)\r\n".utf8)
    }
    let refused = run(["--tls"])
    #expect(refused.status == 78)
    #expect(refused.text == "421 4.3.5 This server is not configured correctly\r\n")
    #expect(refused.errorText.contains("variable=SMTP_PASSWORD value=(set) reason="))
    let check = run(["--check"])
    #expect(check.status == 78)
    #expect(check.text.hasPrefix("SMTP_PASSWORD=(set): this begins like a hash "))
    for text in [refused.errorText, check.text] { #expect(!text.contains(value)) }
  }

  /// 40 sessions verify a yescrypt hash, which takes 16 MiB. At most four of them have this memory at once, and each gets
  /// its answer. (The test looks at the memory of all sessions again and again. A session has this memory only once. So
  /// all sessions that have it in two rounds in succession had it at the same time, in the moment between the rounds.)
  @Test(arguments: ["SMTP_PASSWD_FILE", "SMTP_PASSWORD"])
  func hashesAtOnce(_ variable: String) {
    let folder = Scratch()
    _ = MailFolder(folder)
    let made = Command.run(
      [Command.built("postern-passwd"), folder.path + "/passwd", "user"], in: folder,
      input: Self.password.utf8)
    #expect(made.status == 0, "\(made.errorText)")
    let line = String(decoding: MailFolder(folder, ".").content("passwd"), as: UTF8.self)
    let hash = String(line.dropFirst("user:".count).dropLast())
    #expect(hash.hasPrefix("$y$"))
    let script = """
      import base64, os, re, select, subprocess, sys
      plain = base64.b64encode(b'\\0user\\0\(Self.password)')
      sessions = [subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                  for n in range(40)]
      for p in sessions:
        p.stdin.write(b'EHLO x\\r\\nAUTH PLAIN %s\\r\\n' % plain)
        p.stdin.flush()
      def memory(p):
        with open('/proc/%d/status' % p.pid) as status:
          return int(re.search(r'RssAnon:\\s*(\\d+) kB', status.read())[1])
      replies = {p: b'' for p in sessions}
      waiting, most, before = set(sessions), 0, set()
      while waiting:
        now = {p for p in sessions if memory(p) > 9000}
        most, before = max(most, len(now & before)), now
        for p in list(waiting):
          if select.select([p.stdout], [], [], 0)[0]: replies[p] += os.read(p.stdout.fileno(), 65536)
          if re.search(rb'^(235|4|5)', replies[p], re.M): waiting.remove(p)
      for p in sessions: p.stdin.close(); p.wait()
      print(sum(b'235 2.7.0 ' in r for r in replies.values()), 'answers,', most, 'at once')
      """
    let environment =
      variable == "SMTP_PASSWD_FILE"
      ? [variable: folder.path + "/passwd"] : ["SMTP_USERNAME": "user", variable: hash]
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")],
      in: folder, environment: environment)
    let expected = (1...4).map { "40 answers, \($0) at once\n" }
    #expect(expected.contains(outcome.text), "\(outcome.text) \(outcome.errorText)")
  }

  /// A session that waits for its turn to hash ends at SIGTERM, and gets its turn when a session that hashes is killed.
  @Test func sessionsThatWaitToHash() {
    let folder = Scratch()
    let made = Command.run(
      [Command.built("postern-passwd"), folder.path + "/passwd", "user"], in: folder,
      input: Self.password.utf8)
    #expect(made.status == 0, "\(made.errorText)")
    let holder = folder.file(
      "hold",
      """
      import fcntl, os, struct, time
      file = os.open('passwd', os.O_RDONLY)
      for slot in range(4):
        lock = struct.pack('hhqqi4x', fcntl.F_RDLCK, os.SEEK_SET, (1 << 40) + slot, 1, 0)
        fcntl.fcntl(file, fcntl.F_SETLK, lock)
      print(flush=True)
      time.sleep(1000)
      """.utf8)
    let script = """
      import base64, signal, subprocess, sys, time
      plain = base64.b64encode(b'\\0user\\0\(Self.password)')
      holder = subprocess.Popen(['python3', '\(holder)'], stdout=subprocess.PIPE)
      holder.stdout.readline()
      def start():
        p = subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdin.write(b'EHLO x\\r\\n')
        p.stdin.flush()
        while not p.stdout.readline().startswith(b'250 '): pass
        p.stdin.write(b'AUTH PLAIN %s\\r\\n' % plain)
        p.stdin.flush()
        return p
      one, two = start(), start()
      time.sleep(0.5)
      one.send_signal(signal.SIGTERM)
      print(one.stdout.read().decode().strip(), one.wait(20))
      holder.kill()
      print(two.stdout.readline().decode().strip())
      two.kill()
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: ["SMTP_PASSWD_FILE": folder.path + "/passwd"])
    #expect(
      outcome.text == """
        421 4.3.2 Shutting down; try again later 0
        235 2.7.0 Authentication succeeded

        """, "\(outcome.errorText)")
  }

  /// The reply to a wrong password is delayed by a second, so that guessing takes time.
  @Test func wrongPasswordIsAnsweredLate() {
    let script = """
      import subprocess, sys, time
      p = subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      p.stdin.write(b'EHLO x\\r\\n')
      p.stdin.flush()
      while not p.stdout.readline().startswith(b'250 '): pass
      start = time.monotonic()
      p.stdin.write(b'AUTH PLAIN AGEAYg==\\r\\n')
      p.stdin.flush()
      print(p.stdout.readline()[:3].decode(), time.monotonic() - start >= 0.9)
      p.stdin.close()
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch(),
      environment: ["SMTP_USERNAME": "a", "SMTP_PASSWORD": "c"])
    #expect(outcome.text == "535 True\n", "\(outcome.errorText)")
  }

  /// Starts a program with signals ignored and blocked, as a spawner may start a session.
  private static let ignoring = """
    import os, signal, sys
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
      signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    os.execv(sys.argv[1], sys.argv[1:])
    """

  /// A session works with SIGCHLD ignored, although this hides exit statuses. Its checkpassword program does not inherit
  /// ignored signals.
  @Test func ignoredSignals() throws {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let signals = "grep -E '^Sig(Blk|Ign):' /proc/self/status >\(mail.path)/signals"
    let program = folder.file("check", "\(signals)\nexec \"$@\"\n".utf8)
    let outcome = Command.run(
      ["python3", "-c", Self.ignoring, Command.built("postern-smtpd"), "--tls"], in: folder,
      environment: ["SMTP_CHECKPASSWORD": "/bin/sh \(program) /bin/true"],
      input: "EHLO x\r\nAUTH PLAIN AGEAYg==\r\nQUIT\r\n".utf8)
    #expect(outcome.text.contains("235 2.7.0 "), "\(outcome.errorText)")
    let lines = String(decoding: mail.content("signals"), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 2)
    for line in lines {
      // Signals 32 and 33 are the C library's own.
      let signals = try #require(UInt64(line.suffix(16), radix: 16)) & 0x7FFF_FFFF
      #expect(signals == 0, "\(line)")
    }
  }

  /// stunnel does not inherit ignored signals either. (It ignores SIGCHLD by itself.)
  @Test(.enabled(if: Front.installed(with: "python3"), "a spawner or python3 is not installed"))
  func ignoredSignalsBeforeSTARTTLS() {
    let spawner: Server.Spawner = { port, command, folder in
      let script = folder.file("ignore", "trap '' HUP CHLD\nexec \(command[0]) \"$@\"\n".utf8)
      return Server.startTLS(port, ["/bin/sh", script], folder)
    }
    let server = Server(spawner)
    let script = """
      import glob, re, smtplib, ssl
      s = smtplib.SMTP('127.0.0.1', \(server.port))
      s.starttls(context=ssl._create_unverified_context())
      own = b'SMTP_MAIL_DIR=\(server.mail.path)\\0'
      found = set()
      for process in glob.glob('/proc/[0-9]*'):
        try:
          if not open(process + '/comm').read().startswith('stunnel'): continue
          if own not in open(process + '/environ', 'rb').read(): continue
          status = open(process + '/status').read()
          ignored = int(re.search(r'SigIgn:\\s*(\\S+)', status)[1], 16)
          found.add(ignored & 1)
        except OSError: continue
      print(*found)
      """
    let outcome = Command.run(["python3", "-c", script], in: server.folder)
    #expect(outcome.text == "0\n", "\(outcome.errorText)")
  }

  /// SIGTERM does not wait for a checkpassword program.
  @Test func terminatedWhileAProgramIsAsked() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let program = folder.file("check", "echo $$ >\(mail.path)/pid\nexec sleep 1000\n".utf8)
    let script = """
      import os, signal, subprocess, sys, time
      p = subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      p.stdin.write(b'EHLO x\\r\\n')
      p.stdin.flush()
      while not p.stdout.readline().startswith(b'250 '): pass
      p.stdin.write(b'AUTH PLAIN AGEAYg==\\r\\n')
      p.stdin.flush()
      while not os.path.exists('emails/pid') or not open('emails/pid').read(): time.sleep(0.01)
      child = open('emails/pid').read().strip()
      p.send_signal(signal.SIGTERM)
      try:
        print(p.communicate(timeout=20)[0].decode().strip(), p.returncode)
      except subprocess.TimeoutExpired:
        p.kill()
      print(os.path.exists('/proc/' + child))
      if os.path.exists('/proc/' + child): os.kill(int(child), 9)
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: ["SMTP_CHECKPASSWORD": "/bin/sh \(program)"])
    #expect(
      outcome.text == "421 4.3.2 Shutting down; try again later 0\nFalse\n",
      "\(outcome.errorText)")
  }

  /// A checkpassword program gets the password on descriptor 3 and nowhere else.
  @Test func checkPassword() {
    let folder = Scratch()
    let program = folder.file(
      "check",
      """
      #!/bin/sh
      tr '\\0' '\\n' <&3 | head -2 >\(folder.path)/got
      tr '\\0' '\\n' </proc/$$/environ >\(folder.path)/environ
      tr '\\0' ' ' </proc/$$/cmdline >\(folder.path)/cmdline
      ls /proc/$$/fd >\(folder.path)/fds
      exec "$@"

      """.utf8)
    let response = Data("\0user\0\(Self.password)".utf8).base64EncodedString()
    // Python starts the session, because it closes the descriptors that the tests have open.
    let start = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    let outcome = Command.run(
      ["python3", "-c", start, Command.built("postern-smtpd"), "--tls"], in: folder,
      environment: [
        // The script writes what it has got to a file, which a confined script could not.
        "SMTP_CHECKPASSWORD": "/bin/sh \(program) /bin/true", "SMTP_CONFINEMENT": "false",
      ],
      input: "EHLO x\r\nAUTH PLAIN \(response)\r\nQUIT\r\n".utf8)
    #expect(outcome.text.contains("235 2.7.0 "), "\(outcome.errorText)")
    func content(_ name: String) -> String {
      String(decoding: MailFolder(folder, ".").content(name), as: UTF8.self)
    }
    #expect(content("got") == "user\n\(Self.password)\n")
    #expect(!content("environ").contains(Self.password))
    #expect(!content("cmdline").contains(Self.password))
    // The descriptors from 10 on belong to the shell.
    #expect(content("fds").split(separator: "\n").filter { $0.count == 1 } == ["0", "1", "2", "3"])
  }

  @Test func passwordFileThatIsMissing() {
    let response = Data("\0user\0x".utf8).base64EncodedString()
    let attempt = "AUTH PLAIN \(response)\r\n"
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: Scratch(),
      environment: ["SMTP_PASSWD_FILE": "/nonexistent"],
      input: "EHLO x\r\n\(attempt)NOOP\r\n\(attempt)\(attempt)NOOP\r\n".utf8)
    let reply = "454 4.7.0 Authentication not possible now\r\n"
    #expect(
      outcome.text.hasSuffix(
        "\(reply)250 2.0.0 OK\r\n\(reply)421 4.7.0 Too many authentication failures\r\n"))
    #expect(outcome.errorText.contains("result=unavailable user=user"))
    #expect(outcome.errorText.contains("/nonexistent"))
  }

  @Test(arguments: [
    (["SMTP_USERNAME": "a"], "SMTP_PASSWORD"), (["SMTP_PASSWORD": "a"], "SMTP_USERNAME"),
    (["SMTP_REQUIRE_AUTH": "true"], "SMTP_REQUIRE_AUTH"),
    (["SMTP_REQUIRE_AUTH": "maybe"], "SMTP_REQUIRE_AUTH"),
    (["SMTP_ALLOW_INSECURE_AUTH": ""], "SMTP_ALLOW_INSECURE_AUTH"),
    (["SMTP_CHECKPASSWORD": "check"], "SMTP_CHECKPASSWORD"),
    (["SMTP_USERNAME": "a", "SMTP_PASSWORD": "b", "SMTP_PASSWD_FILE": "/x"], "SMTP_PASSWD_FILE"),
  ])
  func notUnderstood(_ environment: [String: String], _ name: String) {
    let outcome = Command.run(
      [Command.built("postern-smtpd")], in: Scratch(), environment: environment)
    #expect(outcome.status == 78)
    #expect(outcome.errorText.contains("variable=\(name) "))
  }
}

private let canTrace: Bool =
  Command.exists("strace")
  && Command.run(["strace", "-o", "/dev/null", "true"], in: Scratch()).status == 0

@Suite struct PasswdTests {
  private let folder = Scratch()
  private var file: String { folder.path + "/passwd" }

  private func run(_ arguments: [String], _ input: String = "") -> Outcome {
    Command.run([Command.built("postern-passwd")] + arguments, in: folder, input: input.utf8)
  }

  private var content: String {
    String(decoding: MailFolder(folder, ".").content("passwd"), as: UTF8.self)
  }

  @Test func setVerifyDelete() throws {
    #expect(run([file, "user"], "secret\n").status == 0)
    #expect(content.hasPrefix("user:$y$"))
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    #expect(attributes[.posixPermissions] as? Int == 0o640)
    #expect(run(["-v", file, "user"], "secret\n").status == 0)
    #expect(run(["-v", file, "user"], "wrong\n").status == 1)
    #expect(run(["-v", file, "nobody"], "secret\n").status == 1)
    #expect(run([file, "other"], "x\n").status == 0)
    let before = content
    #expect(run([file, "user"], "changed").status == 0)
    #expect(content.split(separator: "\n").count == 2)
    #expect(content.split(separator: "\n")[1] == before.split(separator: "\n")[1])
    #expect(run(["-v", file, "user"], "changed\n").status == 0)
    #expect(run(["-d", file, "user"]).status == 0)
    #expect(content.hasPrefix("other:"))
    #expect(run(["-d", file, "user"]).status == 1)
    #expect(Set(MailFolder(folder, ".").entries) == ["passwd", "stdin", "stdout", "stderr"])
  }

  /// An existing file keeps its mode, and a symbolic link stays a symbolic link.
  @Test(arguments: [0o600, 0o644, 0o660])
  func linkAndModeAreKept(_ mode: Int) throws {
    let target = folder.path + "/elsewhere"
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
    _ = folder.file("elsewhere/accounts", "a:b\n".utf8)
    #expect(unsafe chmod(target + "/accounts", mode_t(mode)) == 0)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/between", withDestinationPath: "elsewhere/accounts")
    try FileManager.default.createSymbolicLink(
      atPath: file, withDestinationPath: folder.path + "/between")
    #expect(run([file, "user"], "secret\n").status == 0)
    for link in [file, folder.path + "/between"] {
      let type = try FileManager.default.attributesOfItem(atPath: link)[.type]
      #expect(type as? FileAttributeType == .typeSymbolicLink)
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: target + "/accounts")
    #expect(attributes[.posixPermissions] as? Int == mode)
    let content = MailFolder(folder, "elsewhere").content("accounts")
    #expect(String(decoding: content, as: UTF8.self).hasPrefix("a:b\nuser:$y$"))
    #expect(MailFolder(folder, "elsewhere").entries == ["accounts"])
  }

  /// A symbolic link that leads nowhere is an error and is not changed.
  @Test func linkThatLeadsNowhere() throws {
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "/nonexistent/x")
    let outcome = run([file, "user"], "secret\n")
    #expect(outcome.status == 74)
    #expect(outcome.errorText.hasSuffix(": realpath: No such file or directory\n"))
    let type = try FileManager.default.attributesOfItem(atPath: file)[.type]
    #expect(type as? FileAttributeType == .typeSymbolicLink)
  }

  /// The content is on the disk before it gets its name, and the name is on the disk before the program ends.
  @Test(.enabled(if: canTrace, "strace is not installed, or may not trace here"))
  func fileIsSynchronized() {
    _ = folder.file("passwd", "a:b\n".utf8)
    let trace = Command.run(
      [
        "strace", "-y", "-e", "trace=write,fsync,fdatasync,rename,renameat,renameat2", "-o",
        "trace", Command.built("postern-passwd"), file, "user",
      ], in: folder, input: "secret\n".utf8)
    #expect(trace.status == 0)
    let calls = String(decoding: MailFolder(folder, ".").content("trace"), as: UTF8.self)
      .split(separator: "\n").compactMap { line in
        line.firstMatch(of: /^(\w+)\((?:AT_FDCWD|\d+)<(.*?)>.* = \d+$/).map {
          "\($0.1) \($0.2.hasSuffix(folder.path) ? "directory" : "file")"
        }
      }
    #expect(calls == ["write file", "fsync file", "renameat directory", "fsync directory"])
  }

  @Test(.enabled(if: getuid() == 0, "only root can give a file away"))
  func ownerIsKept() throws {
    #expect(run([file, "user"], "secret\n").status == 0)
    #expect(unsafe chown(file, 12345, 23456) == 0)
    #expect(run([file, "user"], "again\n").status == 0)
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    #expect(attributes[.ownerAccountID] as? Int == 12345)
    #expect(attributes[.groupOwnerAccountID] as? Int == 23456)
  }

  /// The fields of Dovecot behind the hash are kept.
  @Test func otherFieldsAreKept() {
    _ = folder.file("passwd", "# note\nuser:{CRYPT}$6$x:1000:1000::/home/user\n".utf8)
    #expect(run([file, "user"], "secret\n").status == 0)
    let lines = content.split(separator: "\n")
    #expect(lines[0] == "# note")
    #expect(lines[1].hasPrefix("user:$y$") && lines[1].hasSuffix(":1000:1000::/home/user"))
  }

  @Test(arguments: ["a:b", "", "a\tb", "a\nb", "#a", "a\u{7f}"])
  func badName(_ name: String) {
    #expect(run([file, name], "secret\n").status == 64)
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  @Test(arguments: [
    "", "\n", "a\tb\n", String(repeating: "x", count: 512), String(repeating: "x", count: 5000),
  ])
  func badPassword(_ password: String) {
    let outcome = run([file, "user"], password)
    #expect(outcome.status == 1)
    #expect(outcome.errorText.contains("a password is a line of 1 to 511 octets"))
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  /// A password may be as long as libcrypt allows.
  @Test func longestPassword() {
    let password = String(repeating: "x", count: 511)
    #expect(run([file, "user"], password).status == 0)
    #expect(run(["-v", file, "user"], password).status == 0)
    #expect(run(["-v", file, "user"], String(password.dropLast())).status == 1)
  }

  /// After Ctrl-C or Ctrl-Z at the prompt, the terminal shows again what is typed. When the program continues after
  /// Ctrl-Z, it asks again and hides what is typed. The test uses a shell with job control.
  @Test func signalsAtTheTerminal() {
    let script = """
      import os, pty, sys, termios, time
      pid, fd = pty.fork()
      if pid == 0: os.execve('/bin/sh', ['sh', '-i'], {'PS1': 'ready> ', 'PATH': '/bin:/usr/bin'})
      shown = b''
      def expect(text):
        global shown
        while text not in shown: shown += os.read(fd, 1000)
        shown = shown[shown.index(text) + len(text):]
      def shows(): return bool(termios.tcgetattr(fd)[3] & termios.ECHO)
      def type(text): os.write(fd, text)
      command = b' '.join(a.encode() for a in sys.argv[1:])
      expect(b'ready> ')
      type(command + b'\\n'); expect(b'New password: ')
      print('asked', shows())
      type(b'half\\x03'); expect(b'ready> ')
      print('interrupted', shows())
      type(b'echo status $?\\n'); expect(b'status 130'); expect(b'ready> ')
      type(command + b'\\n'); expect(b'New password: ')
      print('asked', shows())
      type(b'half\\x1a'); expect(b'ready> ')
      print('stopped', shows())
      type(b'fg\\n'); expect(b'New password: ')
      print('asked again', shows())
      type(b'secret\\n'); expect(b'The same again: ')
      type(b'secret\\n'); expect(b'ready> ')
      print('done', shows())
      type(b'echo status $?\\n'); expect(b'status 0')
      """
    let outcome = Command.run(
      ["timeout", "60", "python3", "-c", script, Command.built("postern-passwd"), file, "user"],
      in: folder)
    #expect(
      outcome.text == """
        asked False
        interrupted True
        asked False
        stopped True
        asked again False
        done True

        """, "\(outcome.errorText)")
    #expect(run(["-v", file, "user"], "secret\n").status == 0)
  }

  /// At a terminal the program asks twice, and hides what is typed.
  @Test func terminal() {
    let script = """
      import os, pty, sys
      def run(first, second):
        pid, fd = pty.fork()
        if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
        shown = b''
        for answer in (first, second):
          while not shown.rstrip(b'\\r\\n').endswith(b': '): shown += os.read(fd, 1000)
          os.write(fd, answer + b'\\n')
          shown += b'|'
        try:
          while True: shown += os.read(fd, 1000)
        except OSError:
          pass
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown
      for pair in ((b'secret', b'other'), (b'secret', b'secret')):
        status, shown = run(*pair)
        print(status, b'secret' in shown or b'other' in shown, shown.count(b': '))
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-passwd"), file, "user"], in: folder)
    #expect(outcome.text == "1 False 3\n0 False 2\n", "\(outcome.errorText)")
    #expect(content.hasPrefix("user:$y$"))
  }
}
