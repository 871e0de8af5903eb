// What whoever does jobs answers, in lines, and what the other side says to that:
//
//     OUTCOME SCOPE <ADDRESS> HOST CODE STATUS TEXT      a report on a recipient (Report.swift)
//     more       before another mail transaction of the job is begun, which waits for `ack`
//     done       behind the last report of the job; the next job waits for `ack`

public enum Answer: Equatable, Sendable {
  case report(Report)
  case more
  case done

  /// A line without its LF; nil if it is none of these.
  public init?(_ line: ArraySlice<UInt8>) {
    if line.elementsEqual("done".utf8) {
      self = .done
    } else if line.elementsEqual("more".utf8) {
      self = .more
    } else if let report = Report(line) {
      self = .report(report)
    } else {
      return nil
    }
  }

  /// The line, with its LF.
  public var octets: [UInt8] {
    switch self {
    case .report(let report): report.octets
    case .more: Array("more\n".utf8)
    case .done: Array("done\n".utf8)
    }
  }

  /// What the caller says, without an LF, when the reports so far are durable.
  public static let acknowledgement = Array("ack".utf8)
}
