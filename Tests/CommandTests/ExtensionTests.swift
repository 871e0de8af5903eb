// Extensions, used by real clients; and many sessions at once.

import Foundation
import TestSupport
import Testing

@Suite struct ExtensionTests {
  /// Exim as a client pipelines, and sends content with BDAT because CHUNKING is offered.
  @Test(
    .enabled(if: Command.exists("exim4"), "exim4 is not installed, and would replace another MTA"))
  func exim() throws {
    let server = Server(Server.socat)
    let spool = server.folder.path + "/spool"
    try FileManager.default.createDirectory(
      atPath: spool, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
    let configuration = server.folder.file(
      "exim.conf",
      """
      primary_hostname = client.example
      spool_directory = \(spool)
      log_file_path = \(spool)/%slog
      keep_environment =
      begin routers
      all:
        driver = manualroute
        route_list = * 127.0.0.1
        self = send
        transport = smtp
      begin transports
      smtp:
        driver = smtp
        port = \(server.port)
        allow_localhost
        hosts_try_chunking = *

      """.utf8)
    let outcome = Command.run(
      ["exim4", "-C", configuration, "-odf", "-oi", "-f", "a@x.example", "b@x.example"],
      in: server.folder, input: "Subject: hi\n\n.dot\nlast\n".utf8)
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let log = String(decoding: MailFolder(server.folder, "spool").content("mainlog"), as: UTF8.self)
    #expect(log.contains(" K C=\"250 2.0.0 OK: stored as "), "K is for chunking: \(log)")
    let message = try #require(server.mail.messages.first)
    #expect(message.recipients == ["b@x.example"])
    #expect(String(decoding: message.content, as: UTF8.self).hasSuffix("\r\n\r\n.dot\r\nlast\r\n"))
  }

  /// Python's smtplib with SMTPUTF8: the file's name has the address, and the file has the octets.
  @Test(.enabled(if: Front.installed(with: "python3"), "a spawner or python3 is not installed"))
  func smtputf8() throws {
    let server = Server(Server.socat)
    let script = """
      import smtplib
      from email.message import EmailMessage
      message = EmailMessage()
      message['From'], message['To'], message['Subject'] = 'ü@x.example', '用户@例.example', 'grüße ☃'
      message.set_content('body\\n')
      with smtplib.SMTP('127.0.0.1', \(server.port)) as s: s.send_message(message)
      """
    let outcome = Command.run(
      ["python3", "-c", script], in: server.folder, environment: ["PYTHONUTF8": "1"])
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let name = try #require(server.mail.entries.first)
    let message = server.mail.message(name)
    #expect(message.reversePath == "ü@x.example")
    #expect(message.recipients == ["用户@例.example"])
    #expect(String(decoding: message.content, as: UTF8.self).contains("Subject: grüße ☃\r\n"))
    let fields = String(decoding: server.mail.content(name), as: UTF8.self)
    #expect(fields.contains(" with UTF8SMTP id "))
  }

  /// 64 sessions run at once, half of them slow or hostile. Each of the others gets its 250, and its
  /// message is on the disk.
  @Test(.enabled(if: Front.installed(with: "python3"), "a spawner or python3 is not installed"))
  func manyAtOnce() {
    let server = Server(
      Server.socat, environment: ["SMTP_TIMEOUT": "3", "SMTP_MAX_SIZE": "100000"])
    let script = """
      import os, random, socket, threading, time
      random.seed(1)
      stored, lost = [], []
      def connect(): return socket.create_connection(('127.0.0.1', \(server.port)), 30)
      def honest(n):
        s = connect()
        body = b'x' * 70 + b'\\r\\n'
        s.sendall(b'EHLO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<honest%d@x>\\r\\nDATA\\r\\n' % n
                  + body * 500 + b'.\\r\\nQUIT\\r\\n')
        replies = b''
        while piece := s.recv(65536): replies += piece
        (stored if b'250 2.0.0 OK: stored as' in replies else lost).append(n)
      def silent(n): s = connect(); time.sleep(2); s.close()
      def trickle(n):
        s = connect()
        try:
          for octet in b'EHLO slow.example\\r\\nMAIL FROM:<>\\r\\n': s.send(bytes([octet])); time.sleep(0.05)
        except OSError: pass
      def garbage(n):
        s = connect()
        try:
          for _ in range(200): s.send(os.urandom(4096))
        except OSError: pass
      def deaf(n):
        s = connect()
        s.settimeout(2)
        try:
          while True: s.sendall(b'HELP\\r\\n' * 1000)
        except OSError: pass
      def endless(n):
        s = connect()
        try:
          s.sendall(b'HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<bad@x>\\r\\nDATA\\r\\n')
          for _ in range(300): s.sendall(b'y' * 10000)
        except OSError: pass
      hostile = [silent, trickle, garbage, deaf, endless]
      threads = [threading.Thread(target=honest if n % 2 else hostile[n // 2 % 5], args=(n,)) for n in range(64)]
      for t in threads: t.start()
      for t in threads: t.join()
      print(len(stored), len(lost))
      """
    let outcome = Command.run(["python3", "-c", script], in: server.folder)
    #expect(outcome.text == "32 0\n", "\(outcome.errorText)")
    let names = server.mail.entries
    #expect(names.count == 32)
    #expect(names.allSatisfy { $0.contains("-honest") })
    #expect(names.allSatisfy { server.mail.message($0).content.count == 36_000 })
  }
}
