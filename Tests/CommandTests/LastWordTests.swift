// The reply that ends a session reaches the client, even if the client is still sending. If a server closes a socket with
// unread input, the connection is reset, and the client may lose the reply.

import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: Front.installed(with: "python3"), "python3 is not installed"))
struct LastWordTests {
  /// The session stands still while the client sends, so that input is unread when the session ends.
  static let script = """
    import os, signal, socket, subprocess, sys, time
    beginning, ending, octets = (a.encode().decode('unicode_escape').encode() for a in sys.argv[2:5])
    listener = socket.create_server(('127.0.0.1', 0))
    client = socket.create_connection(listener.getsockname())
    served, _ = listener.accept()
    p = subprocess.Popen([sys.argv[1]], stdin=served, stdout=served)
    served.close()
    client.sendall(beginning)
    seen = b''
    replies = 1 + beginning.count(b'\\n') - beginning.count(b'BDAT 9')
    while seen.count(b'\\n') < replies: seen += client.recv(9999)
    p.send_signal(signal.SIGSTOP)
    client.sendall(octets * (200_000 // len(octets)))
    time.sleep(1.3)
    if ending == b'SIGTERM': p.terminate()
    p.send_signal(signal.SIGCONT)
    last = b''
    try:
      while part := client.recv(9999): last += part
      end = 'end'
    except ConnectionResetError: end = 'reset'
    client.close()
    p.wait(5)
    print(last.decode().splitlines()[-1], end)
    """

  @Test(arguments: [
    ("HELO x\\r\\n", "", "NOOP ", ["SMTP_TIMEOUT": "1"], "421 4.4.2 Timeout"),
    ("HELO x\\r\\n", "", "x", ["SMTP_SESSION_TIMEOUT": "1"], "421 4.4.2 Session takes too long"),
    ("HELO x\\r\\n", "SIGTERM", "x", [:], "421 4.3.2 Shutting down; try again later"),
    (
      "HELO x\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<a@b>\\r\\nBDAT 999999\\r\\n", "", "x",
      ["SMTP_TIMEOUT": "1", "SMTP_MIN_RATE": "1000000000"],
      "421 4.4.2 Message comes too slowly"
    ),
    ("HELO x\\r\\n", "", "F\\r\\n", [:], "421 4.7.0 Too many errors"),
  ])
  func isRead(
    _ beginning: String, _ ending: String, _ octets: String, _ environment: [String: String],
    _ reply: String
  ) {
    let outcome = Command.run(
      ["python3", "-c", Self.script, Command.built("postern-smtpd"), beginning, ending, octets],
      in: Scratch(), environment: environment)
    #expect(outcome.text == "\(reply) end\n", "\(outcome.errorText)")
  }
}
