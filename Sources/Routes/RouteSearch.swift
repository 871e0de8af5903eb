// Finds the line of SMTP_ROUTES that counts for an address. A line is `PATTERN: TARGET`, a comment that begins with `#`,
// or empty; it ends in LF or CR LF.
//
// The file may have 100,000 lines and is searched for each recipient, so lines are not looked at one by one: 32 octets at a
// time are compared with the LF in front of a pattern and with two octets of the pattern. Lines with quotes or UTF-8, which
// can say the same pattern in several ways, are parsed.

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
  /// A line with more octets than this is wrong. `look` may be given its first octets alone, if they are more.
  public static let longestLine = 4096

  /// What fits the address, the most specific first.
  private let patterns: [RoutePattern]
  /// The patterns as they are written, one behind the other.
  private let text: [UInt8]
  private let keys: [Key]
  /// The last octets of the local part, without its tag.
  private let beforeLast: Mark
  private let last: Mark
  /// The last octet of the first label of the domain.
  private let domain: Mark
  /// How far behind the LF a mark can be.
  private let reach: Int
  /// How many lines earlier pieces of the file had.
  private var linesBefore = 0
  /// The most specific line so far, and where its pattern stands among `patterns`.
  private var best: (rank: Int, line: Int, text: [UInt8], isTooLong: Bool)?
  /// Another line with the same pattern.
  private var second: Int?

  /// A pattern as it is written: where it stands in `text`.
  private struct Key {
    let start: Int
    let count: Int
    /// The last octet of the local part, or of the first label of the domain, and where it is.
    let octet: UInt8
    let mark: Int

    init(_ octets: [UInt8], at start: Int) {
      self.start = start
      count = octets.count
      let end = octets.dropFirst().firstIndex { $0 == .at || $0 == UInt8(ascii: ".") }
      mark = (end ?? count) - 1
      octet = octets[mark]
    }
  }

  /// An octet that patterns have at the same place: by it most lines are told apart from them.
  private struct Mark {
    /// Where it is; the LF in front of the line is at 0.
    let offset: Int
    let octet: UInt8

    /// The last octet of what lines begin with, the LF included.
    init(_ start: [UInt8]) {
      offset = start.count - 1
      octet = start[offset]
    }

    /// Lines that have it, or one that differs in bits of `fold`.
    @inline(__always)
    func lines(_ bytes: RawSpan, _ index: Int, fold: UInt8) -> SIMD4<UInt64> {
      unsafe equal(bytes.words(at: index &+ offset) | repeating(fold), octet | fold)
    }
  }

  /// `isOurs` says whether the domain of the address is one of ours.
  public init(for address: LocalAddress, isOurs: Bool) {
    self.init(
      RoutePattern.fitting(address, isOurs: isOurs),
      address.untagged ?? address.localPart, address.domain)
  }

  /// Looks for the line `*`.
  public static var forElsewhere: RouteSearch { RouteSearch([.elsewhere], [], []) }

  private init(_ patterns: [RoutePattern], _ localPart: [UInt8], _ domain: [UInt8]) {
    self.patterns = patterns
    var text: [UInt8] = []
    keys = patterns.map { pattern in
      let key = Key(pattern.octets, at: text.count)
      text += pattern.octets
      return key
    }
    self.text = text
    last = Mark([.lineFeed] + localPart)
    beforeLast = Mark([.lineFeed] + localPart.dropLast())
    self.domain = Mark([.lineFeed] + domain.prefix { $0 != UInt8(ascii: ".") })
    reach = max(last.offset, self.domain.offset, 1)
  }

  /// The route that counts; nil if there is none. Throws if the line is wrong.
  public func route() throws(RouteFault) -> MailRoute? {
    guard let best else { return nil }
    if let second {
      throw RouteFault(
        line: second,
        reason: "\(shown(patterns[best.rank].octets)) stands in line \(best.line) already")
    }
    if best.isTooLong { throw RouteFault(line: best.line, reason: Self.tooLong) }
    do throws(RouteTarget.Malformed) {
      return MailRoute(line: best.line, target: try RouteTarget(best.text), text: best.text)
    } catch {
      throw RouteFault(line: best.line, reason: error.reason)
    }
  }

  static var tooLong: String { "at most \(longestLine) octets expected in a line" }

  /// Looks at some lines. `octets` has a LF in front of each line and one behind the last.
  public mutating func look(in octets: Span<UInt8>) {
    var index = 0
    /// What is in front of this was looked at.
    var seen = 0
    while let piece = nextPiece(octets, from: index) {
      index = piece.start + 32
      if hasHighBit(piece.special) {
        seen = look(at: octets, linesIn: piece.start..<index, behind: seen)
        continue
      }
      for word in 0..<4 {
        var rest = UInt64(littleEndian: piece.isLike[word])
        while rest != 0 {
          let octet = rest.trailingZeroBitCount / 8
          let start = piece.start + word * 8 + octet + 1
          seen = look(at: octets, lineFrom: start) ?? seen
          rest &= ~(0xFF << UInt64(octet * 8))
        }
      }
    }
    let rest = max(index, octets.count - 32 - reach)
    _ = look(at: octets, linesIn: rest..<octets.count, behind: seen)
    linesBefore += lineFeeds(in: octets, 1..<octets.count)
  }

  /// 32 octets that have the LF in front of a line to look at, or quotes or UTF-8.
  private struct Piece {
    let start: Int
    /// An octet is 255 where such a LF is, else 0.
    let isLike: SIMD4<UInt64>
    /// The highest bit of an octet is 1 where quotes or UTF-8 are.
    let special: SIMD4<UInt64>
  }

  /// Nil where less than 32 octets and what marks need are left. A function of its own, without calls, so that everything
  /// stays in registers.
  @inline(never)
  private func nextPiece(_ octets: Span<UInt8>, from start: Int) -> Piece? {
    let bytes = unsafe octets.bytes
    let (last, beforeLast, domain) = (last, beforeLast, domain)
    // The first octet of `.domain` and of `*`, which differ in one bit.
    let wide = Mark([.lineFeed, UInt8(ascii: "*")])
    let end = octets.count - 32 - reach
    var index = start
    while index < end {
      let piece = unsafe bytes.words(at: index)
      // Letters without case.
      let isAddress =
        last.lines(bytes, index, fold: 0x20) & beforeLast.lines(bytes, index, fold: 0x20)
      let isDomain = domain.lines(bytes, index, fold: 0x20) | wide.lines(bytes, index, fold: 0x04)
      let isLike = (isAddress | isDomain) & equal(piece, .lineFeed)
      let special = equal(piece, .quote) | piece
      if hasHighBit(isLike | special) {
        return Piece(start: index, isLike: isLike, special: special)
      }
      index &+= 32
    }
    return nil
  }

  /// Looks at the lines that have octets in `range` and end behind `seen`. Returns where the last of them ends.
  private mutating func look(
    at octets: Span<UInt8>, linesIn range: Range<Int>, behind seen: Int
  ) -> Int {
    guard range.upperBound > seen, range.lowerBound < octets.count else { return seen }
    var start = max(range.lowerBound, seen)
    while start > seen, octets[start] != .lineFeed { start -= 1 }
    var seen = start
    while start < range.upperBound, start + 1 < octets.count {
      let end = end(of: start + 1, in: octets)
      if isSpecial(octets, start + 1..<end) {
        parse(octets, start + 1..<end)
      } else {
        _ = look(at: octets, lineFrom: start + 1)
      }
      start = end
      seen = end
    }
    return seen
  }

  /// Where the line ends that begins at `start`.
  private func end(of start: Int, in octets: Span<UInt8>) -> Int {
    var end = start
    while end < octets.count, octets[end] != .lineFeed { end += 1 }
    return end
  }

  /// Whether quotes or UTF-8 stand in front of the first colon.
  private func isSpecial(_ octets: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var index = range.lowerBound
    while index < range.upperBound, octets[index] != .colon {
      if octets[index] == .quote || octets[index] >= 0x80 { return true }
      index += 1
    }
    return false
  }

  /// Looks at a line whose pattern can be written in several ways.
  private mutating func parse(_ octets: Span<UInt8>, _ range: Range<Int>) {
    var range = range
    if linesBefore == 0, range.lowerBound == 1, octets.hasByteOrderMark(at: 1) {
      range = range.dropFirst(3)
    }
    guard let first = range.first, octets[first] != UInt8(ascii: "#"),
      !octets[first].isBlank, let colon = RouteLine.colon(of: octets, range),
      let pattern = RoutePattern(octets.copy(octets.trimmed(range.lowerBound..<colon))),
      let rank = patterns.firstIndex(of: pattern)
    else { return }
    note(rank, octets, range, colon)
  }

  /// Looks at a line whose pattern is written as the keys are. Returns where it ends, if it has one of them.
  private mutating func look(at octets: Span<UInt8>, lineFrom start: Int) -> Int? {
    if octets[start] == UInt8(ascii: "#") { return nil }
    for (rank, key) in keys.enumerated() {
      if let colon = colon(behind: key, in: octets, from: start) {
        // An address that needs quotes is no pattern without them.
        let last = octets.trimmed(start..<colon).upperBound
        guard RoutePattern(octets.copy(start..<last)) == patterns[rank] else { return nil }
        let end = end(of: colon, in: octets)
        note(rank, octets, start..<end, colon)
        return end
      }
    }
    return nil
  }

  /// Where the colon behind a key stands; nil if the line does not begin with the key.
  private func colon(behind key: Key, in octets: Span<UInt8>, from start: Int) -> Int? {
    var index = start + key.count
    guard index < octets.count, octets[index] == .colon || octets[index].isBlank,
      // Most lines end here.
      octets[start + key.mark].lowercased == key.octet
    else { return nil }
    for offset in 0..<key.count
    where octets[start + offset].lowercased != text[key.start + offset] {
      return nil
    }
    while index < octets.count, octets[index].isBlank { index += 1 }
    return index < octets.count && octets[index] == .colon ? index : nil
  }

  private mutating func note(
    _ rank: Int, _ octets: Span<UInt8>, _ range: Range<Int>, _ colon: Int
  ) {
    if let best, best.rank < rank || best.rank == rank && second != nil { return }
    let line = linesBefore + 1 + lineFeeds(in: octets, 1..<range.lowerBound)
    if let best, best.rank == rank {
      second = line
      return
    }
    second = nil
    let text = octets.copy(octets.trimmed(colon + 1..<range.upperBound))
    best = (rank, line, text, range.count > Self.longestLine)
  }
}

