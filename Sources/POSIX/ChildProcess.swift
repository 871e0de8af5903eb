// Other programs: run beside this one, or instead of it.

import CSystem

public enum ChildProcess {
  /// How a program ended.
  public enum Status: Equatable, Sendable {
    case exited(Int)
    case signalled(Int)
    /// It had not ended at the deadline, and was killed.
    case timedOut
    /// It was killed because SIGTERM has come.
    case terminated
  }

  /// Runs a program to its end. Its descriptors 0 and 1 are /dev/null, 2 is the log's, `descriptor` is
  /// a pipe with `input`, which must fit a pipe (64 KiB); no other is open. No signal is blocked or ignored.
  /// The environment is this one's.
  public static func run(
    _ arguments: [String], feeding input: [UInt8], to descriptor: CInt,
    until deadline: Deadline, unless termination: Termination = .never
  ) throws(Errno) -> Status {
    // Whoever has started this program may have it ignored, and then waitpid(2) gives no exit status. Nil is
    // SIG_DFL.
    signal(SIGCHLD, nil)
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
    var defaults = sigset_t()
    unsafe sigfillset(&defaults)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var pid: pid_t = 0
    let error = unsafe withCStrings(arguments) { argv in
      unsafe posix_spawn(&pid, arguments[0], &actions, &attributes, argv, postern_environ())
    }
    if error != 0 { throw Errno(rawValue: error) }
    return try wait(for: pid, until: deadline, unless: termination)
  }

  private static func wait(
    for pid: pid_t, until deadline: Deadline, unless termination: Termination
  ) throws(Errno) -> Status {
    let process = FileDescriptor(try retrying { postern_pidfd_open(pid) })
    let event = try termination.wait(for: process.number, until: deadline)
    if event != .ready { kill(pid, SIGKILL) }
    var status: CInt = 0
    _ = try retrying { unsafe waitpid(pid, &status, 0) }
    switch event {
    case .timeout: return .timedOut
    case .terminated: return .terminated
    case .ready:
      let signal = status & 0x7F
      return signal == 0 ? .exited(Int(status >> 8 & 0xFF)) : .signalled(Int(signal))
    }
  }

  /// Becomes another program, which gets descriptors 0, 1 and 2, no signal that is blocked or ignored, and
  /// an environment in which some variables are replaced or, with nil, missing. Returns only if that fails.
  public static func replaceProcess(
    with arguments: [String], setting variables: [String: String?]
  ) -> Errno {
    // exec(3) hands on which signals are ignored: SIGPIPE is, for example, where systemd starts a session.
    for number in 1...CInt(31) { signal(number, nil) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigprocmask(SIG_SETMASK, &none, nil)
    var environment = Process.environmentEntries(without: Array(variables.keys))
    for case (let name, let value?) in variables { environment.append("\(name)=\(value)") }
    _ = unsafe withCStrings(arguments) { argv in
      unsafe withCStrings(environment) { envp in unsafe execve(arguments[0], argv, envp) }
    }
    return .current
  }

  /// Whether a path names a file that can be executed.
  public static func isExecutable(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG)
      && access(path, X_OK) == 0
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
