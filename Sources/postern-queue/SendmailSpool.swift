// The body of a message between standard input and the submission socket.

import POSIX
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
      file = try FileDescriptor.temporary(in: Process.environment("TMPDIR") ?? "/tmp")
    }
    try file?.write(octets.span)
    octets.removeAll(keepingCapacity: true)
  }

  /// Appends the octets at `offset` to `piece`, some of them; 0 is the end.
  func read(into piece: inout [UInt8], at offset: Int) throws(Errno) -> Int {
    if let count = try file?.read(into: &piece, atMost: Self.pieceSize, at: offset) { return count }
    let end = min(offset + Self.pieceSize, octets.count)
    guard offset < end else { return 0 }
    piece.append(contentsOf: octets[offset..<end])
    return end - offset
  }
}
