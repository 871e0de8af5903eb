// Tests the promise of a 250: each system call of a delivery is made to fail, and the process is killed before each call.
//
// Three messages go through one session. A trace of a run without faults tells which calls store the second message, so
// the test needs no list of them. Then the session is run again for each of these calls and each fault; strace(1) makes
// the call fail, as a broken disk would. This must hold:
//
//     fault                  | reply to the message | its files in the directory
//     -----------------------|----------------------|----------------------------------------------
//     none, or EINTR         | 250                  | it, whole, for each of its recipients
//     ENOSPC, EDQUOT         | 452 4.3.1            | nothing
//     EIO, EMFILE            | 451 4.3.0            | nothing
//     the same, in talking   | none, the session    | nothing
//     to the peer            | ends                 |
//     the same, in closing   | 250                  | it, whole: it was synced before
//     the file or in the log |                      |
//     kill -9                | 250, or none         | with the 250, it, whole, for each recipient;
//                            |                      | else what is linked by then, whole, or the
//                            |                      | dot-files of an open message, if it has any
//
// The first message is always stored. The third one is stored if the session goes on.
//
// A call that strace makes fail is not executed. The process is killed on entry into the call, which is made to fail as
// well, so the process certainly dies *before* the call.
//
// No program can remove a name if the disk does not let it. If storing fails and then unlink(2) fails too, a name may
// stay. It either begins with a dot or is the name of a whole message. In the second case the sender, who was told 45x,
// tries again, and the message is delivered twice instead of lost. This happens only if unlinkat fails, with any error
// except EINTR.

import Foundation
import TestSupport
import Testing

let canInject: Bool = {
  // strace exists, may trace, and can inject an error.
  let probe = [
    "strace", "-f", "-o", "/dev/null", "-e", "inject=chdir:error=EIO:when=1", "env", "-C", "/",
    "true",
  ]
  return Command.exists("strace") && Command.run(probe, in: Scratch()).status == 125
}()

private let canForbidUnnamedFiles: Bool = {
  let probe = """
    import errno, os
    try: os.open('.', os.O_TMPFILE | os.O_WRONLY)
    except OSError as e: print(e.errno == errno.EOPNOTSUPP)
    """
  return Command.exists("python3")
    && Command.run(Way.dotFile.prefix + ["python3", "-c", probe], in: Scratch()).text == "True\n"
}()

@Suite(
  .enabled(if: canInject, "strace is not installed, or may not trace here"),
  .enabled(if: canForbidUnnamedFiles, "python3 is not installed, or seccomp is not to be had"))
