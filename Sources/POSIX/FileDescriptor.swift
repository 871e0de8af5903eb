// An open file, pipe or socket, which is closed when the value that owns it is destroyed.

import CSystem

public struct FileDescriptor: ~Copyable, Sendable {
  let number: CInt

  /// Takes over an open descriptor.
  public init(_ number: CInt) { self.number = number }

  deinit { close(number) }
}

// Reading and writing.
extension FileDescriptor {
  /// Appends the octets of one read(2) to `buffer`, at most `count`, and returns how many there were. 0 means the end
  /// of the file.
  public func read(into buffer: inout [UInt8], atMost count: Int) throws(SystemError) -> Int {
    try unsafe append(to: &buffer, atMost: count, "read") { memory in
      unsafe CSystem.read(number, memory.baseAddress, memory.count)
    }
  }

  /// The same with pread(2), from an offset.
  public func read(
    into buffer: inout [UInt8], atMost count: Int, at offset: Int
  ) throws(SystemError) -> Int {
    try unsafe append(to: &buffer, atMost: count, "read") { memory in
      unsafe pread(number, memory.baseAddress, memory.count, off_t(offset))
    }
  }

  /// Appends what `call` puts into the memory that it gets, at most `count` octets.
  @inline(__always)
  private func append(
    to buffer: inout [UInt8], atMost count: Int, _ name: StaticString,
    _ call: (UnsafeMutableRawBufferPointer) -> Int
  ) throws(SystemError) -> Int {
    var outcome = Result<Int, SystemError>.success(0)
    buffer.append(addingCapacity: count) { (span: inout OutputSpan<UInt8>) in
      unsafe span.withUnsafeMutableBufferPointer { memory, initialized in
        do throws(SystemError) {
          let free = unsafe UnsafeMutableRawBufferPointer(memory)[initialized...].prefix(count)
          let got = try retrying(name) {
            unsafe call(UnsafeMutableRawBufferPointer(rebasing: free))
          }
          initialized += got
          outcome = .success(got)
        } catch {
          outcome = .failure(error)
        }
      }
    }
    return try outcome.get()
  }

  /// Writes all of `octets`, however many write(2) calls that takes.
  public func write(_ octets: Span<UInt8>) throws(SystemError) {
    var written = 0
    while written < octets.count {
      written += try writeSome(octets.extracting(written...))
    }
  }

  func writeSome(_ octets: Span<UInt8>) throws(SystemError) -> Int {
    try unsafe octets.withUnsafeBytes { (memory) throws(SystemError) in
      try retrying("write") { unsafe CSystem.write(number, memory.baseAddress, memory.count) }
    }
  }

  /// send(2) without waiting; nil if it would have to wait.
  public func sendNow(_ octets: Span<UInt8>) throws(SystemError) -> Int? {
    do throws(SystemError) {
      return try unsafe octets.withUnsafeBytes { (memory) throws(SystemError) in
        try retrying("send") {
          unsafe send(
            number, memory.baseAddress, memory.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        }
      }
    } catch .wouldBlock {
      return nil
    }
  }

  /// write(2) without waiting, if the kernel supports that (for pipes since Linux 6.4). Nil if it does not, or if the
  /// call would have to wait.
  func writeNow(_ octets: Span<UInt8>) -> Int? {
    let written = unsafe octets.withUnsafeBytes {
      unsafe postern_write_now(number, $0.baseAddress, $0.count)
    }
    return written < 0 ? nil : written
  }

  /// Writes text to a standard descriptor, 1 or 2, which stays open. Errors are ignored.
  public static func print(_ text: String, to number: CInt) {
    var octets = [UInt8](text.utf8)[...]
    while !octets.isEmpty {
      let written = unsafe octets.withUnsafeBytes {
        unsafe CSystem.write(number, $0.baseAddress, $0.count)
      }
      if written < 0, postern_errno() != EINTR { return }
      octets = octets.dropFirst(max(0, written))
    }
  }

  /// fdatasync(2): when it returns, the content and the metadata that is needed to read it are on the disk.
  public func synchronizeData() throws(SystemError) {
    _ = try retrying("fdatasync") { fdatasync(number) }
  }

  /// fsync(2): when it returns for a directory, the directory's entries are on the disk.
  public func synchronize() throws(SystemError) {
    _ = try retrying("fsync") { fsync(number) }
  }
}

// What a descriptor or a path is.
extension FileDescriptor {
  /// Identifies the object behind a descriptor: two equal values mean the same file, pipe or socket.
  public struct Identity: Equatable, Sendable {
    public let device: UInt64
    public let inode: UInt64
  }

  /// fstat(2) of a descriptor number; nil if nothing is open there.
  public static func identity(of number: CInt) -> Identity? {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

extension FileDescriptor {
  /// stat(2) of a file; nil if there is none.
  static func identity(ofFile path: String) -> Identity? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Whether a path leads to anything.
  public static func exists(_ path: String) -> Bool { identity(ofFile: path) != nil }

  /// Whether there is a file; whatever else keeps it from being found is an error.
  public static func isThere(_ path: String) throws(SystemError) -> Bool {
    var status = stat()
    do throws(SystemError) {
      _ = try retrying("stat") { unsafe stat(path, &status) }
    } catch .noSuchFile {
      return false
    }
    return true
  }

  /// Whether a path names a symbolic link.
  static func isLink(_ path: String) -> Bool {
    var octet: CChar = 0
    return unsafe readlink(path, &octet, 1) >= 0
  }

  /// What a symbolic link holds; nil if it is none.
  static func linkTarget(_ path: String) -> String? {
    var target = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink(path, &target, target.count)
    guard count > 0, count < target.count else { return nil }
    return String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// realpath(3); nil if the path leads nowhere.
  static func realPath(_ path: String) -> String? {
    guard let real = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }

  /// Whether anything is open at a descriptor number.
  public static func isOpen(_ number: CInt) -> Bool { identity(of: number) != nil }

  /// Whether a descriptor number is a socket.
  public static func isSocket(_ number: CInt) -> Bool {
    var status = stat()
    return unsafe fstat(number, &status) == 0 && status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK)
  }
}

// Opening.
extension FileDescriptor {
  /// Opens a directory, close-on-exec.
  public static func directory(_ path: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
      })
  }

