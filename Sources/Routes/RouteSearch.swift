// Finds the line of SMTP_ROUTES that counts for an address. A line is `PATTERN: TARGET`, a comment that begins with `#`,
// or empty; it ends in LF or CR LF.
//
// The file may have 100,000 lines and is searched for each recipient, so lines are not read one by one: line ends are
// looked for 32 octets at a time, and only lines that begin as one of the patterns do are compared. Lines with quotes or
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

  /// What logs and lists call the target: without the path of a URL, which may be a secret.
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
  private let keys: [[UInt8]]
  /// Whether one of the keys begins with an octet, by the octet.
  private let begins: [Bool]
  /// How many lines have begun.
  private var line = 0
  /// The most specific line so far, and where its pattern stands among `patterns`.
  private var best: (rank: Int, line: Int, text: [UInt8])?
  /// Another line with the same pattern.
  private var second: Int?

  /// `isOurs` says whether the domain of the address is one of ours.
  public init(for address: LocalAddress, isOurs: Bool) {
    self.init(RoutePattern.fitting(address, isOurs: isOurs))
  }

  /// Looks for the line `*`.
  public static var forElsewhere: RouteSearch { RouteSearch([.elsewhere]) }

  private init(_ patterns: [RoutePattern]) {
    self.patterns = patterns
    keys = patterns.map { $0.octets }
    var begins = Array(repeating: false, count: 256)
    for key in keys {
      guard let first = key.first else { continue }
      begins[Int(first)] = true
      begins[Int(first.uppercased)] = true
    }
    self.begins = begins
  }

  /// The route that counts; nil if there is none. Throws if the line is wrong.
  public func route() throws(RouteFault) -> MailRoute? {
    guard let best else { return nil }
    if let second {
      throw RouteFault(
        line: second, reason: "\(shown(keys[best.rank])) stands in line \(best.line) already")
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
      let isFeed = unsafe unsafeBitCast(piece .== feeds, to: SIMD4<UInt64>.self)
      let isQuote = unsafe unsafeBitCast(piece .== quotes, to: SIMD4<UInt64>.self)
      let words = unsafe unsafeBitCast(piece, to: SIMD4<UInt64>.self)
      var special: UInt64 = 0
      for word in 0..<4 { special |= isQuote[word] | words[word] & 0x8080_8080_8080_8080 }
      for word in 0..<4 {
        // Each octet of a word is 0 or 255, the first octet in the lowest bits.
        var rest = UInt64(littleEndian: isFeed[word])
        while rest != 0 {
          let octet = rest.trailingZeroBitCount / 8
          let end = index + word * 8 + octet
          look(at: octets, start..<end, isSpecial: isSpecial || special != 0)
          start = end + 1
          isSpecial = false
          rest &= ~(0xFF << UInt64(octet * 8))
        }
      }
      if special != 0 { isSpecial = true }
      index += 32
    }
    while index < octets.count {
      if octets[index] == .lineFeed {
        look(at: octets, start..<index, isSpecial: isSpecial)
        start = index + 1
        isSpecial = false
      } else if octets[index] == .quote || octets[index] >= 0x80 {
        isSpecial = true
      }
      index += 1
    }
  }

  private mutating func look(at octets: Span<UInt8>, _ range: Range<Int>, isSpecial: Bool) {
    line += 1
    var range = range
    if let last = range.last, octets[last] == .carriageReturn { range = range.dropLast() }
    guard !range.isEmpty, isSpecial || begins[Int(octets[range.lowerBound])] else { return }
    guard octets[range.lowerBound] != UInt8(ascii: "#") else { return }
    for (rank, key) in keys.enumerated() {
      if let best, rank > best.rank { break }
      if let colon = end(of: key, in: octets, range) {
        return note(rank, octets.copy(colon + 1..<range.upperBound))
      }
    }
    guard isSpecial, let colon = RouteLine.colon(of: octets, range),
      case let text = octets.copy(octets.trimmed(range.lowerBound..<colon)),
      text.contains(where: { $0 == .quote || $0 >= 0x80 }),
      let pattern = RoutePattern(text), let rank = patterns.firstIndex(of: pattern)
    else { return }
    note(rank, octets.copy(colon + 1..<range.upperBound))
  }

  /// Where the colon behind a key stands; nil if the line does not begin with the key.
  private func end(of key: [UInt8], in octets: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard range.count > key.count else { return nil }
    var index = range.lowerBound + key.count
    while index < range.upperBound, octets[index].isBlank { index += 1 }
    guard index < range.upperBound, octets[index] == .colon else { return nil }
    let isHere = key.indices.allSatisfy { octets[range.lowerBound + $0].lowercased == key[$0] }
    return isHere ? index : nil
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

func shown(_ octets: [UInt8]) -> String {
  String(
    decoding: octets.prefix(100).map { $0 < 0x20 || $0 == 0x7F ? .question : $0 }, as: UTF8.self)
}
