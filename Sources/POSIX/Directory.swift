// Directories: what is in them, names that move between them, and locks.

import CSystem

// Directories in directories.
extension FileDescriptor {
  /// Opens the directory `name` of this one, close-on-exec, and makes it with mode 0700 if it is missing.
  public func makeDirectory(_ name: String) throws(SystemError) -> FileDescriptor {
    do throws(SystemError) {
      _ = try retrying("mkdir") { unsafe mkdirat(number, name, 0o700) }
    } catch .fileExists {}
    return try directory(name)
  }

  /// Opens the directory `name` of this one, close-on-exec.
  public func directory(_ name: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(number, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
      })
  }

  /// Opens the directory `name` of this one, close-on-exec. A symbolic link in its place is an error.
  public func ownDirectory(_ name: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(number, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0)
      })
  }

  /// The same, made with mode 0700 if it is missing.
  public func makeOwnDirectory(_ name: String) throws(SystemError) -> FileDescriptor {
    do throws(SystemError) {
      _ = try retrying("mkdir") { unsafe mkdirat(number, name, 0o700) }
    } catch .fileExists {}
    return try ownDirectory(name)
  }

  /// Removes the directory `name` of this one, which must be empty.
  public func removeDirectory(_ name: String) throws(SystemError) {
    _ = try retrying("unlink") { unsafe unlinkat(number, name, AT_REMOVEDIR) }
  }

  /// Moves `name` to another directory of the same file system, or to another name in this one. An existing name is
  /// replaced.
  public func rename(
    _ name: String, to directory: borrowing FileDescriptor, as new: String
  ) throws(SystemError) {
    _ = try retrying("rename") { unsafe renameat(number, name, directory.number, new) }
  }

  /// Gives the file `existing` of this directory a name in another one. An existing name is never replaced.
  public func link(
    _ existing: String, in directory: borrowing FileDescriptor, as name: String
  ) throws(SystemError) {
    _ = try retrying("link") { unsafe linkat(number, existing, directory.number, name, 0) }
  }
}

// Files in directories.
extension FileDescriptor {
  /// Opens the regular file `name` for reading. A symbolic link is not followed, and nothing else is waited for.
  public func reading(named name: String) throws(SystemError) -> FileDescriptor {
    try regular(name, O_RDONLY)
  }

  /// Opens the regular file `name` for reading and for appending.
  public func appending(named name: String) throws(SystemError) -> FileDescriptor {
    try regular(name, O_RDWR | O_APPEND)
  }

  /// Opens the file `name` for writing, emptied; makes it if it is missing.
  public func replacing(named name: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(number, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
      })
  }

  private func regular(_ name: String, _ flags: CInt) throws(SystemError) -> FileDescriptor {
    let file = FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(number, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0)
      })
    var status = stat()
    _ = try retrying("stat") { unsafe fstat(file.number, &status) }
    guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG) else {
      throw SystemError(call: "open", errno: .invalidArgument)
    }
    return file
  }

  /// ftruncate(2): the file has no more than `size` octets.
  public func truncate(to size: Int) throws(SystemError) {
    _ = try retrying("truncate") { ftruncate(number, off_t(size)) }
  }

  /// unlinkat(2); that it fails does not matter.
  public func removeName(_ name: String) { _ = unsafe unlinkat(number, name, 0) }

  /// What is known of a file.
  public struct Status: Sendable {
    public let size: Int
    /// Seconds since 1970.
    public let modified: Int64
  }

  public func status() throws(SystemError) -> Status {
    var status = stat()
    _ = try retrying("stat") { unsafe fstat(number, &status) }
    return Status(size: Int(status.st_size), modified: Int64(status.st_mtim.tv_sec))
  }

  /// The file `name` of this directory; nil if there is none.
  public func status(of name: String) -> Status? {
    var status = stat()
    guard unsafe fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return Status(size: Int(status.st_size), modified: Int64(status.st_mtim.tv_sec))
  }
}

// Locks.
extension FileDescriptor {
  /// Takes a lock of the whole file or directory (flock(2)), which lasts as long as the descriptor is open. Waits for it
  /// if `isWaiting`; otherwise returns whether it was to be had.
  public func lock(shared isShared: Bool = false, isWaiting: Bool) throws(SystemError) -> Bool {
    let operation = (isShared ? LOCK_SH : LOCK_EX) | (isWaiting ? 0 : LOCK_NB)
    do throws(SystemError) {
      _ = try retrying("flock") { flock(number, operation) }
      return true
    } catch .wouldBlock {
      return false
    }
  }

  /// Gives a lock back.
  public func unlock() { flock(number, LOCK_UN) }
}

/// The names in a directory, one after the other, in no order. What comes or goes meanwhile may be there or not.
@safe public struct DirectoryNames: ~Copyable {
  private let stream: OpaquePointer

  public init(_ directory: borrowing FileDescriptor) throws(SystemError) {
    // A descriptor of its own has a place of its own in the directory.
    let own = try retrying("open") {
      unsafe postern_openat(directory.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    }
    guard let stream = unsafe fdopendir(own) else {
      let error = SystemError.last("fdopendir")
      close(own)
      throw error
    }
    unsafe self.stream = stream
  }

  deinit { unsafe closedir(stream) }

  /// The next name; nil at the end. Octets that are not UTF-8 become U+FFFD: such a name leads to no file.
  public mutating func next() -> String? {
    while let name = unsafe postern_next_name(stream) {
      let text = unsafe String(cString: name)
      if text != ".", text != ".." { return text }
    }
    return nil
  }
}

extension FileDescriptor {
  /// lseek(2) to a place counted from the beginning.
  public func seek(to offset: Int) throws(SystemError) {
    guard lseek(number, off_t(offset), SEEK_SET) >= 0 else { throw .last("lseek") }
  }
}
