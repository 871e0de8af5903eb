// The loop around the session machine: when replies are written, and how a session ends.

import Foundation
import Glibc
import POSIX
import SMTP
import Serving
import TestSupport
import Testing

@Suite struct ConversationTests {
  private let greeting = "220 mx.x.example ESMTP Postern\r\n"

  /// PIPELINING (RFC 2920 §3.2): what comes in one piece is answered in one.
  @Test func repliesInFewWrites() throws {
    let place = Place()
    let outcome = try place.converse([
      "EHLO me\r\nMAIL FROM:<a@y.example>\r\nRCPT TO:<b@x.example>\r\nNOOP\r\nDATA\r\n",
      "Subject: x\r\n\r\nhello\r\n.\r\nNOOP\r\n", "QUIT\r\n",
    ])
    #expect(outcome.replies.count == 4)
    #expect(outcome.reply(0) == greeting)
    #expect(outcome.reply(1).hasPrefix("250-mx.x.example"))
    #expect(outcome.reply(1).hasSuffix("354 End data with <CR><LF>.<CR><LF>\r\n"))
    #expect(outcome.reply(2).hasPrefix("250 2.0.0 OK: stored as "))
    #expect(outcome.reply(2).hasSuffix("\r\n250 2.0.0 OK\r\n"))
    #expect(outcome.reply(3) == "221 2.0.0 Goodbye\r\n")
    #expect(outcome.status == .success)
  }

  /// Commands that come in pieces are the same commands.
  @Test func commandInPieces() throws {
    let outcome = try Place().converse(["EH", "LO me\r", "\nNO", "OP\r\nQUIT\r\n"])
    #expect(outcome.replies.count == 3 && outcome.last == "221 2.0.0 Goodbye")
  }

  /// The replies to very many commands do not wait for the last of them.
  @Test func manyReplies() throws {
    let outcome = try Place().converse(
      ["EHLO me\r\n", String(repeating: "NOOP\r\n", count: 9000), "QUIT\r\n"])
    #expect(outcome.replies.count == 6)
    #expect(outcome.all.components(separatedBy: "250 2.0.0 OK\r\n").count == 9001)
  }

  @Test func resumed() throws {
    let outcome = try Place().converse(["EHLO me\r\n", "QUIT\r\n"], isResumed: true)
    #expect(outcome.replies.count == 2 && outcome.reply(0).hasPrefix("250-"))
  }

