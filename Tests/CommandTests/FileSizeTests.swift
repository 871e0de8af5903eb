// A limit on the size of files (RLIMIT_FSIZE) is an error of what writes, and kills no program.

import TestSupport
import Testing

@Suite struct FileSizeTests {
  @Test(arguments: [
    ("postern-queue add -f me@x.example you@y.example", [75]),
    ("postern-queue sendmail -f me@x.example you@y.example", [74, 75]),
    ("postern-send --server smtp://127.0.0.1:1 -f me@x.example you@y.example", [75]),
    ("postern-passwd --help >>full", [0]), ("postern-api --help >>full", [0]),
    ("postern-list --help >>full", [0]), ("postern-smtpd --help >>full", [0]),
  ])
  func isAnError(_ command: String, statuses: [Int32]) {
    let folder = Scratch()
    let program = String(command.prefix { $0 != " " })
    let outcome = Command.run(
      [
        "bash", "-c",
        """
        mkdir -m 700 queue mail
        (printf 'Subject: large\\n\\n'; head -c 3000000 /dev/zero | tr '\\0' x | fold -w 70) >message
        head -c 102400 /dev/zero >full
        ulimit -c 0 -f 100
        "$POSTERN_FOLDER"/\(command) <message
        """,
      ], in: folder,
      environment: [
        "POSTERN_FOLDER": String(Command.built(program).dropLast(program.utf8.count + 1)),
        "SMTP_HOSTNAME": "x.example", "SMTP_DOMAINS": "x.example",
        "SMTP_MAIL_DIR": folder.path + "/mail", "SMTP_QUEUE_DIR": folder.path + "/queue",
        "SMTP_SUBMIT_SOCKET": folder.path + "/none", "TMPDIR": folder.path,
      ])
    #expect(statuses.contains(outcome.status), "\(command): \(outcome.status) \(outcome.errorText)")
  }
}
