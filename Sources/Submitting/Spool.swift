// A message that a program of this machine writes, between that program and the submission socket. It is read to its end
// before anything is sent, so that a caller who fails in the middle sends nothing.

public import POSIX
public import Sending
public import Sendmail

public struct Spool: ~Copyable {
  /// A body of at most this many octets is kept in memory; a larger one in a file without a name.
  static let memory = 262_144
  private static let pieceSize = 65_536

  /// What has been found in the message.
  public private(set) var reader: MessageReader
  /// What of the body is not in the file.
  private var octets: [UInt8] = []
  private var file: FileDescriptor?

  /// Reads `input` to its end, or to the end that the reader finds.
  public init(
    _ input: borrowing FileDescriptor, into reader: consuming MessageReader
  ) throws(SystemError) {
    self.reader = reader
    var piece: [UInt8] = []
    while !self.reader.hasEnded, !self.reader.isHeaderTooLong {
      piece.removeAll(keepingCapacity: true)
      if try input.read(into: &piece, atMost: Self.pieceSize) == 0 { break }
      self.reader.read(piece.span, into: &octets)
      if octets.count > Self.memory { try flush() }
    }
    self.reader.finish(into: &octets)
    if file != nil { try flush() }
  }

  private mutating func flush() throws(SystemError) {
    if file == nil { file = try FileDescriptor.temporary(in: Process.temporaryFolder) }
    try file?.write(octets.span)
    octets.removeAll(keepingCapacity: true)
  }

  /// The message: a header with the blank line behind it, and the body that was read.
  public consuming func message(_ header: [UInt8]) -> MessageFile {
    let inFile = reader.bodySize - octets.count
    let facts = MessageFacts(
      size: header.count + reader.bodySize, isEightBit: reader.isEightBit)
    return MessageFile(header + octets, file, size: inFile, facts: facts)
  }
}
