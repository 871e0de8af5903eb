// Where envelopes lie, and how they move. Each move is one rename(2), so whoever is second learns that the envelope is
// gone.

public import POSIX
public import Storage

extension QueueDirectory {
  public enum Place: CaseIterable, Sendable {
    case new
    case queue
    case hold
    case pending

    public var name: StaticString {
      switch self {
      case .new: "new"
      case .queue: "queue"
      case .hold: "hold"
      case .pending: "pending"
      }
    }
  }

  /// An envelope: its name, and where it is.
  public struct Location: Equatable, Sendable {
    public var place: Place
    public var name: EntryName

    public init(_ place: Place, _ name: EntryName) { (self.place, self.name) = (place, name) }
  }

  /// Calls `body` with the name of each envelope of a place, in no order, until it returns false. What is no envelope is
  /// passed over.
  public func forEachName(
    in place: Place, _ body: (EntryName) throws(SystemError) -> Bool
  ) throws(SystemError) {
    var names = try inFolder(place) { (folder) throws(SystemError) in try DirectoryNames(folder) }
    while let text = names.next() {
      if let name = EntryName(text), try !body(name) { return }
    }
  }

  /// The names of all envelopes of a place. Those in pending/ are what a crash has left: they are to be settled with the
  /// lock, before anything is worked on.
  public func names(in place: Place) throws(SystemError) -> [EntryName] {
    var names: [EntryName] = []
    try forEachName(in: place) { (name) throws(SystemError) in
      names.append(name)
      return true
    }
    return names
  }

  private func inFolder<Value: ~Copyable>(
    _ place: Place, _ body: (borrowing FileDescriptor) throws(SystemError) -> Value
  ) throws(SystemError) -> Value {
    switch place {
    case .new: try body(new)
    case .queue: try body(queue)
    case .hold: try body(hold)
    case .pending: try body(pending)
    }
  }

  /// Where the envelope of an entry is; nil if there is none.
  public func find(_ id: MessageID) throws(SystemError) -> Location? {
    for place in Place.allCases {
      var found: EntryName?
      try forEachName(in: place) { (name) throws(SystemError) in
        if name.id == id { found = name }
        return found == nil
      }
      if let found { return Location(place, found) }
    }
    return nil
  }

  /// What reading an envelope gives.
  public enum Reading {
    case entry(Entry)
    /// There is none any more.
    case gone
    /// It has a version that this program does not know, and stays where it is.
    case newer(version: Int)
  }

  /// Reads an envelope. What is no envelope is an error that `isCorrupt`.
  public func read(_ location: Location) throws(SystemError) -> Reading {
    let file: FileDescriptor
    do throws(SystemError) {
      file = try inFolder(location.place) { (folder) throws(SystemError) in
        try folder.appending(named: location.name.text)
      }
    } catch .noSuchFile { return .gone } catch { throw SystemError(opening: error) }
    let entry = try Entry(file)
    return entry.newerVersion.map { .newer(version: $0) } ?? .entry(entry)
  }

  /// Moves an envelope; false if it is gone. The directories are not synced (`synchronize`).
  public func move(_ location: Location, to new: Location) throws(SystemError) -> Bool {
    try inFolder(new.place) { (folder) throws(SystemError) in
      try move(location, named: new.name.text, into: folder)
    }
  }

  func move(
    _ location: Location, named name: String, into directory: borrowing FileDescriptor
  ) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try inFolder(location.place) { (folder) throws(SystemError) in
        try folder.rename(location.name.text, to: directory, as: name)
      }
      return true
    } catch .noSuchFile {
      return false
    }
  }

  /// Makes moves into and out of a place durable.
  public func synchronize(_ place: Place) throws(SystemError) {
    try inFolder(place) { (folder) throws(SystemError) in try folder.synchronize() }
  }

  /// Removes an entry; false if its envelope is gone. The envelope goes first: without it there is no entry.
  public func remove(_ location: Location) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try inFolder(location.place) { (folder) throws(SystemError) in
        try folder.unlink(location.name.text)
      }
    } catch .noSuchFile {
      return false
    }
    removeData(location.name.id)
    return true
  }

  private func removeData(_ id: MessageID) { try? data.descriptor.unlink(id.text) }

  /// The message of an entry; nil if it is gone.
  public func message(of id: MessageID) throws(SystemError) -> FileDescriptor? {
    do throws(SystemError) { return try data.descriptor.reading(named: id.text) } catch .noSuchFile
    {
      return nil
    } catch {
      throw SystemError(opening: error)
    }
  }

  /// The size of the message of an entry, in octets; 0 if it is gone.
  public func size(of id: MessageID) -> Int { data.descriptor.status(of: id.text)?.size ?? 0 }

  /// Takes the lock of a run, which lasts as long as `self`. Waits for another run if `isWaiting`; otherwise returns
  /// whether there is none.
  public func lock(isWaiting: Bool) throws(SystemError) -> Bool {
    try top.lock(isWaiting: isWaiting)
  }
}

