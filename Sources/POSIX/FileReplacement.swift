// Replaces a file in one step: a reader sees either the whole old content or the whole new content.

import CSystem

public enum FileReplacement {
  /// Why a file could not be replaced: the system call that failed, and its error.
  public struct Failure: Error {
    public let call: StaticString
    public let errno: Errno
  }

  /// Calls `edit` with the content of the file, or nil if there is no file, and durably replaces the file by what `edit`
  /// returns. If `edit` returns nil, the file stays as it is. A lock makes other processes wait with their edits. The
  /// file keeps its owner, group and mode; a new file gets `mode`. If `path` is a symbolic link, the file that it leads
  /// to is edited.
  public static func edit(
    _ path: String, mode: UInt32, _ edit: ([UInt8]?) -> [UInt8]?
  ) throws(Failure) {
    let path = try FileDescriptor.isLink(path) ? target(of: path) : path
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let directory = try call("open") { () throws(Errno) in try FileDescriptor.directory(folder) }
    // Lock the directory and not the file, because each edit replaces the file by another one.
    _ = try call("flock") { () throws(Errno) in try retrying { flock(directory.number, LOCK_EX) } }

    var status: stat?
    let old = try call("open") { () throws(Errno) -> [UInt8]? in
      do throws(Errno) {
        let file = try FileDescriptor.reading(path)
        var found = stat()
        _ = try retrying { unsafe fstat(file.number, &found) }
        status = found
        return try file.readAll(limit: Int.max - 1)
      } catch .noSuchFile {
        return nil
      }
    }
    guard let new = edit(old) else { return }

    let temporary = ".\(name).\(String(Process.random(), radix: 16))"
    do throws(Failure) {
      let file = try call("open") { () throws(Errno) in try directory.makeFile(named: temporary) }
      if let status {
        _ = try call("chown") { () throws(Errno) in
          try retrying { fchown(file.number, status.st_uid, status.st_gid) }
        }
      }
      // This comes after fchown(2), which clears some bits of the mode.
      let mode = status.map { $0.st_mode & 0o7777 } ?? mode
      _ = try call("chmod") { () throws(Errno) in try retrying { fchmod(file.number, mode) } }
      try call("write") { () throws(Errno) in try file.write(new.span) }
      try call("fsync") { () throws(Errno) in try file.synchronize() }
      _ = try call("rename") { () throws(Errno) in
        try retrying { unsafe renameat(directory.number, temporary, directory.number, name) }
      }
    } catch {
      try? directory.unlink(temporary)
      throw error
    }
    try call("fsync") { () throws(Errno) in try directory.synchronize() }
  }

  /// The existing file that a symbolic link leads to.
  private static func target(of link: String) throws(Failure) -> String {
    guard let target = FileDescriptor.realPath(link) else {
      throw Failure(call: "realpath", errno: .current)
    }
    return target
  }

  private static func call<Value: ~Copyable>(
    _ name: StaticString, _ body: () throws(Errno) -> Value
  ) throws(Failure) -> Value {
    do throws(Errno) { return try body() } catch { throw Failure(call: name, errno: error) }
  }
}
