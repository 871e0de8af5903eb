// The tree of parts of a message (RFC 2046 §5), found in one pass over its octets.
//
// The octets are one span, which for a stored message is its file mapped into memory: pages come in as the
// pass reaches them and belong to the file, so that a message of 1 GB needs no more memory than its list of
// parts. (A reader fed with pieces would have to keep every line that two pieces share, and could give no
// ranges.) What is decoded is decoded in pieces: `TransferDecoder`, `CharsetDecoder`.
//
// The pass is a loop with a stack of the multiparts that are open, no recursion. It looks only at lines that
// begin with a hyphen; such a line ends the innermost open multipart that has its boundary, and everything
// inside it. The whole line has to be the boundary, but for white space behind it.

import Octets

/// The parts of a message.
public struct Structure: Equatable, Sendable {
  /// All parts, each in front of what it contains. The first is the message itself.
  public internal(set) var parts: [Part] = []
  /// What was left out.
  public internal(set) var cut: Cut = []

  /// Reads the structure of the whole message `octets`. A part of type message/rfc822 is read as a message of
  /// its own if its body is not encoded. Time is linear, memory that of the parts.
  public init(_ octets: Span<UInt8>) {
    var reader = StructureReader(octets, nil)
    reader.read(octets)
    if reader.missesBoundary, !reader.lineEnds.allowBareLineFeed {
      // Many programs end the lines of a body with LF that they put behind a header with CR LF.
      var other = StructureReader(octets, .any)
      other.read(octets)
      if !other.missesBoundary { reader = other }
    }
    (parts, cut) = (reader.parts, reader.cut)
    let charset = bodyCharset(octets)
    for index in parts.indices { parts[index].rawCharset = charset }
  }

  /// The charset of octets that the first text declares; windows-1252 if it declares another, or none.
  private func bodyCharset(_ octets: Span<UInt8>) -> Charset {
    guard let text = parts.first(where: { $0.kind.isText }) else { return .fallback }
    switch text.declaredCharset(in: octets) {
    case nil, .utf8, .ascii, .utf16LittleEndian, .utf16BigEndian, .utf7: return .fallback
    case .singleByte, .iso2022JP, .shiftJIS, .eucJP, .eucKR, .gb18030, .big5:
      return text.declaredCharset(in: octets) ?? .fallback
    }
  }

  /// The number of a part: `0` for the message, else its place in its parent behind that of its parent
  /// (`2.1`); a multipart inside another part has `.0` behind it. A multipart that is the whole of a forwarded
  /// message has the number of that message.
  public func number(of index: Int) -> [UInt8] {
    guard parts[index].parent != nil else { return [UInt8(ascii: "0")] }
    var places: [Int] = parts[index].kind.isMultipart ? [0] : []
    var next = index
    while let parent = parts[next].parent {
      if parts[parent].kind != .message || !parts[next].kind.isMultipart {
        places.append(parts[next].position)
      }
      next = parent
    }
    var text: [UInt8] = []
    for place in places.reversed() {
      if !text.isEmpty { text.append(UInt8(ascii: ".")) }
      text.append(decimal: place)
    }
    return text
  }
}

private struct StructureReader {
  var parts: [Part] = []
  var cut: Cut = []

  /// Known behind the header of the message.
  private(set) var lineEnds: LineEnds
  /// Whether the body of a multipart has no line that is its boundary.
  private(set) var missesBoundary = false
  private let areLineEndsGiven: Bool
  private let end: Int
  /// The containers that are open, outermost first.
  private var open: [Container] = []
  /// How many of them have a boundary that can still come.
  private var boundaries = 0
  /// The part without parts whose body is being passed.
  private var leaf: Int?

  private struct Container {
    let part: Int
    /// Without the two hyphens in front; empty for message/rfc822, and once it has been closed.
    var boundary: [UInt8]
    var children = 0
    /// Whether a part of it has begun. A line that closes is not enough.
    var isFound = false
  }

  private enum Boundary {
    case delimiter(container: Int, next: Int)
    case close(container: Int, next: Int)
  }

