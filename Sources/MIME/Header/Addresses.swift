// Address lists (RFC 5322 §3.4, §4.4; UTF-8: RFC 6532), read with what people get wrong. One pass over the
// octets with a few buffers; comments are counted, not recursed into.
//
// Forgiven: commas too many, `;` for `,`, brackets and quotes that are never closed, dots and `@` in a display
// name without quotes, a name in a comment behind the address, encoded words anywhere. Where no separator
// stands there are never two addresses: the text is then a display name without address.

import Octets

/// A mailbox of an address field.
public struct Address: Equatable, Sendable {
  /// The display name, decoded to UTF-8; empty if there is none.
  public var name: [UInt8]
  /// `local-part@domain` as it stands there, as valid UTF-8; empty where only a name could be read.
  public var address: [UInt8]
  /// The group it is a member of, an index of `AddressList.groups`.
  public var group: Int?
}

/// What an address field holds.
public struct AddressList: Equatable, Sendable {
  /// All mailboxes in order, those of groups in place.
  public internal(set) var addresses: [Address] = []
  /// The names of the groups, decoded to UTF-8.
  public internal(set) var groups: [[UInt8]] = []
  /// Whether there are more addresses than `Limits.addresses`, or a longer field than is read.
  public internal(set) var isCut = false

  public init() {}
}

extension HeaderField {
  /// The addresses of the value. Raw octets that are not UTF-8 are of `rawCharset`.
  public func addresses(
    in octets: Span<UInt8>, rawCharset: Charset = .fallback
  ) -> AddressList {
    var list = AddressList()
    appendAddresses(in: octets, rawCharset: rawCharset, to: &list)
    return list
  }

  /// Appends the addresses of the value to those of other fields.
  func appendAddresses(
    in octets: Span<UInt8>, rawCharset: Charset, to list: inout AddressList
  ) {
    var parser = AddressParser(octets, value, rawCharset)
    parser.parse(octets, &list)
  }
}

private struct AddressParser {
  private var index: Int
  private let end: Int
  private let rawCharset: Charset
  private var words = EncodedWordScanner()

  // The address that is being read.
  /// The words of a display name, quotes undone.
  private var phrase: [UInt8] = []
  /// The same octets as an address without brackets: no space beside `.` and `@`, quotes kept.
  private var plain: [UInt8] = []
  /// Whether `plain` has white space, so that it is no address.
  private var hasGap = false
  private var hasAt = false
  private var isQuoted = false
  private var comment: Range<Int>?
  /// What stands in angle brackets.
  private var route: [UInt8]?
  private var isBehindSpace = false

  private var group: Int?
  /// A comment that is never closed is none. After eight of them none is looked for, so that time is linear.
  private var unclosedComments = 0
  private var commentsClose: Bool { unclosedComments < 8 }
  /// A quoted string that is never closed is none, and none is looked for again.
  private var quotesClose = true

  init(_ octets: Span<UInt8>, _ range: Range<Int>, _ rawCharset: Charset) {
    (index, end) = (range.lowerBound, range.upperBound)
    self.rawCharset = octets.rawCharset(range, else: rawCharset)
  }

  mutating func parse(_ octets: Span<UInt8>, _ list: inout AddressList) {
    while index < end {
      let octet = octets[index]
      switch octet {
      case .space, .tab, .carriageReturn, .lineFeed:
        isBehindSpace = true
        index += 1
      case .comma, .semicolon:
        guard endAddress(octets, &list) else { return }
        if octet == .semicolon { group = nil }
        index += 1
      case .colon where group == nil && route == nil && !hasAt && !phrase.isEmpty:
        guard list.groups.count < Limits.addresses else {
          list.isCut = true
          return
        }
        group = list.groups.count
        list.groups.append(name())
        startAddress()
        index += 1
      case UInt8(ascii: "<"): readRoute(octets)
      case UInt8(ascii: ">"):
        isBehindSpace = true
        index += 1
      case UInt8(ascii: "(") where commentsClose: readComment(octets)
      case .quote where quotesClose: readQuoted(octets)
      case .quote: index += 1
      default: readAtom(octets)
      }
    }
    _ = endAddress(octets, &list)
  }

  /// Adds a word to both readings of what is no bracket.
  private mutating func add(_ octets: Span<UInt8>, _ range: Range<Int>) {
    addSpace(before: octets[range.lowerBound])
    phrase.append(octets, range)
    plain.append(octets, range)
  }

  private mutating func addSpace(before next: UInt8) {
    defer { isBehindSpace = false }
    guard isBehindSpace, !phrase.isEmpty else { return }
    phrase.append(.space)
    guard let last = plain.last else { return }
    if last != .at, last != UInt8(ascii: "."), next != .at, next != UInt8(ascii: ".") {
      hasGap = true
    }
  }

