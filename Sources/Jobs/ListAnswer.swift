// What a program that takes the mail of lists says of one mail, in lines:
//
//     queued ID        it has queued this because of the mail, to be let out when the last line is `done`
//     claimed NAME     a held post that is among it
//     done             all that the mail causes is queued
//     STATUS REASON    the mail is refused (5.x.x), or to be brought again (anything else)

import Octets
public import SMTP

/// A line of it but a last one that gives a reason.
public enum ListLine: Equatable, Sendable {
  case queued(UInt64)
  case claimed(String)
  case done

  /// A line without its LF; nil if it is none of these.
  public init?(_ line: [UInt8]) {
    let word = line.prefix { $0 != .space }
    let value = line.dropFirst(word.count + 1)
    if line.matches("done") {
      self = .done
    } else if word.matches("queued"), let id = UInt64(hexadecimal: Array(value).span) {
      self = .queued(id)
    } else if word.matches("claimed"), !value.isEmpty {
      self = .claimed(String(decoding: value, as: UTF8.self))
    } else {
      return nil
    }
  }

  /// The line, with its LF.
  public var octets: [UInt8] {
    switch self {
    case .queued(let id): Array("queued ".utf8) + id.hexadecimal + [.lineFeed]
    case .claimed(let name): Array("claimed \(name)\n".utf8)
    case .done: Array("done\n".utf8)
    }
  }
}

public struct ListAnswer: Sendable {
  /// What becomes of the mail for the list.
  public private(set) var verdict: ClientSession.Verdict
  /// What was queued because of it.
  public private(set) var queued: [UInt64] = []
  /// Held posts that are among it.
  public private(set) var claims: [String] = []

  public init(_ lines: [[UInt8]]) {
    let last = lines.last ?? []
    verdict = Self.verdict(last)
    for line in lines.dropLast() {
      switch ListLine(line) {
      case .queued(let id): queued.append(id)
      case .claimed(let name): claims.append(name)
      case .done, nil:
        if verdict.outcome == .delivered {
          verdict = Self.deferred("the program for lists says what is not understood")
        }
      }
    }
    // It ended before it gave a reason: what it has queued is known all the same.
    if case .queued(let id) = ListLine(last) { queued.append(id) }
  }

  private static func verdict(_ line: [UInt8]) -> ClientSession.Verdict {
    if ListLine(line) == .done {
      return .init(.delivered, .recipient, .init(2, 0, 0), Array("taken by the list".utf8))
    }
    let text = line.map { $0.isPrintable ? $0 : .question }
    if text.starts(with: "5.1.1 ".utf8) {
      return .init(.refused, .recipient, .init(5, 1, 1), Array(text.dropFirst(6)))
    }
    if text.starts(with: "5.".utf8) {
      return .init(.refused, .recipient, .init(5, 0, 0), text)
    }
    let reason = String(decoding: text, as: UTF8.self)
    return deferred(text.isEmpty ? "the program for lists has failed" : reason)
  }

  private static func deferred(_ reason: String) -> ClientSession.Verdict {
    .init(.deferred, .recipient, .init(4, 3, 0), Array(reason.utf8))
  }
}
