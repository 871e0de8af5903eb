// postern-send --batch with a queue that is played: jobs on standard input, reports on standard output, and
// nothing of the next message before the reports of the last are acknowledged.

import Foundation
import TestSupport
import Testing

@Suite struct BatchTests {
  /// Runs a script in Python that plays the queue. It has `batch`, the process, and these functions.
  private func play(
    _ script: String, arguments: [String], folder: Scratch, mail: MailFolder
  ) -> Outcome {
    let prelude = """
      import os, subprocess, sys, time
      batch = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      def tell(*lines):
        for line in lines: batch.stdin.write(line.encode() + b'\\n')
        batch.stdin.flush()
      def hear():
        '''The reports up to the end of a job.'''
        lines = []
        while True:
          line = batch.stdout.readline().decode()
          if line == '': raise EOFError(lines)
          if line == 'done\\n': return lines
          if line == 'more\\n':
            tell('ack')
            continue
          lines.append(line.rstrip('\\n'))
      def end():
        batch.stdin.close()
        return batch.wait()

      """
    return Command.run(
      [
        "timeout", "300", "python3", "-c", prelude + script, Command.built("postern-send"),
        "--batch",
      ]
        + arguments, in: folder,
      environment: [
        "SMTP_HOSTNAME": "client.example", "SMTP_MAIL_DIR": mail.path,
        "POSTERN_SMTPD": Command.built("postern-smtpd"),
      ])
  }

  private static let jobs = """
    def job(path, offset, sender, *recipients):
      return ['message %d %s' % (offset, path), 'from <%s>' % sender] + \
        ['to ' + recipient for recipient in recipients] + ['end']
    open('one', 'w').write('JUNK\\nSubject: one\\n\\n1\\n')
    open('two', 'w').write('Subject: two\\n\\n2\\n')

    """

  /// Two messages go on one connection; a recipient that is refused, and a message that is not there.
  @Test func oneConnection() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let outcome = play(
      Self.jobs + """
        tell(*job('one', 5, 'a@x.example', '<b@y.example>', '<c@y.example>'))
        first = hear()
        assert [line.split()[:4] for line in first] == [
          ['delivered', 'message', '<b@y.example>', '-'], ['delivered', 'message', '<c@y.example>', '-']], first
        assert all(line.split()[4:6] == ['250', '2.0.0'] for line in first), first
        tell('ack', *job('gone', 0, '', '<b@y.example>'))
        second = hear()
        assert second[0].startswith('deferred message <b@y.example> - - 4.3.0 '), second
        tell('ack', *job('two', 0, '', '<"b b"@y.example>'))
        third = hear()
        assert third[0].startswith('delivered message <"b b"@y.example> - 250 2.0.0 '), third
        tell('ack')
        assert end() == 0
        """,
      arguments: ["--exec", "echo x >>sessions; exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let sessions = FileManager.default.contents(atPath: folder.path + "/sessions")
    #expect(sessions == Data("x\n".utf8))
    #expect(mail.messages.count == 3)
    #expect(
      mail.messages.allSatisfy { !String(decoding: $0.content, as: UTF8.self).contains("JUNK") })
  }