  /// `lineEnds`: those of the body; nil if they are to be found out.
  init(_ octets: Span<UInt8>, _ lineEnds: LineEnds?) {
    self.lineEnds = lineEnds ?? .any
    areLineEndsGiven = lineEnds != nil
    end = octets.count
  }

  mutating func read(_ octets: Span<UInt8>) {
    var line = begin(octets, at: 0)
    while boundaries > 0, line < end {
      if let boundary = boundary(octets, at: line) {
        line = pass(octets, boundary, at: line)
        continue
      }
      var feed = line
      repeat {
        feed = octets.firstLineWithHyphen(from: feed, to: end)
        line = feed + 1
        feed = line
      } while line < end && !lineEnds.allowBareLineFeed
        && !(line >= 2 && octets[line - 2] == .carriageReturn)
    }
    close(octets, downTo: 0, at: end)
  }

  /// Begins a part at `start`, and the message that it may contain. Returns where its body begins.
  private mutating func begin(_ octets: Span<UInt8>, at start: Int) -> Int {
    var start = start
    while true {
      var (part, boundary) = readHeader(octets, from: start)
      let index = parts.count
      start = part.body.lowerBound
      let isContainer =
        part.kind == .message && part.encoding == .identity || !boundary.isEmpty
      if isContainer, open.count >= Limits.depth {
        cut.insert(.depth)
      } else if isContainer, parts.count + 1 >= Limits.parts {
        cut.insert(.parts)
      } else if isContainer {
        parts.append(part)
        open.append(Container(part: index, boundary: boundary))
        guard part.kind == .message else {
          boundaries += 1
          return start
        }
        open[open.count - 1].children = 1
        continue
      }
      if part.kind.isMultipart { part.kind = .textPlain }
      parts.append(part)
      leaf = index
      return start
    }
  }

  /// Ends and begins parts at a line that is a boundary. Returns where reading goes on.
  private mutating func pass(_ octets: Span<UInt8>, _ boundary: Boundary, at line: Int) -> Int {
    switch boundary {
    case .delimiter(let container, let next):
      open[container].isFound = true
      guard parts.count < Limits.parts else {
        // What is open takes in the rest.
        cut.insert(.parts)
        return next
      }
      close(octets, downTo: container + 1, at: line)
      open[container].children += 1
      return begin(octets, at: next)
    case .close(let container, let next):
      close(octets, downTo: container + 1, at: line)
      open[container].boundary = []
      boundaries -= 1
      return next
    }
  }

  /// Ends the leaf, and the containers from `level` on, in front of `line`.
  private mutating func close(_ octets: Span<UInt8>, downTo level: Int, at line: Int) {
    if let leaf { end(leaf, octets, at: line) }
    leaf = nil
    while open.count > level {
      let container = open.removeLast()
      if !container.boundary.isEmpty { boundaries -= 1 }
      end(container.part, octets, at: line)
      if !container.isFound, parts[container.part].kind.isMultipart {
        missesBoundary = true
        parts[container.part].kind = .textPlain
      }
    }
  }

  /// The body of `part` ends in front of `line`, without the line end there, which belongs to the boundary.
  private mutating func end(_ part: Int, _ octets: Span<UInt8>, at line: Int) {
    let start = parts[part].body.lowerBound
    let end =
      line == self.end ? line : lineEnds.contentEnd(in: octets, before: line, from: start)
    parts[part].body = start..<max(start, end)
  }

  /// The boundary that the line at `line` is.
  private func boundary(_ octets: Span<UInt8>, at line: Int) -> Boundary? {
    guard boundaries > 0, line + 2 < end, octets[line] == .hyphen, octets[line + 1] == .hyphen
    else {
      return nil
    }
    let (content, next) = lineEnds.line(in: octets, from: line, to: end)
    var stop = content
    while stop > line + 2, octets[stop - 1].isWhite { stop -= 1 }
    let length = stop - line - 2
    let isClosing = length > 2 && octets[stop - 1] == .hyphen && octets[stop - 2] == .hyphen
    // White space in front of the last two hyphens does not count either.
    var closing = stop - 2
    while closing > line + 2, octets[closing - 1].isWhite { closing -= 1 }
    var level = open.count
    while level > 0 {
      level -= 1
      let boundary = open[level].boundary
      if boundary.isEmpty { continue }
      if boundary.count == length, octets.hasPrefix(boundary, from: line + 2, to: content) {
        // With nothing behind it, a delimiter begins no part.
        return next == end
          ? .close(container: level, next: next) : .delimiter(container: level, next: next)
      }
      if isClosing, boundary.count == closing - line - 2,
        octets.hasPrefix(boundary, from: line + 2, to: content)
      {
        return .close(container: level, next: next)
      }
    }
    return nil
  }