// Messages that follow from others: notices, and what an alias or a list sends on.
extension QueueDirectory {
  /// Stores an entry in pending/, durably. What a crash has left under the same id, in pending/ or only in data/, is
  /// replaced: an entry that was let out of pending/ has its id in the journal of its cause, which then makes another.
  /// One that a newer version has left there stays, and this is an error.
  public func storePending(_ entry: consuming OpenEntry) throws(SystemError) {
    let id = entry.id
    let left = Location(.pending, EntryName(id: id))
    if case .newer? = try? read(left) { throw SystemError(call: "read", errno: .notSupported) }
    _ = try remove(left)
    removeData(id)
    try entry.synchronize()
    try commit(entry, in: pending)
  }

  /// Lets an entry out of pending/: its cause has it in the journal.
  public func release(pending id: MessageID) throws(SystemError) {
    let name = EntryName(id: id)
    if try move(Location(.pending, name), to: Location(.new, name)) {
      try synchronize(.new)
      try synchronize(.pending)
    }
  }

  /// Decides on an entry in pending/: it moves on if its cause has it in the journal, or is gone; else it is removed, and
  /// is made again. What this program cannot read stays, and so does what follows from such an entry. Returns the version
  /// of the former.
  public func settle(pending name: EntryName) throws(SystemError) -> Int? {
    let entry: Entry
    switch try read(Location(.pending, name)) {
    case .gone: return nil
    case .newer(let version): return version
    case .entry(let found): entry = found
    }
    if let cause = entry.submission.cause, name.id == Self.asideNotice(on: cause) {
      try hasAside(cause) ? release(pending: name.id) : drop(pending: name.id)
      return nil
    }
    let cause: Reading
    do throws(SystemError) { cause = try readCause(of: entry) } catch {
      guard error.isCorrupt else { throw error }
      // It will never be worked on again, and so will not make this entry again.
      try release(pending: name.id)
      return nil
    }
    switch cause {
    case .newer: break
    case .entry(let cause) where !cause.noticeIDs.contains(name.id): try drop(pending: name.id)
    case .entry, .gone: try release(pending: name.id)
    }
    return nil
  }

  /// Reads the entry that another follows from.
  private func readCause(of entry: Entry) throws(SystemError) -> Reading {
    guard let id = entry.submission.cause, let place = try find(id) else { return .gone }
    return try read(place)
  }

  /// Removes an entry from pending/.
  public func drop(pending id: MessageID) throws(SystemError) {
    _ = try remove(Location(.pending, EntryName(id: id)))
  }

  /// How many seconds data without an envelope is left alone: its envelope may still come.
  private static let debrisAge: Int64 = 36 * 3600

  /// Removes what crashes have left in data/. To be called with the lock.
  public func removeDebris(now: Int64) throws(SystemError) {
    var known: Set<MessageID> = []
    var old: [String] = []
    var names = try DirectoryNames(data.descriptor)
    while let name = names.next() {
      guard let status = data.descriptor.status(of: name), now - status.modified > Self.debrisAge
      else {
        continue
      }
      old.append(name)
    }
    if old.isEmpty { return }
    for place in Place.allCases {
      try forEachName(in: place) { (name) throws(SystemError) in
        known.insert(name.id)
        return true
      }
    }
    for name in old {
      if let id = MessageID(name), known.contains(id) { continue }
      try? data.descriptor.unlink(name)
    }
  }
}

extension SystemError {
  /// What opening a file of the queue has met: anything but a regular file was not made by us.
  init(opening errno: SystemError) {
    let isOther = [.invalidArgument, .tooManyLinks, .isDirectory, .noSuchDevice].contains(errno)
    self.init(call: "open", errno: isOther ? .badMessage : errno)
  }
}
