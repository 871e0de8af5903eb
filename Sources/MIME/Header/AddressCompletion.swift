// Completes the addresses of a message that a program of this machine hands in: `From: root (Cron Daemon)` becomes
// `From: root@mail.example.org (Cron Daemon)`. A name without a domain means nothing to another host.
//
// The header is kept until it has ended, then its address fields are rewritten; the body is handed on as it comes. Nothing
// changes but what is put behind a name: no comment, no display name, no fold. A field that cannot be read stays as it is,
// and so does a header that is signed, or longer than `headerLimit`.

import Octets

public struct AddressCompletion: Sendable {
  /// Octets that a header may have.
  public static let headerLimit = 256 * 1024

  private let domain: [UInt8]
  private var header: [UInt8] = []
  private var isHeader = true
  /// Octets of the last line so far, without its CR.
  private var lineLength = 0

  public init(domain: [UInt8]) { self.domain = domain }

  /// Takes a piece of the message, and appends what is to be stored of it.
  public mutating func take(_ octets: Span<UInt8>, into output: inout [UInt8]) {
    var index = 0
    while isHeader, index < octets.count {
      let octet = octets[index]
      index += 1
      header.append(octet)
      if octet == .lineFeed {
        if lineLength == 0 { endHeader(into: &output) }
        lineLength = 0
      } else if octet != .carriageReturn {
        lineLength += 1
      }
      if header.count >= Self.headerLimit { endHeader(into: &output, isTooLong: true) }
    }
    output.append(octets, index..<octets.count)
  }

  /// Takes the end of the message.
  public mutating func finish(into output: inout [UInt8]) {
    if isHeader { endHeader(into: &output) }
  }

  private mutating func endHeader(into output: inout [UInt8], isTooLong: Bool = false) {
    isHeader = false
    let header = self.header
    self.header = []
    let octets = header.span
    if isTooLong { return output.append(octets: header) }
    var position = 0
    for index in Self.places(octets) {
      output.append(octets, position..<index)
      output.append(.at)
      output.append(octets: domain)
      position = index
    }
    output.append(octets, position..<octets.count)
  }

  /// Where a domain is missing, in order.
  private static func places(_ octets: Span<UInt8>) -> [Int] {
    var places: [Int] = []
    var reader = HeaderReader(octets, 0..<octets.count)
    while case .field(let field) = reader.nextLine(octets) {
      if field.isSignature(in: octets) { return [] }
      if field.hasAddresses(in: octets) {
        var scanner = MissingDomains(field.value.lowerBound, field.value.upperBound)
        if scanner.scan(octets) { places += scanner.places }
      }
    }
    return reader.isCut ? [] : places
  }
}

extension HeaderField {
  /// Whether it signs others.
  func isSignature(in octets: Span<UInt8>) -> Bool {
    isNamed("dkim-signature", in: octets) || isNamed("arc-message-signature", in: octets)
      || isNamed("domainkey-signature", in: octets)
  }

  /// Whether the value is a list of addresses (RFC 5322 §3.6.2, §3.6.3, §3.6.6; RFC 8098 §2.1; others are in use).
  func hasAddresses(in octets: Span<UInt8>) -> Bool {
    let isResent = octets.hasPrefix("resent-", at: name.lowerBound) && name.count > 7
    let name = (isResent ? self.name.lowerBound + 7 : self.name.lowerBound)..<self.name.upperBound
    let names: [StaticString] = [
      "from", "sender", "reply-to", "to", "cc", "bcc", "disposition-notification-to", "errors-to",
      "return-receipt-to", "mail-followup-to", "mail-reply-to", "apparently-to",
    ]
    return names.contains { octets.matches($0, in: name) }
  }
}

/// Finds addresses without a domain in the value of a field.
private struct MissingDomains {
  private var index: Int
  private let end: Int
  private(set) var places: [Int] = []

  // The address that is being read.
  /// Where the local part ends, if it may be one.
  private var nameEnd: Int?
  /// Whether words stand beside each other without a dot, so that they are a display name.
  private var isPhrase = false
  private var hasDomain = false
  private var endsWithDot = false
  /// Whether `<` has come, or `>` too.
  private var isInBrackets = false
  private var isBehindBrackets = false

  init(_ start: Int, _ end: Int) { (index, self.end) = (start, end) }

  /// Gives false if the value cannot be read.
  mutating func scan(_ octets: Span<UInt8>) -> Bool {
    while index < end {
      let octet = octets[index]
      switch octet {
      case .space, .tab, .carriageReturn, .lineFeed: index += 1
      case UInt8(ascii: "("):
        guard let close = octets.endOfComment(from: index, to: end) else { return false }
        index = close
      case .comma, .semicolon:
        // Between the hosts of a source route there are commas.
        if isInBrackets {
          guard octet == .comma, hasDomain, nameEnd == nil else { return false }
        } else {
          endAddress()
        }
        index += 1
      case .colon:
        // Behind the name of a group, or behind a source route.
        startAddress(inBrackets: isInBrackets)
        index += 1
      case UInt8(ascii: "<"):
        guard !isInBrackets, !isBehindBrackets else { return false }
        startAddress(inBrackets: true)
        index += 1
      case UInt8(ascii: ">"):
        guard isInBrackets else { return false }
        endAddress()
        isBehindBrackets = true
        index += 1
      case .at:
        hasDomain = true
        index += 1
        if index < end, octets[index] == UInt8(ascii: "[") {
          while index < end, octets[index] != UInt8(ascii: "]") { index += 1 }
          guard index < end else { return false }
          index += 1
        }
      case .quote:
        let start = index
        index += 1
        while index < end, octets[index] != .quote {
          index += octets[index] == .backslash ? 2 : 1
        }
        guard index < end else { return false }
        index += 1
        takeWord(octets, start..<index)
      case UInt8(ascii: "."):
        endsWithDot = true
        if nameEnd != nil, !hasDomain { nameEnd = index + 1 }
        index += 1
      default:
        let start = index
        while index < end, Self.isOfWord(octets[index]) { index += 1 }
        guard index > start else { return false }
        takeWord(octets, start..<index)
      }
    }
    if isInBrackets { return false }
    endAddress()
    return true
  }

  private static func isOfWord(_ octet: UInt8) -> Bool { octet.isAtomText || octet >= 0x80 }

  private mutating func takeWord(_ octets: Span<UInt8>, _ range: Range<Int>) {
    if isBehindBrackets { return }
    if nameEnd != nil, !endsWithDot, !hasDomain { isPhrase = true }
    // An encoded word is a display name.
    if octets.hasPrefix("=?", at: range.lowerBound), range.count > 4,
      octets.hasPrefix("?=", at: range.upperBound - 2)
    {
      isPhrase = true
    }
    if !hasDomain { nameEnd = range.upperBound }
    endsWithDot = false
  }

  private mutating func startAddress(inBrackets: Bool) {
    (nameEnd, isPhrase, hasDomain, endsWithDot) = (nil, false, false, false)
    isInBrackets = inBrackets
  }

  private mutating func endAddress() {
    if let nameEnd, !isPhrase, !hasDomain { places.append(nameEnd) }
    startAddress(inBrackets: false)
    isBehindBrackets = false
  }
}