struct FaultTests {
  /// `--check` notices each system call of storing that fails, hard links included, and leaves nothing behind.
  @Test(arguments: Way.allCases)
  private func check(_ way: Way) {
    let folder = Scratch()
    let mail = MailFolder(folder)
    func line(_ injection: [String]) -> Substring? {
      let outcome = Command.run(
        way.prefix + ["strace", "-f", "-o", "/dev/null"] + injection
          + [Command.built("postern-smtpd"), "--check"], in: folder)
      #expect(mail.entries == [])
      return outcome.text.split(separator: "\n").first { $0.hasPrefix("# mail directory: ") }
    }
    #expect(line([]) == "# mail directory: can be written")
    #expect(
      line(["-e", "inject=linkat:error=EPERM"])
        == "# mail directory: error: ./emails cannot be written: link: Operation not permitted")
    #expect(
      line(["-e", "inject=fsync:error=EIO"])
        == "# mail directory: error: ./emails cannot be written: fsync: Input/output error")
  }

  /// Tries every fault with every call that a message needs. With POSTERN_TABLE, prints the table.
  @Test func everyCallEveryFault() throws {
    var table = Table()
    for way in Way.allCases {
      let good = Delivery(way)
      try #require(good.violations(expecting: .stored) == [], "\(good.errorText)")
      let path = try #require(good.path)
      try #require(path.count >= 9, "\(good.trace)")
      for call in path {
        for error in Injection.errors {
          let delivery = Delivery(way, [Injection(call, error: error)])
          let expectation = call.expectation(error)
          table.enter(way, call, error, delivery.violations(expecting: expectation))
        }
      }
      for call in good.wayToLastReply {
        let delivery = Delivery(way, [Injection(call, error: nil)])
        table.enter(way, call, "kill -9", delivery.violations(expecting: .killed))
      }
      try takeBack(way, path, &table)
    }
    if ProcessInfo.processInfo.environment["POSTERN_TABLE"] != nil { print(table) }
  }

  /// Storing fails, and then removing what has been stored so far fails too, or the process is killed before it.
  private func takeBack(_ way: Way, _ path: [Call], _ table: inout Table) throws {
    var tried = 0
    for call in path where call.isStorage && call.name != "close" {
      let first = Injection(call, error: "EIO")
      let trace = Delivery(way, [first]).trace
      let failure = try #require(trace.firstIndex { $0.isInjected })
      let end = try #require(trace[failure...].firstIndex { $0.kind == "the log" })
      for undoing in trace[(failure + 1)..<end] where undoing.name == "unlinkat" {
        tried += 1
        for error in Injection.errors {
          // strace accepts only one rule for the name of a call. If storing fails in an unlink(2), this call and the
          // following ones must fail with the same error. EINTR is left out, because storing would not fail with it.
          let isSameName = undoing.name == call.name
          if isSameName && error == "EINTR" { continue }
          let injections =
            isSameName
            ? [Injection(from: call, undoing, error: error)]
            : [first, Injection(undoing, error: error)]
          let delivery = Delivery(way, injections)
          let violations = delivery.violations(
            expecting: .notTakenBack(isSameName ? error : "EIO"))
          table.enter(way, undoing, error, violations, isUndoing: true)
        }
        if undoing.name == call.name { continue }
        let killed = Delivery(way, [first, Injection(undoing, error: nil)])
        table.enter(
          way, undoing, "kill -9", killed.violations(expecting: .killed), isUndoing: true)
      }
    }
    #expect(tried >= 3)
  }

  /// Content, then its sync, then the names, then the directory's sync, and only then the 250.
  @Test(arguments: Way.allCases)
  fileprivate func orderOfCalls(_ way: Way) throws {
    let delivery = Delivery(way)
    var openings = delivery.indices { $0.text.contains("O_TMPFILE") }[...]
    for letter in Delivery.letters {
      // The names in a trace show which message a call belongs to.
      let recipients = Delivery.recipients(letter)
      let links = delivery.indices {
        $0.name == "linkat" && $0.succeeded && $0.text.contains(/Z-[0-9a-f]{16}-/)
          && $0.text.contains(try! Regex("Z-[0-9a-f]{16}-[123]\(letter)"))
      }
      try #require(links.count == recipients.count)
      let name = try #require(delivery.trace[links[0]].text.firstMatch(of: /Z-([0-9a-f]{16})-/))
      let id = String(name.1)
      // There is one file for the recipients whose addresses fit into a name, and one for each of the others.
      let files = 1 + recipients.count { !Delivery.fitsName($0) }
      let opening = try #require(openings.first)
      openings = openings.dropFirst(files)
      let end = openings.first ?? delivery.trace.endIndex
      func own(_ isWanted: (Call) -> Bool) -> [Int] {
        delivery.indices(isWanted).filter { opening..<end ~= $0 }
      }
      let writes = own { $0.name == "write" && $0.kind == "the message" }
      let contentSyncs = own { $0.name == "fdatasync" && $0.kind == "the message" }
      let removals = own { $0.name == "unlinkat" }
      let directorySyncs = own { $0.name == "fsync" && $0.kind == "the directory" }
      #expect(writes.count >= (letter == "b" ? 3 : 1))
      #expect(contentSyncs.count == files)
      #expect(removals.count == (way == .dotFile ? files : 0))
      #expect(directorySyncs.count == 1)
      let promises = delivery.indices {
        $0.kind == "a reply" && $0.text.contains("stored as \(id)") && $0.succeeded
      }
      #expect(promises.count == 1)
      let order = writes + contentSyncs + links + removals + directorySyncs + promises
      #expect(order == order.sorted(), "\(delivery.trace.map(\.text))")
      #expect(order.allSatisfy { delivery.trace[$0].succeeded })
    }
  }
}

