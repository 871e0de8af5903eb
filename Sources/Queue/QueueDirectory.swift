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
//     queued   | new/ID too, and new/ is synced: 250 may follow                | a run, `list`
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

import POSIX
public import SMTP
public import Storage

/// A directory that messages are queued in.
public struct QueueDirectory: ~Copyable {
  public let path: String
  let top: FileDescriptor
  let data: FileDescriptor
  let new: FileDescriptor
  let queue: FileDescriptor
  let hold: FileDescriptor
  let pending: FileDescriptor
  let corrupt: FileDescriptor
  let away: FileDescriptor

  /// Opens the queue, and makes the directories in it that are missing. `path` itself must exist.
  public init(path: String) throws(StoreError) {
    let top = try reporting("open") { () throws(Errno) in try FileDescriptor.directory(path) }
    let data = try Self.folder("data", in: top)
    let new = try Self.folder("new", in: top)
    let queue = try Self.folder("queue", in: top)
    let hold = try Self.folder("hold", in: top)
    let pending = try Self.folder("pending", in: top)
    let corrupt = try Self.folder("corrupt", in: top)
    let away = try Self.folder("away", in: top)
    self.top = top
    self.data = data
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
  ) throws(StoreError) -> FileDescriptor {
    do throws(Errno) { return try top.directory(name) } catch .noSuchFile {
      let folder = try reporting("mkdir") { () throws(Errno) in try top.makeDirectory(name) }
      // Without its folder, an entry that is synced would be lost in a power cut.
      try reporting("fsync") { () throws(Errno) in try top.synchronize() }
      return folder
    } catch {
      throw StoreError(call: "open", errno: error)
    }
  }

  /// Where the message of an entry is.
  public func dataPath(of id: MessageID) -> String { "\(path)/data/\(id.text)" }
}

// Adding.
extension QueueDirectory {
  /// Opens an entry, whose content is still to be appended. `id` must be unique.
  public func open(
    id: MessageID, _ submission: Submission
  ) throws(StoreError) -> OpenEntry {
    let file = try makeFile(".\(id.text)", unnamedIn: data)
    return try open(id: id, submission, content: file)
  }

  /// Opens an entry with the content of a message that is being stored in a mail directory: one file, where the file
  /// system and the rights of this process allow it; else a copy. Content must be appended to both, in any case.
  public func open(
    id: MessageID, _ submission: Submission, sharing message: borrowing OpenMessage
  ) throws(StoreError) -> OpenEntry {
    do throws(StoreError) {
      try message.link(in: data, as: id.text)
    } catch {
      if error.isNoSpace { throw error }
      return try open(id: id, submission)
    }
    do throws(StoreError) {
      return try open(id: id, submission, content: nil)
    } catch {
      try? data.unlink(id.text)
      throw error
    }
  }

  private func open(
    id: MessageID, _ submission: Submission, content: EntryFile?
  ) throws(StoreError) -> OpenEntry {
    do throws(StoreError) {
      let envelope = try makeFile(".\(id.text).to", unnamedIn: new)
      return OpenEntry(id: id, submission, content: content, envelope: envelope)
    } catch {
      if let name = content?.temporaryName { try? data.unlink(name) }
      throw error
    }
  }

  /// Makes a file without a name in the folder that it is going to be in, because the first version of Landlock denies
  /// links from one folder to another. If there are no such files, it has a name in data/, where no run looks for
  /// envelopes.
  private func makeFile(
    _ name: String, unnamedIn folder: borrowing FileDescriptor
  ) throws(StoreError) -> EntryFile {
    if let file = try reporting("open", { () throws(Errno) in try folder.makeUnnamedFile() }) {
      return EntryFile(file, temporaryName: nil)
    }
    let file = try reporting("open") { () throws(Errno) in try data.makeFile(named: name) }
    return EntryFile(file, temporaryName: name)
  }

  /// Queues an entry. When this returns, it is durable. When it throws, it does not exist.
  public func store(_ entry: consuming OpenEntry) throws(StoreError) {
    do throws(StoreError) {
      try entry.synchronize()
      try commit(entry, in: new)
    } catch {
      discard(entry)
      throw error
    }
    removeTemporaryNames(entry)
  }

  /// Queues an entry and stores the message that shares its content. When this returns, both are durable. When it
  /// throws, neither exists; readers may have seen the message.
  public func store(
    _ entry: consuming OpenEntry, and message: consuming OpenMessage,
    in mail: borrowing MailDirectory, time: Timestamp
  ) throws(StoreError) {
    do throws(StoreError) {
      try entry.synchronize()
    } catch {
      mail.discard(message)
      discard(entry)
      throw error
    }
    do throws(StoreError) {
      try mail.store(message, time: time) { (_) throws(StoreError) in try commit(entry, in: new) }
    } catch {
      discard(entry)
      throw error
    }
    removeTemporaryNames(entry)
  }

  /// Drops an entry.
  public func discard(_ entry: consuming OpenEntry) {
    if entry.isSharing { try? data.unlink(entry.id.text) }
    removeTemporaryNames(entry)
  }

  /// Gives a whole entry its names. When this throws, it has none but the one that is shared.
  func commit(
    _ entry: borrowing OpenEntry, in place: borrowing FileDescriptor
  ) throws(StoreError) {
    let name = entry.id.text
    try entry.linkContent(in: data, as: name)
    do throws(StoreError) {
      try reporting("fsync") { () throws(Errno) in try data.synchronize() }
      try entry.linkEnvelope(from: data, in: place, as: name)
      do throws(Errno) { try place.synchronize() } catch {
        try? place.unlink(name)
        throw StoreError(call: "fsync", errno: error)
      }
    } catch {
      if !entry.isSharing { try? data.unlink(name) }
      throw error
    }
  }

  func removeTemporaryNames(_ entry: borrowing OpenEntry) {
    for name in entry.temporaryNames { try? data.unlink(name) }
  }

  /// Checks whether messages can be queued, by all the system calls that it takes. An empty file gets a name that
  /// begins with a dot, and is removed.
  public func probe() throws(StoreError) {
    let name = "." + MessageID(Process.random()).text
    let file = try makeFile(name, unnamedIn: new)
    defer { if let name = file.temporaryName { try? data.unlink(name) } }
    try file.synchronize()
    let probe = name + ".probe"
    try reporting("link") { () throws(Errno) in try file.link(from: data, in: new, as: probe) }
    try reporting("unlink") { () throws(Errno) in try new.unlink(probe) }
    try reporting("fsync") { () throws(Errno) in try new.synchronize() }
  }
}
