// Where a server's reply ends and what it says: RFC 5321 §4.2. Nothing of a reply is left in the input, so
// that its length costs no memory: of its text the beginning is kept.
//
// A reply that breaks the grammar is malformed, and nothing that follows it can be trusted: if it were
// skipped, each later reply would be taken for one to another command. What is forgiven can be read in one way only:
// a line that ends in LF alone where the caller says so, empty lines, a code without text or with a tab behind it, and
// several codes in a reply, of which the last counts.

import Octets

struct ReplyReader: Sendable {
  /// Octets that a reply may have, on all of its lines together.
  static let maximumOctets = 262_144
  static let maximumLines = 1000
  /// Empty lines in front of a line of a reply.
  static let maximumEmptyLines = 10
  /// Octets that are kept of a line, and of the text of a whole reply.
  static let lineLimit = 1024
  static let textLimit = 1024

  enum Finding {
    case line(isFirst: Bool, isLast: Bool)
    case malformed
    /// All input is used up.
    case needInput
  }

  private enum Place {
    case digit(Int)
    /// Behind the CR of an empty line.
    case inEmptyLine
    case mark
    case text
    case afterCarriageReturn
  }

  private var place = Place.digit(0)
  private var isLast = true
  private var lines = 0
  private var octets = 0
  private var emptyLines = 0
  /// Whether LF alone ends a line.
  var takesLineFeed = false
  /// Whether the last line has ended so.
  private(set) var endedInLineFeed = false
  /// The three digits of this line so far.
  private var number = 0

  /// The code of the reply, of which a line has been read.
  private(set) var code = 0
  /// The line behind its code, cut.
  private(set) var line: [UInt8] = []
  /// The text of the lines so far, without their enhanced status code and with spaces between them.
  private(set) var text: [UInt8] = []
  /// The enhanced status code, if a line has one of the reply's class (RFC 2034 §4); of several the last.
  private(set) var status: EnhancedStatusCode?

  /// Whether a reply has begun and not ended.
  var isWithinReply: Bool { octets > 0 }

  mutating func next(in input: Span<UInt8>, _ position: inout Int) -> Finding {
    if lines == 0, octets == 0 {
      text = []
      status = nil
    }
    while position < input.count {
      let octet = input[position]
      switch place {
      case .digit(0) where octet == .carriageReturn || octet == .lineFeed && takesLineFeed:
        emptyLines += 1
        guard emptyLines <= Self.maximumEmptyLines else { return .malformed }
        if octet == .carriageReturn { place = .inEmptyLine }
        position += 1
        continue
      case .inEmptyLine:
        guard octet == .lineFeed else { return .malformed }
        place = .digit(0)
        position += 1
        continue
      case .digit(let index):
        guard octet.isDigit else { return .malformed }
        number = (index == 0 ? 0 : number * 10) + Int(octet - UInt8(ascii: "0"))
        place = index == 2 ? .mark : .digit(index + 1)
        line = []
      case .mark:
        guard 200...599 ~= number else { return .malformed }
        code = number
        isLast = octet != UInt8(ascii: "-")
        switch octet {
        case .space, UInt8(ascii: "-"), UInt8(ascii: "\t"): place = .text
        case .carriageReturn: place = .afterCarriageReturn
        case .lineFeed where takesLineFeed:
          position += 1
          return endLine(inLineFeed: true)
        default: return .malformed
        }
      case .text:
        let end = input.firstLineEndOctet(from: position, to: input.count)
        keep(input, position..<end)
        octets += end - position
        position = end
        guard octets < Self.maximumOctets else { return .malformed }
        if end == input.count { return .needInput }
        guard input[end] == .carriageReturn else {
          guard takesLineFeed else { return .malformed }
          position += 1
          return endLine(inLineFeed: true)
        }
        place = .afterCarriageReturn
      case .afterCarriageReturn:
        guard octet == .lineFeed else {  // the CR was text
          place = .text
          continue
        }
        position += 1
        return endLine(inLineFeed: false)
      }
      octets += 1
      position += 1
    }
    return .needInput
  }

  private mutating func keep(_ input: Span<UInt8>, _ range: Range<Int>) {
    let end = min(range.upperBound, range.lowerBound + Self.lineLimit - line.count)
    for index in range.lowerBound..<max(end, range.lowerBound) { line.append(input[index]) }
  }

  private mutating func endLine(inLineFeed: Bool) -> Finding {
    octets += 1
    endedInLineFeed = inLineFeed
    emptyLines = 0
    let (found, start) = line.span.enhancedStatusCode(ofClass: code / 100)
    let isFirst = lines == 0
    if found != nil || status?.category != code / 100 { status = found }
    if !text.isEmpty, text.count < Self.textLimit { text.append(.space) }
    for octet in line[start...].prefix(Self.textLimit - text.count) {
      text.append(octet.isPrintable ? octet : UInt8(ascii: "?"))
    }
    lines += 1
    place = .digit(0)
    if isLast {
      lines = 0
      octets = 0
    } else if lines == Self.maximumLines {
      return .malformed
    }
    return .line(isFirst: isFirst, isLast: isLast)
  }
}

extension Span<UInt8> {
  /// Whether nothing stands behind `start` but CR and LF.
  func holdsLineEndsAlone(from start: Int) -> Bool {
    for index in start..<count where self[index] != .carriageReturn && self[index] != .lineFeed {
      return false
    }
    return true
  }

  /// The enhanced status code that a line begins with, and where its text begins. One of another class than
  /// the reply's is text.
  fileprivate func enhancedStatusCode(
    ofClass category: Int
  ) -> (status: EnhancedStatusCode?, text: Int) {
    guard count >= 5, self[0] == UInt8(ascii: "0") + UInt8(category), category != 3,
      self[1] == UInt8(ascii: "."), let (subject, dot) = shortNumber(from: 2),
      octet(at: dot, is: UInt8(ascii: ".")), let (detail, end) = shortNumber(from: dot + 1),
      end == count || self[end] == .space
    else { return (nil, 0) }
    return (EnhancedStatusCode(category, subject, detail), Swift.min(end + 1, count))
  }

  /// One to three digits.
  private func shortNumber(from start: Int) -> (number: Int, end: Int)? {
    var index = start
    return decimal(from: &index, to: Swift.min(start + 3, count)).map { ($0, index) }
  }
}
