// Processes beside this one that run while it goes on: another program, or a copy of this one.

import CSystem

/// A process that was started and whose end has not been waited for.
public struct Subprocess: ~Copyable {
  /// -1 once its end has been waited for.
  private var pid: pid_t

  /// Starts a program. Its descriptors are 0, 1 and 2, which are those of `standard`, and `extra`, which
  /// keeps its number; all others are to be close-on-exec. No signal is blocked or ignored.
  public init(
    _ arguments: [String], standard: [3 of CInt], extra: CInt? = nil
  ) throws(Errno) {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for number in 0..<3 {
      unsafe posix_spawn_file_actions_adddup2(&actions, standard[number], CInt(number))
    }
    // To itself: this takes close-on-exec away.
    if let extra { unsafe posix_spawn_file_actions_adddup2(&actions, extra, extra) }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigfillset(&signals)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var pid: pid_t = 0
    let pointers: [UnsafeMutablePointer<CChar>?] =
      unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    let error = unsafe pointers.withUnsafeBufferPointer { argv in
      unsafe posix_spawnp(
        &pid, argv[0]!, &actions, &attributes, argv.baseAddress!, postern_environ())
    }
    if error != 0 { throw Errno(rawValue: error) }
    self.pid = pid
  }

  /// Runs `body` in a copy of this process, which ends with it, and which gets SIGTERM when this one ends.
  public init(_ body: () -> Void) throws(Errno) {
    let parent = getpid()
    let pid = try retrying { postern_fork() }
    if pid == 0 {
      if postern_end_with_parent(parent) == 0 { body() }
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
    if let number = try? retrying({ postern_pidfd_open(pid) }) {
      let process = FileDescriptor(number)
      var polled = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
      while unsafe poll(&polled, 1, deadline.remainingMilliseconds) < 0, postern_errno() == EINTR {}
    }
    if unsafe waitpid(pid, &status, WNOHANG) != 0 { return }
    kill(pid, SIGKILL)
    _ = try? retrying { unsafe waitpid(pid, &status, 0) }
  }
}
