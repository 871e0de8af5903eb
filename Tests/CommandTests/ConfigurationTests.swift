// The configuration: a malformed value stops the program with the variable's name and value. The default is never used
// in its place.

import Foundation
import TestSupport
import Testing

private let canMount: Bool = {
  let script = "mount --bind / /mnt && setpriv --reuid 12345 --clear-groups true"
  return getuid() == 0
    && Command.run(["unshare", "-m", "sh", "-c", script], in: Scratch()).status == 0
}()

@Suite struct ConfigurationTests {
  private func run(
    _ arguments: [String] = [], _ environment: [String: String] = [:], input: String = ""
  ) -> Outcome {
    let folder = Scratch()
    _ = MailFolder(folder)
    return Command.run(
      [Command.built("postern-smtpd")] + arguments, in: folder, environment: environment,
      input: input.utf8)
  }

  @Test(arguments: [
    ("SMTP_HOSTNAME", ""), ("SMTP_HOSTNAME", "not a name"), ("SMTP_MAIL_DIR", ""),
    ("SMTP_DOMAINS", "good.example b@d"), ("SMTP_DOMAINS", "@host"), ("SMTP_MAX_SIZE", ""),
    ("SMTP_MAX_SIZE", "0"),
    ("SMTP_MAX_SIZE", "10M"), ("SMTP_MAX_SIZE", "-1"), ("SMTP_MAX_SIZE", "99999999999999999999"),
    ("SMTP_MAX_RECIPIENTS", "many"), ("SMTP_MAX_ERRORS", "1.5"), ("SMTP_TIMEOUT", "5m"),
    ("SMTP_TIMEOUT", "0"), ("SMTP_BARE_LF", "accept"), ("SMTP_LOG_LEVEL", "verbose"),
  ])
  func notUnderstood(_ name: String, _ value: String) {
    let outcome = run([], [name: value], input: "EHLO x\r\nQUIT\r\n")
    let isPlain = !value.isEmpty && !value.contains(" ")
    let quoted = isPlain ? value : "\"\(value)\""
    #expect(outcome.status == 78)
    #expect(outcome.text == "421 4.3.5 This server is not configured correctly\r\n")
    #expect(outcome.errorText.contains("event=configuration variable=\(name) value=\(quoted) "))

    let check = run(["--check"], [name: value])
    #expect(check.status == 78)
    #expect(check.text.hasPrefix("\(name)=\(value): "))
  }

  @Test func unknownArgument() {
    let outcome = run(["--tsl"])
    #expect(outcome.status == 64)
    #expect(outcome.text.hasPrefix("421 "))
    #expect(outcome.errorText.contains("--tsl"))
  }

  @Test func help() {
    for program in Self.programs {
      for (option, beginning) in [("--help", "usage: \(program)"), ("--version", "\(program) 0.")] {
        let outcome = Command.run([Command.built(program), option], in: Scratch())
        #expect(outcome.status == 0 && outcome.text.hasPrefix(beginning), "\(program) \(option)")
      }
    }
  }

  static let programs = [
    "postern-smtpd", "postern-send", "postern-queue", "postern-list", "postern-api",
    "postern-passwd",
  ]

