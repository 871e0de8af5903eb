// What a process gives up before it reads an octet from the peer: privileges that it could gain by exec
// (no_new_privs), files outside the mail directory (landlock(7)), system calls that it does not need
// (seccomp(2)), and resources (setrlimit(2)). Programs that it executes inherit all of this, and nobody can
// take it back.

import CSystem

public struct Confinement: Sendable {
  /// The directory that files may be made, written and removed in; nil if it could not be opened.
  public var mailDirectory: String?
  /// The queue's directory, in whose directories the same may be done, and which files of the mail directory may be linked
  /// into; nil if this process queues nothing.
  public var queueDirectory: String?
  /// The directory of SQLite's files, if this process reads the mail directory by an index; messages may then be read, too.
  public var indexDirectory: String?
  /// The directory of the journals of marks, if this process changes marks.
  public var marksDirectory: String?
  /// Files that may be read. Other files in their directories may be read too: whoever edits a file puts a new one in
  /// its place.
  public var readableFiles: [String] = []
  /// Whether a message is read again before it is stored: then all files of its directories may be read.
  public var editsMail = false
  /// Directories whose files will be read and replaced (`FileReplacement`).
  public var replacedDirectories: [String] = []
  /// Whether another program will be executed. It may read and execute every file, use the network,
  /// and make any system call except those that change the machine.
  public var executes = false
  /// Whether locks on files will be taken (`FileDescriptor.takeSlot`).
  public var locks = false
  /// Whether descriptors come from another process: files to be read, and connections to a listening socket
  /// that is open.
  public var receivesDescriptors = false
  /// Whether sockets to the log may be made.
  public var logsToSyslog = false

  public init() {}

  /// A part that the kernel does not have, or `directory` or `readable`: what could not be opened, and stays forbidden.
  public struct Lack: Sendable {
    public let part: StaticString
    public let errno: SystemError
    /// Whether the process has more rights than it should have, though the kernel has this part.
    public let isFailure: Bool
  }

  /// Confines the process as far as the kernel can, and returns what it cannot.
  public func apply() -> [Lack] {
    var lacks: [Lack] = []
    var unreadable: SystemError?
    func attempt(
      _ part: StaticString, leavesRights: Bool = true, _ body: () throws(SystemError) -> Void
    ) {
      do throws(SystemError) { try body() } catch {
        let isMissing = error == .functionNotImplemented || error == .notSupported
        lacks.append(Lack(part: part, errno: error, isFailure: leavesRights && !isMissing))
      }
    }
    attempt("rlimit", leavesRights: false, limitResources)
    attempt("no_new_privs") { () throws(SystemError) in
      try once("prctl") { postern_no_new_privileges() }
    }
    var missing: SystemError?
    attempt("landlock") { () throws(SystemError) in (unreadable, missing) = try restrictFiles() }
    attempt("directory", leavesRights: false) { () throws(SystemError) in
      if let missing { throw missing }
    }
    attempt("readable", leavesRights: false) { () throws(SystemError) in
      if let unreadable { throw unreadable }
    }
    attempt("seccomp", restrictCalls)
    return lacks
  }
}

// Resources.
extension Confinement {
  private func limitResources() throws(SystemError) {
    try limit(CInt(RLIMIT_CORE.rawValue), 0)  // a core file may hold a password
    guard !executes else { return }
    try limit(CInt(RLIMIT_NOFILE.rawValue), 64)
    try limit(postern_rlimit_nproc, 0)
  }

  /// Lowers a limit for good. A limit that is lower already stays.
  private func limit(_ resource: CInt, _ value: Int) throws(SystemError) {
    var current = rlimit()
    try once("getrlimit") { unsafe getrlimit(resource, &current) }
    let lower = min(current.rlim_max, rlim_t(value))
    var new = rlimit(rlim_cur: min(current.rlim_cur, lower), rlim_max: lower)
    try once("setrlimit") { unsafe setrlimit(resource, &new) }
  }
}

