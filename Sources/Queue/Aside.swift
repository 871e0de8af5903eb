// What is set aside: files in the queue that no program of ours has written like that, because a disk is broken or because
// somebody else has put them there. They are moved to corrupt/, where nothing looks at them but people:
//
//     corrupt/NAME          an envelope that cannot be read, or whose message is gone; NAME as it was
//     corrupt/ID.data       its message
//     corrupt/other-HASH    what lay in new/ under a name that no envelope has
//     new/.other-HASH       the same, where it cannot be moved out of new/: another user's directory. What starts runs
//                           passes over names with a dot
//
// Only a run does this, with the lock. It tells the postmaster by a notice, the id of which follows from that of the entry
// (or from the hash): the notice is stored in pending/, the file moves, the notice moves on. So a kill between two of
// these neither loses the notice nor sends it twice (`settle`).

public import POSIX
public import Storage

extension QueueDirectory {
  /// The number of the notice on an entry that is set aside, among those that the entry causes.
  private static let noticeNumber = 1 << 40

  /// The id of the notice.
  public static func asideNotice(on id: MessageID) -> MessageID { id.derived(noticeNumber) }

  /// Whether an entry has been set aside.
  func hasAside(_ id: MessageID) throws(SystemError) -> Bool {
    var names = try DirectoryNames(corrupt)
    while let name = names.next() {
      if EntryName(name)?.id == id || name == Self.otherName(id) { return true }
    }
    return new.status(of: "." + Self.otherName(id)) != nil
  }

  /// How many entries were set aside.
  public func corruptCount() throws(SystemError) -> Int {
    var names = try DirectoryNames(corrupt)
    var count = 0
    while let name = names.next() { if !name.hasSuffix(".data") { count += 1 } }
    return count
  }

  /// Moves an envelope to corrupt/, with its message, durably; returns its name there, or nil if it is gone. Nothing that
  /// is there is replaced.
  public func setAside(_ location: Location) throws(SystemError) -> String? {
    let id = location.name.id
    let isTaken = corrupt.status(of: location.name.text) != nil
    // Another name of the same entry.
    let name =
      isTaken
      ? EntryName(
        id: id, next: location.name.next, attempts: location.name.attempts,
        destination: Process.random()
      ).text : location.name.text
    let dataName = isTaken ? name + ".data" : id.text + ".data"
    // Under both names until the envelope has moved, since an operator may move that at the same time.
    var isLinked = true
    do throws(SystemError) {
      try data.descriptor.link(id.text, in: corrupt, as: dataName)
    } catch .fileExists {
    } catch {
      isLinked = false  // gone, another user's, or a directory
    }
    do throws(SystemError) {
      guard try move(location, named: name, into: corrupt) else { return nil }
    } catch {
      guard location.place == .new, error.isDenied else { throw error }
      return try hide(Array(location.name.text.utf8), id)
    }
    if isLinked {
      try? data.descriptor.unlink(id.text)
    } else {
      try? data.descriptor.rename(id.text, to: corrupt, as: dataName)
    }
    try corrupt.synchronize()
    try synchronize(location.place)
    return name
  }

  /// Whether nothing is in new/ that starts a run.
  public func isNewEmpty() throws(SystemError) -> Bool {
    var names = try DirectoryNames(new)
    while let name = names.next() { if !name.hasPrefix(".") { return false } }
    return true
  }

  /// The names in new/ that no envelope has. One that begins with a dot may be that of a check that is under way, unless
  /// it is old.
  public func othersInNew(now: Int64) throws(SystemError) -> [[UInt8]] {
    var others: [[UInt8]] = []
    try new.forEachName { (name: Span<UInt8>) in
      var octets: [UInt8] = []
      for index in name.indices { octets.append(name[index]) }
      if octets == [46] || octets == [46, 46] { return }
      let text = String(decoding: octets, as: UTF8.self)
      guard EntryName(text) == nil || !text.utf8.elementsEqual(octets) else { return }
      if octets.first == 46 {
        if text.hasPrefix(".other-") { return }
        if let status = new.status(of: text), now - status.modified < 3600 { return }
      }
      others.append(octets)
    }
    return others
  }

  /// What stands for such a file as the cause of a notice.
  public static func id(ofOther name: [UInt8]) -> MessageID {
    MessageID(EntryName.hash(of: name))
  }

  private static func otherName(_ id: MessageID) -> String { "other-\(id.text)" }

  /// Moves such a file to corrupt/, durably; returns its name there, or nil if it is gone.
  public func setAside(other octets: [UInt8]) throws(SystemError) -> String? {
    var name = Self.otherName(Self.id(ofOther: octets))
    if corrupt.status(of: name) != nil { name += "-" + MessageID(Process.random()).text }
    do throws(SystemError) {
      try new.rename(octets: octets, to: corrupt, as: name)
    } catch .noSuchFile {
      return nil
    } catch {
      if error.isDenied { return try hide(octets, Self.id(ofOther: octets)) }
      throw error
    }
    try corrupt.synchronize()
    try synchronize(.new)
    return name
  }

  private func hide(_ octets: [UInt8], _ id: MessageID) throws(SystemError) -> String? {
    let name = "." + Self.otherName(id)
    do throws(SystemError) { try new.rename(octets: octets, to: new, as: name) } catch .noSuchFile {
      return nil
    }
    try synchronize(.new)
    return name
  }
}

extension SystemError {
  fileprivate var isDenied: Bool { self == .accessDenied || self == .notPermitted }
}
