// The content of a message as it is sent: RFC 5321 §4.5.2 and §2.3.8, RFC 3030.
//
// What is sent as lines has CR LF behind each of them, the last one too: a bare CR gets an LF behind it, a
// bare LF a CR in front of it. So nothing that is sent holds an end that only some servers see
// (CVE-2023-51764, -51765, -51766). Behind DATA a dot that begins a line is doubled.
//
// The content is not copied: the encoder says which octets are to be put in front of which range of it.

import Octets

struct ContentEncoder: Sendable {
  enum Format: Sendable {
    /// Lines behind DATA.
    case dotStuffed
    /// Lines in chunks.
    case lines
    /// Any octets in chunks.
    case binary
  }

  private enum Place {
    case lineStart
    case inLine
    case afterCarriageReturn
  }

  let format: Format
  private var place = Place.lineStart

  init(format: Format) { self.format = format }

  /// What is to be sent of `content`, which ends at `end`, from `position` on: octets that it lacks, and a
  /// range of it. Moves `position` to the end of the range. Nil where nothing is left.
  mutating func next(
    _ content: Span<UInt8>, _ position: inout Int, to end: Int
  ) -> (missing: StaticString, range: Range<Int>)? {
    let start = position
    guard start < end else { return nil }
    if format == .binary {
      position = end
      return ("", start..<end)
    }
    let missing = missing(before: content[start])
    take(content[start])
    position = endOfRange(content, from: start + 1, to: end)
    return (missing, start..<position)
  }

  /// What the content lacks at its end.
  var missingAtEnd: StaticString {
    switch place {
    case _ where format == .binary, .lineStart: ""
    case .inLine: "\r\n"
    case .afterCarriageReturn: "\n"
    }
  }

  /// Octets that `content` from `position` on has when it is sent, and whether it is the last.
  func length(of content: Span<UInt8>, from position: Int, isLast: Bool) -> Int {
    var (encoder, position) = (self, position)
    var length = content.count - position
    while let (missing, _) = encoder.next(content, &position, to: content.count) {
      length += missing.utf8CodeUnitCount
    }
    return isLast ? length + encoder.missingAtEnd.utf8CodeUnitCount : length
  }

  private func missing(before octet: UInt8) -> StaticString {
    let isStuffed = format == .dotStuffed && octet == UInt8(ascii: ".")
    return switch place {
    case .lineStart: octet == .lineFeed ? "\r" : isStuffed ? "." : ""
    case .inLine: octet == .lineFeed ? "\r" : ""
    case .afterCarriageReturn: octet == .lineFeed ? "" : isStuffed ? "\n." : "\n"
    }
  }

  private mutating func take(_ octet: UInt8) {
    place =
      octet == .carriageReturn ? .afterCarriageReturn : octet == .lineFeed ? .lineStart : .inLine
  }

  /// Takes octets up to the first that something has to stand in front of.
  private mutating func endOfRange(_ content: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var index = start
    while index < end {
      if case .inLine = place, content[index] != .lineFeed {
        var next = content.endOfWholeLines(from: index, to: end)
        if next == index { next = content.firstLineEndOctet(from: index, to: end) }
        if next > index {
          take(content[next - 1])
          index = next
          continue
        }
      }
      if missing(before: content[index]).utf8CodeUnitCount > 0 { return index }
      take(content[index])
      index += 1
    }
    return end
  }
}