  /// Opens a directory as a place (`O_PATH`), close-on-exec. This needs search permission on the directories above it,
  /// and no permission to read it.
  static func place(_ path: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(AT_FDCWD, path, postern_o_path | O_DIRECTORY | O_CLOEXEC, 0)
      })
  }

  /// Opens a file for reading, close-on-exec.
  public static func reading(_ path: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") { unsafe postern_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) })
  }

  /// Reads the whole file; nil if it has more than `limit` octets.
  public func readAll(limit: Int) throws(SystemError) -> [UInt8]? {
    var content: [UInt8] = []
    while content.count <= limit {
      if try read(into: &content, atMost: 4096) == 0 { return content }
    }
    return nil
  }

  /// Replaces a descriptor by `/dev/null`, whether it was open or not.
  public static func replaceWithNull(_ number: CInt) throws(SystemError) {
    do throws(SystemError) {
      let null = try retrying("open") { unsafe postern_openat(AT_FDCWD, "/dev/null", O_RDWR, 0) }
      if null == number { return }
      defer { close(null) }
      _ = try retrying("dup2") { dup2(null, number) }
    } catch .noSuchFile {
      // In a chroot: what ends at once when it is read, and takes nothing.
      let pair = try pipe()
      _ = try retrying("dup2") { dup2(pair.first.number, number) }
    }
  }
}

// Operations in an open directory.
extension FileDescriptor {
  /// Makes a file without a name (`O_TMPFILE`) for writing, and for reading too if it `isReadable`; nil if the file system
  /// does not support this. Its mode is 0660 minus the umask.
  public func makeUnnamedFile(isReadable: Bool = false) throws(SystemError) -> FileDescriptor? {
    let flags = postern_o_tmpfile | (isReadable ? O_RDWR : O_WRONLY) | O_CLOEXEC
    do throws(SystemError) {
      return FileDescriptor(
        try retrying("open") {
          unsafe postern_openat(number, ".", flags, 0o660)
        })
    } catch .notSupported, .isDirectory {
      return nil
    }
  }

  /// Makes a new file for writing, and for reading too if it `isReadable`; an error if the name exists. Its mode is 0660
  /// minus the umask.
  public func makeFile(
    named name: String, isReadable: Bool = false
  ) throws(SystemError) -> FileDescriptor {
    let flags = (isReadable ? O_RDWR : O_WRONLY) | O_CREAT | O_EXCL | O_CLOEXEC
    return FileDescriptor(
      try retrying("open") { unsafe postern_openat(number, name, flags, 0o660) })
  }

  /// Gives `file` a name in this directory, which must be on the same file system. The file may be without a name so
  /// far. An existing name is never replaced.
  ///
  /// Before Linux 6.10 `AT_EMPTY_PATH` fails with ENOENT without a capability. Then the name is made through `/proc`.
  public func link(_ file: borrowing FileDescriptor, as name: String) throws(SystemError) {
    do throws(SystemError) {
      _ = try retrying("link") {
        unsafe linkat(file.number, "", number, name, postern_at_empty_path)
      }
    } catch .noSuchFile {
      let path = "/proc/self/fd/\(file.number)"
      _ = try retrying("link") { unsafe linkat(AT_FDCWD, path, number, name, AT_SYMLINK_FOLLOW) }
    }
  }

  /// Gives the file `existing` of this directory a second name. An existing name is never replaced.
  public func link(_ existing: String, as name: String) throws(SystemError) {
    _ = try retrying("link") { unsafe linkat(number, existing, number, name, 0) }
  }

  public func unlink(_ name: String) throws(SystemError) {
    _ = try retrying("unlink") { unsafe unlinkat(number, name, 0) }
  }
}

// Messages.
extension FileDescriptor {
  /// Where a descriptor that is open on a regular file is in it; nil for anything else.
  public static func fileOffset(of number: CInt) -> Int? {
    var status = stat()
    guard unsafe fstat(number, &status) == 0,
      status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG)
    else { return nil }
    let offset = lseek(number, 0, SEEK_CUR)
    return offset < 0 ? nil : Int(offset)
  }

  /// A file without a name in a directory, to be written and read.
  public static func temporary(in folder: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(
          AT_FDCWD, folder, postern_o_tmpfile | O_RDWR | O_CLOEXEC, 0o600)
      })
  }
}

// Between processes.
extension FileDescriptor {
  /// Opens what a path names as a place (`O_PATH`), close-on-exec.
  public static func anyPlace(_ path: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") { unsafe postern_openat(AT_FDCWD, path, postern_o_path | O_CLOEXEC, 0) })
  }

  /// unlink(2); that it fails does not matter.
  public static func remove(_ path: String) { _ = unsafe CSystem.unlink(path) }

  /// A pipe: what is written to the second end is read from the first.
  public static func pipe() throws(SystemError) -> SocketPair {
    var ends: [CInt] = [-1, -1]
    _ = try retrying("pipe") { unsafe postern_pipe(&ends) }
    return SocketPair(first: FileDescriptor(ends[0]), second: FileDescriptor(ends[1]))
  }
}

extension FileDescriptor {
  /// Whether a descriptor number is a terminal.
  public static func isTerminal(_ number: CInt) -> Bool { isatty(number) == 1 }
}
