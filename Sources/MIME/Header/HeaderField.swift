// Header fields (RFC 5322 §2.2): where each stands, in order, duplicates kept. Nothing is copied; what a field
// means is asked of it when it is wanted (the other files of this folder).
//
// Forgiven: white space in front of the colon (RFC 5322 §4.5), octets above ASCII in a name, lines that are no
// field and continue none (they are skipped), lines of any length.

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
  private let lineEnds: LineEnds
  private var fields = 0
  /// Whether there were more octets or fields than `Limits` has; they are left out.
  public private(set) var isCut = false

  /// Reads `section` of the message `octets`: `Part.header`, or any octets that begin with a header section.
  public init(_ octets: Span<UInt8>, _ section: Range<Int>) {
    self.init(section, LineEnds(of: octets))
  }

  /// Whether a field has come.
  var hasFields: Bool { fields > 0 }

  init(_ section: Range<Int>, _ lineEnds: LineEnds) {
    (position, start, end) = (section.lowerBound, section.lowerBound, section.upperBound)
    self.lineEnds = lineEnds
  }

  enum Line {
    case field(HeaderField)
    case skipped
    /// The blank line, behind which the body begins, or the end of the section.
    case end
  }

  /// The next field, or nil at the end.
  public mutating func next(_ octets: Span<UInt8>) -> HeaderField? {
    while true {
      switch nextLine(octets) {
      case .field(let field): return field
      case .skipped: if isCut { return nil }
      case .end: return nil
      }
    }
  }

  /// Goes over one line with its continuations.
  mutating func nextLine(_ octets: Span<UInt8>) -> Line {
    guard position < end else { return .end }
    let lineStart = position
    var (content, next) = lineEnds.line(in: octets, from: lineStart, to: end)
    position = next
    if content == lineStart { return .end }
    while next < end, octets[next].isBlank {
      (content, next) = lineEnds.line(in: octets, from: next, to: end)
    }
    position = next
    if fields == Limits.fields || lineStart - start >= Limits.header {
      isCut = true
      return .skipped
    }
    var index = lineStart
    while index < content, octets[index] > .space, octets[index] != .colon, octets[index] != 0x7F {
      index += 1
    }
    let name = lineStart..<index
    while index < content, octets[index].isBlank { index += 1 }
    guard !name.isEmpty, index < content, octets[index] == .colon else { return .skipped }
    fields += 1
    if content - start > Limits.header {
      isCut = true
      content = max(index + 1, start + Limits.header)
    }
    return .field(HeaderField(name: name, value: index + 1..<content))
  }
}
