// The text of an envelope: lines that end in LF. Its head is written once and never changed:
//
//     postern-queue VERSION                     1 or 2, see below
//     arrival SECONDS MICROSECONDS
//     login XTEXT                               if the sender has authenticated
//     uid NUMBER                                if a user of this machine has handed it in; version 2
//     ours                                      if reports are made as the sender asks
//     report                                    if it is a delivery report that the queue has made; version 2
//     cause ID                                  the entry that this one follows from: a notice, an alias's message
//     message OFFSET -                          this line and the next ones as in Jobs/Job.swift
//     from <ADDRESS> [...]
//     to <ADDRESS> [...]                        each recipient, numbered from 0 in this order; TARGET: version 2
//     end
//
// Behind it is the journal (Journal.swift).
//
// Whoever writes a kind of line that version 1 has not says version 2: in the first line of the envelope or, for lines of
// the journal, in a line `postern-queue 2` of the journal in front of them. A program that meets a version that it does
// not know leaves the entry where it is, because a newer program can read it.

import Jobs
import Octets
import SMTP
import Storage

/// The version of an entry: which kinds of lines it may have.
public enum QueueVersion {
  /// The last one that this program knows.
  static let latest = 2

  /// What is said of an entry with a version that this program does not know.
  public static func newer(_ version: Int) -> String {
    "written by a newer version of Postern (postern-queue \(version))"
  }

  /// The version that a line names; nil if it names none.
  static func named(by line: ArraySlice<UInt8>) -> Int? {
    let word = Array("postern-queue ".utf8)
    return line.starts(with: word) ? Int(decimal: line.dropFirst(word.count)) : nil
  }
}

extension Submission {
  /// The lines in front of the recipients.
  var lines: [UInt8] {
    var lines = Array("postern-queue \(version)\n".utf8)
    lines += Array("arrival \(arrival.seconds) \(arrival.microseconds)\n".utf8)
    if !login.isEmpty { lines += Array("login ".utf8) + xtext(login) + [10] }
    if let user { lines += Array("uid \(user)\n".utf8) }
    if isOurs { lines += Array("ours\n".utf8) }
    if isReport { lines += Array("report\n".utf8) }
    if let cause { lines += Array("cause ".utf8) + cause.octets + [10] }
    var job = Job()
    job.offset = offset
    job.reversePath = reversePath
    job.isBinary = isBinary
    job.isUTF8 = isUTF8
    job.deliveryStatus = deliveryStatus
    return lines + job.head
  }

  /// The first version that has all of these lines.
  private var version: Int { isReport || user != nil || hasTargets ? 2 : 1 }
}

/// Reads the lines in front of the recipients, one after the other.
struct HeadReader {
  private(set) var submission = Submission(
    from: .null, arrival: Timestamp(seconds: 0, microseconds: 0))
  /// What the first line says.
  private(set) var version: Int?
  /// Whether the `from` line has come, behind which the recipients begin.
  private(set) var isComplete = false

  /// Takes a line without its LF; false if it cannot stand there.
  mutating func read(_ line: ArraySlice<UInt8>) -> Bool {
    guard version != nil else {
      version = QueueVersion.named(by: line)
      return version.map { $0 >= 1 } ?? false
    }
    let words = line.split(separator: 32)
    switch words.first.map({ String(decoding: $0, as: UTF8.self) }) {
    case "arrival":
      guard words.count == 3, let seconds = decimal(words[1]), let microseconds = decimal(words[2]),
        microseconds < 1_000_000
      else { return false }
      submission.arrival = Timestamp(seconds: seconds, microseconds: UInt32(microseconds))
    case "login":
      guard words.count == 2, case let word = words[1], let login = decodedXtext(word.span) else {
        return false
      }
      submission.login = login
    case "uid" where version ?? 0 >= 2:
      guard words.count == 2, let number = decimal(words[1]), let user = UInt32(exactly: number)
      else { return false }
      submission.user = user
    case "ours": submission.isOurs = true
    case "report" where version ?? 0 >= 2: submission.isReport = true
    case "cause":
      guard words.count == 2, let id = MessageID(hexadecimal: words[1]) else { return false }
      submission.cause = id
    case "message", "from":
      var job = Job()
      guard job.read(line) == .read else { return false }
      if words[0].elementsEqual("message".utf8) {
        submission.offset = job.offset
      } else {
        submission.reversePath = job.reversePath
        submission.isBinary = job.isBinary
        submission.isUTF8 = job.isUTF8
        submission.deliveryStatus = job.deliveryStatus
        isComplete = true
      }
    default: return false
    }
    return true
  }
}
