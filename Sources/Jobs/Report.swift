// What `postern-send --batch` answers: a line for each recipient, and one behind all of them.
//
//     OUTCOME SCOPE <ADDRESS> HOST CODE STATUS TEXT
//     done
//
// OUTCOME is delivered, deferred, refused or unknown; SCOPE is recipient, message or destination; CODE is
// the code of a reply, or `-`; STATUS an enhanced status code; TEXT is printable ASCII. HOST is `-` where
// there is none, and has `;DSN` behind it where the host has taken over what is to be told to the sender.

public import SMTP

public struct Report: Equatable, Sendable {
  /// Without angle brackets.
  public var address: [UInt8]
  public var host: [UInt8]
  public var verdict: ClientSession.Verdict
  /// Whether the host has taken the message with the extension DSN (RFC 3461), so that reports are its duty.
  public var isHostsDuty = false

  private static let mark = Array(";DSN".utf8)

  public init(_ address: [UInt8], at host: [UInt8], _ verdict: ClientSession.Verdict) {
    self.address = address
    self.host = host
    self.verdict = verdict
  }

  /// The line, with its LF.
  public var octets: [UInt8] {
    var octets: [UInt8] = []
    octets += Array("\(verdict.outcome.name) \(verdict.scope.name) <".utf8)
    octets += address
    octets += Array("> ".utf8)
    octets += host.isEmpty ? [UInt8(ascii: "-")] : host
    if isHostsDuty { octets += Self.mark }
    octets += Array(" \(verdict.code.map { String($0) } ?? "-") ".utf8)
    octets += verdict.status.octets
    octets.append(32)
    octets += verdict.text
    octets.append(10)
    return octets
  }

  /// A line without its LF; nil if it is none.
  public init?(_ line: ArraySlice<UInt8>) {
    var words = Words(line)
    guard let outcome = words.next().flatMap({ Self.outcome(text($0)) }),
      let scope = words.next().flatMap({ Self.scope(text($0)) }),
      let path = words.next(), path.first == UInt8(ascii: "<"), path.count >= 2,
      let host = words.next(), let code = words.next(),
      let status = words.next().flatMap(Self.status)
    else { return nil }
    address = Array(path.dropFirst().dropLast())
    isHostsDuty =
      host.count > Self.mark.count && host.suffix(Self.mark.count).elementsEqual(Self.mark)
    let name = isHostsDuty ? host.dropLast(Self.mark.count) : host
    self.host = name.elementsEqual([UInt8(ascii: "-")]) ? [] : Array(name)
    verdict = ClientSession.Verdict(
      outcome, scope, code: Int(text(code)), status, Array(words.rest))
  }

  private static func outcome(_ name: String) -> ClientSession.Verdict.Outcome? {
    switch name {
    case "delivered": .delivered
    case "deferred": .deferred
    case "refused": .refused
    case "unknown": .unknown
    default: nil
    }
  }

  private static func scope(_ name: String) -> ClientSession.Verdict.Scope? {
    switch name {
    case "recipient": .recipient
    case "message": .message
    case "destination": .destination
    default: nil
    }
  }

  private static func status(_ word: ArraySlice<UInt8>) -> EnhancedStatusCode? {
    let numbers = word.split(separator: UInt8(ascii: ".")).map { Int(text($0)) ?? -1 }
    guard numbers.count == 3, !numbers.contains(-1) else { return nil }
    return EnhancedStatusCode(numbers[0], numbers[1], numbers[2])
  }
}

extension ClientSession.Verdict.Outcome {
  public var name: String {
    switch self {
    case .delivered: "delivered"
    case .deferred: "deferred"
    case .refused: "refused"
    case .unknown: "unknown"
    }
  }
}

extension ClientSession.Verdict.Scope {
  public var name: String {
    switch self {
    case .recipient: "recipient"
    case .message: "message"
    case .destination: "destination"
    }
  }
}
