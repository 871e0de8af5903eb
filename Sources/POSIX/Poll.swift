// Waiting for several descriptors at once (poll(2)).

import CSystem

public struct Poll {
  private var entries: [pollfd] = []

  public init() {}

  /// Adds a descriptor to wait for; its number is that of the call, from 0 on.
  public mutating func add(
    _ descriptor: borrowing FileDescriptor, reading: Bool, writing: Bool = false
  ) {
    add(descriptor.number, reading: reading, writing: writing)
  }

  public mutating func add(_ termination: Termination) {
    add(termination.descriptor, reading: true, writing: false)
  }

  /// By its number; -1 is never ready.
  mutating func add(_ number: CInt, reading: Bool, writing: Bool) {
    let events = (reading ? Int16(POLLIN) : 0) | (writing ? Int16(POLLOUT) : 0)
    // An end that is done with is left out, since it would be ready for ever.
    entries.append(pollfd(fd: events == 0 ? -1 : number, events: events, revents: 0))
  }

  /// Waits until one of them is ready.
  public mutating func wait(until deadline: Deadline) throws(Interruption) {
    while true {
      var span = entries.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, nfds_t($0.count), deadline.remainingMilliseconds)
      }
      if count > 0 { return }
      if count < 0, postern_errno() != EINTR { throw .failed(.last("poll")) }
      if deadline.hasPassed { throw .timeout }
    }
  }

  /// Waits until one of them is ready, or for so many milliseconds; -1 waits without end.
  public mutating func wait(milliseconds: Int32) {
    while true {
      var span = entries.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, nfds_t($0.count), milliseconds)
      }
      if count >= 0 || postern_errno() != EINTR { return }
    }
  }

  /// Whether there is something to read, or the other end is closed.
  public func isReadable(_ index: Int) -> Bool {
    entries[index].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
  }

  public func isWritable(_ index: Int) -> Bool {
    entries[index].revents & Int16(POLLOUT | POLLHUP | POLLERR) != 0
  }
}

extension FileDescriptor {
  /// Says to the other end of a socket that nothing more comes.
  public func shutDownWriting() { shutdown(number, CInt(SHUT_WR)) }
}
