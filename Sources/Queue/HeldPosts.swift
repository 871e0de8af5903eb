// Posts to lists that wait for an owner: the files of `lists/held` in the queue's directory.
//
//     LIST-ID                 a post that waits; ID is the id of its entry
//     LIST-ID.CAUSE.SENT      the same, and the entry CAUSE, an owner's mail, lets it go out as the entry SENT
//
// An owner's mail claims a post by rename(2), so of two owners one has it. The claimed file is removed when CAUSE has SENT
// in its journal, and not before: after a crash the post is sent again under the same id, or is found to be sent. Where
// CAUSE is gone and has not sent it, the post waits again.

public import POSIX
import SMTP
public import Storage

public struct HeldPosts: ~Copyable {
  let folder: FileDescriptor

  /// How many seconds a post waits for an owner.
  private static let longestWait: Int64 = 7 * 86_400
  /// How many posts of a list may wait.
  public static let mostOfAList = 1000

  /// `queue` is the directory of the queue; what is missing in it is made.
  public init(queue path: String) throws(SystemError) {
    folder = try FileDescriptor.directory(path).makeDirectory("lists").makeDirectory("held")
  }

  /// Nil if no post has ever been held.
  fileprivate init?(in queue: borrowing FileDescriptor) throws(SystemError) {
    do throws(SystemError) { folder = try queue.directory("lists/held") } catch .noSuchFile {
      return nil
    }
  }

  /// What a file is called.
  struct Name: Equatable {
    struct Claim: Equatable {
      let cause: MessageID
      let sent: MessageID
    }

    let list: String
    let id: MessageID
    var claim: Claim?

    init(_ list: String, _ id: MessageID, _ claim: Claim? = nil) {
      (self.list, self.id, self.claim) = (list, id, claim)
    }

    /// Nil for any other file. The ids have a fixed length, so the name of a list may hold hyphens and dots.
    init?(_ text: String) {
      var rest = Array(text.utf8)[...]
      func id(behind separator: UInt8) -> MessageID? {
        guard rest.count > 17, rest[rest.endIndex - 17] == separator,
          let id = MessageID(hexadecimal: rest.suffix(16))
        else { return nil }
        rest.removeLast(17)
        return id
      }
      if let sent = id(behind: UInt8(ascii: ".")) {
        guard let cause = id(behind: UInt8(ascii: ".")) else { return nil }
        claim = Claim(cause: cause, sent: sent)
      }
      guard let post = id(behind: UInt8(ascii: "-")), rest.first != UInt8(ascii: ".") else {
        return nil
      }
      (list, self.id) = (String(decoding: rest, as: UTF8.self), post)
    }

    var text: String {
      "\(list)-\(id.text)" + (claim.map { ".\($0.cause.text).\($0.sent.text)" } ?? "")
    }
  }

  fileprivate func forEachName(_ body: (Name) throws(SystemError) -> Void) throws(SystemError) {
    var names = try DirectoryNames(folder)
    while let text = names.next() { if let name = Name(text) { try body(name) } }
  }

  /// Keeps a post, which stands in `source` from `offset` on, durably, unless it is kept already. False if too many of
  /// this list wait.
  public func hold(
    _ list: String, id: MessageID, from source: borrowing FileDescriptor, offset: Int
  ) throws(SystemError) -> Bool {
    let name = Name(list, id)
    var count = 0
    var isHeld = false
    try forEachName { other throws(SystemError) in
      if other.list == list { count += 1 }
      if other == name { isHeld = true }
    }
    if isHeld { return true }
    guard count < Self.mostOfAList else { return false }
    let temporary = ".\(name.text).\(MessageID(Process.random()).text)"
    let file = try folder.makeFile(named: temporary)
    do throws(SystemError) {
      try file.append(source, from: offset)
      try file.synchronizeData()
      try folder.rename(temporary, to: folder, as: name.text)
      try folder.synchronize()
    } catch {
      try? folder.unlink(temporary)
      throw error
    }
    return true
  }

  /// What an owner's mail finds.
  public enum Approval: ~Copyable {
    /// The post, and the name of its file until the journal of the owner's mail has that it is sent.
    case granted(FileDescriptor, claim: String)
    /// Another mail lets it go out at this moment.
    case claimed
    case gone
  }

