// A message between the program that writes it and the server: in memory or in a file, it stays the same.

import Glibc
import Jobs
import POSIX
import SMTP
import Sending
import Sendmail
import TestSupport
import Testing

@testable import Submitting

/// A file with these octets, at its beginning.
private func file(_ octets: [UInt8]) throws -> FileDescriptor {
  let file = try FileDescriptor.temporary(in: "/tmp")
  try file.write(octets.span)
  try file.seek(to: 0)
  return file
}

struct SpoolTests {
  /// What a server gets of a message with another header.
  private func sent(_ text: String, ignoresDots: Bool = true) throws -> [String] {
    let reader = MessageReader(ignoresDots: ignoresDots)
    let spool = try Spool(file(Array(text.utf8)), into: reader)
    let message = spool.message(Array("B: 2\r\n\r\n".utf8))
    var job = Job()
    job.recipients = [Job.Addressee(Recipient(mailbox: Mailbox(Array("a@x.example".utf8))!))]
    var ends: [CInt] = [0, 0]
    _ = unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
    let server = ScriptedServer(["8BITMIME", "SIZE"], at: ends[1])
    _ = Handover(job, message, over: FileDescriptor(ends[0]), hostname: Array("me.example".utf8))
    let lines = server.lines()
    return Array(lines.drop { !$0.hasPrefix("MAIL") })
  }

  @Test("The header is replaced, and the size and the octets are told as they are")
  func short() throws {
    #expect(
      try sent("A: 1\n\nx\n.\ny") == [
        "MAIL FROM:<> SIZE=17", "RCPT TO:<a@x.example>", "DATA", "B: 2", "", "x", "..", "y", ".",
        "QUIT",
      ])
    #expect(try sent("A: 1\n\n\u{e9}\n").first == "MAIL FROM:<> SIZE=12 BODY=8BITMIME")
    #expect(try sent("A: 1\n\nx\n.\ny", ignoresDots: false).suffix(4) == ["", "x", ".", "QUIT"])
  }

  @Test("A body above the bound goes through a file", arguments: [-1, 0, 1, 65_536, 200_000])
  func long(_ more: Int) throws {
    let line = String(repeating: "x", count: 62)
    let lines = (Spool.memory + more) / 64 + 1
    let text = "A: 1\n\n" + String(repeating: line + "\n", count: lines)
    let sent = try sent(text)
    #expect(sent.first == "MAIL FROM:<> SIZE=\(8 + 64 * lines)")
    #expect(sent.dropFirst(5).dropLast(2) == .init(repeating: line, count: lines)[...])
  }

  @Test("What stands behind a dot or a header that is too long is not read")
  func ends() throws {
    let header = String(repeating: "A: 1\n", count: MessageReader.headerLimit)
    let tooLong = try Spool(file(Array(header.utf8)), into: MessageReader(ignoresDots: true))
    #expect(tooLong.reader.isHeaderTooLong)
    let input = try file(
      Array("A: 1\n\nx\n.\n".utf8) + [UInt8](repeating: 65, count: 200_000))
    let ended = try Spool(input, into: MessageReader(ignoresDots: false))
    #expect(ended.reader.hasEnded && ended.reader.bodySize == 3)
    var rest: [UInt8] = []
    #expect(try input.read(into: &rest, atMost: 1) == 1)
  }

  @Test("An input that cannot be read is an error, and no end")
  func failure() throws {
    let folder = try FileDescriptor.directory("/tmp")
    #expect(throws: SystemError.isDirectory) {
      _ = try Spool(folder, into: MessageReader(ignoresDots: true)).reader
    }
  }
}
