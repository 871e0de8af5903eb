// An entry as text for people.

import Jobs
import Octets
public import Queueing
public import SMTP

extension Item {
  /// Lines: the first says what it is, those below it for whom, and why it waits.
  public var text: [UInt8] {
    var text = id + Array(" \(size) octets, ".utf8)
    switch content {
    case .unreadable(let reason): text += Array("\(state.name)\n    \(reason)\n".utf8)
    case .newer(_, let reason): text += state.text(attempts) + Array(", \(reason)\n".utf8)
    case .message(let sender, let arrival):
      text += date(arrival) + Array(", ".utf8) + state.text(attempts)
      text += Array("\n    from <".utf8) + sender.octets + Array(">\n".utf8)
    }
    guard let recipients else { return text }
    for mailbox in recipients.first {
      text += Array("    to   <".utf8) + mailbox.octets + Array(">\n".utf8)
    }
    let more = recipients.waiting - recipients.first.count
    if more > 0 { text += Array("    and \(more) more\n".utf8) }
    if let reason = recipients.reason { text += Array("    ".utf8) + reason.text + [10] }
    return text
  }

  /// The line of one recipient.
  public static func line(_ mailbox: Mailbox, _ state: RecipientState) -> [UInt8] {
    let name =
      switch state {
      case .waiting: "  waiting   <"
      case .delivered: "  delivered <"
      case .refused: "  refused   <"
      case .told: "  returned  <"
      }
    return Array(name.utf8) + mailbox.octets + Array(">\n".utf8)
  }

  /// The header of a message of which these are the first octets, without control characters, below a blank line.
  public static func header(of octets: [UInt8]) -> [UInt8] {
    var end = 0
    while end < octets.count, !octets[end...].starts(with: [13, 10, 13, 10]) { end += 1 }
    return [10] + octets[..<end].filter { $0 == 10 || $0 == 9 || $0 >= 32 && $0 != 127 } + [10]
  }
}

extension Item.State {
  fileprivate func text(_ attempts: Int) -> [UInt8] {
    switch self {
    case .new: Array("new".utf8)
    case .waiting(let next): Array("attempt \(attempts + 1) ".utf8) + date(next)
    case .held: Array("held".utf8)
    case .pending: Array("pending".utf8)
    }
  }
}

extension Item.Reason {
  var text: [UInt8] {
    switch self {
    case .report(let report):
      (report.verdict.outcome == .unknown ? Array("perhaps delivered; ".utf8) : []) + report.words
    case .leftAlone(let destination, let until):
      Array("not tried: ".utf8) + destination + Array(" is left alone until ".utf8) + date(until)
        + Array(", because it could not be reached or wants no more".utf8)
    }
  }
}

/// `2026-11-22 06:54:12Z`
private func date(_ seconds: Int64) -> [UInt8] {
  let time = CalendarTime(seconds: max(0, seconds))
  var octets: [UInt8] = []
  octets.append(decimal: time.year, width: 4)
  for (mark, number) in [
    (UInt8.hyphen, time.month), (.hyphen, time.day), (.space, time.hour), (.colon, time.minute),
    (.colon, time.second),
  ] {
    octets.append(mark)
    octets.append(decimal: number, width: 2)
  }
  return octets + [UInt8(ascii: "Z")]
}