  private mutating func readAtom(_ octets: Span<UInt8>) {
    let start = index
    if let word = words.word(octets, at: index, to: end) {
      index = word.end
      return add(octets, start..<index)
    }
    index += 1
    switch octets[start] {
    case .at:
      hasAt = true
      if index < end, octets[index] == UInt8(ascii: "[") {
        // An address literal, in which a colon is no group's.
        while index < end, octets[index] != UInt8(ascii: "]"), octets[index] != .comma,
          !octets[index].isWhite
        {
          index += 1
        }
      }
    case .colon, .equals: break
    default:
      while index < end, !Self.endsAtom(octets[index]) { index += 1 }
    }
    add(octets, start..<index)
  }

  private static func endsAtom(_ octet: UInt8) -> Bool {
    switch octet {
    case .space, .tab, .carriageReturn, .lineFeed, .comma, .semicolon, .colon, .at, .equals, .quote,
      UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("):
      true
    default: false
    }
  }

  private mutating func readComment(_ octets: Span<UInt8>) {
    guard let close = octets.endOfComment(from: index, to: end) else {
      unclosedComments += 1
      readAtom(octets)
      return
    }
    if comment == nil || close - index > 2 { comment = index + 1..<close - 1 }
    index = close
    isBehindSpace = true
  }

  private mutating func readQuoted(_ octets: Span<UInt8>) {
    var close = index + 1
    while close < end, octets[close] != .quote { close += octets[close] == .backslash ? 2 : 1 }
    guard close < end else {
      quotesClose = false
      return
    }
    addSpace(before: .quote)
    plain.append(octets, index..<close + 1)
    index += 1
    while index < close {
      if octets[index] == .backslash { index += 1 }
      phrase.append(octets[index])
      index += 1
    }
    index = close + 1
    isQuoted = true
  }

  /// `<...>`, without white space and comments; up to a comma if it is not closed.
  private mutating func readRoute(_ octets: Span<UInt8>) {
    index += 1
    var address: [UInt8] = []
    while index < end, octets[index] != UInt8(ascii: ">") {
      let octet = octets[index]
      if octet == .comma || octet == .semicolon, address.first != .at { break }
      if octet == UInt8(ascii: "("), commentsClose {
        if let close = octets.endOfComment(from: index, to: end) {
          index = close
          continue
        }
        unclosedComments += 1
      }
      if octet == .quote, quotesClose {
        var close = index + 1
        while close < end, octets[close] != .quote { close += octets[close] == .backslash ? 2 : 1 }
        if close < end {
          address.append(octets, index..<close + 1)
          index = close + 1
          continue
        }
        quotesClose = false
      }
      if octet == UInt8(ascii: "<") {
        address.removeAll(keepingCapacity: true)
      } else if !octet.isWhite {
        address.append(octet)
      }
      index += 1
    }
    if index < end, octets[index] == UInt8(ascii: ">") { index += 1 }
    // A source route (RFC 5322 §4.4) is left out.
    if address.first == .at, let colon = address.lastIndex(of: .colon) {
      address.removeSubrange(...colon)
    }
    if route == nil || route?.isEmpty == true { route = address }
    isBehindSpace = true
  }

  private mutating func startAddress() {
    phrase.removeAll(keepingCapacity: true)
    plain.removeAll(keepingCapacity: true)
    (hasGap, hasAt, isQuoted, isBehindSpace) = (false, false, false, false)
    (comment, route) = (nil, nil)
  }

  /// Ends an address and begins the next; false if there are too many.
  private mutating func endAddress(_ octets: Span<UInt8>, _ list: inout AddressList) -> Bool {
    defer { startAddress() }
    var name: [UInt8] = []
    var address: [UInt8] = []
    if let route {
      name = self.name()
      address = valid(route)
    } else if !hasGap, hasAt || !isQuoted {
      address = valid(plain)
    } else {
      name = self.name()
    }
    if name.isEmpty, !address.isEmpty, let comment {
      var decoder = HeaderTextDecoder()
      decoder.decode(octets, octets.trimmed(comment), rawCharset: rawCharset, into: &name)
    }
    guard !(name.isEmpty && address.isEmpty) else { return true }
    guard list.addresses.count < Limits.addresses else {
      list.isCut = true
      return false
    }
    list.addresses.append(Address(name: name, address: address, group: group))
    return true
  }

  /// The phrase, decoded.
  private func name() -> [UInt8] {
    var name: [UInt8] = []
    if !phrase.isEmpty {
      var decoder = HeaderTextDecoder()
      let span = phrase.span
      decoder.decode(span, span.trimmed(0..<span.count), rawCharset: rawCharset, into: &name)
      name.removeTrailingWhite()
    }
    return name
  }

  private func valid(_ octets: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.append(octets.span, charset: rawCharset)
    text.removeAll { $0 < .space || $0 == 0x7F }
    return text
  }
}
