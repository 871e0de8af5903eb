// Reading large directories, and what the index of one needs.

import CSystem

extension FileDescriptor {
  /// When the content last changed, in nanoseconds since 1970.
  public func modifiedNanoseconds() throws(SystemError) -> Int64 {
    var status = stat()
    _ = try retrying("stat") { unsafe fstat(number, &status) }
    return Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
  }

  /// Calls `body` with the name of each entry of this directory, in no order, `.` and `..` too.
  public func forEachName(_ body: (Span<UInt8>) -> Void) throws(SystemError) {
    // A descriptor of its own, because the place in a directory belongs to the descriptor.
    let reader = FileDescriptor(
      try retrying("open") {
        unsafe postern_openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
      })
    let size = 256 * 1024
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
    defer { unsafe buffer.deallocate() }
    while true {
      let count = try retrying("getdents") {
        unsafe postern_read_entries(reader.number, buffer, size)
      }
      if count == 0 { return }
      // Each entry: inode (8 octets), offset (8), its length (2), type (1), the name and a NUL.
      var start = 0
      while start < count {
        let length = unsafe Int(
          buffer.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
        let name = unsafe buffer + start + 19
        let octets = unsafe UnsafeBufferPointer(
          start: name.assumingMemoryBound(to: UInt8.self),
          count: strnlen(name.assumingMemoryBound(to: CChar.self), length - 19))
        unsafe body(octets.span)
        start += length
      }
    }
  }

  /// Moves the entry with this name, which need not be UTF-8 and has no NUL, as `rename` does.
  public func rename(
    octets name: [UInt8], to directory: borrowing FileDescriptor, as new: String
  ) throws(SystemError) {
    let name = name.map { CChar(bitPattern: $0) } + [0]
    _ = try retrying("rename") { unsafe renameat(number, name, directory.number, new) }
  }

  /// Whether this directory has an entry `name`.
  public func hasEntry(_ name: String) throws(SystemError) -> Bool {
    var status = stat()
    do throws(SystemError) {
      _ = try retrying("stat") { unsafe fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) }
      return true
    } catch .noSuchFile {
      return false
    }
  }

  /// Reads the file from its beginning into `buffer`, which it replaces, at most `limit` octets.
  public func read(into buffer: inout [UInt8], limit: Int) throws(SystemError) {
    buffer.removeAll(keepingCapacity: true)
    let size = min(try status().size, limit)
    while buffer.count < size {
      if try read(into: &buffer, atMost: size - buffer.count, at: buffer.count) == 0 { return }
    }
  }

  /// Makes the folder `path`, with `mode` minus the umask; it may be there already.
  public static func makeFolder(_ path: String, mode: UInt32 = 0o770) throws(SystemError) {
    do throws(SystemError) {
      _ = try retrying("mkdir") { unsafe mkdir(path, mode) }
    } catch .fileExists {}
  }

  /// Takes a lock of the whole file that excludes every other process (flock(2)); false if there is none to be had before
  /// the deadline. It ends with the descriptor.
  public func lock(until deadline: Deadline) throws(SystemError) -> Bool {
    while true {
      if try lock(isWaiting: false) { return true }
      if deadline.hasPassed { return false }
      usleep(2000)
    }
  }
}
