// Runs other programs: as a child process, or in the place of this one.

import CSystem

public enum ChildProcess {
  /// How a program ended.
  public enum Status: Equatable, Sendable {
    case exited(Int)
    case signalled(Int)
    /// It did not end before the deadline, and was killed.
    case timedOut
    /// It was killed because this process got SIGTERM.
    case terminated
  }

  /// Runs a program to its end. It gets /dev/null as descriptors 0 and 1, standard error as 2, and a pipe with `input`
  /// as `descriptor`; no other descriptor is open. `input` must fit into a pipe (64 KiB). No signal is blocked or
  /// ignored. The program inherits the environment.
  public static func run(
    _ arguments: [String], feeding input: [UInt8], to descriptor: CInt,
    until deadline: Deadline, unless termination: Termination = .never
  ) throws(SystemError) -> Status {
    // If the spawner lets SIGCHLD be ignored, waitpid(2) returns no exit status. So set the default; nil is SIG_DFL.
    signal(SIGCHLD, nil)
    var ends: [CInt] = [-1, -1]
    _ = try retrying("pipe") { unsafe postern_pipe(&ends) }
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
    if error != 0 { throw SystemError("posix_spawn", number: error) }
    return try wait(for: pid, until: deadline, unless: termination)
  }

  private static func wait(
    for pid: pid_t, until deadline: Deadline, unless termination: Termination
  ) throws(SystemError) -> Status {
    let process = FileDescriptor(try retrying("pidfd_open") { postern_pidfd_open(pid) })
    let event = try termination.wait(for: process.number, until: deadline)
    if event != .ready { kill(pid, SIGKILL) }
    var status: CInt = 0
    _ = try retrying("waitpid") { unsafe waitpid(pid, &status, 0) }
    switch event {
    case .timeout: return .timedOut
    case .terminated: return .terminated
    case .ready:
      let signal = status & 0x7F
      return signal == 0 ? .exited(Int(status >> 8 & 0xFF)) : .signalled(Int(signal))
    }
  }

  /// Executes another program in the place of this one. It gets the descriptors 0, 1 and 2, and no signal is blocked or
  /// ignored. The environment is inherited; some variables are replaced, or removed where the value is nil. Returns only
  /// if this fails.
  public static func replaceProcess(
    with arguments: [String], setting variables: [String: String?]
  ) -> SystemError {
    // A program inherits ignored signals through exec(3). For example, systemd starts a session with SIGPIPE ignored.
    for number in 1...CInt(31) { signal(number, nil) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigprocmask(SIG_SETMASK, &none, nil)
    var environment = Process.environmentEntries(without: Array(variables.keys))
    for case (let name, let value?) in variables { environment.append("\(name)=\(value)") }
    _ = unsafe withCStrings(arguments) { argv in
      unsafe withCStrings(environment) { envp in unsafe execve(arguments[0], argv, envp) }
    }
    return .last("execve")
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