// Files.
extension Confinement {
  /// Access rights of landlock(7).
  private enum Access {
    static let execute: UInt64 = 1 << 0
    static let writeFile: UInt64 = 1 << 1
    static let readFile: UInt64 = 1 << 2
    static let readDirectory: UInt64 = 1 << 3
    static let removeFile: UInt64 = 1 << 5
    static let makeRegular: UInt64 = 1 << 8
    /// To link a file into another directory. Version 1 of Landlock denies that always.
    static let refer: UInt64 = 1 << 13
    /// Version 3 of Landlock and later ones can deny it.
    static let truncate: UInt64 = 1 << 14

    /// Everything that a version of Landlock can deny.
    static func all(version: CInt) -> UInt64 {
      switch version {
      case ...1: (1 << 13) - 1
      case 2: (1 << 14) - 1  // and refer
      case 3, 4: (1 << 15) - 1  // and truncate
      default: (1 << 16) - 1  // and ioctl on devices
      }
    }
  }

  /// What Landlock can keep from processes outside of the confinement. Programs that the process executes are
  /// inside.
  private enum Scope {
    /// Connections to their abstract sockets.
    static let sockets: UInt64 = 1 << 0
    /// Signals.
    static let signals: UInt64 = 1 << 1
  }

  /// Returns errors if the process could be confined, but one of `readableFiles` or one of the directories could not be
  /// allowed: that one is left out.
  private func restrictFiles() throws(SystemError) -> (
    unreadable: SystemError?, missing: SystemError?
  ) {
    let version = postern_landlock_version()
    guard version > 0 else { throw .last("landlock_create_ruleset") }
    var rules = postern_landlock_ruleset()
    rules.handled_access_fs = Access.all(version: version)
    if !executes { rules.handled_access_net = version >= 4 ? 3 : 0 }  // bind and connect of TCP
    if version >= 6 { rules.scoped = executes ? Scope.signals : Scope.signals | Scope.sockets }
    let size = version >= 6 ? 24 : version >= 4 ? 16 : 8
    let ruleset = FileDescriptor(
      try retrying("landlock_create_ruleset") { unsafe postern_landlock_create(&rules, size) })
    var storing =
      Access.makeRegular | Access.writeFile | Access.removeFile | Access.readDirectory
    if queueDirectory != nil, version >= 2 { storing |= Access.refer }
    let reading = indexDirectory == nil && !editsMail ? 0 : Access.readFile
    let truncating = version >= 3 ? Access.truncate : 0
    var directories: [(path: String, access: UInt64)] = []
    if let mailDirectory { directories.append((mailDirectory, storing | reading)) }
    if let queueDirectory {
      directories.append((queueDirectory, storing | (editsMail ? Access.readFile : 0)))
    }
    for directory in [indexDirectory, marksDirectory] {
      if let directory { directories.append((directory, storing | reading | truncating)) }
    }
    for directory in replacedDirectories {
      directories.append((directory, storing | Access.readFile))
    }
    var missing: SystemError?
    for (path, access) in directories {
      do throws(SystemError) { try allow(ruleset, path, access) } catch { missing = error }
    }
    var unreadable: SystemError?
    if !executes {
      for file in readableFiles {
        do throws(SystemError) { try allowReading(ruleset, file) } catch { unreadable = error }
      }
    }
    if executes {
      try allow(ruleset, "/", Access.execute | Access.readFile | Access.readDirectory)
      try allow(ruleset, "/dev", Access.writeFile)
    }
    try once("landlock_restrict_self") { postern_landlock_restrict(ruleset.number) }
    return (unreadable, missing)
  }

  /// Allows to read the files in the directory of a file and, if that is a symbolic link, those in the
  /// directory of the file that it leads to. A directory that does not exist is skipped.
  private func allowReading(
    _ ruleset: borrowing FileDescriptor, _ file: String
  ) throws(SystemError) {
    var files = [file]
    if FileDescriptor.isLink(file), let target = FileDescriptor.realPath(file) {
      files.append(target)
    }
    for file in files {
      let slash = file.lastIndex(of: "/")
      let directory = slash.map { $0 == file.startIndex ? "/" : String(file[..<$0]) } ?? "."
      do throws(SystemError) { try allow(ruleset, directory, Access.readFile) } catch .noSuchFile {}
    }
  }