  /// Claims a post for the owner's mail `cause`, which sends it on as `sent`; the same whenever that is repeated.
  public func claim(
    _ list: String, id: MessageID, for cause: MessageID, as sent: MessageID
  ) throws(SystemError) -> Approval {
    let claimed = Name(list, id, Name.Claim(cause: cause, sent: sent)).text
    do throws(SystemError) {
      try folder.rename(Name(list, id).text, to: folder, as: claimed)
    } catch .noSuchFile {
    }
    try folder.synchronize()
    do throws(SystemError) {
      return .granted(try folder.reading(named: claimed), claim: claimed)
    } catch .noSuchFile {
    }
    var isClaimed = false
    try forEachName { other throws(SystemError) in
      if other.list == list, other.id == id { isClaimed = true }
    }
    return isClaimed ? .claimed : .gone
  }

  /// Removes what has waited for too long, and what a crash has left. `now` is in seconds since 1970. What fails is done
  /// another time.
  public func dropOld(now: Int64) {
    guard var names = try? DirectoryNames(folder) else { return }
    while let name = names.next() {
      guard let status = folder.status(of: name), now - status.modified > Self.longestWait,
        Name(name)?.claim == nil
      else { continue }
      try? folder.unlink(name)
    }
  }
}

extension QueueDirectory {
  /// Removes a post that was let go out: the journal of its owner's mail has it. `name` is from `HeldPosts.claim`.
  public func drop(claim name: String) throws(SystemError) {
    guard HeldPosts.Name(name)?.claim != nil, let held = try HeldPosts(in: top) else { return }
    try held.remove(name)
  }

  /// Decides on the claims that a crash has left. To be called with the lock, before anything is worked on. Returns the
  /// claims for which this has failed: the owner's mail of each is to be left alone.
  public func settleClaims() throws(SystemError) -> [(cause: MessageID, error: SystemError)] {
    guard let held = try HeldPosts(in: top) else { return [] }
    var claimed: [HeldPosts.Name] = []
    try held.forEachName { name throws(SystemError) in if name.claim != nil { claimed.append(name) }
    }
    var failures: [(cause: MessageID, error: SystemError)] = []
    for name in claimed {
      guard let claim = name.claim else { continue }
      do throws(SystemError) { try settle(name, claim, of: held) } catch {
        failures.append((claim.cause, error))
      }
    }
    return failures
  }

  private func settle(
    _ name: HeldPosts.Name, _ claim: HeldPosts.Name.Claim, of held: borrowing HeldPosts
  ) throws(SystemError) {
    guard let place = try find(claim.cause) else { return try held.release(name) }
    let cause: Reading
    do throws(SystemError) { cause = try read(place) } catch {
      guard error.isCorrupt else { throw error }
      // It will never be worked on, and so will not send the post.
      return try held.release(name)
    }
    switch cause {
    case .gone: try held.release(name)
    case .entry(let cause) where cause.noticeIDs.contains(claim.sent): try held.remove(name.text)
    case .entry, .newer: break  // it is still to be worked on, and the claim is its own
    }
  }
}

extension HeldPosts {
  fileprivate func remove(_ name: String) throws(SystemError) {
    do throws(SystemError) {
      try folder.unlink(name)
      try folder.synchronize()
    } catch .noSuchFile {
    }
  }

  /// Lets a post wait again.
  fileprivate func release(_ name: Name) throws(SystemError) {
    var waiting = name
    waiting.claim = nil
    do throws(SystemError) {
      try folder.rename(name.text, to: folder, as: waiting.text)
    } catch .noSuchFile {
    }
  }
}

extension FileDescriptor {
  /// Appends what stands in `source` from `offset` on.
  fileprivate func append(_ source: borrowing FileDescriptor, from offset: Int) throws(SystemError)
  {
    var buffer: [UInt8] = []
    var position = offset
    while true {
      buffer.removeAll(keepingCapacity: true)
      let count = try source.read(into: &buffer, atMost: 65_536, at: position)
      if count == 0 { return }
      try write(buffer.span)
      position += count
    }
  }
}
