// postern-send with servers that mean it no good, or are slow: verdicts, memory, deadlines, confinement.

import Foundation
import TestSupport
import Testing

@Suite struct SendHostileTests {
  /// Runs postern-send; gives its verdicts and its memory at most, in KiB.
  private func run(
    _ server: PythonServer, environment: [String: String] = ["SMTP_SEND_TIMEOUT": "3"],
    message: some Sequence<UInt8> = PosternSend.message.utf8
  ) throws -> (text: String, memory: Int) {
    let folder = Scratch()
    let command =
      "/usr/bin/time -f %M \(Command.built("postern-send")) --server "
      + "'smtp://localhost:\(server.port)?tls=none' b@y.example <stdin"
    let outcome = Command.run(
      ["timeout", "100", "bash", "-c", command], in: folder,
      environment: environment.merging(["SMTP_HOSTNAME": "client.example"]) { own, _ in own },
      input: message)
    let last = outcome.errorText.split(separator: "\n").last ?? ""
    return (outcome.text, try #require(Int(last), "\(outcome.errorText)"))
  }

  private static let greet = "connection.sendall(b'220 x\\r\\n'); reader.readline()\n"
  private static let accept =
    greet + "for _ in range(3): connection.sendall(b'250 ok\\r\\n'); reader.readline()\n"

  /// A gigabyte of greeting, endless replies, an octet a second: the session ends soon, and memory is flat.
  @Test(arguments: [
    "connection.sendall(b'220 ' + b'x' * (1 << 30))",
    "while True: connection.sendall(b'220-x\\r\\n' * 1000)",
    greet + "connection.sendall(b'250 ' + b'y' * (1 << 26))",
    "while True: connection.sendall(b'2'); time.sleep(1)",
    greet + "while True: connection.sendall(b'250-x\\r\\n'); time.sleep(0.5)",
  ])
  func endlessReplies(_ behaviour: String) throws {
    let (text, memory) = try run(PythonServer(behaviour: behaviour))
    #expect(text.hasPrefix("deferred b@y.example localhost 4."))
    #expect(memory < 30_000)
  }

  /// A server that reads no content, and says an octet of a reply now and then.
  @Test func dripWhileContentWaits() throws {
    let server = PythonServer(
      behaviour: Self.accept
        + "connection.sendall(b'354 go\\r\\n250-')\nwhile True: connection.sendall(b'x'); time.sleep(1)"
    )
    // Its lines are short: a message whose lines must be folded is made anew in memory.
    let line = String(repeating: "x", count: 62) + "\r\n"
    let message = repeatElement(Array(line.utf8), count: 1 << 18).joined()
    let (text, memory) = try run(server, message: message)
    #expect(text == "deferred b@y.example localhost 4.4.2 The server did not reply in time\n")
    #expect(memory < 30_000)
  }

  /// A 250 that comes in front of the end of the message.
  @Test func replyBeforeTheEnd() throws {
    let server = PythonServer(
      behaviour: Self.accept
        + "connection.sendall(b'354 go\\r\\n250 ok\\r\\n')\ntime.sleep(2)\nwhile reader.readline(): pass"
    )
    let (text, _) = try run(server, message: repeatElement(UInt8(ascii: "x"), count: 1 << 24))
    #expect(text.hasPrefix("deferred b@y.example localhost 4.5.0 "), "\(text)")
  }

  /// The answer to the end comes late, and in time; and too late.
  @Test(arguments: [("600", "delivered"), ("1", "unknown")])
  func lateAnswer(_ timeout: String, _ outcome: String) throws {
    let server = PythonServer(
      behaviour: Self.accept
        + "connection.sendall(b'354 go\\r\\n')\nwhile reader.readline() != b'.\\r\\n': pass\n"
        + "time.sleep(3)\nconnection.sendall(b'250 ok\\r\\n')\nreader.readline()")
    let (text, _) = try run(server, environment: ["SMTP_SEND_TIMEOUT": timeout])
    #expect(text.hasPrefix("\(outcome) b@y.example localhost "))
  }

  /// What the server gets to answer the end of the message (RFC 5321 §4.5.3.2.6): strace(1) shows it.
  @Test(.enabled(if: Command.exists("strace"), "strace is not installed"))
  func tenMinutesForTheEnd() throws {
    let server = PythonServer(
      behaviour: Self.accept
        + "connection.sendall(b'354 go\\r\\n')\nwhile reader.readline() != b'.\\r\\n': pass\n"
        + "connection.sendall(b'250 ok\\r\\n')\nreader.readline()")
    let folder = Scratch()
    let outcome = Command.run(
      [
        "strace", "-f", "-qq", "-e", "trace=poll", "-o", "\(folder.path)/trace",
        Command.built("postern-send"), "--server", "smtp://localhost:\(server.port)?tls=none",
        "b@y.example",
      ], in: folder, environment: ["SMTP_HOSTNAME": "client.example"],
      input: PosternSend.message.utf8)
    #expect(outcome.text.hasPrefix("delivered "), "\(outcome.errorText)")
    let trace = try String(contentsOfFile: "\(folder.path)/trace", encoding: .utf8)
    let waits = trace.matches(of: #/, (\d+)( <unf.*|\) += .*)/#).compactMap { Int($0.1) }
    #expect(waits.contains { 590_000...600_000 ~= $0 }, "\(trace)")
  }

  /// A reply of 100 kB in a line, with control characters: it counts, and its text is cut.
  @Test func longReply() throws {
    let server = PythonServer(
      behaviour: Self.greet
        + "connection.sendall(b'250 ok\\r\\n'); reader.readline(); connection.sendall(b'250 ok\\r\\n')\n"
        + "reader.readline(); connection.sendall(b'550 5.1.1 \\x1b[2J' + b'y' * 100000 + b'\\r\\n')\n"
        + "while reader.readline(): connection.sendall(b'250 ok\\r\\n')")
    let (text, _) = try run(server)
    #expect(text.hasPrefix("refused b@y.example localhost 550 5.1.1 ?[2Jyyy"))
    #expect(text.utf8.count < 1200)
  }

  /// Without PIPELINING there is never a second command before the reply to the first.
  @Test func commandsOneByOne() throws {
    let server = PythonServer(
      behaviour: """
        connection.sendall(b'220 x\\r\\n')
        for number in range(4):
          time.sleep(0.2)
          data = connection.recv(65536)
          print(data.count(b'\\n'), flush=True)
          connection.sendall(b'354 go\\r\\n' if data.startswith(b'DATA') else b'250 ok\\r\\n')
        reader.read(3)
        """)
    let (text, _) = try run(server)
    #expect(text.hasPrefix("unknown ") || text.hasPrefix("deferred "))
    #expect(server.lines.dropFirst() == ["1", "1", "1", "1"])
  }

  /// A long message in flat memory: 64 MiB, or as many octets as POSTERN_LONG_MESSAGE says. On a terminal it is
  /// shown how far it has got, and elsewhere it is not.
  @Test(arguments: [true, false]) func longMessage(_ isOnTerminal: Bool) throws {
    let size = ProcessInfo.processInfo.environment["POSTERN_LONG_MESSAGE"] ?? "67108864"
    let server = PythonServer(
      behaviour: Self.accept + """
        connection.sendall(b'354 go\\r\\n')
        time.sleep(2)
        last = b''
        while not last.endswith(b'\\r\\n.\\r\\n'): last = last[-5:] + connection.recv(1 << 20)
        connection.sendall(b'250 2.0.0 ok\\r\\n')
        reader.readline()
        """)
    let folder = Scratch()
    let send =
      "/usr/bin/time -o memory -f %M \(Command.built("postern-send")) --server "
      + "'smtp://localhost:\(server.port)?tls=none' b@y.example <message"
    let outcome = Command.run(
      [
        "timeout", "100", "bash", "-c",
        "truncate -s \(size) message; "
          + (isOnTerminal ? "script -qec \"$0\" /dev/null" : "eval \"$0\""), send,
      ], in: folder, environment: ["SMTP_HOSTNAME": "client.example"])
    #expect(outcome.text.contains("delivered b@y.example localhost 250 2.0.0 ok"))
    #expect(outcome.text.contains("% of ") == isOnTerminal)
    #expect(outcome.errorText.isEmpty)
    let memory = FileManager.default.contents(atPath: folder.path + "/memory") ?? Data()
    let text = String(decoding: memory, as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines)
    #expect(try #require(Int(text), "\(text)") < 30_000)
  }

  /// While it waits for the greeting, the process that reads it has given up all files and calls.
  @Test func confinement() throws {
    let server = PythonServer(script: "")
    let script = """
      "$0" --server 'smtp://localhost:\(server.port)?tls=none' b@y.example <stdin >verdict & parent=$!
      sleep 1
      for child in $(cat /proc/$parent/task/$parent/children); do
        grep -E '^(NoNewPrivs|Seccomp):' /proc/$child/status
      done
      kill $parent
      wait $parent
      """
    let outcome = Command.run(
      ["bash", "-c", script, Command.built("postern-send")], in: Scratch(),
      environment: ["SMTP_HOSTNAME": "client.example"], input: PosternSend.message.utf8)
    #expect(outcome.text == "NoNewPrivs:\t1\nSeccomp:\t2\n")
    #expect(!outcome.errorText.contains("unconfined"))
    #expect(outcome.status == 75)
  }

  /// Landlock is in force before the first octet of the server's is read.
  @Test(.enabled(if: Kernel.landlock > 0 && Command.exists("strace"))) func landlock() throws {
    let server = PythonServer(script: "220 x|250 x|250 ok|250 ok|354 go|250 ok")
    let folder = Scratch()
    let outcome = Command.run(
      [
        "strace", "-f", "-qq", "-o", folder.path + "/trace", "-s", "64",
        "-e", "trace=landlock_restrict_self,read,recvfrom,recvmsg", Command.built("postern-send"),
        "--server", "smtp://localhost:\(server.port)?tls=none", "b@y.example",
      ], in: folder, environment: ["SMTP_HOSTNAME": "client.example"],
      input: PosternSend.message.utf8)
    #expect(outcome.status == 0, "\(outcome.text)")
    let data = FileManager.default.contents(atPath: folder.path + "/trace") ?? Data()
    let trace = String(decoding: data, as: UTF8.self)
    let restricted = try #require(
      trace.range(of: #"landlock_restrict_self\(.*\) += 0"#, options: .regularExpression))
    let greeting = try #require(trace.range(of: "220 x"))
    #expect(restricted.upperBound < greeting.lowerBound)
  }
}
