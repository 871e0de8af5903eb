// What a milter says to an event.

import Octets

public enum Verdict: Equatable, Sendable {
  case proceed
  /// At the beginning of a session: no more events of this session; later: none of this message.
  case accept
  /// 5xx, for the session, the message or the recipient, whatever the event is about.
  case reject
  /// 4xx, for the same.
  case temporaryFailure
  /// The message gets its 250 and goes nowhere.
  case discard
  /// 4xx or 5xx with the milter's own words.
  case reply(MilterReply)
  /// 421: the session ends.
  case shutDown

  /// Whether it refuses what the event is about.
  public var isRefusal: Bool {
    switch self {
    case .reject, .temporaryFailure, .reply, .shutDown: true
    case .proceed, .accept, .discard: false
    }
  }
}

/// A reply of a milter's own: 4xx or 5xx.
public struct MilterReply: Equatable, Sendable {
  /// The lines of the reply without their CR LF, each with its code, as they are sent.
  public let lines: [[UInt8]]

  /// Whether the session ends with it.
  public var endsSession: Bool { lines[0].starts(with: Array("421".utf8)) }

  /// The most lines, and the most octets of one (RFC 5321 §4.5.3.1.5 counts CR LF).
  private static let (mostLines, lineLimit) = (32, 510)

  /// Reads `ddd text`, or several such lines with CR LF between, where `%%` stands for `%`. Nil where that is no reply
  /// that refuses something. A line without an enhanced status code (RFC 2034) gets one.
  init?(_ octets: [UInt8]) {
    var rest = octets[...]
    if rest.last == 0 { rest.removeLast() }
    var texts: [[UInt8]] = []
    let code = Array(rest.prefix(3))
    guard code.count == 3, code[0] == UInt8(ascii: "4") || code[0] == UInt8(ascii: "5"),
      code.allSatisfy({ $0.isDigit })
    else { return nil }
    for line in rest.split(separator: .lineFeed, omittingEmptySubsequences: false) {
      let line = line.last == .carriageReturn ? line.dropLast() : line
      // libmilter ends the last line, too.
      if line.isEmpty, !texts.isEmpty, line.endIndex >= rest.endIndex - 1 { break }
      guard line.starts(with: code), texts.count < Self.mostLines else { return nil }
      let text = line.dropFirst(3)
      guard text.isEmpty || text.first == .space || text.first == .hyphen else { return nil }
      guard text.allSatisfy({ $0.isPrintable || $0 == .tab || $0 >= 0x80 }) else { return nil }
      texts.append(Self.unescaped(text.dropFirst()))
    }
    var lines: [[UInt8]] = []
    for (index, text) in texts.enumerated() {
      let mark = UInt8(ascii: index == texts.count - 1 ? " " : "-")
      let status = Self.hasStatus(text, of: code[0]) ? [] : [code[0]] + Array(".7.1 ".utf8)
      let line = code + [mark] + status + text.map { $0.isPrintable ? $0 : .question }
      lines.append(Array(line.prefix(Self.lineLimit)))
    }
    self.lines = lines
  }

  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var isEscaped = false
    for octet in text {
      isEscaped = octet == .percent && !isEscaped
      if !isEscaped || octet != .percent { result.append(octet) }
    }
    if isEscaped { result.append(.percent) }
    return result
  }

  /// Whether text begins with an enhanced status code of the class: `5.7.1 `.
  private static func hasStatus(_ text: [UInt8], of first: UInt8) -> Bool {
    let word = text.prefix { $0 != .space }
    let numbers = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return numbers.count == 3 && numbers[0].elementsEqual([first])
      && numbers.dropFirst().allSatisfy {
        1...3 ~= $0.count && $0.allSatisfy { $0.isDigit }
      }
  }
}
