// Tests the promise of a 250 for a message that is local and foreign at once: each system call of the delivery is made to
// fail, and the process is killed before each call. FaultTests.swift says how. This must hold:
//
//     reply to the message | in the mail directory       | in the queue
//     ---------------------|-----------------------------|----------------------------------------
//     250                  | it, whole                   | its envelope and its content, whole
//     45x                  | nothing                     | nothing
//     none                 | nothing, or it, whole       | no envelope, or it and all that a 250 promises;
//                          |                             | content without an envelope is debris

import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: canInject, "strace is not installed, or may not trace here"))
struct RelayFaultTests {
  private static let content: [UInt8] = {
    let large = (0..<9000).map { String(format: "line %05d\r\n", $0) }.joined()
    return Array("Subject: x\r\n\r\n\(large)".utf8)
  }()

  private static let input: [UInt8] =
    Array("EHLO x\r\nMAIL FROM:<s@x.example>\r\n".utf8)
    + Array("RCPT TO:<a@ours.example>\r\nRCPT TO:<b@theirs.example>\r\nDATA\r\n".utf8)
    + content + Array(".\r\nQUIT\r\n".utf8)

  /// A session, and what it has left.
  private struct Delivery {
    let mail: MailFolder
    let queue: QueueFolder
    let outcome: Outcome
    let trace: [Call]

    init(_ injection: Injection? = nil) {
      let folder = Scratch()
      mail = MailFolder(folder)
      queue = QueueFolder(folder)
      for name in ["data", "new", "queue", "hold", "pending", "corrupt", "away"] {
        try? FileManager.default.createDirectory(
          atPath: queue.path + "/" + name, withIntermediateDirectories: true)
      }
      outcome = Command.run(
        ["strace", "-f", "-y", "-s", "100", "-o", folder.path + "/trace"]
          + (injection.map { ["-e", "inject=\($0.rule)"] } ?? [])
          + [Command.built("postern-smtpd"), "--local"], in: folder,
        environment: ["SMTP_DOMAINS": "ours.example", "SMTP_QUEUE_DIR": "queue"],
        input: RelayFaultTests.input)
      trace = Call.calls(
        in: String(decoding: MailFolder(folder, ".").content("trace"), as: UTF8.self))
    }

    /// The reply to the message; nil if there was none.
    var reply: String? {
      let lines = outcome.text.components(separatedBy: "\r\n")
      guard let start = lines.firstIndex(where: { $0.hasPrefix("354 ") }) else { return nil }
      return lines[(start + 1)...].first { !$0.isEmpty }
    }

    /// The calls from the opening of the first file to the end of the log's line about the message.
    var way: ArraySlice<Call> {
      let start = trace.firstIndex { $0.text.contains("O_TMPFILE") } ?? trace.endIndex
      let end = trace.lastIndex { $0.name == "write" && $0.kind == "a reply" } ?? trace.startIndex
      return trace[start...max(start, end)]
    }

    /// What is wrong with what is left; empty if nothing is.
    var violations: [String] {
      var violations: [String] = []
      let stored = mail.messages.map(\.content)
      if stored.contains(where: { $0 != content }) { violations.append("half: \(mail.entries)") }
      for message in queue.messages {
        if message.content != content { violations.append("half: \(queue.files)") }
        if message.queued != ["b@theirs.example"] { violations.append("to: \(message.queued)") }
        if stored != [content] { violations.append("in the queue only") }
      }
      for id in queue.ids where queue.envelope(id).last != "end" {
        violations.append("half an envelope")
      }
      switch reply?.prefix(3) {
      case "250":
        if stored.count != 1 { violations.append("lost: \(mail.entries)") }
        if queue.ids.count != 1 { violations.append("lost: \(queue.files)") }
        if queue.files.count != 2 { violations.append("left: \(queue.files)") }
      case "451", "452":
        if !mail.entries.isEmpty { violations.append("left: \(mail.entries)") }
        if !queue.files.isEmpty { violations.append("left: \(queue.files)") }
      default: break
      }
      return violations
    }
  }

  /// Each call of storing fails in each way, and the process is killed before each call. With POSTERN_TABLE, prints for
  /// each call what the replies were.
  @Test func everyCallEveryFault() throws {
    let good = Delivery()
    try #require(good.reply?.hasPrefix("250 ") == true, "\(good.outcome.errorText)")
    try #require(good.violations == [])
    var (stored, refused, killed) = (0, 0, 0)
    for call in good.way where call.kind != nil {
      for error in ["ENOSPC", "EIO", "EMFILE", "EINTR"] where call.isStorage {
        let delivery = Delivery(Injection(call, error: error))
        #expect(delivery.violations == [], "\(error): \(call.text)")
        #expect(delivery.outcome.status == 0)
        let reply = try #require(delivery.reply)
        show(call, error, reply)
        if reply.hasPrefix("250 ") { stored += 1 } else { refused += 1 }
        // What is not stored must be said, and EINTR is nothing. A file that is closed is synced, and a link that cannot be
        // made is replaced by a copy.
        let isHarmless =
          error == "EINTR" || call.name == "close"
          || call.name == "linkat" && call.text.contains("queue/data>") && error != "ENOSPC"
        #expect(reply.hasPrefix("250 ") == isHarmless, "\(error): \(call.text): \(reply)")
        if !isHarmless {
          #expect(reply.hasPrefix(error == "ENOSPC" ? "452 4.3.1 " : "451 4.3.0 "), "\(call.text)")
        }
      }
      let delivery = Delivery(Injection(call, error: nil))
      #expect(delivery.violations == [], "kill -9: \(call.text)")
      #expect(delivery.outcome.status == -SIGKILL)
      show(call, "kill -9", delivery.reply ?? "-")
      killed += 1
    }
    #expect(stored > 10 && refused > 20 && killed > 20, "\(stored) \(refused) \(killed)")
  }

  private func show(_ call: Call, _ fault: String, _ reply: String) {
    guard ProcessInfo.processInfo.environment["POSTERN_TABLE"] != nil else { return }
    print("\(call.name) \(call.text.prefix(110)) | \(fault) | \(reply.prefix(9))")
  }

  /// Both contents are synced, then the local name is made and synced, then the content's name in the queue, and last the
  /// envelope's: a run must not send what may still be refused. Only then comes the 250.
  @Test func orderOfCalls() throws {
    let delivery = Delivery()
    func index(_ isWanted: (Call) -> Bool) throws -> Int {
      try #require(delivery.trace.lastIndex { isWanted($0) && $0.succeeded })
    }
    let order = [
      try index { $0.name == "fdatasync" && $0.text.contains("/emails/") },
      try index { $0.name == "linkat" && $0.text.contains("a@ours.example.eml") },
      try index { $0.name == "fsync" && $0.text.contains("/emails>") },
      try index { $0.name == "fsync" && $0.text.contains("/queue/data>") },
      try index { $0.name == "linkat" && $0.text.contains("/queue/new>, \"") },
      try index { $0.name == "fsync" && $0.text.contains("/queue/new>") },
      try index { $0.kind == "a reply" && $0.text.contains("stored as") },
    ]
    #expect(order == order.sorted(), "\(order)")
    let envelope = try index { $0.name == "fdatasync" && $0.text.contains("/queue/") }
    #expect(envelope < order[4])
  }
}
