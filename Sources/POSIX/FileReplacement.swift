// Replacing a file at once: who reads it sees the old content or the new, and never half of either.

import CSystem

public enum FileReplacement {
  /// Why a file could not be replaced: the call that failed, and how.
  public struct Failure: Error {
    public let call: StaticString
    public let errno: Errno
  }

  /// Gives `edit` the content of a file, nil if there is none, and puts what it returns in its
  /// place, durably; nil leaves the file alone. One process edits at a time. The mode becomes
  /// `mode`; the owner and group stay.
  public static func edit(
    _ path: String, mode: UInt32, _ edit: ([UInt8]?) -> [UInt8]?
  ) throws(Failure) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let directory = try call("open") { () throws(Errno) in try FileDescriptor.directory(folder) }
    // The lock is the directory's: the file itself is another one after each edit.
    _ = try call("flock") { () throws(Errno) in try retrying { flock(directory.number, LOCK_EX) } }

    var owner: (uid_t, gid_t)?
    let old = try call("open") { () throws(Errno) -> [UInt8]? in
      do throws(Errno) {
        let file = try FileDescriptor.reading(path)
        var status = stat()
        _ = try retrying { unsafe fstat(file.number, &status) }
        owner = (status.st_uid, status.st_gid)
        return try file.readAll(limit: Int.max - 1)
      } catch .noSuchFile {
        return nil
      }
    }
    guard let new = edit(old) else { return }

    let temporary = ".\(name).\(String(Process.random(), radix: 16))"
    do throws(Failure) {
      let file = try call("open") { () throws(Errno) in try directory.makeFile(named: temporary) }
      if let (user, group) = owner {
        _ = try call("chown") { () throws(Errno) in
          try retrying { fchown(file.number, user, group) }
        }
      }
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

  private static func call<Value: ~Copyable>(
    _ name: StaticString, _ body: () throws(Errno) -> Value
  ) throws(Failure) -> Value {
    do throws(Errno) { return try body() } catch { throw Failure(call: name, errno: error) }
  }
}
