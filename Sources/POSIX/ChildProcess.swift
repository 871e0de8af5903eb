// Other programs: run beside this one, or instead of it.

import CSystem

public enum ChildProcess {
  /// How a program ended.
  public enum Status: Equatable, Sendable {
    case exited(Int)
    case signalled(Int)
    /// It has not, and was killed.
    case timedOut
  }

  /// Runs a program to its end. Descriptors 0 and 1 are /dev/null, 2 is the log's, `descriptor` is
  /// a pipe with `input`, which must fit a pipe (64 KiB); no other is open. The environment is this
  /// one's without some variables.
  public static func run(
    _ arguments: [String], feeding input: [UInt8], to descriptor: CInt,
    without variables: Set<String>, until deadline: Deadline
  ) throws(Errno) -> Status {
    var ends: [CInt] = [-1, -1]
    _ = try retrying { unsafe postern_pipe(&ends) }
    let reading = FileDescriptor(ends[0])
    do {
      let writing = FileDescriptor(ends[1])
      try writing.write(input.span)
    }

    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, reading.number, descriptor)
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var pid: pid_t = 0
    let error = unsafe withCStrings(arguments) { argv in
      unsafe withCStrings(environment(without: variables)) { envp in
        unsafe posix_spawn(&pid, arguments[0], &actions, &attributes, argv, envp)
      }
    }
    if error != 0 { throw Errno(rawValue: error) }
    return try wait(for: pid, until: deadline)
  }

  private static func wait(for pid: pid_t, until deadline: Deadline) throws(Errno) -> Status {
    let process = FileDescriptor(try retrying { postern_pidfd_open(pid) })
    var polled = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
    var ended: CInt = 0
    while ended == 0 {
      ended = unsafe poll(&polled, 1, deadline.remainingMilliseconds)
      if ended == -1, postern_errno() == EINTR { ended = 0 }
      if ended == 0, deadline.hasPassed { break }
    }
    if ended != 1 { kill(pid, SIGKILL) }
    var status: CInt = 0
    _ = try retrying { unsafe waitpid(pid, &status, 0) }
    if ended != 1 { return .timedOut }
    let signal = status & 0x7F
    return signal == 0 ? .exited(Int(status >> 8 & 0xFF)) : .signalled(Int(signal))
  }

  /// Becomes another program, which gets descriptors 0, 1 and 2 and an environment in which some
  /// variables are replaced or, with nil, missing. Returns only if that fails.
  public static func replaceProcess(
    with arguments: [String], setting variables: [String: String?]
  ) -> Errno {
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigprocmask(SIG_SETMASK, &none, nil)
    var environment = environment(without: Set(variables.keys))
    for case (let name, let value?) in variables { environment.append("\(name)=\(value)") }
    _ = unsafe withCStrings(arguments) { argv in
      unsafe withCStrings(environment) { envp in unsafe execve(arguments[0], argv, envp) }
    }
    return .current
  }

  /// Whether a file can be executed.
  public static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

  private static func environment(without names: Set<String>) -> [String] {
    Process.environmentEntries.filter { !names.contains(String($0.prefix { $0 != "=" })) }
  }

  private static func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    return unsafe pointers.withUnsafeMutableBufferPointer {
      unsafe body(UnsafePointer($0.baseAddress!))
    }
  }
}
