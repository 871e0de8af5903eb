// Whose a file is, and becoming another user.

import CSystem

/// Whose a file is, and who may write it.
public struct Ownership: Equatable, Sendable {
  public let user: UInt32
  public let group: UInt32
  public let isDirectory: Bool
  public let isLink: Bool
  public let isWritableByGroup: Bool
  public let isWritableByAll: Bool
  /// Whether only its owner may rename or remove what is in the directory (`S_ISVTX`).
  public let isSticky: Bool

  /// lstat(2): a symbolic link itself, not what it leads to.
  public init(of path: String) throws(SystemError) {
    var status = stat()
    _ = try retrying("stat") { unsafe lstat(path, &status) }
    self.init(status)
  }

  /// fstat(2).
  public init(of file: borrowing FileDescriptor) throws(SystemError) {
    let number = file.number
    var status = stat()
    _ = try retrying("stat") { unsafe fstat(number, &status) }
    self.init(status)
  }

  private init(_ status: stat) {
    let kind = status.st_mode & mode_t(S_IFMT)
    user = status.st_uid
    group = status.st_gid
    isDirectory = kind == mode_t(S_IFDIR)
    isLink = kind == mode_t(S_IFLNK)
    isWritableByGroup = status.st_mode & 0o020 != 0
    isWritableByAll = status.st_mode & 0o002 != 0
    isSticky = status.st_mode & 0o1000 != 0
  }

  /// What a symbolic link holds; nil if it is none.
  public static func target(ofLink path: String) -> String? { FileDescriptor.linkTarget(path) }

  /// The working directory; nil if it is gone.
  public static var workingDirectory: String? { FileDescriptor.realPath(".") }
}

extension Process {
  /// geteuid(2).
  public static var effectiveUser: UInt32 { geteuid() }

  /// Whether this process has root's rights.
  public static var isRoot: Bool { geteuid() == 0 }

  /// The user who started this process, also after `become`.
  public static var startingUser: UInt32 { unsafe formerUser ?? getuid() }
  nonisolated(unsafe) private static var formerUser: UInt32?

  /// Gives up root's rights for those of another user, for good.
  public static func become(user: UInt32, group: UInt32, groups: [UInt32]) throws(SystemError) {
    unsafe formerUser = getuid()
    let all = ([group] + groups.filter { $0 != group }).map { gid_t($0) }
    _ = try retrying("setgroups") { unsafe setgroups(all.count, all) }
    _ = try retrying("setgid") { setgid(group) }
    _ = try retrying("setuid") { setuid(user) }
  }
}