/// How readers are kept from seeing an open message.
private enum Way: String, CaseIterable {
  case unnamed = "unnamed file"
  case dotFile = "dot-file"

  /// The beginning of the command line that runs the traced session. To make messages use names with a dot, a seccomp
  /// filter makes O_TMPFILE fail, as on a file system that does not support it. strace cannot do this, because it accepts
  /// only one rule for openat, and the test needs that.
  var prefix: [String] {
    switch self {
    case .unnamed: []
    case .dotFile: ["python3", "-c", Self.filter]
    }
  }

  private static let filter = """
    import ctypes, os, platform, struct, sys
    openat = {'x86_64': 257, 'aarch64': 56}[platform.machine()]
    code = b''.join(struct.pack('HBBI', *i) for i in [
      (0x20, 0, 0, 0),              # load the call's number
      (0x15, 0, 3, openat),         # if it is openat,
      (0x20, 0, 0, 32),             # load the flags
      (0x45, 0, 1, 0o20000000),     # and if they have __O_TMPFILE,
      (0x06, 0, 0, 0x50000 | 95),   # it is EOPNOTSUPP
      (0x06, 0, 0, 0x7fff0000)])    # else it is executed
    memory = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 6, ctypes.addressof(memory)))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0): sys.exit(1)
    os.execvp(sys.argv[1], sys.argv[1:])
    """
}

/// A system call in a trace.
struct Call {
  let name: String
  /// The call with its arguments and its result, as strace prints it.
  let text: String
  /// How many calls of this name there were so far, including this one. This is what `when=` of strace counts.
  let ordinal: Int

