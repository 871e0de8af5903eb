// Waiting that ends early when SIGTERM comes.

import CSystem

/// Lets a caller wait for SIGTERM together with something else. A `Connection` provides it.
public struct Termination: Sendable {
  /// A signalfd(2), which somebody else owns; or -1, which poll(2) ignores.
  let descriptor: CInt

  /// By a descriptor of `Signals.block`, which must stay open.
  public init(_ signals: borrowing FileDescriptor) { descriptor = signals.number }

  private init(descriptor: CInt) { self.descriptor = descriptor }

  /// For a program that does not block SIGTERM, so that the signal simply kills it.
  public static let never = Termination(descriptor: -1)

  /// Whether it is looked for at all.
  var canCome: Bool { descriptor >= 0 }

  enum Event {
    /// There is something to read.
    case ready
    /// SIGTERM has come.
    case terminated
    case timeout
  }

  /// Waits until the descriptor `other` can be read, the deadline has passed, or SIGTERM has come. -1 as `other` can
  /// never be read.
  func wait(for other: CInt, until deadline: Deadline) throws(SystemError) -> Event {
    var polled: [2 of pollfd] = [
      pollfd(fd: other, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      var span = polled.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 2, deadline.remainingMilliseconds)
      }
      if count < 0, postern_errno() != EINTR { throw .last("poll") }
      if count > 0 { return polled[0].revents != 0 ? .ready : .terminated }
      if deadline.hasPassed { return .timeout }
    }
  }
}
