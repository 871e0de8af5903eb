// Header fields (RFC 5322 §2.2): where each stands, in order, duplicates kept. Nothing is copied; what a field
// means is asked of it when it is wanted (the other files of this folder).
//
// A line that is no field and continues none ends the header: the body begins with it, as if the blank line had
// been forgotten.
//
// Forgiven: white space in front of the colon (RFC 5322 §4.5), octets above ASCII in a name, lines of any length, LF and
// CR CR LF as line ends, a byte order mark in front of a field, the `From ` line of a mailbox file in front of one, and a
// parameter that should be on a continuation line but begins at the margin.

import Octets

/// A field, as ranges of the octets of its message.
public struct HeaderField: Equatable, Sendable {
  /// The name, without white space.
  public let name: Range<Int>
  /// The value behind the colon, with its folds but without its last line end.
  public let value: Range<Int>

  /// Whether the name is `name`, which is given in lower case.
  public func isNamed(_ name: StaticString, in octets: Span<UInt8>) -> Bool {
    octets.matches(name, in: self.name)
  }
}

/// Reads the fields of one header section, one after the other.
public struct HeaderReader {
  private(set) var position: Int
  private let start: Int
  private let end: Int
  private let skipsJunk: Bool
  private let lineEnds = LineEnds.any
  private var fields = 0
  /// Whether there were more octets or fields than `Limits` has; they are left out.
  public private(set) var isCut = false

  /// Reads `section` of the message `octets`: `Part.header`, or any octets that begin with a header section.
  /// `skipsJunk`: a line that is no field is left out, and does not end the section.
  public init(_ octets: Span<UInt8>, _ section: Range<Int>, skipsJunk: Bool = false) {
    (position, start, end) = (section.lowerBound, section.lowerBound, section.upperBound)
    self.skipsJunk = skipsJunk
  }

  enum Line {
    case field(HeaderField)
    case skipped
    /// A line of the body, at `position`: the blank line is missing.
    case body
    /// The blank line, behind which the body begins, or the end of the section.
    case end
  }

  /// The next field, or nil at the end.
  public mutating func next(_ octets: Span<UInt8>) -> HeaderField? {
    while true {
      switch nextLine(octets) {
      case .field(let field): return field
      case .skipped: if isCut { return nil }
      case .body, .end: return nil
      }
    }
  }

  /// Goes over one line with its continuations.
  mutating func nextLine(_ octets: Span<UInt8>) -> Line {
    guard position < end else { return .end }
    let lineStart = octets.behindByteOrderMark(position, to: end)
    var (content, next) = lineEnds.line(in: octets, from: lineStart, to: end)
    if content == lineStart {
      position = next
      return .end
    }
    guard let (name, colon) = fieldName(octets, lineStart..<content) else {
      guard skipsJunk || isEnvelopeLine(octets, lineStart..<content, next: next) else {
        return .body
      }
      position = next
      return .skipped
    }
    while next < end {
      guard
        octets[next].isBlank || isParameter(octets, at: next, behind: colon + 1..<content)
      else { break }
      (content, next) = lineEnds.line(in: octets, from: next, to: end)
    }
    position = next
    if fields == Limits.fields || lineStart - start >= Limits.header {
      isCut = true
      return .skipped
    }
    fields += 1
    if content - start > Limits.header {
      isCut = true
      content = max(colon + 1, start + Limits.header)
    }
    return .field(HeaderField(name: name, value: colon + 1..<content))
  }

  /// The name that a line begins with, and where the colon behind it stands; nil if the line is no field.
  private func fieldName(
    _ octets: Span<UInt8>, _ line: Range<Int>
  ) -> (name: Range<Int>, colon: Int)? {
    var index = line.lowerBound
    while index < line.upperBound, octets[index] > .space, octets[index] != .colon,
      octets[index] != 0x7F
    {
      index += 1
    }
    let name = line.lowerBound..<index
    while index < line.upperBound, octets[index].isBlank { index += 1 }
    guard !name.isEmpty, index < line.upperBound, octets[index] == .colon else { return nil }
    // The URL that a text begins with.
    guard !octets.hasPrefix("://", at: index) else { return nil }
    return (name, index)
  }

  /// Whether a line is the `From ` line of a mailbox file (RFC 4155), with a field or another such line behind it.
  private func isEnvelopeLine(_ octets: Span<UInt8>, _ line: Range<Int>, next: Int) -> Bool {
    func begins(at start: Int, to end: Int) -> Bool {
      let start = octets[start] == UInt8(ascii: ">") ? start + 1 : start
      return end - start > 5 && octets.hasPrefix("from ", at: start)
        && octets[start] == UInt8(ascii: "F")
    }
    guard next < end, begins(at: line.lowerBound, to: line.upperBound) else { return false }
    let (content, _) = lineEnds.line(in: octets, from: next, to: end)
    return content > next
      && (fieldName(octets, next..<content) != nil || begins(at: next, to: content))
  }

  /// Whether `name=` stands at `start`, behind a value that ends with a semicolon: `Content-Disposition: attachment;`
  /// and in the next line `filename=x`.
  private func isParameter(
    _ octets: Span<UInt8>, at start: Int, behind value: Range<Int>
  ) -> Bool {
    var last = value.upperBound
    while last > value.lowerBound, octets[last - 1].isWhite { last -= 1 }
    guard last > value.lowerBound, octets[last - 1] == .semicolon, octets[start].isLetter else {
      return false
    }
    var index = start
    let limit = min(end, start + 64)
    while index < limit,
      octets[index].isLetterOrDigit || octets[index] == .hyphen
        || octets[index] == UInt8(ascii: "*")
    {
      index += 1
    }
    return index < limit && octets[index] == .equals
  }
}

extension Span<UInt8> {
  /// Where the text at `start` begins, behind a byte order mark of UTF-8 if one stands there.
  func behindByteOrderMark(_ start: Int, to end: Int) -> Int {
    end - start >= 3 && self[start] == 0xEF && self[start + 1] == 0xBB && self[start + 2] == 0xBF
      ? start + 3 : start
  }
}
