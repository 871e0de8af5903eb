// Finds the line of SMTP_ROUTES that counts for an address. A line is `PATTERN: TARGET`, a comment that begins with `#`,
// or empty; it ends in LF or CR LF.
//
// The file may have 100,000 lines and is searched for each recipient, so lines are not read one by one: line ends are
// looked for 32 octets at a time, and only lines that have a colon where one of the patterns ends are compared. Lines with quotes or
// UTF-8 in front of the colon, which can say the same pattern in several ways, are parsed.

import Octets
public import SMTP

/// A line that counts for an address.
public struct MailRoute: Equatable, Sendable {
  /// Counted from 1.
  public let line: Int
  public let target: RouteTarget
  /// The target as it is written.
  public let text: [UInt8]

  public init(line: Int, target: RouteTarget, text: [UInt8]) {
    (self.line, self.target, self.text) = (line, target, text)
  }

  /// What logs and lists call the target: without what may be a secret in a URL, its path and password.
  public var name: [UInt8] {
    guard case .post(let url, let isJSON) = target else { return text }
    return Array((isJSON ? "post-json " : "post ").utf8) + RouteTarget.host(of: url)
  }
}

/// What is wrong with a line. Counted from 1.
public struct RouteFault: Error, Equatable, Sendable {
  public let line: Int
  public let reason: String

  public init(line: Int, reason: String) { (self.line, self.reason) = (line, reason) }
}

public struct RouteSearch: Sendable {
  /// A line with more octets than this is not found.
  public static let longestLine = 4096

  /// What fits the address, the most specific first.
  private let patterns: [RoutePattern]
  /// The patterns as they are written, one behind the other.
  private let text: [UInt8]
  private let keys: [Key]
  /// How many lines have begun.
  private var line = 0
  /// The most specific line so far, and where its pattern stands among `patterns`.
  private var best: (rank: Int, line: Int, text: [UInt8])?
  /// Another line with the same pattern.
  private var second: Int?

  /// A pattern. Lines are like each other: most are told apart by where the colon is, or by the last octet of the local part
  /// or of the domain, which stands at `mark`.
  private struct Key {
    let start: Int
    let count: Int
    let mark: Int
    let octet: UInt8
  }

  /// `isOurs` says whether the domain of the address is one of ours.
  public init(for address: LocalAddress, isOurs: Bool) {
    self.init(RoutePattern.fitting(address, isOurs: isOurs))
  }

  /// Looks for the line `*`.
  public static var forElsewhere: RouteSearch { RouteSearch([.elsewhere]) }

  private init(_ patterns: [RoutePattern]) {
    self.patterns = patterns
    var text: [UInt8] = []
    var keys: [Key] = []
    for pattern in patterns {
      let key = pattern.octets
      let mark = max(0, (key.firstIndex(of: .at) ?? key.count) - 1)
      keys.append(Key(start: text.count, count: key.count, mark: mark, octet: key[mark]))
      text += key
    }
    (self.text, self.keys) = (text, keys)
  }

  /// The route that counts; nil if there is none. Throws if the line is wrong.
  public func route() throws(RouteFault) -> MailRoute? {
    guard let best else { return nil }
    if let second {
      throw RouteFault(
        line: second,
        reason: "\(shown(patterns[best.rank].octets)) stands in line \(best.line) already")
    }
    do throws(RouteTarget.Malformed) {
      return MailRoute(line: best.line, target: try RouteTarget(best.text), text: best.text)
    } catch {
      throw RouteFault(line: best.line, reason: error.reason)
    }
  }