  private func allow(
    _ ruleset: borrowing FileDescriptor, _ path: String, _ access: UInt64
  ) throws(SystemError) {
    // With O_PATH, since files can be read in a directory that cannot be.
    let directory = try FileDescriptor.place(path)
    try once("landlock_add_rule") {
      postern_landlock_allow(ruleset.number, directory.number, access)
    }
  }
}

// System calls.
extension Confinement {
  /// What a session that executes nothing needs: to read and write open files, to store a message, to
  /// get the time and memory, and to end.
  private static var needed: [CInt] {
    [
      SYS_read, SYS_write, postern_sys_poll, SYS_ppoll, SYS_sendto, SYS_close, SYS_openat,
      SYS_linkat, SYS_pwritev2,
      SYS_fdatasync, SYS_fsync, SYS_unlinkat, SYS_getrandom, SYS_brk, SYS_munmap, SYS_mremap,
      SYS_madvise, SYS_newfstatat, SYS_fstat, SYS_clock_gettime, SYS_gettimeofday, SYS_recvfrom,
      SYS_shutdown, SYS_futex, SYS_exit_group, SYS_exit, SYS_rt_sigprocmask, SYS_rt_sigaction,
      SYS_rt_sigreturn, SYS_restart_syscall, SYS_getpid, SYS_gettid, SYS_tgkill, SYS_writev,
      SYS_lseek, SYS_sysinfo, SYS_getpeername, SYS_geteuid,
    ].map { CInt($0) }
  }

  /// What a process needs in order to get descriptors from another, and to read files at a place.
  private static var receiving: [CInt] {
    [SYS_recvmsg, SYS_accept4, SYS_pread64].map { CInt($0) }
  }

  /// What SQLite needs, and listing a directory.
  private static var indexing: [CInt] {
    replacing
      + [
        SYS_pread64, SYS_pwrite64, SYS_ftruncate, SYS_fallocate, SYS_faccessat,
        SYS_getuid, SYS_clock_nanosleep, SYS_nanosleep, SYS_utimensat,
      ].map { CInt($0) } + [postern_sys_access, postern_sys_unlink]
  }

  /// What replacing files needs.
  private static var replacing: [CInt] {
    [
      SYS_renameat, SYS_renameat2, SYS_flock, SYS_fchmod, SYS_fchown, SYS_getdents64, SYS_mkdirat,
      SYS_readlinkat, SYS_getcwd,
    ].map { CInt($0) } + [postern_sys_readlink, postern_sys_mkdir]
  }

  /// What programs that a session executes do not need: calls that change the machine or other processes.
  private static var dangerous: [CInt] {
    [
      SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_bpf, SYS_perf_event_open,
      SYS_userfaultfd, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_unshare, SYS_setns, SYS_reboot,
      SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_swapon, SYS_swapoff,
      SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_acct, SYS_quotactl, SYS_add_key,
      SYS_request_key, SYS_keyctl, SYS_open_by_handle_at, SYS_clock_adjtime,
    ].map { CInt($0) }
      + [
        postern_sys_kexec_file_load, postern_sys_pidfd_getfd, postern_sys_io_uring_setup,
        postern_sys_fsopen, postern_sys_fsmount, postern_sys_open_tree, postern_sys_move_mount,
        postern_sys_mount_setattr,
      ].filter { $0 >= 0 }
  }

  private func restrictCalls() throws(SystemError) {
    #if arch(x86_64) || arch(arm64)
      var filter = Filter()
      if executes {
        for call in Self.dangerous { filter.compare(call, then: Filter.denied) }
        // On x86-64 every call has a second number, which begins at 2^30 (x32).
        filter.test(BPF_JGE, 1 << 30, then: Filter.denied)
      } else {
        allowNeeded(in: &filter)
      }
      let program = filter.program
      try unsafe program.withUnsafeBufferPointer { (program) throws(SystemError) in
        try once("seccomp") { unsafe postern_seccomp(program.baseAddress, UInt16(program.count)) }
      }
    #else
      throw SystemError(call: "seccomp", errno: .functionNotImplemented)
    #endif
  }

