// The journal of an entry: lines behind `end` in its envelope, each of which is durable before anything follows from it.
// Nothing in it is changed or removed.
//
//     verdict INDEX SECONDS REPORT     of the recipient with that number; REPORT as in Jobs/Report.swift
//     notice ID INDEX...               the sender is told of these recipients by the message ID
//     delay SECONDS                    the sender is told that the message is late
//     bounce SECONDS                   an operator wants no more attempts
//     postern-queue VERSION            the lines that follow may be of kinds that this version has (Envelope.swift)
//
// SECONDS are since 1970. A line that a crash has cut, or that is none of these, is passed over.

import Jobs
import Octets
import SMTP
import Storage

enum JournalLine {
  case verdict(index: Int, time: Int64, Report)
  case notice(MessageID, [Int])
  case delay(Int64)
  case bounce(Int64)
  case version(Int)

  /// Reads a line without its LF; nil if it is none.
  init?(_ line: ArraySlice<UInt8>) {
    let words = line.split(separator: 32, maxSplits: 3)
    func number(_ index: Int) -> Int64? { index < words.count ? decimal(words[index]) : nil }
    switch words.first.map({ String(decoding: $0, as: UTF8.self) }) {
    case "verdict":
      guard let index = number(1), let time = number(2), words.count == 4,
        let report = Report(words[3])
      else { return nil }
      self = .verdict(index: Int(index), time: time, report)
    case "notice":
      let words = line.split(separator: 32).dropFirst()
      guard let id = words.first.flatMap({ MessageID(hexadecimal: $0) }) else { return nil }
      var indexes: [Int] = []
      for word in words.dropFirst() {
        guard let index = decimal(word) else { return nil }
        indexes.append(Int(index))
      }
      self = .notice(id, indexes)
    case "delay":
      guard let time = number(1) else { return nil }
      self = .delay(time)
    case "bounce":
      guard let time = number(1) else { return nil }
      self = .bounce(time)
    case "postern-queue":
      guard let version = QueueVersion.named(by: line) else { return nil }
      self = .version(version)
    default: return nil
    }
  }

  /// The line with its LF.
  var octets: [UInt8] {
    switch self {
    case .verdict(let index, let time, let report):
      Array("verdict \(index) \(time) ".utf8) + report.octets
    case .notice(let id, let indexes):
      Array("notice ".utf8) + id.octets + indexes.flatMap { Array(" \($0)".utf8) } + [10]
    case .delay(let time): Array("delay \(time)\n".utf8)
    case .bounce(let time): Array("bounce \(time)\n".utf8)
    case .version(let version): Array("postern-queue \(version)\n".utf8)
    }
  }
}

/// A number of at most twelve digits.
func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
  digits.count <= 12 ? Int(decimal: digits).map { Int64($0) } : nil
}
