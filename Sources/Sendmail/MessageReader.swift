// A message as local programs write it on standard input, in pieces cut anywhere: which of it is the header, and
// lines that end in CR LF. The header is kept, up to a bound; the body is handed on as it comes.
//
// - The end of a line is LF, CR LF, or several CR and LF; a CR alone ends a line of the body, and is a space in the
//   header, where a line that a caller did not see could be a field that he did not want.
// - `From ` and `>From ` lines of mailboxes in front of the header are dropped.
// - The header ends at a blank line, or in front of the first line that is no field and continues none.
// - A line with nothing but a dot ends the message, unless `ignoresDots`.

public struct MessageReader: Sendable {
  /// Header fields, as lines that end in CR LF, without the blank line behind them.
  public private(set) var header: [UInt8] = []
  /// Whether the header has more octets than `headerLimit`. What comes then is of no use.
  public private(set) var isHeaderTooLong = false
  /// Whether a line with nothing but a dot has ended the message.
  public private(set) var hasEnded = false
  /// Octets of the body so far, with their CR LF.
  public private(set) var bodySize = 0
  /// Whether an octet of the header or the body is not ASCII.
  public private(set) var isEightBit = false

  /// Octets that a header may have.
  public static let headerLimit = 256 * 1024

  private let ignoresDots: Bool
  private var isHeader = true
  /// The line of the header that has begun.
  private var line: [UInt8] = []
  /// Octets of the line of the body that has begun.
  private var lineLength = 0
  /// CR that have come, and are a line end or not.
  private var returns = 0
  /// Whether the line is a dot so far, which is not written yet.
  private var isDot = false

  public init(ignoresDots: Bool) { self.ignoresDots = ignoresDots }

  /// Takes a piece, and appends what is of the body to `body`.
  public mutating func read(_ octets: Span<UInt8>, into body: inout [UInt8]) {
    let start = body.count
    var index = 0
    while index < octets.count, !hasEnded, !isHeaderTooLong {
      let octet = octets[index]
      if octet == 10 {
        returns = 0
        endLine(&body)
        index += 1
      } else if octet == 13 {
        returns += 1
        index += 1
      } else {
        if returns > 0 { takeReturns(&body) }
        if !ignoresDots, lineIsEmpty, !isDot, octet == UInt8(ascii: ".") {
          isDot = true
          index += 1
          continue
        }
        if isDot { takeDot(&body) }
        var end = index + 1
        while end < octets.count, octets[end] != 10, octets[end] != 13 { end += 1 }
        take(octets.extracting(index..<end), &body)
        index = end
      }
    }
    bodySize += body.count - start
  }

  /// Takes the end of the input.
  public mutating func finish(into body: inout [UInt8]) {
    guard !hasEnded else { return }
    let start = body.count
    if returns > 0 { takeReturns(&body, isEnd: true) }
    if isDot || !lineIsEmpty { endLine(&body) }
    bodySize += body.count - start
  }

  private var lineIsEmpty: Bool { isHeader ? line.isEmpty : lineLength == 0 }

  private mutating func take(_ octets: Span<UInt8>, _ body: inout [UInt8]) {
    var bits: UInt8 = 0
    for index in 0..<octets.count { bits |= octets[index] }
    if bits >= 0x80 { isEightBit = true }
    guard isHeader else {
      lineLength += octets.count
      append(octets, to: &body)
      return
    }
    append(octets, to: &line)
    guard header.count + line.count > Self.headerLimit else { return }
    if isOfHeader(line) {
      isHeaderTooLong = true
    } else {
      beginBody(with: line, &body)
    }
  }

  /// The line of a dot goes on.
  private mutating func takeDot(_ body: inout [UInt8]) {
    isDot = false
    let dot: [UInt8] = [UInt8(ascii: ".")]
    take(dot.span, &body)
  }

  /// CR without LF behind it.
  private mutating func takeReturns(_ body: inout [UInt8], isEnd: Bool = false) {
    returns = 0
    if isDot { takeDot(&body) }
    if isHeader, !line.isEmpty {
      if !isEnd { line.append(32) }
    } else if !isHeader {
      endLine(&body)
    }
  }

  private mutating func endLine(_ body: inout [UInt8]) {
    if isDot {
      hasEnded = true
      return
    }
    guard isHeader else {
      body += [13, 10]
      lineLength = 0
      return
    }
    let line = self.line
    self.line.removeAll(keepingCapacity: true)
    if line.isEmpty {
      isHeader = false
    } else if isOfHeader(line) {
      header += line
      header += [13, 10]
    } else if !header.isEmpty || !line.isOfMailbox {
      beginBody(with: line, &body)
      body += [13, 10]
      lineLength = 0
    }
  }

  private mutating func beginBody(with line: [UInt8], _ body: inout [UInt8]) {
    isHeader = false
    lineLength = line.count
    body += line
    self.line = []
  }

  /// Whether a line is a field, or continues one.
  private func isOfHeader(_ line: [UInt8]) -> Bool {
    if line[0] == 32 || line[0] == 9 { return !header.isEmpty }
    var index = 0
    while index < line.count, 0x21...0x7E ~= line[index], line[index] != UInt8(ascii: ":") {
      index += 1
    }
    let hasName = index > 0
    while index < line.count, line[index] == 32 || line[index] == 9 { index += 1 }
    return hasName && index < line.count && line[index] == UInt8(ascii: ":")
  }

  private func append(_ octets: Span<UInt8>, to array: inout [UInt8]) {
    unsafe octets.withUnsafeBufferPointer { unsafe array.append(contentsOf: $0) }
  }
}

extension [UInt8] {
  /// Whether it is the line that begins a message in a mailbox file.
  fileprivate var isOfMailbox: Bool { starts(with: "From ".utf8) || starts(with: ">From ".utf8) }
}
