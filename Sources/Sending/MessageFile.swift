// A message that can be read as often as there are hosts to try.

import MIME
public import POSIX

/// Octets, and behind them what is in a file from an offset on.
public struct MessageFile: ~Copyable {
  private let head: [UInt8]
  private let file: FileDescriptor?
  private let offset: Int
  /// Where it ends in the file.
  private let end: Int
  let facts: MessageFacts

  /// A message in a file.
  init(_ file: consuming FileDescriptor, from offset: Int) throws(SystemError) {
    var facts = MessageFacts()
    var position = offset
    var piece: [UInt8] = []
    while true {
      let count = try file.read(into: &piece, atMost: 65_536, at: position)
      if count == 0 { break }
      facts.take(piece.span)
      position += count
      piece.removeAll(keepingCapacity: true)
    }
    facts.end()
    self.facts = facts
    head = []
    self.file = .some(file)
    self.offset = offset
    end = position
  }

  /// A message of which these facts are known: `head`, and `size` octets of the file, if there is one. It is sent as it is.
  public init(
    _ head: [UInt8], _ file: consuming FileDescriptor?, size: Int, facts: MessageFacts
  ) {
    self.head = head
    self.file = file
    (offset, end) = (0, size)
    self.facts = facts
  }
}

// In another form.
extension MessageFile {
  /// Octets of a message that is converted, at most: it is held in memory.
  private static let conversionLimit = 1 << 26

  /// Whether it may be converted.
  var canConvert: Bool { head.isEmpty && facts.size <= Self.conversionLimit }

  /// The message as a host takes it; nil if it cannot be converted. Throws if it cannot be read to its end.
  func converted(to form: WireForm) throws(SystemError) -> [UInt8]? {
    var whole: [UInt8] = []
    whole.reserveCapacity(facts.size)
    var lines = LineEnds()
    var piece: [UInt8] = []
    var position = offset
    while try read(&piece, at: &position) {
      if form.isExact { whole += piece } else { lines.append(piece, to: &whole) }
    }
    if !form.isExact { lines.end(&whole) }
    return form.message(whole.span)
  }

  /// Reads a piece at `position` and moves that behind it; gives whether there was one. Throws if the file has become
  /// shorter: half of a message must not be sent.
  fileprivate func read(_ piece: inout [UInt8], at position: inout Int) throws(SystemError) -> Bool
  {
    piece.removeAll(keepingCapacity: true)
    guard position < end else { return false }
    let room = min(65_536, end - position)
    guard let count = try file?.read(into: &piece, atMost: room, at: position), count > 0 else {
      throw .inputOutput
    }
    position += count
    return true
  }

  /// The content of the message in pieces.
  struct Reader {
    private var first: [UInt8]?
    private var position: Int
    private let end: Int
    /// Octets of the message so far.
    private(set) var sent = 0

    /// `fields` and the message.
    init(_ message: borrowing MessageFile, fields: [UInt8]) {
      let head = fields + message.head
      if !head.isEmpty || message.offset == message.end { first = head }
      (position, end) = (message.offset, message.end)
    }

    /// All of it.
    init(_ whole: [UInt8]) {
      first = whole
      (position, end) = (0, 0)
    }

    /// Whether there is no piece behind the last one.
    var isLast: Bool { position >= end }

    mutating func next(_ message: borrowing MessageFile) throws(SystemError) -> [UInt8] {
      if let piece = first.take() { return piece }
      var piece: [UInt8] = []
      _ = try message.read(&piece, at: &position)
      sent += piece.count
      return piece
    }
  }
}

/// Makes CR LF of each line end: a bare CR or LF is one, too.
struct LineEnds {
  private var last: UInt8 = 10

  mutating func append(_ piece: [UInt8], to whole: inout [UInt8]) {
    for octet in piece {
      if last == 13, octet != 10 { whole.append(10) }
      if octet == 10, last != 13 { whole.append(13) }
      whole.append(octet)
      last = octet
    }
  }

  /// Ends the last line.
  func end(_ whole: inout [UInt8]) {
    if last == 13 { whole.append(10) } else if last != 10 { whole += [13, 10] }
  }
}
