// Waiting that SIGTERM ends.

import CSystem

/// SIGTERM as something to wait for: a `Connection` has it.
public struct Termination: Sendable {
  /// A signalfd(2), which somebody else owns; -1 is passed over by poll(2).
  let descriptor: CInt

  /// For a program that SIGTERM simply ends.
  public static let never = Termination(descriptor: -1)

  enum Event {
    /// There is something to read.
    case ready
    /// SIGTERM has come.
    case terminated
    case timeout
  }

  /// Waits until `other` has something to read, but not beyond the deadline; -1 never has.
  func wait(for other: CInt, until deadline: Deadline) throws(Errno) -> Event {
    var polled: [2 of pollfd] = [
      pollfd(fd: other, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      var span = polled.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 2, deadline.remainingMilliseconds)
      }
      if count < 0, postern_errno() != EINTR { throw .current }
      if count > 0 { return polled[0].revents != 0 ? .ready : .terminated }
      if deadline.hasPassed { return .timeout }
    }
  }
}
