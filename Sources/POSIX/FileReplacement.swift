// Replaces a file in one step: a reader sees either the whole old content or the whole new content.

import CSystem
import Octets

public enum FileReplacement {
  /// How often an edit is begun again because somebody else has saved the file meanwhile.
  private static let attempts = 10

  /// Calls `edit` with the content of the file, or nil if there is no file, and durably replaces the file by what `edit`
  /// returns. If `edit` returns nil, the file stays as it is. A lock makes other processes wait with their edits. Who
  /// takes no lock, an editor, may save the file meanwhile: then `edit` is called again with what he has saved. The
  /// file keeps its owner, group and mode; a new file gets `mode`. If `path` is a symbolic link, the file that it leads
  /// to is edited.
  public static func edit(
    _ path: String, mode: UInt32, _ edit: ([UInt8]?) -> [UInt8]?
  ) throws(SystemError) {
    let path = try FileDescriptor.isLink(path) ? target(of: path) : path
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let directory = try FileDescriptor.directory(folder)
    // Lock the directory and not the file, because each edit replaces the file by another one.
    _ = try retrying("flock") { flock(directory.number, LOCK_EX) }

    removeDebris(of: name, in: directory)
    for _ in 0..<attempts {
      if try replace(path, name, in: directory, mode: mode, edit) { return }
    }
    throw SystemError(call: "rename", errno: .busy)
  }

  /// False if somebody else has saved the file since it was read.
  private static func replace(
    _ path: String, _ name: String, in directory: borrowing FileDescriptor, mode: UInt32,
    _ edit: ([UInt8]?) -> [UInt8]?
  ) throws(SystemError) -> Bool {
    var status: stat?
    let old: [UInt8]?
    do throws(SystemError) {
      let file = try FileDescriptor.reading(path)
      var found = stat()
      _ = try retrying("stat") { unsafe fstat(file.number, &found) }
      status = found
      old = try file.readAll(limit: Int.max - 1)
    } catch .noSuchFile {
      old = nil
    }
    guard let new = edit(old) else { return true }

    let temporary = ".\(name).\(String(Process.random(), radix: 16))"
    do throws(SystemError) {
      let file = try directory.makeFile(named: temporary)
      if let status {
        _ = try retrying("chown") { fchown(file.number, status.st_uid, status.st_gid) }
      }
      // This comes after fchown(2), which clears some bits of the mode.
      let mode = status.map { $0.st_mode & 0o7777 } ?? mode
      _ = try retrying("chmod") { fchmod(file.number, mode) }
      try file.write(new.span)
      try file.synchronize()
      guard try isUnchanged(path, since: status) else {
        try? directory.unlink(temporary)
        return false
      }
      _ = try retrying("rename") {
        unsafe renameat(directory.number, temporary, directory.number, name)
      }
    } catch {
      try? directory.unlink(temporary)
      throw error
    }
    try directory.synchronize()
    return true
  }

  /// Whether the file is the one that was read, and nobody has written to it.
  private static func isUnchanged(_ path: String, since old: stat?) throws(SystemError) -> Bool {
    var new = stat()
    do throws(SystemError) {
      _ = try retrying("stat") { unsafe stat(path, &new) }
    } catch .noSuchFile {
      return old == nil
    }
    guard let old else { return false }
    return new.st_dev == old.st_dev && new.st_ino == old.st_ino && new.st_size == old.st_size
      && new.st_mtim.tv_sec == old.st_mtim.tv_sec && new.st_mtim.tv_nsec == old.st_mtim.tv_nsec
  }

  /// Seconds after which a temporary file is one that a process which was killed has left.
  private static let debrisAge: Int64 = 3600

  /// Removes what edits that were killed have left. What fails is done another time.
  private static func removeDebris(of name: String, in directory: borrowing FileDescriptor) {
    guard var names = try? DirectoryNames(directory) else { return }
    let prefix = ".\(name)."
    let now = Clock.now().seconds
    while let other = names.next() {
      guard other.hasPrefix(prefix),
        other.utf8.dropFirst(prefix.utf8.count).allSatisfy({
          $0.hexValue != nil && $0 == $0.lowercased
        }),
        let status = directory.status(of: other), now - status.modified > debrisAge
      else { continue }
      try? directory.unlink(other)
    }
  }

  /// The existing file that a symbolic link leads to.
  private static func target(of link: String) throws(SystemError) -> String {
    guard let target = FileDescriptor.realPath(link) else {
      throw .last("realpath")
    }
    return target
  }
}
