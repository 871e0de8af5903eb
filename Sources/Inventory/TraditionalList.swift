// The queue in the form of Sendmail and Postfix, which scripts for monitoring read: what mailq(1) prints. A line for each
// message, below it why it waits, and for whom:
//
//     -Queue ID-        --Size-- ----Arrival Time---- -Sender/Recipient-------
//     0123456789abcdef      1024 Wed Nov 25 03:11:20  me@x.example
//                                       (the reason)
//                                              you@y.example
//
//     -- 1 Kbytes in 1 Request.
//
// An id has `!` behind it if an operator holds the message. Times are UTC.

public import Jobs
import Octets
public import SMTP

public struct TraditionalList {
  private var messages = 0
  private var octets = 0
  /// The reason that stands above the recipients.
  private var reason: [UInt8] = []

  public init() {}

  /// The lines of an entry, without its recipients.
  public mutating func lines(of item: Item) -> [UInt8] {
    let head = "-Queue ID-        --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
    var lines = messages == 0 ? Array(head.utf8) : [10]
    messages += 1
    octets += item.size
    reason = []
    lines += item.id + [item.state == .held ? UInt8(ascii: "!") : 32]
    lines += padded(Array("\(item.size)".utf8), to: 9) + [32]
    switch item.content {
    case .newer(_, let reason): lines += Array("\(reason)\n".utf8)
    case .unreadable(let reason): lines += [10] + padded(Array("(\(reason))".utf8), to: 76) + [10]
    case .message(let sender, let arrival):
      lines += time(arrival) + [32, 32]
      lines += (sender == .null ? Array("MAILER-DAEMON".utf8) : sender.octets) + [10]
    }
    return lines
  }

  /// The line of a recipient, below the reason if that is another one than that of the recipient before.
  public mutating func lines(of mailbox: Mailbox, _ report: Report?) -> [UInt8] {
    let doubt = report?.verdict.outcome == .unknown ? "; it may have been delivered)" : ")"
    let new = report.map { [UInt8(ascii: "(")] + $0.words + Array(doubt.utf8) } ?? []
    defer { reason = new }
    let above = new == reason || new.isEmpty ? [] : padded(new, to: 76) + [10]
    return above + padded([], to: 42) + mailbox.octets + [10]
  }

  /// What stands below all of them.
  public var end: [UInt8] {
    Array(
      (messages == 0
        ? "Mail queue is empty\n"
        : "\n-- \(octets / 1024) Kbytes in \(messages) Request\(messages == 1 ? "" : "s").\n").utf8)
  }

  private func padded(_ text: [UInt8], to width: Int) -> [UInt8] {
    [UInt8](repeating: 32, count: max(0, width - text.count)) + text
  }

  /// `Wed Nov 25 03:11:20`
  private func time(_ seconds: Int64) -> [UInt8] {
    var date: [UInt8] = []
    date.append(dateTime: seconds, zone: 0)
    // Wed, 25 Nov 2026 03:11:20 +0000
    let words = date.split(separator: 32)
    return words[0].dropLast() + [32] + words[2] + [32] + padded(Array(words[1]), to: 2) + [32]
      + words[4]
  }
}
