// What the answer of a URL means for the mail that was brought to it. A 2xx is a promise. A 4xx says that the request is
// wrong, and would be again, but for those that say `later`. All else may pass: also a redirection, which is not followed,
// since it could lead into the network that this host is in.

import Octets
public import SMTP

/// What curl prints: the server's answer, and a line with its status behind it.
public struct WebAnswer: Sendable {
  /// Octets of an answer. What it says of the mail is known only behind all of them.
  static let limit = 64 << 20

  private var first: [UInt8] = []
  private var last = LastLine()
  private var size = 0

  public init() {}

  /// Takes a piece; false if that is more than an answer may have.
  public mutating func take(_ piece: Span<UInt8>) -> Bool {
    let room = max(0, LastLine.longestReason - first.count)
    first.append(piece, 0..<min(room, piece.count))
    last.append(piece)
    size += piece.count
    return size <= Self.limit
  }

  /// What is to be done with the message, when curl has ended with this status.
  public func verdict(exitStatus: Int) -> ClientSession.Verdict {
    let line = last.text
    let code = Int(decimal: line.prefix(3)) ?? 0
    guard exitStatus == 0 else {
      let reason = Array(line.dropFirst(3)[...].trimmed())
      return Self.deferred(
        .destination, Self.status(ofFailure: exitStatus),
        reason.isEmpty ? Array("curl has failed (exit status \(exitStatus))".utf8) : reason)
    }
    let said = LastLine.printable(first.prefix { $0 != .lineFeed })
    let reason = Array("HTTP \(code)".utf8) + (said.isEmpty ? [] : Array(": ".utf8) + said)
    switch code {
    case 200...299: return .init(.delivered, .recipient, code: code, .init(2, 0, 0), reason)
    case 408, 425: return Self.deferred(.recipient, .init(4, 3, 0), reason, code)
    case 429: return Self.deferred(.destination, .init(4, 3, 2), reason, code)
    case 400...499:
      return .init(.refused, .recipient, code: code, Self.status(ofRefusal: code), reason)
    case 300...399: return Self.deferred(.destination, .init(4, 3, 5), reason, code)
    case 502...504: return Self.deferred(.destination, .init(4, 3, 2), reason, code)
    default: return Self.deferred(.recipient, .init(4, 3, 0), reason, code)
    }
  }

  /// There was more of an answer than there may be.
  public static let tooLong = deferred(
    .destination, .init(4, 5, 0), Array("the answer of the URL is too long".utf8))

  private static func deferred(
    _ scope: ClientSession.Verdict.Scope, _ status: EnhancedStatusCode, _ reason: [UInt8],
    _ code: Int? = nil
  ) -> ClientSession.Verdict {
    .init(.deferred, scope, code: code, status, reason)
  }

  /// 401, 403, 404, 410 and 413 have a meaning for mail, too.
  private static func status(ofRefusal code: Int) -> EnhancedStatusCode {
    switch code {
    case 401, 403, 407: .init(5, 7, 1)
    case 404, 410: .init(5, 1, 1)
    case 413: .init(5, 3, 4)
    default: .init(5, 3, 0)
    }
  }

  /// EXIT CODES of curl(1).
  private static func status(ofFailure status: Int) -> EnhancedStatusCode {
    switch status {
    case 1, 2, 3, 4: .init(4, 3, 5)  // the URL, or this curl
    case 5, 6: .init(4, 4, 3)  // no such host
    case 7: .init(4, 4, 1)  // no connection
    case 35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91: .init(4, 7, 5)  // TLS
    default: .init(4, 4, 2)
    }
  }
}
