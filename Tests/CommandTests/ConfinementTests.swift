// A session gives up rights before it reads from the peer. The debug build can be told to try what it has given up.

import Foundation
import TestSupport
import Testing

/// The parts of confinement that the kernel says it has. If it has a part, a session must use it.
enum Kernel {
  /// The version of Landlock; 0 without it.
  static let landlock: Int = {
    let script = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"
    return max(0, Int(ask(script)) ?? 0)
  }()

  static let hasSeccomp: Bool = {
    let script = """
      import ctypes, platform
      number = {'x86_64': 317, 'aarch64': 277}[platform.machine()]
      action = ctypes.c_uint32(0x50000)  # SECCOMP_RET_ERRNO
      print(ctypes.CDLL(None).syscall(number, 2, 0, ctypes.byref(action)))
      """
    return ask(script) == "0"
  }()

  private static func ask(_ script: String) -> String {
    let text = Command.run(["python3", "-c", script], in: Scratch()).text
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

@Suite(.enabled(if: Command.exists("python3"), "python3 is not installed"))
struct ConfinementTests {
  private let folder = Scratch()

  private func attempt(_ name: String, _ environment: [String: String] = [:]) -> String {
    let outcome = Command.run(
      [Command.builtForDebugging("postern-smtpd")], in: folder,
      environment: environment.merging(["POSTERN_TRESPASS": name]) { a, _ in a })
    let line = outcome.errorText.split(separator: "\n").first { $0.contains("event=trespass") }
    return line.map { String($0.drop { $0 != "r" }) } ?? outcome.errorText
  }

  /// Checks what /proc says about the process of a session that has sent its greeting, for each kind of session.
  @Test(arguments: [
    [:], ["SMTP_PASSWD_FILE": "/etc/nothing"], ["SMTP_CHECKPASSWORD": "/bin/false"],
    [
      "SMTP_PASSWD_FILE": "/etc/nothing", "SMTP_QUEUE_DIR": "queue", "SMTP_DOMAINS": "x.example",
      "SMTP_RECIPIENTS": "/etc/recipients/file",
    ],
  ])
  func status(_ environment: [String: String]) {
    _ = MailFolder(folder)
    _ = QueueFolder(folder)
    let script = """
      import re, subprocess, sys
      p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      p.stdout.readline()
      status = open('/proc/%d/status' % p.pid).read()
      print(*(re.search(name + r':\\s*(\\d+)', status)[1] for name in ('NoNewPrivs', 'Seccomp')))
      p.stdin.close()
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: environment)
    #expect(outcome.text == "1 \(Kernel.hasSeccomp ? 2 : 0)\n", "\(outcome.errorText)")
    #expect(!outcome.errorText.contains("event=unconfined") || Kernel.landlock == 0)
  }

  /// The shipped program cannot open a file that was moved out of its reach while it ran.
  @Test func fileOutsideIsNotOpened() {
    let mail = MailFolder(folder)
    let elsewhere = Scratch()
    let target = elsewhere.file("passwd", "b:x\n".utf8)
    _ = folder.file("passwd", "b:x\n".utf8)
    let script = """
      import os, subprocess, sys
      p = subprocess.Popen([sys.argv[1], '--tls'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      p.stdout.readline()
      os.remove('passwd')
      os.symlink('\(target)', 'passwd')
      print(p.communicate(b'EHLO x\\r\\nAUTH PLAIN AGEAYg==\\r\\n')[0].decode().splitlines()[-1][:3])
      """
    func reply(_ confinement: String) -> String {
      Command.run(
        ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
        environment: [
          "SMTP_PASSWD_FILE": "passwd", "SMTP_MAIL_DIR": mail.path,
          "SMTP_CONFINEMENT": confinement,
        ]
      ).text
    }
    #expect(reply("true") == (Kernel.landlock > 0 ? "454\n" : "535\n"))
    try? FileManager.default.removeItem(atPath: folder.path + "/passwd")
    _ = folder.file("passwd", "b:x\n".utf8)
    #expect(reply("false") == "535\n")
  }

  @Test(arguments: [
    ("read", "landlock", "Permission denied"), ("write", "landlock", "Permission denied"),
    ("connect", "seccomp", "Operation not permitted"),
    ("execute", "seccomp", "Operation not permitted"),
    ("fork", "seccomp", "Operation not permitted"),
    ("signal", "seccomp", "Operation not permitted"),
    ("executable memory", "seccomp", "Operation not permitted"),
    ("memory made executable", "seccomp", "Operation not permitted"),
    ("descriptor's owner", "seccomp", "Operation not permitted"),
  ])
  func session(_ name: String, _ part: String, _ expected: String) {
    _ = MailFolder(folder)
    guard part == "landlock" ? Kernel.landlock > 0 : Kernel.hasSeccomp else {
      print("not tried, since this kernel has no \(part): \(name)")
      return
    }
    #expect(attempt(name).contains("result=\"\(expected)\""))
    if name == "descriptor's owner" {
      // With accounts the same call may lock, and do nothing else.
      let locking = attempt(name, ["SMTP_PASSWD_FILE": "/etc/nothing"])
      #expect(locking.contains("result=\"\(expected)\""))
    }
    // The same attempt succeeds without confinement, so it is the confinement that prevents it.
    let free = attempt(name, ["SMTP_CONFINEMENT": "false"])
    #expect(
      free.contains(name == "connect" ? "Connection refused" : "result=succeeded")
        || name == "execute")
  }

  /// A session that relays can put files into the queue and can do nothing else there. Without accounts it cannot even do
  /// that. (It runs as somebody who is not root, whom nobody stops from reading.)
  @Test(arguments: [
    "read", "write", "execute", "connect", "read mail", "read queue", "link out of the queue",
    "link into the queue", "make a directory",
  ])
  func relayingSession(_ name: String) throws {
    guard Kernel.landlock > 1, Kernel.hasSeccomp else {
      print("not tried, since this kernel cannot confine such a session")
      return
    }
    _ = MailFolder(folder)
    let queue = QueueFolder(folder)
    let data = queue.path + "/data"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    for file in ["emails/secret", "queue/data/secret", "outside.eml"] { _ = folder.file(file) }
    let environment = [
      "SMTP_QUEUE_DIR": "queue", "SMTP_DOMAINS": "x.example", "SMTP_USERNAME": "a",
      "SMTP_PASSWORD": "b",
    ]
    let result = attempt(name, environment)
    #expect(
      result.contains("result=\"Permission denied\"")
        || result.contains("result=\"Operation not permitted\"")
        || result.contains("result=\"Invalid cross-device link\""), "\(result)")
    let free = attempt(name, environment.merging(["SMTP_CONFINEMENT": "false"]) { a, _ in a })
    #expect(
      free.contains(name == "connect" ? "Connection refused" : "result=succeeded")
        || name == "execute", "\(free)")
  }

  /// A session with a checkpassword program can read files and execute programs, but it cannot write outside the mail
  /// directory.
  @Test func checkPassword() {
    _ = MailFolder(folder)
    let environment = ["SMTP_CHECKPASSWORD": "/bin/false"]
    #expect(attempt("read", environment).contains("result=succeeded"))
    #expect(attempt("fork", environment).contains("result=succeeded"))
    if Kernel.landlock > 0 {
      #expect(attempt("write", environment).contains("result=\"Permission denied\""))
    }
  }

  /// Neither this session nor a program that it executes can send a signal to a process outside, if Landlock is new enough
  /// to prevent that.
  @Test func signalsOfThoseThatExecute() {
    guard Kernel.landlock >= 6 else {
      print("not tried, since this kernel's Landlock knows no signals")
      return
    }
    let environment = ["SMTP_CHECKPASSWORD": "/bin/false"]
    #expect(attempt("signal", environment).contains("result=\"Operation not permitted\""))
    let free = environment.merging(["SMTP_CONFINEMENT": "false"]) { a, _ in a }
    #expect(attempt("signal", free).contains("result=succeeded"))
  }

  /// A program that a session executes cannot make system calls that change the machine or other processes, by none of
  /// their numbers. On x86-64 each call has a second number from 2^30 on (x32), and all of these are denied.
  @Test func callsOfTheExecuted() {
    guard Kernel.hasSeccomp else { return }
    let program = folder.file(
      "check",
      """
      import ctypes, errno, platform, sys
      c = ctypes.CDLL(None, use_errno=True)
      older = {'x86_64': (305, 320, (1 << 30) + 39, (1 << 30) + 101), 'aarch64': (266, 294)}
      for number in (425, 428, 429, 430, 432, 438, 442) + older[platform.machine()]:
        c.syscall(number, -1, -1, -1, -1, -1, -1)
        if ctypes.get_errno() != errno.EPERM: sys.exit(number % 100 + 1)
      """.utf8)
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: folder,
      environment: ["SMTP_CHECKPASSWORD": "\(Command.find("python3")!) \(program)"],
      input: "EHLO x\r\nAUTH PLAIN AGEAYg==\r\n".utf8)
    #expect(
      outcome.text.hasSuffix("235 2.7.0 Authentication succeeded\r\n"), "\(outcome.errorText)")
  }

  /// A confined session can kill a checkpassword program that does not end.
  @Test func checkPasswordIsKilled() {
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: folder,
      environment: ["SMTP_CHECKPASSWORD": "/bin/sleep 1000", "SMTP_TIMEOUT": "1"],
      input: "EHLO x\r\nAUTH PLAIN AGEAYg==\r\n".utf8)
    #expect(outcome.text.hasSuffix("454 4.7.0 Authentication not possible now\r\n"))
    #expect(outcome.errorText.contains("reason=\"/bin/sleep: no answer for 1 seconds\""))
  }

  /// The session can write to a log that is a large file already: a session sets no limit on the size of files.
  @Test func largeLog() {
    let script = """
      truncate -s 2G log && \(Command.built("postern-smtpd")) 2>>log && tail -c 4096 log | tr -d '\\0'
      """
    let outcome = Command.run(
      ["sh", "-c", script], in: folder, environment: ["SMTP_MAX_SIZE": "1"], input: "QUIT\r\n".utf8)
    #expect(outcome.text.contains("event=close reason=quit"), "\(outcome.text)")
  }

  /// The directory of the password file can be read, and no other.
  @Test func passwordFile() {
    let environment = ["SMTP_PASSWD_FILE": "/etc/nothing"]
    #expect(attempt("read", environment).contains("result=succeeded"))
  }

  /// Runs a session with a password file, and returns its reply to AUTH and its log.
  private func authenticate(_ file: String) -> (String, String) {
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: folder,
      environment: ["SMTP_PASSWD_FILE": file], input: "EHLO x\r\nAUTH PLAIN AGEAYg==\r\n".utf8)
    return (outcome.text.split(separator: "\r\n").last.map { String($0) } ?? "", outcome.errorText)
  }

  /// A password file may be a symbolic link to another directory: /run/secrets and the like.
  @Test func passwordFileThatIsALink() throws {
    let elsewhere = Scratch()
    let file = elsewhere.file("passwd", "b:x\n".utf8)
    for (name, target) in [("one", file), ("two", "one"), ("three", folder.path + "/two")] {
      let link = folder.path + "/" + name
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
      #expect(authenticate(link).0.hasPrefix("535 "), "\(name)")
      #expect(authenticate(name).0.hasPrefix("535 "), "\(name)")
    }
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/loose", withDestinationPath: "/nonexistent/passwd")
    let (reply, log) = authenticate("loose")
    #expect(reply.hasPrefix("454 "))
    #expect(!log.contains("part=readable"))
    guard Kernel.landlock > 0 else { return }
    // A directory that the confinement could not allow is reported.
    let told = "event=unconfined part=readable reason=\"Not a directory\""
    #expect(authenticate("/etc/passwd/file").1.contains(told))
  }

  /// For a file in a directory, permission to search the directory is enough; permission to read it is not needed.
  @Test(.enabled(if: getuid() == 0, "only root can be somebody else"))
  func passwordFileInADirectoryThatCannotBeRead() throws {
    let program = folder.path + "/postern-smtpd"
    _ = Command.run(["cp", Command.built("postern-smtpd"), program], in: folder)
    let secrets = folder.path + "/secrets"
    try FileManager.default.createDirectory(atPath: secrets, withIntermediateDirectories: false)
    _ = folder.file("secrets/passwd", "b:x\n".utf8)
    func reply(mode: mode_t) -> (String, String) {
      #expect(unsafe chmod(secrets, mode) == 0)
      let outcome = Command.run(
        ["setpriv", "--reuid", "12345", "--clear-groups", program, "--tls"], in: folder,
        environment: ["SMTP_PASSWD_FILE": secrets + "/passwd"],
        input: "EHLO x\r\nAUTH PLAIN AGEAYg==\r\n".utf8)
      return (
        outcome.text.split(separator: "\r\n").last.map { String($0) } ?? "", outcome.errorText
      )
    }
    #expect(reply(mode: 0o711).0.hasPrefix("535 "), "\(reply(mode: 0o711))")
    let (refused, log) = reply(mode: 0o700)
    #expect(refused.hasPrefix("454 "), "\(log)")
    #expect(log.contains("reason=\"\(secrets)/passwd: Permission denied\""), "\(log)")
  }

  /// A confined session still runs its checkpassword program.
  @Test(arguments: [("/bin/true", "235 2.7.0 "), ("/bin/false", "535 5.7.8 ")])
  func checkPasswordRuns(_ answer: String, _ reply: String) {
    let outcome = Command.run(
      [Command.built("postern-smtpd"), "--tls"], in: folder,
      environment: ["SMTP_CHECKPASSWORD": "/usr/bin/env \(answer)"],
      input: "EHLO x\r\nAUTH PLAIN AGEAYg==\r\n".utf8)
    #expect(outcome.text.contains(reply), "\(outcome.errorText)")
  }
}
