// A message of the queue, as targets get it: fields in front, and what is in the file from an offset on. It is read in
// pieces, so that a message of any length takes little memory.

import Octets
import POSIX
import Targets

/// What has to be known of a message before it is delivered, found in one pass over its file.
struct MessageFacts {
  /// Where the message begins and ends in the file.
  let start: Int
  private(set) var end: Int
  /// How many line ends are CR LF.
  private(set) var lines = 0
  private(set) var deliveredTo = DeliveredTo()
  /// When the file was written, in seconds since 1970: when the message came.
  let seconds: Int64

  init(of file: borrowing FileDescriptor, from offset: Int) throws(SystemError) {
    seconds = try file.status().modified
    (start, end) = (offset, offset)
    var piece: [UInt8] = []
    var isReturn = false
    while try file.read(into: &piece, atMost: MessageContent.pieceSize, at: end) > 0 {
      end += piece.count
      for octet in piece {
        if octet == .lineFeed, isReturn { lines += 1 }
        isReturn = octet == .carriageReturn
      }
      deliveredTo.take(piece.span)
      piece.removeAll(keepingCapacity: true)
    }
    deliveredTo.end()
  }
}

/// A message with fields in front of it, piece by piece.
struct MessageContent {
  enum Form {
    /// LF behind each line.
    case file
    /// As it is in the queue.
    case wire
  }

  static let pieceSize = 65_536

  /// Octets of all pieces.
  let size: Int
  private var head: [UInt8]
  private var position: Int
  private let end: Int
  private var lines: LineFeeds?

  /// `fields` have CR LF behind each line.
  init(_ facts: MessageFacts, fields: [UInt8], form: Form) {
    (position, end) = (facts.start, facts.end)
    switch form {
    case .file:
      head = fields.withLineFeeds
      lines = LineFeeds()
      size = head.count + facts.end - facts.start - facts.lines
    case .wire:
      head = fields
      size = head.count + facts.end - facts.start
    }
  }

  /// The next piece, never empty; nil at the end. Throws if the file has become shorter.
  mutating func next(_ file: borrowing FileDescriptor) throws(SystemError) -> [UInt8]? {
    var piece = head
    head = []
    var octets: [UInt8] = []
    while piece.isEmpty {
      guard position < end else {
        lines?.end(&piece)
        return piece.isEmpty ? nil : piece
      }
      let count = try file.read(
        into: &octets, atMost: min(Self.pieceSize, end - position), at: position)
      guard count > 0 else { throw SystemError(call: "read", errno: .inputOutput) }
      position += count
      if lines == nil { return octets }
      lines?.append(octets.span, to: &piece)
      octets.removeAll(keepingCapacity: true)
    }
    return piece
  }
}
