// Looks for an address in the lines of a file that says who exists here. A line is one of these:
//
//     user@example.org    an address
//     user                this local part at every domain of ours
//     @example.org        every local part at a domain
//     # a comment
//
// It begins with the address. Spaces and tabs may stand at its end. It ends in LF or CR LF. A line that is none of
// these finds nobody.
//
// The file may have 100,000 lines and is searched for each recipient, so lines are not looked at one by one: 32 octets at
// a time are compared with the first and the last octet of the local part and with the LF in front of it. Lines with
// quotes or UTF-8, which can say the same address in several ways, are parsed.

import Octets
import SMTP

struct RecipientSearch {
  private let address: LocalAddress

  init(for address: LocalAddress) { self.address = address }

  /// Whether one of the lines has the address. `octets` has a LF in front of each line and one behind the last.
  func finds(in octets: Span<UInt8>) -> Bool {
    guard let first = address.localPart.first, let last = address.localPart.last else {
      return false
    }
    let distance = address.localPart.count
    let bytes = unsafe octets.bytes
    let feeds = SIMD32<UInt8>(repeating: .lineFeed)
    let firsts = SIMD32<UInt8>(repeating: first)
    let capitalFirsts = SIMD32<UInt8>(repeating: first.uppercased)
    let lasts = SIMD32<UInt8>(repeating: last)
    let capitalLasts = SIMD32<UInt8>(repeating: last.uppercased)
    let signs = SIMD32<UInt8>(repeating: UInt8(ascii: "@"))
    let quotes = SIMD32<UInt8>(repeating: UInt8(ascii: "\""))
    var index = 0
    while octets.count - index >= 32 + distance {
      let piece = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
      let starts = unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: index + 1, as: SIMD32<UInt8>.self)
      let ends = unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: index + distance, as: SIMD32<UInt8>.self)
      let isFeed = words(piece .== feeds)
      let isFirst = words((starts .== firsts) .| (starts .== capitalFirsts))
      let isLast = words((ends .== lasts) .| (ends .== capitalLasts))
      let isSign = words(starts .== signs)
      let isQuote = words(piece .== quotes)
      let octetsOfPiece = unsafe unsafeBitCast(piece, to: SIMD4<UInt64>.self)
      var isSpecial: UInt64 = 0
      var isLike = SIMD4<UInt64>()
      for word in 0..<4 {
        isSpecial |= isQuote[word] | octetsOfPiece[word] & 0x8080_8080_8080_8080
        isLike[word] = isFeed[word] & (isFirst[word] & isLast[word] | isSign[word])
      }
      if isSpecial != 0 {
        if findsParsing(octets, index..<index + 32) { return true }
      } else if isLike != .zero {
        for word in 0..<4 {
          // Each octet of a word is 0 or 255, the first octet in the lowest bits.
          var rest = UInt64(littleEndian: isLike[word])
          while rest != 0 {
            let octet = rest.trailingZeroBitCount / 8
            if hasAddress(octets, from: index + word * 8 + octet + 1) { return true }
            rest &= ~(0xFF << UInt64(octet * 8))
          }
        }
      }
      index += 32
    }
    return findsParsing(octets, index..<octets.count)
  }

  /// Whether a line of plain ASCII that begins at `start` has the address.
  private func hasAddress(_ octets: Span<UInt8>, from start: Int) -> Bool {
    guard start < octets.count, octets[start] != UInt8(ascii: "#") else { return false }
    let domain = address.domain
    if octets[start] == UInt8(ascii: "@") {
      return has(octets, domain, at: start + 1) && isEnd(octets, start + 1 + domain.count)
    }
    guard has(octets, address.localPart, at: start) else { return false }
    let end = start + address.localPart.count
    if isEnd(octets, end) { return true }
    return octets[end] == UInt8(ascii: "@") && has(octets, domain, at: end + 1)
      && isEnd(octets, end + 1 + domain.count)
  }

  /// Whether `word`, which is in lower case, stands at `start`, and something behind it. The end differs most often.
  private func has(_ octets: Span<UInt8>, _ word: [UInt8], at start: Int) -> Bool {
    guard !word.isEmpty, octets.count - start > word.count else { return false }
    var index = word.count
    while index > 0 {
      index -= 1
      if octets[start + index].lowercased != word[index] { return false }
    }
    return true
  }

  /// Whether nothing but blanks stands from `start` to the end of the line.
  private func isEnd(_ octets: Span<UInt8>, _ start: Int) -> Bool {
    var index = start
    while index < octets.count, octets[index] != .lineFeed {
      guard octets[index].isWhite else { return false }
      index += 1
    }
    return true
  }

  /// Whether a line, some of whose octets are in `range`, has the address, however it is written.
  private func findsParsing(_ octets: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var start = range.lowerBound
    guard start < octets.count else { return false }
    while start > 0, octets[start] != .lineFeed { start -= 1 }
    while start < range.upperBound {
      var end = start + 1
      while end < octets.count, octets[end] != .lineFeed { end += 1 }
      if end < octets.count, let line = RecipientLine(octets.copy(start + 1..<end)),
        line.means(address)
      {
        return true
      }
      start = end
    }
    return false
  }
}

/// A line that says who exists.
enum RecipientLine: Equatable {
  case address(LocalAddress)
  /// As in `LocalAddress`.
  case localPart([UInt8])
  /// As `Configuration.domain` makes it.
  case domain([UInt8])

  /// Nil if the line is none of these. Give no comment, and no empty line.
  init?(_ line: [UInt8]) {
    let text = Array(line[..<((line.lastIndex { !$0.isWhite }.map { $0 + 1 }) ?? 0)])
    guard let first = text.first, first != UInt8(ascii: "#") else { return nil }
    if first == UInt8(ascii: "@") {
      guard let domain = Configuration.domain(Array(text.dropFirst())) else { return nil }
      self = .domain(domain)
    } else if let mailbox = Mailbox(text), !mailbox.domain.isEmpty {
      guard let address = LocalAddress(mailbox) else { return nil }
      self = .address(address)
    } else {
      guard let mailbox = LocalName.mailbox(text, at: [UInt8(ascii: "x")]),
        let address = LocalAddress(mailbox)
      else { return nil }
      self = .localPart(address.localPart)
    }
  }

  func means(_ address: LocalAddress) -> Bool {
    switch self {
    case .address(let own): own == address
    case .localPart(let localPart): localPart == address.localPart
    case .domain(let domain): domain == address.domain
    }
  }
}

/// The mask as words, each octet of which is 0 or 255. (`&`, `|` and `>=` of vectors with 32 elements go through them one by
/// one, which takes a hundred times as long.)
@inline(__always)
private func words(_ mask: SIMDMask<SIMD32<Int8>>) -> SIMD4<UInt64> {
  unsafe unsafeBitCast(mask, to: SIMD4<UInt64>.self)
}
