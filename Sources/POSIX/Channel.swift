// Lines of text, and descriptors, between two processes that belong to each other; and lines on standard
// input.

import CSystem

public struct Channel: ~Copyable {
  private let descriptor: FileDescriptor
  private var octets: [UInt8] = []
  private var position = 0

  /// Octets that a line may have.
  private static let limit = 1 << 20

  public enum Line: Sendable {
    /// Without its LF.
    case line([UInt8])
    /// The other end is closed, or has sent a line that is too long.
    case end
    /// SIGTERM has come.
    case terminated
  }

  public init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Whether `line` need not wait.
  public var hasLine: Bool { octets[position...].contains(10) }

  /// The next line, waited for as long as it takes. SIGTERM ends the waiting, too.
  public mutating func line(termination: Termination) -> Line {
    while true {
      var end = position
      while end < octets.count, octets[end] != 10 { end += 1 }
      if end < octets.count {
        defer { position = end + 1 }
        return .line(Array(octets[position..<end]))
      }
      octets.removeFirst(position)
      position = 0
      if octets.count > Self.limit { return .end }
      if termination.canCome, hasTerminated(termination) { return .terminated }
      guard let count = try? descriptor.read(into: &octets, atMost: 65_536), count > 0 else {
        return .end
      }
    }
  }

  /// Waits until there is something to read; gives whether SIGTERM came instead.
  private func hasTerminated(_ termination: Termination) -> Bool {
    var polled: [2 of pollfd] = [
      pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: termination.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      var span = polled.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, 2, -1) }
      if count > 0 { return polled[0].revents == 0 }
      if count < 0, postern_errno() != EINTR { return false }
    }
  }

  /// Writes; whether that went.
  @discardableResult
  public func write(_ octets: [UInt8]) -> Bool { (try? descriptor.write(octets.span)) != nil }

  /// Sends a descriptor, which the other end gets as one of its own, and lines behind it, with one call where that
  /// is possible: the other end is woken once.
  public func send(_ file: borrowing FileDescriptor, _ lines: [UInt8]) -> Bool {
    let sent = unsafe lines.withUnsafeBytes {
      unsafe postern_send_descriptor(descriptor.number, file.number, $0.baseAddress, $0.count)
    }
    return sent > 0 && (try? descriptor.write(lines.span.extracting((sent - 1)...))) != nil
  }

  /// The descriptor that comes next; nil if none does. All lines must have been read.
  public func receive() -> FileDescriptor? {
    let number = postern_receive_descriptor(descriptor.number)
    return number < 0 ? nil : FileDescriptor(number)
  }

  /// Says to the other end that nothing more comes.
  public func shutDown() { descriptor.shutDownWriting() }
}