  private func allowNeeded(in filter: inout Filter) {
    // Memory must not be executable.
    filter.test(BPF_JSET, UInt32(PROT_EXEC), then: Filter.denied, else: Filter.allowed)
    filter.load(argument: 2)
    let memory = filter.start
    var socket: Int?
    if logsToSyslog {
      filter.test(BPF_JEQ, UInt32(AF_UNIX), then: Filter.allowed, else: Filter.denied)
      filter.load(argument: 0)
      socket = filter.start
    }
    // fcntl(2) can also have signals sent to other processes.
    var lock: Int?
    if locks || indexDirectory != nil {
      filter.test(BPF_JEQ, UInt32(F_GETLK), then: Filter.allowed, else: Filter.denied)
      filter.test(BPF_JEQ, UInt32(F_SETLK), then: Filter.allowed)
      filter.load(argument: 1)
      lock = filter.start
    }
    // Skip system calls that this architecture does not have.
    var needed = Self.needed
    if receivesDescriptors { needed += Self.receiving }
    if editsMail { needed.append(CInt(SYS_pread64)) }
    if indexDirectory != nil { needed += Self.indexing }
    if !replacedDirectories.isEmpty { needed += Self.replacing }
    needed = Array(Set(needed.filter { $0 >= 0 })).sorted()
    Self.search(needed, needed.indices, in: &filter)
    if let lock { filter.compare(CInt(SYS_fcntl), then: lock) }
    for call in [SYS_mmap, SYS_mprotect] { filter.compare(CInt(call), then: memory) }
    if let socket {
      filter.compare(CInt(SYS_connect), then: Filter.allowed)
      filter.compare(CInt(SYS_socket), then: socket)
    }
  }

  /// Allows the calls in `range` of an ascending list, and no others, by a binary search.
  private static func search(_ calls: [CInt], _ range: Range<Int>, in filter: inout Filter) {
    if range.count <= 3 {
      var other = Filter.denied
      for index in range {
        filter.compare(calls[index], then: Filter.allowed, else: other)
        other = filter.start
      }
      return
    }
    let middle = range.lowerBound + range.count / 2
    search(calls, middle..<range.upperBound, in: &filter)
    let upper = filter.start
    search(calls, range.lowerBound..<middle, in: &filter)
    filter.test(BPF_JGE, UInt32(bitPattern: calls[middle]), then: upper)
  }
}

/// A filter of system calls, which is written from its last statement to its first, so that the target of a
/// jump is always known.
///
/// The kernel translates a filter several times when it is installed, and runs it for every number that a call
/// may have. This is most of what a confined session costs, so a filter should be short, and should search
/// rather than compare with one call after the other.
private struct Filter {
  /// The two results, as positions in `statements`.
  static let denied = 0
  static let allowed = 1

  /// The last statement comes first.
  private var statements = [
    sock_filter(
      code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: SECCOMP_RET_ERRNO | UInt32(EPERM)),
    sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: SECCOMP_RET_ALLOW),
  ]

  init() { statements.reserveCapacity(128) }

  /// The position of the statement that runs first so far.
  var start: Int { statements.count - 1 }

  /// The whole filter in the order in which it runs. In front it denies calls of another architecture, and
  /// loads the number of the call. (In struct seccomp_data the number is at 0, the architecture at 4, and the
  /// low half of argument n at 16 + 8n.)
  var program: [sock_filter] {
    var whole = self
    whole.load(0)
    whole.test(BPF_JEQ, postern_audit_arch, then: whole.start, else: Self.denied)
    whole.load(4)
    return whole.statements.reversed()
  }

  /// Goes to `then` if it is this call, else to `other`, or on to the statement that runs first so far.
  mutating func compare(_ call: CInt, then: Int, else other: Int? = nil) {
    test(BPF_JEQ, UInt32(bitPattern: call), then: then, else: other)
  }

  mutating func test(_ test: CInt, _ value: UInt32, then: Int, else other: Int? = nil) {
    statements.append(
      sock_filter(
        code: UInt16(BPF_JMP | test | BPF_K), jt: UInt8(start - then),
        jf: UInt8(start - (other ?? start)), k: value))
  }

  mutating func load(argument number: UInt32) { load(16 + 8 * number) }

  private mutating func load(_ offset: UInt32) {
    statements.append(
      sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: offset))
  }
}