  /// Reads the header section at `start`, which a blank line ends, a line that is no field, or a boundary.
  private mutating func readHeader(
    _ octets: Span<UInt8>, from start: Int
  ) -> (Part, boundary: [UInt8]) {
    let container = open.last
    var part = Part(
      header: start..<start, body: start..<end, parent: container?.part,
      position: container?.children ?? 1)
    var reader = HeaderReader(octets, start..<end)
    reading: while true {
      let line = reader.position
      part.header = start..<line
      if boundary(octets, at: line) != nil { break }
      switch reader.nextLine(octets) {
      case .field(let field): note(octets, field, in: &part)
      case .skipped: break
      case .body, .end: break reading
      }
    }
    if reader.isCut { cut.insert(.header) }
    part.body = reader.position..<end
    if parts.isEmpty, !areLineEndsGiven {
      lineEnds = LineEnds(of: octets, lineAt: part.header.upperBound)
    }
    return typed(octets, part, container)
  }

  /// Remembers the fields that the structure needs. The first of each name counts.
  private func note(_ octets: Span<UInt8>, _ field: HeaderField, in part: inout Part) {
    guard octets[field.name.lowerBound].lowercased == UInt8(ascii: "c") else { return }
    switch field.name.count {
    case 12 where field.isNamed("content-type", in: octets):
      if part.contentType == nil { part.contentType = field.value }
    case 25 where field.isNamed("content-transfer-encoding", in: octets):
      if part.contentTransferEncoding == nil { part.contentTransferEncoding = field.value }
    case 19 where field.isNamed("content-disposition", in: octets):
      if part.contentDisposition == nil { part.contentDisposition = field.value }
    case 10 where field.isNamed("content-id", in: octets):
      if part.contentID == nil { part.contentID = field.value }
    default: break
    }
  }

  /// The part with its kind, encoding and disposition, and the boundary if it is a multipart.
  private func typed(
    _ octets: Span<UInt8>, _ part: Part, _ container: Container?
  ) -> (Part, boundary: [UInt8]) {
    var part = part
    var boundary: [UInt8] = []
    if let value = part.contentTransferEncoding {
      part.encoding = TransferEncoding(octets, value)
    }
    if let value = part.contentType, let type = MediaType(octets, value) {
      part.kind = type.kind(octets)
      if part.kind.isMultipart {
        part.encoding = .identity
        boundary = parameter("boundary", octets, value, isToken: true) ?? []
        // No boundary should end with white space (RFC 2046 §5.1.1).
        boundary.removeTrailingWhite()
      }
    } else if part.contentType == nil, let container,
      parts[container.part].kind == .multipartDigest
    {
      part.kind = .message
    }
    if let value = part.contentDisposition {
      var start = octets.behindComments(from: value.lowerBound, to: value.upperBound)
      while start < value.upperBound, octets[start].isWhite || octets[start] == .quote {
        start += 1
      }
      var stop = start
      while stop < value.upperBound, octets[stop].isLetterOrDigit || octets[stop] == .hyphen {
        stop += 1
      }
      part.disposition =
        start == stop
        ? .none : octets.matches("inline", in: start..<stop) ? .inline : .attachment
    }
    return (part, boundary)
  }
}

extension Span<UInt8> {
  /// Whether `prefix` stands at `start` and ends in front of `end`.
  fileprivate func hasPrefix(_ prefix: [UInt8], from start: Int, to end: Int) -> Bool {
    end - start >= prefix.count && equals(prefix, in: start..<start + prefix.count)
  }
}
