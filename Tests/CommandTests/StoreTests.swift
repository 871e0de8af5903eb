// Tests the promise of a 250 on file systems that fail and with processes that die.

import Foundation
import TestSupport
import Testing

private let isRoot = getuid() == 0

@Suite struct StoreTests {
  private static let session = """
    HELO client.example\r
    MAIL FROM:<a@x.example>\r
    RCPT TO:<b@x.example>\r
    RCPT TO:<c@x.example>\r
    DATA\r
    Subject: x\r
    \r
    .\r
    NOOP\r
    QUIT\r

    """

  private func deliver(
    in folder: Scratch, directory: String, _ input: String = session
  ) -> Outcome {
    Command.run(
      [Command.built("postern-smtpd")], in: folder, environment: ["SMTP_MAIL_DIR": directory],
      input: input.utf8)
  }

  @Test func missingDirectory() {
    let folder = Scratch()
    let outcome = deliver(in: folder, directory: folder.path + "/none")
    #expect(
      outcome.text.hasSuffix(
        "451 4.3.0 Message not stored; try again later\r\n250 2.0.0 OK\r\n221 2.0.0 Goodbye\r\n"))
    #expect(outcome.errorText.contains("event=failure call=open"))
    #expect(outcome.status == 0)
  }

  @Test func directoryThatIsAFile() {
    let folder = Scratch()
    let outcome = deliver(in: folder, directory: folder.file("emails"))
    #expect(outcome.text.contains("\r\n451 4.3.0 "))
  }

  /// Runs `body` with a small file system of its own.
  private func withFileSystem(_ options: String, _ body: (Scratch, MailFolder) -> Void) {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let mount = Command.run(
      ["mount", "-t", "tmpfs", "-o", options, "tmpfs", mail.path], in: folder)
    #expect(mount.status == 0, "\(mount.errorText)")
    body(folder, mail)
    #expect(Command.run(["umount", mail.path], in: folder).status == 0)
  }

  @Test(.enabled(if: isRoot, "mounting needs root"))
  func readOnly() {
    withFileSystem("size=1m,ro") { folder, mail in
      let outcome = deliver(in: folder, directory: mail.path)
      #expect(outcome.text.contains("\r\n451 4.3.0 "))
      #expect(outcome.text.hasSuffix("250 2.0.0 OK\r\n221 2.0.0 Goodbye\r\n"))
      #expect(mail.entries == [])
    }
  }

  /// A full disk: 452, nothing visible, and the next message that fits is stored.
  @Test(.enabled(if: isRoot, "mounting needs root"))
  func fullDisk() {
    withFileSystem("size=1m") { folder, mail in
      let large = String(repeating: String(repeating: "x", count: 998) + "\r\n", count: 2000)
      let transaction = "MAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
      let outcome = deliver(
        in: folder, directory: mail.path,
        "HELO x\r\n\(transaction)\(large).\r\nNOOP\r\n\(transaction)small\r\n.\r\nQUIT\r\n")
      let replies = outcome.text.split(separator: "\r\n")
      #expect(replies.contains("452 4.3.1 Insufficient storage"))
      #expect(replies.last == "221 2.0.0 Goodbye")
      #expect(mail.messages.map(\.content) == [Array("small\r\n".utf8)])
    }
  }

  /// If a name cannot be made, the names that were made before it are removed.
  @Test(.enabled(if: isRoot, "mounting needs root"))
  func noInodesForAllNames() {
    withFileSystem("size=1m,nr_inodes=8") { folder, mail in
      let recipients = (0..<20).map { "RCPT TO:<r\($0)@x.example>\r\n" }.joined()
      let outcome = deliver(
        in: folder, directory: mail.path,
        "HELO x\r\nMAIL FROM:<>\r\n\(recipients)DATA\r\n.\r\nQUIT\r\n")
      #expect(outcome.text.contains("\r\n452 4.3.1 "))
      #expect(mail.entries == [])
    }
  }

  /// Reaching RLIMIT_FSIZE has the same effect as a full disk; no signal kills the session.
  @Test func fileSizeLimit() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let large = String(repeating: String(repeating: "x", count: 998) + "\r\n", count: 200)
    _ = folder.file(
      "session", "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n\(large).\r\nNOOP\r\n".utf8)
    let limited = Command.run(
      ["bash", "-c", "ulimit -f 8; \(Command.built("postern-smtpd")) <session >replies"], in: folder
    )
    #expect(limited.status == 0)
    let replies = String(decoding: MailFolder(folder, ".").content("replies"), as: UTF8.self)
    #expect(replies.hasSuffix("\r\n452 4.3.1 Insufficient storage\r\n250 2.0.0 OK\r\n"))
    #expect(mail.entries == [])
  }

  /// 100 recipients cost one write and two syncs.
  @Test(.enabled(if: Command.exists("strace"), "strace is not installed"))
  func oneWriteForAllRecipients() throws {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let recipients = (0..<100).map { "RCPT TO:<r\($0)@x.example>\r\n" }.joined()
    let outcome = Command.run(
      [
        "strace", "-y", "-o", folder.path + "/trace", "-e",
        "trace=write,writev,pwrite64,sendto,fsync,fdatasync,linkat",
        Command.built("postern-smtpd"),
      ], in: folder,
      input: "HELO x\r\nMAIL FROM:<>\r\n\(recipients)DATA\r\nx\r\n.\r\nQUIT\r\n".utf8)
    #expect(outcome.text.contains("stored as"))
    #expect(mail.entries.count == 100)
    let trace = String(decoding: MailFolder(folder, ".").content("trace"), as: UTF8.self)
      .split(separator: "\n")
    func count(_ pattern: Regex<Substring>) -> Int { trace.count { $0.contains(pattern) } }
    #expect(count(/^write\(\d+<[^>]*\/emails\//) == 1)
    #expect(count(/^fdatasync/) == 1)
    #expect(count(/^fsync/) == 1)
    #expect(count(/^linkat/) == 100)
    // The greeting, and one batch of replies, which is larger than a pipe accepts at once.
    #expect(count(/^write\(1</) <= 4)
  }

  /// A message with as many recipients as possible whose addresses do not fit into a name can be stored with the
  /// descriptors and the rights of a session.
  @Test func filesOfTheirOwn() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let domain = [String](repeating: String(repeating: "d", count: 60), count: 3).joined(
      separator: ".")
    let recipients = (10..<30).map { "\($0)-----------------------------@\(domain)" }
    let content = String(repeating: "x\r\n", count: 20_000)
    let commands = recipients.map { "RCPT TO:<\($0)>\r\n" }.joined()
    let outcome = deliver(
      in: folder, directory: mail.path,
      "HELO x\r\nMAIL FROM:<>\r\n\(commands)DATA\r\n\(content).\r\nQUIT\r\n")
    #expect(outcome.text.contains("\r\n250 2.0.0 OK: stored as "), "\(outcome.errorText)")
    let messages = mail.messages
    #expect(messages.map(\.recipients).sorted { $0[0] < $1[0] } == recipients.map { [$0] })
    #expect(messages.allSatisfy { $0.content == Array(content.utf8) })
    #expect(mail.entries.allSatisfy { $0.contains("~") })
  }

  /// After kill -9 at any moment, every message with a 250 is there, and every visible message is whole.
  @Test func killedAtAnyMoment() {
    let script = """
      import os, random, subprocess, sys, time
      body = b''.join(b'%07d\\r\\n' % i for i in range(20000))
      lost = half = promised = 0
      for n in range(60):
        p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        os.set_blocking(p.stdout.fileno(), False)
        sent = b'HELO x\\r\\n' + b''.join(
          b'MAIL FROM:<>\\r\\nRCPT TO:<r%d-%d@x>\\r\\nDATA\\r\\n%s.\\r\\n' % (n, i, body) for i in range(3))
        if os.fork() == 0:
          time.sleep(random.random() * 0.03)
          os.kill(p.pid, 9)
          os._exit(0)
        try:
          p.stdin.write(sent)
          p.stdin.close()
        except BrokenPipeError:
          pass
        p.wait()
        os.wait()
        replies = p.stdout.read() or b''
        count = replies.count(b'stored as')
        promised += count
        names = [e for e in os.listdir('emails') if b'-r%d-' % n in e.encode()]
        lost += max(0, count - len(names))
        for e in names:
          content = open('emails/' + e, 'rb').read()
          if not content.startswith(b'Return-Path: <>\\r\\n') or not content.endswith(body): half += 1
      print(lost, half, promised > 0)
      """
    let folder = Scratch()
    _ = MailFolder(folder)
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder)
    #expect(outcome.text == "0 0 True\n", "\(outcome.errorText)")
  }
}
