// What a server offers: the lines of its reply to EHLO or LHLO, RFC 5321 §4.1.1.1.

import Octets

/// The extensions of a server that the client knows, and the limits that it states.
public struct ServerExtensions: Equatable, Sendable {
  public internal(set) var hasPipelining = false  // RFC 2920
  public internal(set) var hasEightBitMIME = false  // RFC 6152
  public internal(set) var hasSMTPUTF8 = false  // RFC 6531
  public internal(set) var hasChunking = false  // RFC 3030
  public internal(set) var hasBinaryMIME = false  // RFC 3030
  /// RFC 3461. Without it the client makes the success reports that a sender has asked for (§5.2.2).
  public internal(set) var hasDeliveryStatus = false
  public internal(set) var hasStartTLS = false  // RFC 3207
  public internal(set) var hasSize = false  // RFC 1870
  /// Octets that a message may have; nil if the server does not say.
  public internal(set) var maximumSize: Int?
  // RFC 9422; nil if the server does not say.
  public internal(set) var maximumRecipients: Int?
  public internal(set) var maximumTransactions: Int?
  public internal(set) var maximumDomains: Int?
  // RFC 4954
  var hasAuthenticationPlain = false
  var hasAuthenticationLogin = false

  /// Takes a line that names an extension. `AUTH=LOGIN` is what some servers say for `AUTH LOGIN`.
  mutating func take(_ line: Span<UInt8>) {
    var words = Words(from: 0)
    guard let keyword = words.next(in: line, orAt: UInt8(ascii: "=")) else { return }
    if line.matches("pipelining", in: keyword) {
      hasPipelining = true
    } else if line.matches("8bitmime", in: keyword) {
      hasEightBitMIME = true
    } else if line.matches("smtputf8", in: keyword) {
      hasSMTPUTF8 = true
    } else if line.matches("chunking", in: keyword) {
      hasChunking = true
    } else if line.matches("binarymime", in: keyword) {
      hasBinaryMIME = true
    } else if line.matches("dsn", in: keyword) {
      hasDeliveryStatus = true
    } else if line.matches("starttls", in: keyword) {
      hasStartTLS = true
    } else if line.matches("size", in: keyword) {
      hasSize = true
      if let word = words.next(in: line), let size = Int(decimal: line.extracting(word)), size > 0 {
        maximumSize = size
      }
    } else if line.matches("auth", in: keyword) {
      while let word = words.next(in: line) {
        if line.matches("plain", in: word) { hasAuthenticationPlain = true }
        if line.matches("login", in: word) { hasAuthenticationLogin = true }
      }
    } else if line.matches("limits", in: keyword) {
      while let name = words.next(in: line, orAt: UInt8(ascii: "=")) {
        guard name.upperBound < line.count, line[name.upperBound] == UInt8(ascii: "="),
          let word = words.next(in: line), let limit = Int(decimal: line.extracting(word)),
          limit > 0
        else { continue }
        if line.matches("rcptmax", in: name) { maximumRecipients = limit }
        if line.matches("mailmax", in: name) { maximumTransactions = limit }
        if line.matches("rcptdomainmax", in: name) { maximumDomains = limit }
      }
    }
  }
}

/// Words with spaces between them.
private struct Words {
  private var index: Int

  init(from start: Int) { index = start }

  /// The next word, which ends at a space or at `mark`; what ended it is passed over.
  mutating func next(in line: Span<UInt8>, orAt mark: UInt8 = .space) -> Range<Int>? {
    while index < line.count, line[index] == .space { index += 1 }
    let start = index
    while index < line.count, line[index] != .space, line[index] != mark { index += 1 }
    defer { index += 1 }
    return index > start ? start..<index : nil
  }
}
