// The queue: one directory of messages that are still to be delivered. An entry is a message with its envelope: who it
// is from, who it is for, and a journal of what has become of it for each recipient (Envelope.swift).
//
//     data/ID            the message; ID is 16 hexadecimal digits
//     new/ID             an envelope that no run has looked at
//     queue/NAME         an envelope that waits for its next attempt, which is in the name (EntryName.swift)
//     hold/ID, NAME      an envelope that an operator holds back
//     pending/ID         the envelope of a notice or of an alias's message, before its cause has it in the journal
//     corrupt/...        what could not be read
//     away/...           destinations that are left alone for a while
//
// An entry is in one of these states. It exists from `queued` on.
//
//     state    | on the disk                                                   | who sees it
//     ---------|---------------------------------------------------------------|--------------------------------
//     open     | files without a name (or data/.ID and data/.ID.to, see below) | nobody
//     whole    | the content of both files is synced                           | nobody
//     placed   | data/ID, and data/ is synced                                  | nobody; debris after a crash
//     queued   | new/ID too, and new/ is synced: 250 may follow; what is to be | a run, `list`
//              | held back from the beginning is in hold/ID instead            |
//     waiting  | queue/NAME instead of new/ID                                  | a run, when the next attempt is due
//     in work  | queue/NAME with the attempt after this one, queue/ is synced  | the run that has the lock
//     held     | hold/ID or hold/NAME instead                                  | `list`
//     finished | no envelope                                                   | nobody; data/ID is debris
//     gone     | nothing                                                       | nobody
//
// All changes between the states are rename(2) and unlink(2) of the envelope, so of two processes that want to move an
// entry one has it, and the other sees that it is gone. What is in a journal stays in force wherever the envelope is.
// Only the run in progress, which has a lock on the directory (flock(2)), appends verdicts; `bounce` appends one line.
//
// An envelope lies in pending/ so that a crash does not send a notice twice. The notice's id follows from the id of its
// cause. It is stored in pending/, then its cause gets a line in its journal, then it moves to new/. A run that finds it
// in pending/ looks for that line: with it, or when the cause is gone, the notice moves on; without, it is removed and
// made again.
//
// If the file system does not support unnamed files (O_TMPFILE), the files of an open entry have names in data/ that
// begin with a dot. A process that is killed leaves them behind, and data/ID of the state `placed`. They had no 250, and
// a later run removes them when they are old.

public import POSIX
public import SMTP
public import Storage

/// A directory that messages are queued in.
public final class QueueDirectory {
  public let path: String
  let top: FileDescriptor
  let data: Folder
  let new: FileDescriptor
  let queue: FileDescriptor
  let hold: FileDescriptor
  let pending: FileDescriptor
  let corrupt: FileDescriptor
  let away: FileDescriptor

  /// Opens the queue, and makes the directories in it that are missing. `path` itself must exist.
  public init(path: String) throws(SystemError) {
    let top = try FileDescriptor.directory(path)
    let data = try Self.folder("data", in: top)
    let new = try Self.folder("new", in: top)
    let queue = try Self.folder("queue", in: top)
    let hold = try Self.folder("hold", in: top)
    let pending = try Self.folder("pending", in: top)
    let corrupt = try Self.folder("corrupt", in: top)
    let away = try Self.folder("away", in: top)
    self.top = top
    self.data = Folder(data)
    self.new = new
    self.queue = queue
    self.hold = hold
    self.pending = pending
    self.corrupt = corrupt
    self.away = away
    self.path = path
  }

  private static func folder(
    _ name: String, in top: borrowing FileDescriptor
  ) throws(SystemError) -> FileDescriptor {
    do throws(SystemError) { return try top.directory(name) } catch .noSuchFile {
      let folder = try top.makeDirectory(name)
      // Without its folder, an entry that is synced would be lost in a power cut.
      try top.synchronize()
      return folder
    }
  }

  /// Where the message of an entry is.
  public func dataPath(of id: MessageID) -> String { "\(path)/data/\(id.text)" }
}

