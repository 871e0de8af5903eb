// What a session has given up before it reads from the peer: the debug build is told to try it.

import Foundation
import TestSupport
import Testing

@Suite struct ConfinementTests {
  private let folder = Scratch()

  private func attempt(_ name: String, _ environment: [String: String] = [:]) -> String {
    let outcome = Command.run(
      [Command.builtForDebugging("postern-smtpd")], in: folder,
      environment: environment.merging(["POSTERN_TRESPASS": name]) { a, _ in a })
    let line = outcome.errorText.split(separator: "\n").first { $0.contains("event=trespass") }
    return line.map { String($0.drop { $0 != "r" }) } ?? outcome.errorText
  }

  /// The log says what the kernel lacks; where it lacks a part, what that part prevents is not tried.
  private func has(_ part: String) -> Bool {
    let outcome = Command.run([Command.built("postern-smtpd")], in: folder)
    return !outcome.errorText.contains("event=unconfined part=\(part)")
  }

  @Test(arguments: [
    ("read", "landlock", "Permission denied"), ("write", "landlock", "Permission denied"),
    ("connect", "seccomp", "Operation not permitted"),
    ("execute", "seccomp", "Operation not permitted"),
    ("fork", "seccomp", "Operation not permitted"),
  ])
  func session(_ name: String, _ part: String, _ expected: String) {
    _ = MailFolder(folder)
    guard has(part) else {
      print("not tried, since this kernel has no \(part): \(name)")
      return
    }
    #expect(attempt(name).contains("result=\"\(expected)\""))
    // The same attempt succeeds where it is not prevented, so it is the confinement that prevents it.
    let free = attempt(name, ["SMTP_CONFINEMENT": "false"])
    #expect(
      free.contains(name == "connect" ? "Connection refused" : "result=succeeded")
        || name == "execute")
  }

  /// Where a checkpassword program is to be executed, files can be read and programs executed, and
  /// still nothing be written outside the mail directory.
  @Test func checkPassword() {
    _ = MailFolder(folder)
    let environment = ["SMTP_CHECKPASSWORD": "/bin/false"]
    #expect(attempt("read", environment).contains("result=succeeded"))
    #expect(attempt("fork", environment).contains("result=succeeded"))
    if has("landlock") {
      #expect(attempt("write", environment).contains("result=\"Permission denied\""))
    }
  }

  /// The directory of the password file can be read, and no other.
  @Test func passwordFile() {
    let environment = ["SMTP_PASSWD_FILE": "/etc/nothing"]
    #expect(attempt("read", environment).contains("result=succeeded"))
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
