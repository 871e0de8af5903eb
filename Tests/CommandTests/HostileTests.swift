// Whatever a peer sends, it gets a clear reply or a clean end, and memory stays small.

import Foundation
import TestSupport
import Testing

@Suite struct HostileTests {
  /// Runs a session and measures its memory. `input` is a Python expression: bytes, or a generator of
  /// bytes if the input is large.
  private func run(
    _ input: String, _ environment: [String: String] = [:]
  ) throws -> (text: String, status: Int32, kibibytes: Int, mail: MailFolder, folder: Scratch) {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let script = """
      import os, subprocess, sys
      p = subprocess.Popen(['/usr/bin/time', '-q', '-f', '%x %M', '-o', 'usage', sys.argv[1]],
                           stdin=subprocess.PIPE, stdout=open('replies', 'wb'))
      try:
        for piece in \(input):
          p.stdin.write(piece)
        p.stdin.close()
      except BrokenPipeError:
        pass
      p.wait()
      print(open('usage').read())
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: environment)
    let numbers = outcome.text.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
    try #require(numbers.count == 2, "\(outcome.errorText)")
    let replies = String(decoding: MailFolder(folder, ".").content("replies"), as: UTF8.self)
    return (replies, Int32(numbers[0]), numbers[1], mail, folder)
  }

  /// The limit in KiB. A debug build is linked dynamically and needs more.
  private var memoryLimit: Int { Command.folder.hasSuffix("debug") ? 20_000 : 8_000 }

  @Test func commandWithoutEnd() throws {
    let (text, status, memory, _, _) = try run("[b'NOOP ' + b'x' * 1000000]")
    #expect(status == 0)
    #expect(text.hasSuffix("500 5.5.2 Command line too long\r\n"))
    #expect(memory < memoryLimit)
  }

  @Test func tenThousandBadCommands() throws {
    let (text, status, memory, _, _) = try run("[b'FOO\\r\\n' * 10000]")
    #expect(status == 0)
    let replies = text.split(separator: "\r\n").dropFirst()
    #expect(replies.count == 21)
    #expect(replies.dropLast().allSatisfy { $0.hasPrefix("500 5.5.2 ") })
    #expect(replies.last == "421 4.7.0 Too many errors")
    #expect(memory < memoryLimit)
  }

  @Test func manyGoodCommands() throws {
    let (text, status, memory, _, _) = try run("[b'EHLO x\\r\\n' * 99999, b'QUIT\\r\\n']")
    #expect(status == 0)
    #expect(text.hasSuffix("221 2.0.0 Goodbye\r\n"))
    #expect(text.utf8.count > 8_000_000)
    #expect(memory < memoryLimit)
  }

  /// A message of 200 MB needs no more than 8 MB of memory.
  @Test func largeMessage() throws {
    let (text, status, memory, mail, _) = try run(
      """
      [b'HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<a@b>\\r\\nDATA\\r\\n'] \
      + [b'0123456789' * 7 + b'\\r\\n'] * 2912000 + [b'.\\r\\nQUIT\\r\\n']
      """, ["SMTP_MAX_SIZE": "300000000"])
    #expect(status == 0)
    #expect(text.hasSuffix("221 2.0.0 Goodbye\r\n"))
    #expect(memory < memoryLimit)
    let name = try #require(mail.entries.first)
    let size = try FileManager.default.attributesOfItem(atPath: mail.path + "/" + name)[.size]
    #expect(try #require(size as? Int) > 200_000_000)
  }

  /// The client writes octet by octet, so that each read(2) returns one octet or a few.
  @Test func messageOctetByOctet() throws {
    let message = "Subject: x\\r\\n\\r\\n" + "..dots\\r\\nand lines\\r\\n"
    let (text, _, _, mail, _) = try run(
      """
      (os.write(p.stdin.fileno(), bytes([c])) and b'' for c in \
      b'HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<a@b>\\r\\nDATA\\r\\n\(message).\\r\\nQUIT\\r\\n')
      """)
    #expect(text.hasSuffix("221 2.0.0 Goodbye\r\n"))
    #expect(
      mail.messages.map(\.content) == [Array("Subject: x\r\n\r\n.dots\r\nand lines\r\n".utf8)])
  }

  /// The input ends in every state: one session is cut at every place.
  @Test func endOfInputAnywhere() throws {
    let transcript = try #require(Transcript.all.first { $0.name == "two-messages.txt" })
    for cut in 0..<transcript.client.count {
      let folder = Scratch()
      let mail = MailFolder(folder)
      let outcome = Command.run(
        [Command.built("postern-smtpd")], in: folder, input: transcript.client[..<cut])
      #expect(outcome.status == 0, "cut at \(cut)")
      // Each message with a 250 is there, and each that is there is whole.
      let promised = outcome.text.components(separatedBy: "stored as").count - 1
      #expect(mail.entries.count == promised, "cut at \(cut)")
      let contents = mail.messages.map(\.content)
      #expect(contents == transcript.messages.prefix(promised).map(\.content), "cut at \(cut)")
    }
  }

  /// No recipient's address leads out of the mail directory, hides a file, or makes a name too long.
  @Test(arguments: [
    "../../etc/passwd@x", "\"../../etc/passwd\"@x", "/etc/passwd@x", "\"/tmp/x\"@x", "\".\"@x",
    "a/b@x", "%2F@x", "\"\\\\..\\\\\"@x", String(repeating: "%", count: 64) + "@x",
  ])
  func recipient(_ recipient: String) throws {
    let quoted = recipient.replacingOccurrences(of: "\\", with: "\\\\")
    let (text, status, _, mail, folder) = try run(
      "[b'HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<\(quoted)>\\r\\nDATA\\r\\n.\\r\\nQUIT\\r\\n']")
    #expect(status == 0)
    let accepted = text.contains("250 2.1.5 ")
    #expect(accepted != text.contains("501 5.1.3 "))
    #expect(mail.entries.count == (accepted ? 1 : 0))
    #expect(
      Set(MailFolder(folder, ".").entries) == [
        "emails", "replies", "stderr", "stdin", "stdout", "usage",
      ])
    if let name = mail.entries.first {
      #expect(name.utf8.count <= 255)
      #expect(!name.hasPrefix("."))
      let encoded = try #require(name.split(separator: "-", maxSplits: 2).last).dropLast(4)
      #expect(encoded.allSatisfy { $0.isLetter || $0.isNumber || "%.@_+=-".contains($0) })
      #expect(encoded.removingPercentEncoding == recipient)
    }
  }

  /// 1,000 recipients have addresses that do not fit into a name. A few of them get a file each, the others get 452, so
  /// that nobody can fill the disk with one message.
  @Test func recipientsThatCollide() throws {
    let (text, _, _, mail, _) = try run(
      """
      [b'HELO x\\r\\nMAIL FROM:<>\\r\\n'] \
      + [b'RCPT TO:<' + b'%' * 64 + b'@' + b'x' * 63 + b'.' + b'y' * 63 + b'.%d>\\r\\n' % i \
         for i in range(1000)] + [b'DATA\\r\\nx\\r\\n.\\r\\nQUIT\\r\\n']
      """)
    #expect(text.contains("stored as"))
    #expect(mail.entries.count == 20)
    #expect(text.components(separatedBy: "452 4.5.3 Too many recipients").count == 981)
    #expect(mail.entries.allSatisfy { $0.utf8.count <= 255 })
  }

  @Test func timeout() {
    let folder = Scratch()
    let script = "(printf 'NOOP\\r\\nNOO'; sleep 5) | \(Command.built("postern-smtpd"))"
    let outcome = Command.run(["sh", "-c", script], in: folder, environment: ["SMTP_TIMEOUT": "1"])
    #expect(outcome.text.hasSuffix("250 2.0.0 OK\r\n421 4.4.2 Timeout\r\n"))
    #expect(outcome.errorText.contains("event=close reason=timeout"))
  }

  /// A peer that sends but does not read is dropped after the timeout.
  @Test func peerThatDoesNotRead() {
    let script = """
      import subprocess, sys, time
      p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      try:
        for _ in range(1000): p.stdin.write(b'HELP\\r\\n' * 1000)
      except BrokenPipeError:
        pass
      print(p.wait(20))
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch(),
      environment: ["SMTP_TIMEOUT": "1"])
    #expect(outcome.text == "0\n")
    #expect(outcome.errorText.contains("reason=timeout"))
  }

  @Test func terminated() {
    let script = """
      import signal, subprocess, sys, time
      p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
      p.stdout.readline()
      p.send_signal(signal.SIGTERM)
      print(p.stdout.read().decode(), p.wait())
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch())
    #expect(outcome.text == "421 4.3.2 Shutting down; try again later\r\n 0\n")
  }

  /// The rest of a line that was refused already does not extend the peer's time.
  @Test func lineThatNeverEnds() {
    let script = "(printf 'NOOP \\n'; for i in 1 2 3 4 5 6 7 8 9; do printf x; sleep 0.5; done)"
    let outcome = Command.run(
      ["sh", "-c", "\(script) | \(Command.built("postern-smtpd"))"], in: Scratch(),
      environment: ["SMTP_TIMEOUT": "1"])
    #expect(outcome.text.hasSuffix("421 4.4.2 Timeout\r\n"))
  }

  /// Replies that were written before a timeout or SIGTERM are not written again.
  @Test(arguments: ["timeout", "SIGTERM"])
  func repliesAreWrittenOnce(_ reason: String) {
    let script = """
      import signal, socket, subprocess, sys, time
      ours, theirs = socket.socketpair()
      theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
      p = subprocess.Popen([sys.argv[1]], stdin=theirs, stdout=theirs)
      theirs.close()
      ours.settimeout(0.2)
      sent = 0
      try:
        while True:
          ours.sendall(b''.join(b'VRFY %d\\r\\n' % i if i % 2 else b'NOOP\\r\\n' for i in range(100)))
      except OSError:
        pass
      if '\(reason)' == 'SIGTERM': p.send_signal(signal.SIGTERM)
      else: time.sleep(1.5)
      time.sleep(0.5)
      ours.settimeout(5)
      replies, piece = b'', b'x'
      while piece:
        try:
          piece = ours.recv(100000)
          replies += piece
        except ConnectionResetError:
          pass  # told once, in front of what can still be read
      lines = replies.split(b'\\r\\n')[1:-1]
      body = [l[:3] for l in lines if l[:3] != b'421']
      print(all(a != b for a, b in zip(body, body[1:])), len(body) > 50)
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch(),
      environment: ["SMTP_TIMEOUT": "1"])
    #expect(outcome.text == "True True\n", "\(outcome.errorText)")
  }

  /// A session goes on although nobody reads its log.
  @Test func logThatIsNotRead() {
    let script = """
      import os, subprocess, sys
      reading, writing = os.pipe()
      p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writing)
      p.stdin.write(b'HELO x\\r\\nMAIL FROM:<>\\r\\n')
      os.set_blocking(writing, False)
      try:
        while True: os.write(writing, b'x' * 4096)
      except BlockingIOError:
        pass
      os.set_blocking(writing, True)
      p.stdin.write(b'FOO\\r\\nQUIT\\r\\n')
      p.stdin.close()
      print(p.stdout.read().endswith(b'221 2.0.0 Goodbye\\r\\n'), p.wait())
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch())
    #expect(outcome.text == "True 0\n")
  }

  /// If nobody reads the log, a session does not wait a second for every line. Otherwise 300 lines would take five
  /// minutes, and the deadlines of the session would not hold.
  @Test func logThatIsNotReadKeepsNoDeadlines() {
    let script = """
      import os, subprocess, sys
      reading, writing = os.pipe()
      os.set_blocking(writing, False)
      try:
        while True: os.write(writing, b'x' * 4096)
      except BlockingIOError:
        pass
      os.set_blocking(writing, True)
      p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writing)
      p.stdin.write(b'FOO\\r\\n' * 300)
      p.stdin.flush()
      try:
        print(p.wait(60))
        print(p.stdout.read().decode().splitlines()[-1])
      except subprocess.TimeoutExpired:
        p.kill()
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: Scratch(),
      environment: ["SMTP_SESSION_TIMEOUT": "5", "SMTP_MAX_ERRORS": "1000"])
    #expect(outcome.text == "0\n421 4.4.2 Session takes too long\n")
  }

  /// The rate is measured from the beginning of the content, and checked only once the content has taken SMTP_TIMEOUT. So
  /// a slow beginning does not count, and neither does the time before a message or between two messages.
  @Test func rateOfHonestContent() {
    let folder = Scratch()
    _ = MailFolder(folder)
    let script = """
      import socket, subprocess, sys, time
      ours, theirs = socket.socketpair()
      p = subprocess.Popen([sys.argv[1]], stdin=theirs, stdout=theirs)
      theirs.close()
      replies = ours.makefile('rb')
      def say(line):
        ours.sendall(line + b'\\r\\n')
        return replies.readline()
      def idle():
        for _ in range(5): time.sleep(0.5); say(b'NOOP')
      def message(pieces, pause):
        for line in (b'MAIL FROM:<>', b'RCPT TO:<a@b>', b'DATA'): say(line)
        for _ in range(pieces):
          ours.sendall(b'x\\r\\n')
          time.sleep(pause)
        print(say(b'.')[:3].decode())
      replies.readline(); say(b'HELO x')
      idle(); message(4, 0.1)
      idle(); message(4, 0.1)
      message(4, 0.3)
      """
    let outcome = Command.run(
      ["python3", "-c", script, Command.built("postern-smtpd")], in: folder,
      environment: ["SMTP_TIMEOUT": "2", "SMTP_MIN_RATE": "100000"])
    #expect(outcome.text == "250\n250\n250\n", "\(outcome.errorText)")
  }

  /// A session whose standard input or output is closed ends, and uses no other file in its place.
  @Test(arguments: ["<&-", ">&-", "<&- >&-"])
  func closedDescriptors(_ redirection: String) {
    let outcome = Command.run(
      ["sh", "-c", "\(Command.built("postern-smtpd")) \(redirection)"], in: Scratch())
    #expect(outcome.status == 74)
  }

  @Test func closedStandardError() {
    let outcome = Command.run(
      ["sh", "-c", "\(Command.built("postern-smtpd")) 2>&-"], in: Scratch(),
      input: "NOOP\r\n".utf8)
    #expect(outcome.text.hasSuffix("250 2.0.0 OK\r\n"))
  }

  /// Content that arrives where a command is expected is not logged.
  @Test func contentIsNotLogged() {
    let outcome = Command.run(
      [Command.built("postern-smtpd")], in: Scratch(),
      input: "HELO x\r\nDATA\r\nMail secret\r\nHelp secret\r\nData secret\r\nsecret\r\n".utf8)
    #expect(outcome.errorText.contains("command=Mail"))
    #expect(!outcome.errorText.contains("secret"))
  }

  /// Content that comes too slowly is cut off, even if each piece comes in time.
  @Test func contentThatTrickles() {
    let folder = Scratch()
    let mail = MailFolder(folder)
    let script = """
      (printf 'HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<a@b>\\r\\nDATA\\r\\n'
      for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf x; sleep 0.25; done) | \(Command.built("postern-smtpd"))
      """
    let outcome = Command.run(
      ["sh", "-c", script], in: folder, environment: ["SMTP_TIMEOUT": "1", "SMTP_MIN_RATE": "1000"])
    #expect(outcome.text.hasSuffix("421 4.4.2 Message comes too slowly\r\n"))
    #expect(mail.entries == [])
  }

  @Test func sessionThatTakesTooLong() {
    let script = "(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf 'NOOP\\r\\n'; sleep 0.25; done)"
    let outcome = Command.run(
      ["sh", "-c", "\(script) | \(Command.built("postern-smtpd"))"], in: Scratch(),
      environment: ["SMTP_SESSION_TIMEOUT": "1"])
    #expect(outcome.text.hasSuffix("250 2.0.0 OK\r\n421 4.4.2 Session takes too long\r\n"))
  }

  /// Deadlines hold although the peer never stops sending: in content that is being discarded, and in
  /// a command line that never ends.
  @Test(arguments: [
    (
      "SMTP_SESSION_TIMEOUT", "HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<a@b>\\r\\nDATA\\r\\n",
      "Session takes too long"
    ),
    ("SMTP_TIMEOUT", "NOOP ", "Timeout"),
  ])
  func inputThatIsAlwaysThere(_ variable: String, _ beginning: String, _ reply: String) {
    // A file can always be read. This one is sparse, so that it needs no space on the disk.
    let script =
      "printf '\(beginning)' >input && truncate -s 30G input && \(Command.built("postern-smtpd")) <input"
    let outcome = Command.run(
      ["sh", "-c", script], in: Scratch(), environment: [variable: "1", "SMTP_MAX_SIZE": "1"])
    #expect(outcome.text.hasSuffix("421 4.4.2 \(reply)\r\n"))
  }

  /// The last error in the budget ends the session with one reply, even within a refused BDAT.
  @Test func chunkBeyondTheBudget() {
    let script = "(printf 'BDAT 9\\r\\n'; sleep 4) | \(Command.built("postern-smtpd"))"
    let outcome = Command.run(
      ["sh", "-c", script], in: Scratch(),
      environment: ["SMTP_TIMEOUT": "1", "SMTP_MAX_ERRORS": "0"])
    #expect(outcome.text.components(separatedBy: "421").count == 2, "\(outcome.text)")
    #expect(outcome.errorText.contains("event=close reason=dismissed"))
  }

  @Test func earlyTalker() {
    let script =
      "(%; printf 'HELO x\\r\\n'; sleep 1) | SMTP_GREETING_DELAY=1 \(Command.built("postern-smtpd"))"
    func run(_ pause: String) -> String {
      Command.run(
        ["sh", "-c", script.replacingOccurrences(of: "%", with: pause)], in: Scratch()
      ).text
    }
    #expect(run("true") == "554 5.5.1 You spoke before the greeting\r\n")
    #expect(run("sleep 2").hasPrefix("220 "))
  }
}