  /// Looks at some lines. `octets` has a LF in front of each line and one behind the last.
  public mutating func look(in octets: Span<UInt8>) {
    let bytes = unsafe octets.bytes
    let feeds = SIMD32<UInt8>(repeating: .lineFeed)
    let quotes = SIMD32<UInt8>(repeating: .quote)
    var start = 1
    var index = 1
    /// Whether the line has quotes or UTF-8, as far as it was looked at.
    var isSpecial = false
    while octets.count - index >= 32 {
      let piece = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
      let isQuote = unsafe unsafeBitCast(piece .== quotes, to: SIMD4<UInt64>.self)
      let words = unsafe unsafeBitCast(piece, to: SIMD4<UInt64>.self)
      let special = isQuote | words & SIMD4(repeating: 0x8080_8080_8080_8080)
      let isPieceSpecial = special != .zero
      var rest = bits(unsafe unsafeBitCast(piece .== feeds, to: SIMD4<UInt64>.self))
      while rest != 0 {
        let end = index + rest.trailingZeroBitCount
        line &+= 1
        if isSpecial || isPieceSpecial {
          look(at: octets, start..<end, isSpecial: true)
        } else if mayCount(octets, start, end) {
          look(at: octets, start..<end, isSpecial: false)
        }
        start = end + 1
        isSpecial = false
        rest &= rest - 1
      }
      isSpecial = isSpecial || isPieceSpecial
      index += 32
    }
    while index < octets.count {
      if octets[index] == .lineFeed {
        line &+= 1
        look(at: octets, start..<index, isSpecial: isSpecial)
        start = index + 1
        isSpecial = false
      } else if octets[index] == .quote || octets[index] >= 0x80 {
        isSpecial = true
      }
      index += 1
    }
  }

  /// False for most lines that begin with none of the keys.
  @inline(__always)
  private func mayCount(_ octets: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    for rank in keys.indices {
      let key = keys[rank]
      let behind = start &+ key.count
      guard behind < end else { continue }
      // Both are in the line, as `mark` is below `count`.
      let octet = unsafe octets[unchecked: behind]
      guard octet == .colon || octet.isBlank else { continue }
      let mark = unsafe octets[unchecked: start &+ key.mark]
      if mark | 0x20 == key.octet | 0x20 { return true }
    }
    return false
  }

  private mutating func look(at octets: Span<UInt8>, _ range: Range<Int>, isSpecial: Bool) {
    var range = range
    if let last = range.last, octets[last] == .carriageReturn { range = range.dropLast() }
    if isSpecial, isPatternSpecial(octets, range) { return parse(octets, range) }
    for (rank, key) in keys.enumerated() {
      if let best, rank > best.rank { return }
      if let colon = colon(behind: key, in: octets, range) {
        return note(rank, octets.copy(colon + 1..<range.upperBound))
      }
    }
  }

  /// Whether quotes or UTF-8 stand in front of the first colon.
  private func isPatternSpecial(_ octets: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var index = range.lowerBound
    while index < range.upperBound, octets[index] != .colon {
      if octets[index] == .quote || octets[index] >= 0x80 { return true }
      index += 1
    }
    return false
  }

  /// Looks at a line whose pattern can be written in several ways.
  private mutating func parse(_ octets: Span<UInt8>, _ range: Range<Int>) {
    guard octets[range.lowerBound] != UInt8(ascii: "#"),
      let colon = RouteLine.colon(of: octets, range),
      let pattern = RoutePattern(octets.copy(octets.trimmed(range.lowerBound..<colon))),
      let rank = patterns.firstIndex(of: pattern)
    else { return }
    note(rank, octets.copy(colon + 1..<range.upperBound))
  }

  /// Where the colon behind a key stands; nil if the line does not begin with the key.
  private func colon(behind key: Key, in octets: Span<UInt8>, _ range: Range<Int>) -> Int? {
    let start = range.lowerBound
    var index = start + key.count
    guard index < range.upperBound else { return nil }
    for offset in 0..<key.count
    where octets[start + offset].lowercased != text[key.start + offset] {
      return nil
    }
    while index < range.upperBound, octets[index].isBlank { index += 1 }
    return index < range.upperBound && octets[index] == .colon ? index : nil
  }

  private mutating func note(_ rank: Int, _ text: [UInt8]) {
    if let best, best.rank < rank { return }
    if let best, best.rank == rank {
      second = second ?? line
      return
    }
    second = nil
    best = (rank, line, Array(text[...].trimmed()))
  }
}

/// A bit for each octet of a mask, whose octets are 0 or 255: the first octet is the lowest bit.
@inline(__always)
private func bits(_ mask: SIMD4<UInt64>) -> UInt32 {
  var bits: UInt32 = 0
  for word in 0..<4 {
    // Moves the lowest bits of eight octets side by side, into the highest octet.
    let gathered =
      (UInt64(littleEndian: mask[word]) & 0x0101_0101_0101_0101) &* 0x0102_0408_1020_4080
    bits |= UInt32(gathered >> 56) << UInt32(word * 8)
  }
  return bits
}

func shown(_ octets: [UInt8]) -> String {
  String(
    decoding: octets.prefix(100).map { $0 < 0x20 || $0 == 0x7F ? .question : $0 }, as: UTF8.self)
}