  /// The next job may have been written already; it is not begun before the acknowledgement.
  @Test func acknowledgement() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let outcome = play(
      Self.jobs + """
        tell(*job('one', 5, 'a@x.example', '<b@y.example>'))
        hear()
        time.sleep(1)
        assert len(os.listdir('emails')) == 1
        tell('ack', *job('two', 0, 'a@x.example', '<b@y.example>'), 'ack')
        hear()
        assert len(os.listdir('emails')) == 2
        assert end() == 0
        """,
      arguments: ["--exec", "exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
  }

  /// No mail transaction of a job begins before the reports of the last one are acknowledged.
  @Test func acknowledgementOfATransaction() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let outcome = play(
      Self.jobs + """
        tell(*job('two', 0, 'a@x.example', '<b@y.example> FROM=<b@x.example>', '<c@y.example> FROM=<c@x.example>'))
        assert batch.stdout.readline().startswith(b'delivered '), 1
        assert batch.stdout.readline() == b'more\\n', 2
        time.sleep(1)
        assert len(os.listdir('emails')) == 1
        tell('ack')
        assert batch.stdout.readline().startswith(b'delivered '), 3
        assert batch.stdout.readline() == b'done\\n', 4
        tell('ack')
        assert end() == 0
        """,
      arguments: ["--exec", "exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(mail.messages.count == 2)
  }

  /// A caller that goes away instead of acknowledging: the rest of the job is not sent.
  @Test func callerThatEndsBetweenTransactions() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let outcome = play(
      Self.jobs + """
        tell(*job('two', 0, 'a@x.example', '<b@y.example> FROM=<b@x.example>', '<c@y.example> FROM=<c@x.example>'))
        while batch.stdout.readline() != b'more\\n': pass
        assert end() == 75
        """,
      arguments: ["--exec", "exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(mail.messages.count == 1)
  }

  /// The report says whether the host tells the sender itself; who is named twice is the caller's affair.
  @Test(arguments: [("DSN", ";DSN"), ("HELP", "")])
  func dutyToReport(_ keyword: String, mark: String) {
    let folder = Scratch()
    let server = PythonServer(
      script: "220 x|250-x\\r\\n250 \(keyword)|250 ok|250 ok|354 go|250 ok|221 bye")
    let outcome = play(
      Self.jobs + """
        tell(*job('two', 0, 'a@x.example', '<b@y.example>'))
        report = hear()[0].split()
        assert report[:4] == ['delivered', 'message', '<b@y.example>', '127.0.0.1\(mark)'], report
        tell('ack')
        assert end() == 0
        """,
      arguments: ["--server", "smtp://127.0.0.1:\(server.port)?tls=none"], folder: folder,
      mail: MailFolder(folder))
    #expect(outcome.status == 0, "\(outcome.errorText)")
  }

  /// A server that closes the connection after each message: each is delivered once.
  @Test func serverThatCloses() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let outcome = play(
      Self.jobs + """
        for number in range(5):
          tell(*job('two', 0, 'a@x.example', '<b@y.example>'))
          assert hear()[0].startswith('delivered '), number
          tell('ack')
        assert end() == 0
        """,
      arguments: ["--exec", "SMTP_MAX_MESSAGES=1 exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(mail.messages.count == 5)
  }

  /// VERP, and header fields for one recipient.
  @Test func eachRecipientItsOwn() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let outcome = play(
      Self.jobs + """
        tell(*job('two', 0, 'a@x.example', '<b@y.example> FROM=<list+b=y@x.example>',
          '<c@y.example> FIELDS=List-Unsubscribe:+20x+0D+0A', '<d@y.example>', '<e@y.example>'))
        assert len(hear()) == 4
        tell('ack')
        assert end() == 0
        """,
      arguments: ["--exec", "exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let messages = mail.messages.sorted { $0.recipients[0] < $1.recipients[0] }
    #expect(
      messages.map { $0.reversePath }
        == ["list+b=y@x.example", "a@x.example", "a@x.example", "a@x.example"])
    #expect(
      messages.map {
        String(decoding: $0.content, as: UTF8.self).hasPrefix("List-Unsubscribe: x\r\n")
      }
        == [false, true, false, false])
  }

  /// 10,000 recipients in flat memory, or as many as POSTERN_MANY_RECIPIENTS says. The reports are read
  /// meanwhile.
  @Test func manyRecipients() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let count = ProcessInfo.processInfo.environment["POSTERN_MANY_RECIPIENTS"] ?? "10000"
    let outcome = play(
      Self.jobs + """
        import threading
        recipients = ['<u%d@y.example>' % number for number in range(\(count))]
        threading.Thread(target=tell, args=job('two', 0, 'a@x.example', *recipients)).start()
        reports = hear()
        assert [line.split()[2] for line in reports] == recipients
        assert all(line.startswith('delivered ') for line in reports)
        memory = [line for line in open('/proc/%d/status' % batch.pid) if line.startswith('VmHWM')]
        assert int(memory[0].split()[1]) < 30000, memory
        tell('ack')
        assert end() == 0
        """,
      arguments: ["--exec", "exec $POSTERN_SMTPD"], folder: folder, mail: mail)
    #expect(outcome.status == 0, "\(outcome.errorText)")
  }

  @Test(arguments: [
    "from a@x.example", "to <a b@x.example>", "what", "message x y", "to <a@x.example> NOTIFY=WHEN",
    "from <> ENVID=+2", "to <a@x.example> FIELDS=+0",
  ])
  func malformedJobs(_ line: String) {
    let folder = Scratch()
    let outcome = play(
      "tell('message 0 two', '\(line)', 'end')\nassert end() == 65",
      arguments: ["--exec", "exit"], folder: folder, mail: MailFolder(folder))
    #expect(outcome.status == 0, "\(outcome.errorText)")
  }
}