  @Test func log() throws {
    let outcome = try Place().converse(["EHLO me\r\n", "BAD <x>\r\n", "QUIT\r\n"])
    #expect(
      outcome.log.dropLast() == [
        "session=s event=connect peer=192.0.2.7 port=25000 from=test tls=no",
        "session=s event=refuse reply=500 5.5.2 Command not recognized",
      ])
    let close = try #require(outcome.log.last)
    #expect(close.hasPrefix("session=s event=close reason=quit messages=0 errors=1 octets=24 "))
  }

  // The end.

  /// A client that speaks before the greeting is refused; one that waits is served.
  @Test func greetingDelay() throws {
    var place = Place()
    place.service.greetingDelay = 1
    let early = try place.converse(["EHLO me\r\n"])
    #expect(early.replies == ["554 5.5.1 You spoke before the greeting\r\n"])
    #expect(early.log.last?.contains("reason=dismissed") == true)
    let patient = try place.converse([], client: .waits) { socket in
      Thread {
        Thread.sleep(forTimeInterval: 1.2)
        shutdown(socket, CInt(SHUT_WR))
      }.start()
    }
    #expect(patient.replies == [greeting])
  }

  @Test func clientThatIsGone() throws {
    let outcome = try Place().converse(["EHLO me\r\n"], client: .isGone)
    #expect(outcome.status == .success)
    #expect(outcome.log.last?.contains(" reason=connection lost ") == true)
  }

  @Test func endOfInput() throws {
    let outcome = try Place().converse(["EHLO me\r\n"])
    #expect(outcome.status == .success && outcome.replies.count == 2)
    #expect(outcome.log.last?.contains(" reason=end of input ") == true)
  }

  /// SIGTERM ends a session that waits.
  @Test func terminated() throws {
    let outcome = try Place().converse([], client: .waits) { _ in raise(SIGTERM) }
    defer { consume(SIGTERM) }
    #expect(outcome.replies == [greeting, "421 4.3.2 Shutting down; try again later\r\n"])
    #expect(outcome.log.last?.contains(" reason=terminated ") == true)
  }

  // The deadlines.

  @Test func silence() throws {
    var place = Place()
    place.service.limits.command = 1
    let outcome = try place.converse(["EHLO me\r\n", "NO"], client: .waits) { Self.end($0) }
    #expect(outcome.last == "421 4.4.2 Timeout" && outcome.status == .success)
    #expect(outcome.log.last?.contains(" reason=timeout ") == true)
  }

  /// What it does not read waits for it, and no longer than a command.
  @Test func clientThatDoesNotRead() throws {
    var place = Place()
    place.service.limits.command = 1
    let commands = String(repeating: "NOOP\r\n", count: 9000)
    let outcome = try place.converse(
      ["EHLO me\r\n", commands, commands, commands, "QUIT\r\n"], client: .waits
    ) { Self.end($0) }
    #expect(!outcome.all.contains("221 2.0.0 Goodbye"))
    #expect(outcome.log.last?.contains(" reason=timeout ") == true)
  }

  /// A client that sends an octet now and then has no more time for a command than one that is silent.
  @Test func commandThatNeverEnds() throws {
    var place = Place()
    place.service.limits.command = 2
    let outcome = try place.converse(["EHLO me\r\n"], client: .waits) { socket in
      Self.send("x", to: socket, times: 40, every: 0.1)
    }
    #expect(outcome.last == "421 4.4.2 Timeout")
  }

  /// One that sends commands has it for each.
  @Test func commandsThatTakeTheirTime() throws {
    var place = Place()
    place.service.limits.command = 2
    let outcome = try place.converse(["EHLO me\r\n"], client: .waits) { socket in
      Self.send("NOOP\r\n", to: socket, times: 4, every: 0.6, last: "QUIT\r\n")
    }
    #expect(outcome.last == "221 2.0.0 Goodbye")
  }

  @Test func sessionThatIsTooLong() throws {
    var place = Place()
    place.service.limits.session = 1
    let outcome = try place.converse(["EHLO me\r\n"], client: .waits) { socket in
      Self.send("NOOP\r\n", to: socket, times: 20, every: 0.1)
    }
    #expect(outcome.last == "421 4.4.2 Session takes too long")
    #expect(outcome.log.last?.contains(" reason=too long ") == true)
  }

  @Test func contentThatIsTooSlow() throws {
    var place = Place()
    place.service.limits.command = 2
    let transaction = "MAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
    let outcome = try place.converse(["EHLO me\r\n" + transaction], client: .waits) { socket in
      Self.send("hello\r\n", to: socket, times: 60, every: 0.1)
    }
    #expect(outcome.last == "421 4.4.2 Message comes too slowly")
    #expect(outcome.log.last?.contains(" reason=too slow ") == true)
    #expect(place.files == [])
  }

  /// Ends a connection that a deadline should have ended long before, so that a test fails and does not hang.
  private static func end(_ socket: CInt) { send("", to: socket, times: 0, every: 6) }

  /// Sends something again and again, in a thread of its own, and ends the connection.
  private static func send(
    _ text: String, to socket: CInt, times: Int, every seconds: Double, last: String? = nil
  ) {
    let socket = dup(socket)
    Thread {
      for number in 0...times {
        Thread.sleep(forTimeInterval: seconds)
        guard let text = number < times ? text : last else { break }
        _ = unsafe Glibc.send(socket, text, text.utf8.count, CInt(MSG_NOSIGNAL))
      }
      if last == nil { shutdown(socket, CInt(SHUT_RDWR)) }
      close(socket)
    }.start()
  }

  /// Takes a signal that is pending for this thread.
  private func consume(_ signal: CInt) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, signal)
    var now = timespec()
    _ = unsafe sigtimedwait(&signals, nil, &now)
  }
}
