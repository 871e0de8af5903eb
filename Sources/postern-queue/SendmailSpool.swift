// The body of a message between standard input and the submission socket.

import POSIX
import Sending
import Sendmail

struct SendmailSpool: ~Copyable {
  /// A body of at most this many octets is kept in memory.
  private static let memory = 262_144
  private static let pieceSize = 65_536

  /// What is not in the file.
  private var octets: [UInt8] = []
  private var file: FileDescriptor?

  /// Reads standard input to its end, or to the end that `reader` finds.
  mutating func fill(from reader: inout MessageReader) throws(Errno) {
    let input = FileDescriptor(0)
    var piece: [UInt8] = []
    while !reader.hasEnded, !reader.isHeaderTooLong {
      piece.removeAll(keepingCapacity: true)
      if try input.read(into: &piece, atMost: Self.pieceSize) == 0 { break }
      reader.read(piece.span, into: &octets)
      if octets.count > Self.memory { try flush() }
    }
    reader.finish(into: &octets)
    if file != nil { try flush() }
  }

  private mutating func flush() throws(Errno) {
    if file == nil {
      file = try FileDescriptor.temporary(in: Process.temporaryFolder)
    }
    try file?.write(octets.span)
    octets.removeAll(keepingCapacity: true)
  }

  /// The message: a header, and this body, of so many octets.
  consuming func message(_ header: [UInt8], bodySize: Int, isEightBit: Bool) -> MessageFile {
    let inFile = bodySize - octets.count
    return MessageFile(
      header + octets, file, size: inFile,
      facts: MessageFacts(size: header.count + bodySize, isEightBit: isEightBit))
  }
}
