// mailq(1): the queue in the form of Sendmail and Postfix, which scripts for monitoring read. A line for each message,
// below it why it waits, and for whom:
//
//     -Queue ID-        --Size-- ----Arrival Time---- -Sender/Recipient-------
//     0123456789abcdef      1024 Wed Nov 25 03:11:20  me@x.example
//                                       (the reason)
//                                              you@y.example
//
//     -- 1 Kbytes in 1 Request.
//
// An id has `!` behind it if an operator holds the message. Times are UTC.

import Jobs
import MIME
import POSIX
import Program
import Queue
import Queueing
import SMTP
import Sendmail
import Settings
import Storage

struct SendmailQueue {
  private var messages = 0
  private var octets = 0
  private var output: [UInt8] = []

  /// Recipients that are looked at in one go.
  private static let portion = 5000
  private static let outputSize = 32_768

  /// Prints all messages on standard output.
  mutating func list(_ queue: borrowing QueueDirectory) throws(StoreError) {
    for place in QueueDirectory.Place.allCases {
      try queue.forEachName(in: place) { (name) throws(StoreError) in
        try list(QueueDirectory.Location(place, name), queue)
        return true
      }
    }
    if messages == 0 {
      output += Array("Mail queue is empty\n".utf8)
    } else {
      let kilobytes = octets / 1024
      output += Array(
        "\n-- \(kilobytes) Kbytes in \(messages) Request\(messages == 1 ? "" : "s").\n".utf8)
    }
    flush()
  }

  private mutating func list(
    _ location: QueueDirectory.Location, _ queue: borrowing QueueDirectory
  ) throws(StoreError) {
    do throws(StoreError) {
      switch try queue.read(location) {
      case .gone: return  // delivered meanwhile
      case .newer(let version):
        begin(location, queue, at: nil)
        output += Array("\(QueueVersion.newer(version))\n".utf8)
      case .entry(let entry):
        if entry.states.isFinished { return }
        begin(location, queue, at: entry.submission.arrival.seconds)
        switch entry.submission.reversePath {
        case .null: output += Array("MAILER-DAEMON\n".utf8)
        case .mailbox(let mailbox): output += mailbox.octets + [10]
        }
        try listRecipients(of: entry, location)
      }
    } catch {
      begin(location, queue, at: nil)
      output += [10] + Self.padded("(\(error.inList))", to: 76) + [10]
    }
    if output.count > Self.outputSize { flush() }
  }

  /// The line of an entry, up to its sender.
  private mutating func begin(
    _ location: QueueDirectory.Location, _ queue: borrowing QueueDirectory, at seconds: Int64?
  ) {
    if messages == 0 {
      output += Array(
        "-Queue ID-        --Size-- ----Arrival Time---- -Sender/Recipient-------\n".utf8)
    } else {
      output.append(10)
    }
    let size = queue.size(of: location.name.id)
    messages += 1
    octets += size
    output += Array(location.name.id.text.utf8)
    output.append(location.place == .hold ? UInt8(ascii: "!") : 32)
    output += Self.padded("\(size)", to: 9) + [32]
    if let seconds { output += Self.time(seconds) + [32, 32] }
  }

  private mutating func listRecipients(
    of entry: Entry, _ location: QueueDirectory.Location
  ) throws(StoreError) {
    var next = 0
    var reason: [UInt8] = []
    while next < entry.count {
      let indexes = (next..<min(next + Self.portion, entry.count)).filter {
        entry.state(of: $0) == .waiting || entry.state(of: $0) == .refused
      }
      next += Self.portion
      do throws(Entry.Failure) {
        let reports = try entry.lastReports(of: Set(indexes))
        for (index, addressee) in zip(indexes, try entry.recipients(indexes)) {
          let report = reports[index]?.report
          let text = report.map { Self.reason($0.host, $0.verdict) } ?? []
          if text != reason, !text.isEmpty { output += Self.padded(text, to: 76) + [10] }
          reason = text
          output += [UInt8](repeating: 32, count: 42) + addressee.recipient.mailbox.octets + [10]
          if output.count > Self.outputSize { flush() }
        }
      } catch {
        throw error.asStoreError
      }
    }
  }

  private static func reason(_ host: [UInt8], _ verdict: ClientSession.Verdict) -> [UInt8] {
    var text = [UInt8(ascii: "(")]
    if !host.isEmpty { text += Array("host ".utf8) + host + Array(": ".utf8) }
    if let code = verdict.code { text += Array("\(code) ".utf8) }
    text += verdict.status.octets + [32] + verdict.text
    if verdict.outcome == .unknown { text += Array("; it may have been delivered".utf8) }
    return text + [UInt8(ascii: ")")]
  }

  private static func padded(_ text: String, to width: Int) -> [UInt8] {
    padded(Array(text.utf8), to: width)
  }

  private static func padded(_ text: [UInt8], to width: Int) -> [UInt8] {
    [UInt8](repeating: 32, count: max(0, width - text.count)) + text
  }

  /// `Wed Nov 25 03:11:20`
  private static func time(_ seconds: Int64) -> [UInt8] {
    var date: [UInt8] = []
    DateTime(seconds: seconds, zone: 0).append(to: &date)
    // Wed, 25 Nov 2026 03:11:20 +0000
    let words = date.split(separator: 32).map { Array($0) }
    guard words.count == 6 else { return date }
    return words[0].dropLast() + [32] + words[2] + [32] + padded(words[1], to: 2) + [32] + words[4]
  }

  // What sendmail(1) does with the queue.

  /// `-bp`
  static func list() -> Process.ExitStatus {
    do throws(SettingsError) {
      let settings = try QueueSettings(file: nil)
      do throws(Owner.Refusal) { try Owner.become(of: [settings.queue]) } catch {
        SendmailProgram.complain(error.reason)
        return .noPermission
      }
      do throws(StoreError) {
        let queue = try QueueDirectory(path: settings.queue)
        var listing = SendmailQueue()
        try listing.list(queue)
        return .success
      } catch {
        SendmailProgram.complain("\(settings.queue): \(error.errno.description)")
        return error.errno == .accessDenied ? .noPermission : .unavailable
      }
    } catch {
      SendmailProgram.complain(error.description)
      return .configuration
    }
  }

  /// `-q`: what is selected is tried now.
  static func run(_ selection: Invocation.Selection) -> Process.ExitStatus {
    // cron would send what is printed by mail.
    try? FileDescriptor.replaceWithNull(1)
    let words: [String] =
      switch selection {
      case .all: ["--all"]
      case .id(let id): [id]
      case .recipient(let text): ["--to", "*\(text)*"]
      case .sender(let text): ["--from", "*\(text)*"]
      }
    let status = QueueProgram.run(["retry"] + words)
    return status == .success ? QueueProgram.run(["run"]) : status
  }

  private mutating func flush() {
    FileDescriptor.print(String(decoding: output, as: UTF8.self), to: 1)
    output.removeAll(keepingCapacity: true)
  }
}