private func lineFeeds(in octets: Span<UInt8>, _ range: Range<Int>) -> Int {
  let bytes = unsafe octets.bytes
  var count = 0
  var index = range.lowerBound
  while range.upperBound - index >= 32 {
    // A counter in each octet, which has room for 255.
    var counters = SIMD4<UInt64>()
    for _ in 0..<min(255, (range.upperBound - index) / 32) {
      let isFeed = unsafe equal(bytes.words(at: index), .lineFeed)
      counters &+= isFeed & SIMD4(repeating: 0x0101_0101_0101_0101)
      index += 32
    }
    for word in 0..<4 {
      let pairs =
        (counters[word] & 0x00FF_00FF_00FF_00FF) &+ ((counters[word] >> 8) & 0x00FF_00FF_00FF_00FF)
      count += Int((pairs &* 0x0001_0001_0001_0001) >> 48)
    }
  }
  while index < range.upperBound {
    if octets[index] == .lineFeed { count += 1 }
    index += 1
  }
  return count
}

extension RawSpan {
  /// 32 octets, which must be there.
  @inline(__always)
  @unsafe fileprivate func words(at offset: Int) -> SIMD4<UInt64> {
    assert(offset >= 0 && offset + 32 <= byteCount)
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: SIMD4<UInt64>.self)
  }
}

/// A mask: each octet is 255 where the words have this octet, else 0. (Masks of vectors with 32 elements go through them one by one,
/// which takes a hundred times as long.)
@inline(__always)
private func equal(_ words: SIMD4<UInt64>, _ octet: UInt8) -> SIMD4<UInt64> {
  let mask =
    unsafe unsafeBitCast(words, to: SIMD32<UInt8>.self)
    .== unsafeBitCast(repeating(octet), to: SIMD32<UInt8>.self)
  return unsafe unsafeBitCast(mask, to: SIMD4<UInt64>.self)
}

@inline(__always)
private func repeating(_ octet: UInt8) -> SIMD4<UInt64> {
  SIMD4(repeating: UInt64(octet) &* 0x0101_0101_0101_0101)
}

@inline(__always)
private func hasHighBit(_ words: SIMD4<UInt64>) -> Bool {
  (words[0] | words[1] | words[2] | words[3]) & 0x8080_8080_8080_8080 != 0
}

func shown(_ octets: [UInt8]) -> String {
  String(
    decoding: octets.prefix(100).map { $0 < 0x20 || $0 == 0x7F ? .question : $0 }, as: UTF8.self)
}
