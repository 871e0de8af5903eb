// The lines of a file, one after the other, each with the place where it begins.

import POSIX

struct LineFile: ~Copyable {
  /// A longer line is an error, in octets.
  static let longestLine = 1 << 20

  private var buffer: [UInt8] = []
  /// Where in the file the buffer begins.
  private var start: Int
  private var position = 0

  /// Lines from `start` on, where one begins.
  init(from start: Int) { self.start = start }

  /// The next line without its LF, and where it begins. Nil at the end of the file; a last line without LF is none.
  mutating func next(
    in file: borrowing FileDescriptor
  ) throws(SystemError) -> (line: ArraySlice<UInt8>, offset: Int)? {
    var search = position
    while true {
      while search < buffer.count, buffer[search] != 10 { search += 1 }
      if search < buffer.count {
        defer { position = search + 1 }
        return (buffer[position..<search], start + position)
      }
      guard buffer.count - position <= Self.longestLine else { throw .malformed }
      buffer.removeFirst(position)
      start += position
      search -= position
      position = 0
      if try file.read(into: &buffer, atMost: 65_536, at: start + buffer.count) == 0 { return nil }
    }
  }
}

extension SystemError {
  /// What is read was not written like that by any program of ours.
  static var malformed: Self { Self(call: "read", errno: .badMessage) }
}