  /// Every program checks its configuration, reads the file that is named, and prints JSON for scripts. What is malformed
  /// it says in the same words.
  @Test(arguments: programs)
  func checkOfEachProgram(_ program: String) throws {
    let folder = Scratch()
    _ = (MailFolder(folder), QueueFolder(folder))
    try FileManager.default.createDirectory(
      atPath: folder.path + "/lists", withIntermediateDirectories: false)
    _ = folder.file("passwd", [])
    let good = folder.file(
      "good",
      """
      SMTP_DOMAINS=x.example
      SMTP_QUEUE_DIR=queue
      SMTP_LISTS_DIR=lists
      SMTP_PASSWD_FILE=passwd
      SMTP_HOSTNAME=\"mail.x.example\"
      """.utf8)
    func check(_ arguments: String...) -> Outcome {
      Command.run([Command.built(program), "--check"] + arguments, in: folder)
    }
    let lines = check("--env-file", good)
    let own =
      program == "postern-passwd" ? "SMTP_PASSWD_FILE=passwd" : "SMTP_HOSTNAME=mail.x.example"
    #expect(lines.status == 0 && lines.text.contains("\(own)\t# file\n"), "\(lines.text)")
    #expect(lines.text.contains("\n# file: \(good)\n") && lines.errorText.isEmpty)
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(check("--env-file=\(good)", "--json").text.utf8))
        as? [String: Any])
    #expect(json["program"] as? String == program && json["malformed"] is NSNull)
    let settings = try #require(json["settings"] as? [String: [String: String]])
    let name = String(own.prefix { $0 != "=" })
    #expect(
      settings[name] == ["value": String(own.dropFirst(name.count + 1)), "origin": "file"])
    #expect((json["problems"] as? [Any])?.isEmpty == true)

    let bad = folder.file("bad", "SMTP HOSTNAME=x\n".utf8)
    let malformed = check("--env-file", bad)
    #expect(malformed.status == 78 && malformed.text.hasPrefix("--env-file=\(bad): line 1: "))
    #expect(check("--json", "--env-file", bad).text.contains("\"malformed\":\"--env-file="))
  }

  /// What the queue would hand to postern-send, which would refuse every mail.
  @Test(arguments: [
    ("postern-queue", "--check"), ("postern-queue", "run"), ("postern-send", "--check"),
  ])
  func smarthost(_ program: String, _ argument: String) {
    let folder = Scratch()
    _ = (MailFolder(folder), QueueFolder(folder))
    let outcome = Command.run(
      [Command.built(program), argument], in: folder,
      environment: [
        "SMTP_SMARTHOST": "host:587", "SMTP_QUEUE_DIR": "queue", "SMTP_DOMAINS": "x.example",
      ])
    let text = argument == "--check" ? outcome.text : outcome.errorText
    #expect(outcome.status == 78 && text.contains("SMTP_SMARTHOST=host:587: smtp://"), "\(text)")
  }

  /// A directory of lists that is missing, and aliases that only lead to each other, are errors.
  @Test func whereMailCannotGo() {
    let folder = Scratch()
    _ = (MailFolder(folder), QueueFolder(folder))
    _ = folder.file("aliases", "a: b\nb: a\n".utf8)
    for program in ["postern-smtpd", "postern-queue", "postern-api"] {
      let check = Command.run(
        [Command.built(program), "--check"], in: folder,
        environment: [
          "SMTP_DOMAINS": "x.example", "SMTP_QUEUE_DIR": "queue", "SMTP_LISTS_DIR": "lists",
          "SMTP_ALIASES": "aliases",
        ])
      #expect(check.status == 78)
      #expect(check.text.contains("\n# lists: error: lists: No such file or directory\n"))
      #expect(
        check.text.contains("\n# aliases: error: aliases: a@x.example leads to aliases only\n"))
    }
  }

  /// Outside of a session each program says on standard error what it does not understand.
  @Test(arguments: programs.dropFirst())
  func wrongArguments(_ program: String) {
    for (arguments, reason) in [
      (["--chekc"], "--chekc: not known"), (["--env-file"], "--env-file: a value expected"),
      (["--check=yes"], "--check: no value expected"),
    ] {
      let outcome = Command.run([Command.built(program)] + arguments, in: Scratch())
      #expect(outcome.status == 64 && outcome.text.isEmpty)
      #expect(outcome.errorText == "\(program): \(reason); see \(program) --help\n")
    }
  }

  /// Somebody has typed the name of a program that a web server starts.
  @Test func withoutRequest() {
    let outcome = Command.run([Command.built("postern-api")], in: Scratch())
    #expect(outcome.status == 64 && outcome.text.isEmpty)
    #expect(outcome.errorText.hasPrefix("postern-api: a web server starts this program"))
  }

  /// `--check` prints every value and its origin, and who the peer is.
  @Test func check() {
    let folder = Scratch()
    let file = folder.file(
      "env", "SMTP_MAX_SIZE=1000\nSMTP_TIMEOUT=\"60\" \nexport SMTP_MAXSIZE=1\n".utf8)
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--check", "--env-file", file, "--tls"], in: folder,
      environment: ["SMTP_TIMEOUT": "30", "TCPREMOTEIP": "192.0.2.7", "TCPREMOTEPORT": "4711"])
    #expect(outcome.status == 78)
    let lines = outcome.text.split(separator: "\n")
    #expect(lines.contains("SMTP_MAX_SIZE=1000\t# file"))
    #expect(lines.contains("SMTP_TIMEOUT=30\t# environment"))
    #expect(lines.contains("SMTP_MAX_RECIPIENTS=1000\t# default"))
    #expect(lines.contains("# SMTP_MAXSIZE is not a variable of Postern: is SMTP_MAX_SIZE meant?"))
    #expect(lines.contains("# peer: 192.0.2.7 port 4711, from TCPREMOTEIP"))
    #expect(lines.contains("# TLS: yes, by --tls"))
    #expect(
      lines.contains(
        "# mail directory: error: ./emails cannot be written: open: No such file or directory"))
  }

  /// A variable of the file that is probably misspelt is named, with the one that is meant; others' are not.
  @Test(arguments: [
    ("SMTP_USER", "SMTP_USERNAME"), ("SMPT_PASSWORD", "SMTP_PASSWORD"),
    ("smtp_domains", "SMTP_DOMAINS"),
    ("SMTP_LIST_DIR", "SMTP_LISTS_DIR"), ("POSTREN_HTTP_ADDR", "POSTERN_HTTP_ADDR"),
    ("POSTERN_HTTP_ADRESS", "POSTERN_HTTP_ADDR"), ("CERTPATH", "CERT_PATH"),
    ("SMTP_ZZZZZZZZZZZZ", nil),
    ("SFTP_HOST", ""), ("PATH", ""), ("DATABASE_URL", ""), ("POSTERN_API_OPEN", ""),
    ("SMTP_SUBMIT_SOCKET", ""),
  ])
  func misspelt(_ name: String, _ meant: String?) {
    let folder = Scratch()
    _ = MailFolder(folder)
    let file = folder.file("env", "\(name)=x\n".utf8)
    for program in ["postern-smtpd", "postern-api"] where program == "postern-smtpd" || meant != ""
    {
      let outcome = Command.run(
        [Command.built(program), "--check", "--env-file", file], in: folder)
      #expect(outcome.status == 0)
      let remarks = outcome.text.split(separator: "\n").filter { $0.contains("not a variable") }
      let end = meant.map { ": is \($0) meant?" } ?? ""
      #expect(remarks == (meant == "" ? [] : ["# \(name) is not a variable of Postern\(end)"]))
    }
  }

  /// `@hostname` is the host's own name, and nothing else is accepted with it.
  @Test func ownDomain() {
    let outcome = run(
      [], ["SMTP_DOMAINS": "@hostname, other.example", "SMTP_HOSTNAME": "Mail.example.org"],
      input: ["mail.example.org", "other.example", "x.example"].reduce(
        "HELO x\r\nMAIL FROM:<>\r\n"
      ) { $0 + "RCPT TO:<a@\($1)>\r\n" })
    let replies = outcome.text.split(separator: "\r\n").suffix(3).map { $0.prefix(3) }
    #expect(replies == ["250", "250", "550"])
  }

  @Test(arguments: [
    "SMTP_MAX_SIZE", "SMTP MAX=1", "1A=1", "A='b", "A=\"b\" c", "A=b # c", "A=b\\", "A=b\rC=d",
    "# a\rA=1", "=1", "A=\"\\x\"", "Ä=1",
  ])
  func badEnvironmentFile(_ line: String) {
    let folder = Scratch()
    let file = folder.file("env", "# fine\n\(line)\n".utf8)
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--env-file", file], in: folder, input: [])
    #expect(outcome.status == 78)
    #expect(outcome.errorText.contains("variable=--env-file"))
    #expect(outcome.errorText.contains("line 2: "))
  }

  /// The last line for a variable counts, whatever line ends and quotes are used.
  @Test func environmentFile() {
    let folder = Scratch()
    let lines = [
      "", " ; no\tSMTP_HOSTNAME=no.example", "SMTP_HOSTNAME=first.example",
      "\texport SMTP_HOSTNAME=a.example ", #"SMTP_MAIL_DIR="b \"\$\\ # c""#,
      #"SMTP_USERNAME='\ü"'"#,
      "SMTP_PASSWORD=x#y",
    ]
    let file = folder.file("env", lines.joined(separator: "\r\n").utf8)
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--check", "--env-file", file], in: folder)
    for value in [
      "HOSTNAME=a.example", #"MAIL_DIR=b "$\ # c"#, #"USERNAME=\ü""#, "PASSWORD=(set)",
    ] {
      #expect(outcome.text.contains("\nSMTP_\(value)\t# file\n"), "\(outcome.text)")
    }
  }

  /// What editors of Windows write: UTF-8 with a mark, and UTF-16.
  @Test(arguments: [[0xEF, 0xBB, 0xBF], [0xFF, 0xFE], [0xFE, 0xFF]] as [[UInt8]])
  func environmentFileWithAMark(_ mark: [UInt8]) {
    let folder = Scratch()
    let file = folder.file("env", mark + Array("SMTP_MAX_SIZE=7\n".utf8))
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--check", "--env-file", file], in: folder)
    #expect(outcome.status == 78)
    #expect(outcome.text.contains("line 1: save the file as UTF-8 without a byte order mark"))
  }

  @Test func environmentFileInLatin1() {
    let folder = Scratch()
    let file = folder.file("env", Array("SMTP_USERNAME=".utf8) + [0xFC])
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--env-file", file], in: folder, input: [])
    #expect(outcome.status == 78)
    #expect(outcome.errorText.contains("line 1: the value of SMTP_USERNAME is not UTF-8"))
  }

  @Test func missingEnvironmentFile() {
    let outcome = run(["--env-file", "/nonexistent"])
    #expect(outcome.status == 78)
    #expect(outcome.errorText.contains("/nonexistent"))
  }

  /// A configuration that cannot work is an error: accounts that cannot be read, or a program or a configuration of stunnel
  /// that does not exist.
  @Test(arguments: [
    (
      "SMTP_PASSWD_FILE", "/nonexistent",
      "# accounts: error: /nonexistent: No such file or directory"
    ),
    (
      "SMTP_CHECKPASSWORD", "/nonexistent x",
      "# accounts: error: /nonexistent: this is no program that can be executed"
    ),
    (
      "SMTP_CHECKPASSWORD", "/etc",
      "# accounts: error: /etc: this is no program that can be executed"
    ),
    ("SMTP_STARTTLS", "/nonexistent", "# STARTTLS: error: No such file or directory"),
    (
      "SMTP_STARTTLS", "/dev/null",
      "# STARTTLS: error: no certificate (cert = FILE) in the configuration of stunnel"
    ),
  ])
  func whatCannotWork(_ name: String, _ value: String, _ line: String) {
    let check = run(["--check"], [name: value])
    #expect(check.status == 78)
    #expect(check.text.contains("\n\(line)\n"), "\(check.text)")
    // The rest is printed as well.
    #expect(check.text.contains("\n# mail directory: can be written\n"))
    #expect(check.text.hasSuffix("# TLS: no\n"))
  }

  /// Where a login decides something, not every login is right.
  @Test(arguments: [
    ["SMTP_USERNAME": "user", "SMTP_PASSWORD": "secret"], ["SMTP_PASSWD_FILE": "/nonexistent"],
    ["SMTP_CHECKPASSWORD": "/bin/true"], ["SMTP_SENDERS": "senders"],
    ["SMTP_QUEUE_DIR": "queue", "SMTP_DOMAINS": "x.example"],
  ])
  func anyLogin(_ others: [String: String]) {
    let folder = Scratch()
    _ = MailFolder(folder)
    _ = folder.file("senders", "user: a@x.example\n".utf8)
    var settings = others
    settings["SMTP_AUTH_ANY"] = "true"
    for arguments in [[], ["--local"]] {
      let outcome = Command.run(
        [Command.built("postern-smtpd")] + arguments, in: folder, environment: settings,
        input: "EHLO x\r\nQUIT\r\n".utf8)
      #expect(outcome.status == 78)
      #expect(outcome.text == "421 4.3.5 This server is not configured correctly\r\n")
      #expect(outcome.errorText.contains(" variable=SMTP_AUTH_ANY value=true "))
    }
    let check = Command.run(
      [Command.built("postern-smtpd"), "--check"], in: folder, environment: settings)
    #expect(check.status == 78)
    #expect(check.text.hasPrefix("SMTP_AUTH_ANY=true: "))
    let named = others.keys.filter { $0 != "SMTP_PASSWORD" && $0 != "SMTP_DOMAINS" }
    for name in named { #expect(check.text.contains(" \(name)=\(others[name]!) ")) }
  }

  /// A configuration that can work is not an error. `--check` says how many accounts can be used.
  @Test func whatCanWork() {
    let folder = Scratch()
    let hash = "$5$salt$" + String(repeating: "a", count: 43)
    let file = folder.file(
      "passwd", "# no: one\r\na:\(hash)\r\nb:{SSHA}x\r\nc:{CRYPT}\(hash):1000\r\n".utf8)
    func accounts(_ environment: [String: String]) -> Substring? {
      let check = run(["--check"], environment)
      #expect(check.status == 0)
      return check.text.split(separator: "\n").first { $0.hasPrefix("# accounts: ") }
    }
    #expect(
      accounts(["SMTP_PASSWD_FILE": file])
        == "# accounts: 2, and 1 with a hash that libcrypt does not know")
    #expect(accounts(["SMTP_CHECKPASSWORD": "/bin/true"]) == "# accounts: a program is asked")
    #expect(
      accounts(["SMTP_USERNAME": "a", "SMTP_PASSWORD": "b"]) == "# accounts: one, in clear text")
    #expect(accounts(["SMTP_USERNAME": "a", "SMTP_PASSWORD": hash]) == "# accounts: one")
    #expect(accounts(["SMTP_AUTH_ANY": "true"]) == "# accounts: every login is right")
    #expect(accounts(["SMTP_AUTH_ANY": "true", "SMTP_REQUIRE_AUTH": "true"]) != nil)
    #expect(accounts(["SMTP_AUTH_ANY": "false"]) == nil)
    #expect(accounts([:]) == nil)
  }

  /// STARTTLS needs a certificate and a key that stunnel can read, which is the session's user.
  @Test(.enabled(if: Command.exists("stunnel4"), "stunnel is not installed"))
  func filesOfSTARTTLS() {
    let folder = Scratch()
    _ = MailFolder(folder)
    _ = folder.file("cert.pem", [])
    func check(_ configuration: String) -> String? {
      let file = folder.file("starttls.conf", configuration.utf8)
      let check = Command.run(
        [Command.built("postern-smtpd"), "--check"], in: folder,
        environment: ["SMTP_STARTTLS": file])
      let line = check.text.split(separator: "\n").first { $0.hasPrefix("# STARTTLS: ") }
      #expect((check.status == 0) == (line == "# STARTTLS: possible"))
      return line.map { String($0.dropFirst(12)) }
    }
    let good = "; cert = /none\nfoo = bar\ncert=\(folder.path)/cert.pem\r\n"
    #expect(check(good) == "possible")
    #expect(check(good + " key = pkcs11:token=x\n") == "possible")
    #expect(check("PSKsecrets = /x\n") == "possible")
    #expect(
      check(good + "\tkey = \(folder.path)/key.pem\n")
        == "error: key = \(folder.path)/key.pem: No such file or directory")
    #expect(
      check("cert = /nonexistent\n") == "error: cert = /nonexistent: No such file or directory")
  }

  /// The file is the one of `--env-file`; without this option it is the one of POSTERN_ENV_FILE.
  @Test func fileOfAVariable() {
    let folder = Scratch()
    let one = folder.file("one", "SMTP_MAX_SIZE=1\n".utf8)
    let two = folder.file("two", "SMTP_MAX_SIZE=2\n".utf8)
    func size(_ arguments: [String], _ file: String) -> String? {
      run(["--check"] + arguments, ["POSTERN_ENV_FILE": file]).text
        .firstMatch(of: /(?m)^SMTP_MAX_SIZE=(\d+)\t# file$/).map { String($0.1) }
    }
    #expect(size([], one) == "1")
    #expect(size(["--env-file", two], one) == "2")
    #expect(size(["--env-file", two], "/nonexistent") == "2")
    #expect(size([], "") == nil)
    let missing = run([], ["POSTERN_ENV_FILE": "/nonexistent"])
    #expect(missing.status == 78)
    #expect(missing.errorText.contains("variable=POSTERN_ENV_FILE value=/nonexistent reason="))
    #expect(run(["--check"], ["POSTERN_ENV_FILE": one]).text.contains("\n# file: \(one)\n"))
    #expect(run(["--check"]).text.contains("\n# file: none\n"))
  }

  /// Without both it is /etc/postern/postern.env, if that exists. If it cannot be read, no session starts. The session in
  /// this test has an /etc of its own.
  @Test(.enabled(if: canMount, "only root can mount, and not everywhere"))
  func standardFile() throws {
    let folder = Scratch()
    _ = MailFolder(folder)
    let program = folder.path + "/postern-smtpd"
    // cp(1) copies it: a file that this process has open for writing could be open in a child of another test, too, and
    // then cannot be executed.
    _ = Command.run(["cp", Command.built("postern-smtpd"), program], in: folder)
    func run(_ content: String?, mode: mode_t = 0o644, _ arguments: String) -> Outcome {
      let etc = folder.path + "/etc"
      try? FileManager.default.removeItem(atPath: etc)
      try? FileManager.default.createDirectory(
        atPath: etc + "/postern", withIntermediateDirectories: true)
      if let content {
        let file = folder.file("etc/postern/postern.env", content.utf8)
        #expect(unsafe chmod(file, mode) == 0)
      }
      let script = """
        mount --bind \(etc) /etc && exec setpriv --reuid 12345 --clear-groups \
        env -u POSTERN_ENV_FILE \(program) \(arguments)
        """
      return Command.run(["unshare", "-m", "sh", "-c", script], in: folder)
    }
    func text(_ outcome: Outcome) -> String { outcome.text + outcome.errorText }
    #expect(text(run("SMTP_MAX_SIZE=7\n", "--check")).contains("\nSMTP_MAX_SIZE=7\t# file\n"))
    let path = "/etc/postern/postern.env"
    #expect(text(run("", "--check")).contains("\n# file: \(path)\n"))
    #expect(text(run(nil, "--check")).contains("\n# file: none\n"))
    let other = folder.file("other", "SMTP_MAX_SIZE=8\n".utf8)
    let named = run("SMTP_MAX_SIZE=7\n", mode: 0o600, "--check --env-file \(other)")
    #expect(text(named).contains("\nSMTP_MAX_SIZE=8\t# file\n"))
    let refused = run("SMTP_MAX_SIZE=7\n", mode: 0o600, "")
    #expect(refused.status == 78)
    #expect(
      refused.errorText.contains(
        "variable=POSTERN_ENV_FILE value=\(path) reason=\"Permission denied\""))
  }

  /// Each source of the peer's address that consists of variables (Peer.swift has the table).
  @Test(arguments: [
    (["REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "25"], "192.0.2.1 port 25, from REMOTE_ADDR"),
    (["TCPREMOTEIP": "2001:DB8::1"], "2001:db8::1, from TCPREMOTEIP"),
    (
      ["SOCAT_PEERADDR": "[0000:0000:0000:0000:0000:0000:0000:0001]", "SOCAT_PEERPORT": "1"],
      "::1 port 1, from SOCAT_PEERADDR"
    ),
    (["REMOTE_HOST": "::ffff:192.0.2.1", "REMOTE_PORT": "x"], "192.0.2.1, from REMOTE_HOST"),
    (["REMOTE_HOST": "fe80::1%eth0"], "fe80::1, from REMOTE_HOST"),
    (["REMOTE_HOST": "host.example\r\nevil"], "unknown, from nothing"),
    ([:], "unknown, from nothing"),
  ])
  func peer(_ environment: [String: String], _ expected: String) {
    #expect(run(["--check"], environment).text.contains("# peer: \(expected)\n"))
  }
}
