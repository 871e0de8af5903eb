// A Maildir (https://cr.yp.to/proto/maildir.html). A message is whole in tmp/, or has no name at all, before it gets one in
// new/. The name is the same each time that the message is brought for the same recipient, so a delivery that is repeated,
// since a kill came before its report, finds what is there: in new/, or in cur/, where readers move it.
//
//     state      | on the disk                        | seen by readers
//     -----------|------------------------------------|----------------------------------
//     open       | a file without a name (or in tmp/) | nothing
//     linked     | a name in new/, content synced     | the message, which is not reported
//     delivered  | new/ is synced                     | the message; the report may follow
//
// Folders that are missing are made. `cur` is made last, when all others and all folders above are synced: who finds it
// need not look at what is above.

import Octets
import POSIX
import SMTP
import Storage
import Targets

struct Maildir {
  private let tmp: Folder
  private let new: Folder
  private let cur: Folder

  /// Opens the folders, and makes those that are missing.
  init(_ path: MaildirPath) throws(SystemError) {
    do throws(SystemError) {
      self = try Self(in: Self.folder(path, isMade: false))
    } catch .noSuchFile {
      self = try Self(makingIn: Self.folder(path, isMade: true))
    }
  }

  private init(in folder: borrowing FileDescriptor) throws(SystemError) {
    tmp = Folder(try folder.ownDirectory("tmp"))
    new = Folder(try folder.ownDirectory("new"))
    cur = Folder(try folder.ownDirectory("cur"))
  }

  private init(makingIn folder: borrowing FileDescriptor) throws(SystemError) {
    tmp = Folder(try folder.makeOwnDirectory("tmp"))
    new = Folder(try folder.makeOwnDirectory("new"))
    try folder.synchronize()
    cur = Folder(try folder.makeOwnDirectory("cur"))
    try folder.synchronize()
  }

  /// The folder that tmp, new and cur are in. With `isMade` it is made, and all above it is synced. From the first name on
  /// that the address has a part in, a symbolic link is an error: who may write there could lead mail elsewhere.
  private static func folder(
    _ path: MaildirPath, isMade: Bool
  ) throws(SystemError) -> FileDescriptor {
    let owners = path.components.prefix { !$0.isFromAddress }
    var name = ""
    for component in owners {
      let above = name.isEmpty ? "/" : name
      name += "/" + component.name
      guard isMade else { continue }
      try FileDescriptor.makeFolder(name, mode: 0o700)
      try synchronize(above)
    }
    var folder = try FileDescriptor.directory(name.isEmpty ? "/" : name)
    for component in path.components.dropFirst(owners.count) {
      if isMade {
        let inner = try folder.makeOwnDirectory(component.name)
        try folder.synchronize()
        folder = inner
      } else {
        folder = try folder.ownDirectory(component.name)
      }
    }
    return folder
  }

  /// What this process may not read, it has not made.
  private static func synchronize(_ path: String) throws(SystemError) {
    do throws(SystemError) {
      try FileDescriptor.directory(path).synchronize()
    } catch .accessDenied {
    } catch .invalidArgument {
    }
  }
}

// Delivering.
extension Maildir {
  enum Outcome {
    case delivered
    /// It was there.
    case found
    /// With it there would be more in the Maildir than it may hold.
    case full
    /// It is larger than all that the Maildir may hold.
    case tooLarge
  }

  /// Seconds after which a file in tmp/ is one that a delivery which was killed has left.
  private static let debrisAge: Int64 = 36 * 3600
  /// Files that are removed from tmp/ at once, at most.
  private static let debrisLimit = 100

  /// Puts a message into the folder new/. `limit` is how many octets the Maildir may hold; nil: as many as there is room for.
  func deliver(
    _ content: MessageContent, of file: borrowing FileDescriptor, as name: MaildirName, limit: Int?
  ) throws(SystemError) -> Outcome {
    let text = name.name(size: content.size)
    if try new.descriptor.hasEntry(text) {
      try new.descriptor.synchronize()
      return .found
    }
    var used = 0
    if try look(for: name, in: cur, &used) {
      try cur.descriptor.synchronize()
      return .found
    }
    if let limit {
      if content.size > limit { return .tooLarge }
      _ = try look(for: name, in: new, &used)
      if used > limit - content.size { return .full }
    }
    removeDebris()
    return try write(content, of: file, as: text)
  }

  private func write(
    _ content: MessageContent, of source: borrowing FileDescriptor, as name: String
  ) throws(SystemError) -> Outcome {
    var content = content
    // Only another attempt of the same delivery, which is over, can have left this.
    tmp.descriptor.removeName(name)
    let file = try OpenFile.make(in: tmp.descriptor, orIn: tmp) { name }
    while let piece = try content.next(source) { try file.write(piece.span) }
    try file.synchronize()
    var isFound = false
    do throws(SystemError) { try file.link(in: new.descriptor, as: name) } catch .fileExists {
      isFound = true
    }
    try file.removeTemporaryName()
    try new.descriptor.synchronize()
    return isFound ? .found : .delivered
  }

  /// Whether the message is in a folder; adds the octets of all that is in it.
  private func look(
    for name: MaildirName, in folder: Folder, _ used: inout Int
  ) throws(SystemError) -> Bool {
    var isFound = false
    var sum = used
    try folder.descriptor.forEachName { entry in
      if name.isName(entry) { isFound = true }
      guard entry.count > 0, entry[0] != UInt8(ascii: ".") else { return }
      let size =
        MaildirName.size(of: entry) ?? Self.size(of: entry.copy(0..<entry.count), in: folder)
      let (total, isTooMuch) = sum.addingReportingOverflow(size)
      sum = isTooMuch ? .max : total
    }
    used = sum
    return isFound
  }

  private static func size(of name: [UInt8], in folder: Folder) -> Int {
    folder.descriptor.status(of: String(decoding: name, as: UTF8.self))?.size ?? 0
  }

  /// Removes what deliveries that were killed have left in tmp/. What fails is done another time.
  private func removeDebris() {
    guard var names = try? DirectoryNames(tmp.descriptor) else { return }
    let now = Clock.now().seconds
    var count = 0
    while count < Self.debrisLimit, let name = names.next() {
      count += 1
      guard let status = tmp.descriptor.status(of: name), status.modified < now - Self.debrisAge
      else { continue }
      tmp.descriptor.removeName(name)
    }
  }
}

extension ClientSession.Verdict {
  /// What the end of a delivery to a Maildir means for its message.
  init(_ outcome: Maildir.Outcome) {
    switch outcome {
    case .delivered: self.init(.delivered, .recipient, .init(2, 0, 0), Array("delivered".utf8))
    case .found:
      self.init(.delivered, .recipient, .init(2, 0, 0), Array("delivered before".utf8))
    case .full: self.init(.deferred, .recipient, .init(4, 2, 2), Array("mailbox full".utf8))
    case .tooLarge:
      self.init(
        .refused, .recipient, .init(5, 2, 3),
        Array("the message is larger than the mailbox may become".utf8))
    }
  }

  /// There is no name for the mailbox of an address.
  static let noMaildir = Self(
    .refused, .recipient, .init(5, 1, 1), Array("no mailbox can have this name".utf8))

  /// A system call has failed: that may pass.
  init(_ error: SystemError, in place: String) {
    let status: EnhancedStatusCode =
      error == .quotaExceeded ? .init(4, 2, 2) : error.isNoSpace ? .init(4, 3, 1) : .init(4, 3, 0)
    self.init(
      .deferred, .recipient, status, Array("\(place): \(error.call): \(error.description)".utf8))
  }
}
