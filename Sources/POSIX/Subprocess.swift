// Processes beside this one that run while it goes on: another program, or a copy of this one.

import CSystem

/// A process that was started and whose end has not been waited for.
public struct Subprocess: ~Copyable {
  /// -1 once its end has been waited for.
  private var pid: pid_t

  /// What happens to a process whose parent ends without having waited for it, by whatever signal.
  public enum Orphaned: Sendable {
    /// It gets SIGTERM.
    case terminated
    case killed

    fileprivate var signal: CInt {
      switch self {
      case .terminated: SIGTERM
      case .killed: SIGKILL
      }
    }
  }

  /// Starts a program. Its descriptors are 0, 1 and 2, which are those of `standard`, and `extra`, which
  /// keeps its number; all others are to be close-on-exec. No signal is blocked or ignored. It ends with this process.
  public init(
    _ arguments: [String], standard: [3 of CInt], extra: CInt? = nil, orphaned: Orphaned = .killed
  ) throws(SystemError) {
    let pointers: [UnsafeMutablePointer<CChar>?] =
      unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    let descriptors = [standard[0], standard[1], standard[2]]
    pid = try retrying("fork") {
      unsafe pointers.withUnsafeBufferPointer { argv in
        unsafe postern_spawn(argv.baseAddress!, descriptors, extra ?? -1, orphaned.signal)
      }
    }
  }

  /// Runs `body` in a copy of this process, which ends with it, and which is killed when this one ends.
  public init(_ body: () -> Void) throws(SystemError) {
    let parent = getpid()
    let pid = try retrying("fork") { postern_fork() }
    if pid == 0 {
      if postern_end_with_parent(parent, SIGKILL) == 0 { body() }
      _exit(0)
    }
    self.pid = pid
  }

  public func terminate() { if pid > 0 { kill(pid, SIGTERM) } }

  /// Waits for its end; what has not ended by the deadline is killed.
  public mutating func wait(until deadline: Deadline) {
    Self.reap(pid, until: deadline)
    pid = -1
  }

  /// What is no longer needed is killed.
  deinit { Self.reap(pid, until: Deadline(inSeconds: 0)) }

  private static func reap(_ pid: pid_t, until deadline: Deadline) {
    guard pid > 0 else { return }
    var status: CInt = 0
    if unsafe waitpid(pid, &status, WNOHANG) != 0 { return }
    if let number = try? retrying("pidfd_open", { postern_pidfd_open(pid) }) {
      let process = FileDescriptor(number)
      var polled = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
      while unsafe poll(&polled, 1, deadline.remainingMilliseconds) < 0, postern_errno() == EINTR {}
    }
    if unsafe waitpid(pid, &status, WNOHANG) != 0 { return }
    kill(pid, SIGKILL)
    _ = try? retrying("waitpid") { unsafe waitpid(pid, &status, 0) }
  }
}