  /// The call and the object that it works on, in the words of the table.
  var row: String { "`\(name)` \(kind ?? "memory")" }
  var isInjected: Bool { text.hasSuffix("(INJECTED)") }
  var succeeded: Bool { text.contains(/\) += [0-9]/) }

  /// The object that the call works on. Nil means the memory of the process; no session can survive a failure of that.
  var kind: String? {
    switch name {
    case "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "getrandom", "exit_group": nil
    case "poll": text.contains("fd=2") ? "the log" : "the peer"
    case "openat" where text.contains("O_TMPFILE"): "an unnamed file"
    case "openat" where text.contains("O_CREAT"): "a dot-file"
    case "linkat": "a recipient's name"
    case "unlinkat":
      text.contains(", \".") ? "the dot-file" : "a recipient's name"
    case _ where text.contains(/^\w+\(0</): "commands"
    case _ where text.contains(/^\w+\(1</): "a reply"
    case _ where text.contains(/^\w+\(2</): "the log"
    case _ where text.contains(/^\w+\(\d+<[^>]*\/emails>/): "the directory"
    case _ where text.contains(/^\w+\(\d+<[^>]*\/emails\//): "the message"
    default: "other"
    }
  }

  /// Whether the call belongs to storing, and not to talking to the peer.
  var isStorage: Bool { !["commands", "a reply", "the peer", "the log"].contains(kind) }

  /// The expected result if this call fails once.
  fileprivate func expectation(_ error: String) -> Expectation {
    if error == "EINTR" { return .stored }
    // The content is synced before the file is closed. A lost line of the log is not lost mail.
    if name == "close" || kind == "the log" { return .stored }
    if !isStorage { return .cutOff }
    return .refused(error)
  }

  /// The calls of a trace that strace wrote with -f.
  static func calls(in trace: String) -> [Call] {
    var ordinals: [String: Int] = [:]
    return trace.split(separator: "\n").compactMap { line in
      let text = line.drop { $0.isNumber || $0 == " " }
      guard let parenthesis = text.firstIndex(of: "("), text.first!.isLetter else { return nil }
      let name = String(text[..<parenthesis])
      ordinals[name, default: 0] += 1
      return Call(name: name, text: String(text), ordinal: ordinals[name]!)
    }
  }
}

/// A call that is made to fail, or before which the process is killed.
struct Injection {
  static let errors = ["ENOSPC", "EIO", "EMFILE", "EINTR", "EDQUOT"]

  /// The last of the calls that it is for.
  let call: Call
  let rule: String

  /// Without an error the process is killed by kill -9. If several calls of this name fail, `first` is the first of them.
  init(from first: Call? = nil, _ call: Call, error: String?) {
    self.call = call
    let range = "\(first?.ordinal ?? call.ordinal)..\(call.ordinal)"
    rule = "\(call.name):error=\(error ?? "EIO:signal=KILL"):when=\(range)"
  }
}

private enum Expectation {
  case stored
  /// A 45x, which depends on the error.
  case refused(String)
  /// The same, but a name may stay.
  case notTakenBack(String)
  /// The session has lost its peer.
  case cutOff
  case killed

  static func reply(to error: String) -> String {
    ["ENOSPC", "EDQUOT"].contains(error) ? "452 4.3.1 " : "451 4.3.0 "
  }
}

/// A session that has been run, and what it has left.
private struct Delivery {
  /// The second character of a recipient tells which message it belongs to. The second message is larger than what is read
  /// at once, and has a recipient whose address does not fit into a name.
  static let letters = ["a", "b", "c"]
  private static let sender = "s@x.example"

  private static func content(_ letter: String) -> String {
    let large = (0..<9000).map { String(format: "line %05d\r\n", $0) }.joined()
    return "Subject: \(letter)\r\n\r\n" + (letter == "b" ? large : "short\r\n")
  }

  static func recipients(_ letter: String) -> [String] {
    let short = ["1\(letter)@x.example", "2\(letter)@x.example"]
    return letter == "b" ? short + ["3b\(String(repeating: "l", count: 210))@x.example"] : short
  }

  static func fitsName(_ recipient: String) -> Bool { recipient.utf8.count <= 210 }

  /// The recipient of a message that a file is for.
  private static func recipient(_ letter: String, of name: String) -> String? {
    let address = name.dropFirst(41)
    return recipients(letter).first {
      fitsName($0)
        ? address == "\($0).eml" : address.hasPrefix($0.prefix(200)) && address.hasSuffix("~1.eml")
    }
  }

  private static let contents = Dictionary(
    uniqueKeysWithValues: letters.map { ($0, Array(content($0).utf8)) })

  private static let input: [UInt8] = {
    let transactions = letters.map { letter in
      "MAIL FROM:<\(sender)>\r\n"
        + recipients(letter).map { "RCPT TO:<\($0)>\r\n" }.joined()
        + "DATA\r\n\(content(letter)).\r\n"
    }
    return Array("HELO client.example\r\n\(transactions.joined())QUIT\r\n".utf8)
  }()

  let trace: [Call]
  private let way: Way
  private let injections: [Injection]
  private let outcome: Outcome
  private let mail: MailFolder

  init(_ way: Way, _ injections: [Injection] = []) {
    let folder = Scratch()
    mail = MailFolder(folder)
    self.way = way
    self.injections = injections
    let rules = injections.flatMap { ["-e", "inject=\($0.rule)"] }
    outcome = Command.run(
      way.prefix + ["strace", "-f", "-y", "-s", "600", "-o", folder.path + "/trace"] + rules
        + [Command.built("postern-smtpd")], in: folder,
      environment: ["SMTP_HOSTNAME": Transcript.hostname], input: Self.input)
    trace = Call.calls(
      in: String(decoding: MailFolder(folder, ".").content("trace"), as: UTF8.self))
  }

  var errorText: String { outcome.errorText }

  func indices(_ isWanted: (Call) -> Bool) -> [Int] { trace.indices.filter { isWanted(trace[$0]) } }

  /// The calls for the second message, from the opening of its file to the line of the log that says that it is stored.
  var path: [Call]? {
    let way = wayToLastReply
    guard let sync = way.firstIndex(where: { $0.name == "fsync" }),
      let end = way[sync...].firstIndex(where: { $0.name == "write" && $0.kind == "the log" })
    else { return nil }
    return Array(way[...end])
  }

  /// The calls from the opening of the second message's file to the last reply.
  var wayToLastReply: [Call] {
    let start = indices { $0.text.contains("O_TMPFILE") }.dropFirst().first ?? trace.endIndex
    let end = trace.lastIndex { $0.kind == "a reply" && $0.name != "close" } ?? trace.startIndex
    return trace[start...].prefix(max(0, end + 1 - start)).filter { $0.kind != nil }
  }

  /// The final replies to the messages. A message may have none.
  private var replies: [String] {
    let lines = outcome.text.components(separatedBy: "\r\n")
    return lines.indices.dropLast(2).filter { lines[$0].hasPrefix("354 ") }.map { lines[$0 + 1] }
  }

  /// The list of what is wrong.
  func violations(expecting expectation: Expectation) -> [String] {
    var violations: [String] = []
    func demand(_ condition: Bool, _ violation: @autoclosure () -> String) {
      if !condition { violations.append(violation()) }
    }
    let entries = mail.entries
    let visible = entries.filter { !$0.hasPrefix(".") }
    let replies = replies

    // The fault happened, and it was the intended one. If the process was killed, the last call in the trace is the one
    // before which it was killed.
    let faulty: Call?
    switch expectation {
    case .killed:
      faulty = trace.last
      demand(outcome.status == -SIGKILL, "not killed: \(outcome.status)")
    case .stored, .refused, .notTakenBack, .cutOff: faulty = trace.last { $0.isInjected }
    }
    demand(
      faulty?.row == injections.last?.call.row, "the fault was in \(faulty?.text ?? "nothing")")

    // A 250 is a promise, and every visible message is whole.
    for name in visible { demand(isWhole(name), "half: \(name)") }
    for (letter, reply) in zip(Self.letters, replies) where reply.hasPrefix("250 ") {
      let id = reply.split(separator: " ").last!
      for recipient in Self.recipients(letter) {
        demand(
          visible.count {
            $0.contains("Z-\(id)-") && Self.recipient(letter, of: $0) == recipient
          } == 1,
          "lost: \(letter) for \(recipient)")
      }
    }

    // The session goes on or ends as expected, and the other messages are stored.
    var stored = Self.letters
    var leftBehind: Set<String> = []
    switch expectation {
    case .stored: break
    case .refused(let error), .notTakenBack(let error):
      stored = ["a", "c"]
      demand(
        replies.dropFirst().first?.hasPrefix(Expectation.reply(to: error)) == true,
        "replies: \(replies)")
      if case .notTakenBack = expectation { leftBehind = namesThatStay }
    case .cutOff, .killed: stored = []
    }
    switch expectation {
    case .stored, .refused, .notTakenBack:
      demand(outcome.status == 0, "status \(outcome.status)")
      demand(outcome.text.hasSuffix("\r\n221 2.0.0 Goodbye\r\n"), "no goodbye")
      demand(replies.count == 3, "replies: \(replies)")
      for (letter, reply) in zip(Self.letters, replies) where stored.contains(letter) {
        demand(reply.hasPrefix("250 "), "\(letter): \(reply)")
      }
      let expected = stored.map { Self.recipients($0).count }.reduce(leftBehind.count, +)
      demand(
        entries.count == expected && leftBehind.isSubset(of: entries),
        "left: \(entries), expected \(expected)")
    case .cutOff:
      // Only the first message is stored, because the second one was still arriving.
      demand(entries.count == 2 && visible == entries, "left: \(entries)")
      demand(outcome.status == EX_IOERR, "status \(outcome.status)")
    case .killed:
      let hidden = entries.count - visible.count
      demand(hidden <= (way == .dotFile ? 2 : 0), "left: \(entries)")
      // The call before which the process was killed was not executed: there is a name for each earlier link(2).
      let linked = trace.count { $0.name == "linkat" && $0.succeeded }
      let removed = trace.count {
        $0.name == "unlinkat" && $0.succeeded && $0.kind != "the dot-file"
      }
      demand(visible.count == linked - removed, "linked \(linked), removed \(removed): \(visible)")
    }
    return violations
  }

  /// The names that unlink(2) should have removed but did not.
  private var namesThatStay: Set<String> {
    var names: Set<String> = []
    var removed: Set<String> = []
    for call in trace where call.name == "unlinkat" {
      let name = String(call.text.split(separator: "\"")[1])
      if call.isInjected { names.insert(name) }
      if call.succeeded { removed.insert(name) }
    }
    return names.subtracting(removed)
  }

  /// Whether the file contains two trace fields and then exactly what was sent. If the name does not contain the
  /// recipient, the recipient stands in front of the trace fields.
  private func isWhole(_ name: String) -> Bool {
    guard let letter = name.dropFirst(42).first, let sent = Self.contents[String(letter)],
      let recipient = Self.recipient(String(letter), of: name)
    else { return false }
    var content = mail.content(name)
    if !Self.fitsName(recipient) {
      let field = Array("X-Original-To: \(recipient)\r\n".utf8)
      guard content.starts(with: field) else { return false }
      content.removeFirst(field.count)
    }
    let fields = String(decoding: content.dropLast(sent.count), as: UTF8.self)
      .components(separatedBy: "\r\n")
    return content.suffix(sent.count) == sent[...]
      && fields.first == "Return-Path: <\(Self.sender)>"
      && fields.dropFirst().first == "Received: from client.example"
      && fields.dropFirst(2).dropLast().allSatisfy { $0.hasPrefix("\t") } && fields.last == ""
  }
}

/// The table: for each call and each fault, how many of them did no harm.
private struct Table: CustomStringConvertible {
  private static let columns = Injection.errors + ["kill -9"]

  private struct Cell {
    var survived = 0
    var tried = 0
  }

  /// The rows in the order of the calls.
  private var rows: [(label: String, cells: [String: Cell])] = []

  mutating func enter(
    _ way: Way, _ call: Call, _ fault: String, _ violations: [String], isUndoing: Bool = false
  ) {
    #expect(violations == [], "\(way.rawValue), \(fault): \(call.text)")
    let label = "\(way.rawValue) | \(call.row)" + (isUndoing ? ", taking back" : "")
    let row = rows.firstIndex { $0.label == label } ?? rows.endIndex
    if row == rows.endIndex { rows.append((label, [:])) }
    rows[row].cells[fault, default: Cell()].tried += 1
    if violations.isEmpty { rows[row].cells[fault]!.survived += 1 }
  }

  var description: String {
    let head = "| way | call | \(Self.columns.joined(separator: " | ")) |"
    let rule = "|" + String(repeating: "---|", count: Self.columns.count + 2)
    let lines = rows.map { row in
      let cells = Self.columns.map { column in
        row.cells[column].map { "\($0.survived)/\($0.tried)" } ?? ""
      }
      return "| \(row.label) | \(cells.joined(separator: " | ")) |"
    }
    return ([head, rule] + lines).joined(separator: "\n")
  }
}