// Adding.
extension QueueDirectory {
  /// Opens an entry, whose content is still to be appended. `id` must be unique. `isReadable`: see `MailDirectory.open`. One
  /// that `isHeld` is stored in hold/.
  ///
  /// Where a message is being stored in a mail directory, its file is the content if the file system and the rights of
  /// this process allow it, and else the entry has a copy. Content must be appended to both, in any case.
  public func open(
    id: MessageID, _ submission: Submission, sharing message: borrowing OpenMessage? = nil,
    isReadable: Bool = false, isHeld: Bool = false
  ) throws(SystemError) -> OpenEntry {
    let content = try content(of: id, sharing: message, isReadable)
    let name = ".\(id.text).to"
    let envelope = isHeld ? try makeFile(name, in: hold) : try makeFile(name, in: new)
    return OpenEntry(id: id, submission, content, envelope: envelope, isHeld: isHeld)
  }

  func content(
    of id: MessageID, sharing message: borrowing OpenMessage?, _ isReadable: Bool
  ) throws(SystemError) -> OpenEntry.Content {
    switch message {
    case .some(let message):
      do throws(SystemError) {
        try message.link(in: data.descriptor, as: id.text)
        return .shared(TemporaryName(id.text, in: data))
      } catch {
        if error.isNoSpace { throw error }
      }
    case .none: break
    }
    return .own(try makeFile(".\(id.text)", in: data.descriptor, isReadable))
  }

  /// Makes a file without a name in the folder that it is going to be in, because the first version of Landlock denies
  /// links from one folder to another. If there are no such files, it has a name in data/, where no run looks for
  /// envelopes.
  private func makeFile(
    _ name: String, in place: borrowing FileDescriptor, _ isReadable: Bool = false
  ) throws(SystemError) -> OpenFile {
    try OpenFile.make(in: place, orIn: data, isReadable: isReadable) { name }
  }

  /// Queues an entry. When this returns, it is durable. When it throws, it does not exist.
  public func store(_ entry: consuming OpenEntry) throws(SystemError) {
    try entry.synchronize()
    if entry.isHeld { try commit(entry, in: hold) } else { try commit(entry, in: new) }
  }

  /// Queues an entry and stores the message that shares its content. When this returns, both are durable. When it
  /// throws, neither exists; readers may have seen the message.
  public func store(
    _ entry: consuming OpenEntry, and message: consuming OpenMessage,
    in mail: borrowing MailDirectory, time: Timestamp
  ) throws(SystemError) {
    try entry.synchronize()
    try mail.store(message, time: time) { (_) throws(SystemError) in try commit(entry, in: new) }
  }

  /// Gives a whole entry its names. When this throws, it has none.
  func commit(
    _ entry: borrowing OpenEntry, in place: borrowing FileDescriptor
  ) throws(SystemError) {
    let name = entry.id.text
    let file: TemporaryName
    switch entry.content {
    case .shared(let shared): file = shared
    case .own(let own):
      try own.link(in: data.descriptor, as: name)
      file = TemporaryName(name, in: data)
    }
    try data.descriptor.synchronize()
    try entry.envelope.link(in: place, as: name)
    do throws(SystemError) { try place.synchronize() } catch {
      try? place.unlink(name)
      throw error
    }
    file.keep()
  }

  /// Checks whether messages can be queued, by all the system calls that it takes. An empty file gets a name that
  /// begins with a dot, and is removed.
  public func probe() throws(SystemError) {
    let name = "." + MessageID(Process.random()).text
    let file = try makeFile(name, in: new)
    try file.synchronize()
    let probe = name + ".probe"
    try file.link(in: new, as: probe)
    try new.unlink(probe)
    try new.synchronize()
  }

  /// Why messages cannot be queued at a path; nil if they can.
  public static func fault(at path: String) -> String? {
    do throws(SystemError) {
      try QueueDirectory(path: path).probe()
      return nil
    } catch {
      return "\(error.call): \(error)"
    }
  }
}
