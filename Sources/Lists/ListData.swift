// What the lists keep that nobody else may read: the folder `lists` in the queue's directory.
//
//     key               the secret that tokens are made with (Tokens.swift); made when it is first needed
//     answers           which answers were sent today, so that nobody is sent many of them
//     held/NAME-ID      posts that wait for an owner, for a week; ID is the id of the post in the queue
//
// If the key is removed, tokens that are on their way are void, and nothing else is lost.

public import POSIX
public import Routing
import SMTP

public struct ListData: ~Copyable {
  /// Why something could not be read or written: the file, and the reason.
  public struct Failure: Error {
    public let path: String
    public let errno: Errno
  }

  private let path: String
  private let heldPosts: FileDescriptor

  /// Where it is in a queue.
  public static func folder(queue: String) -> String { queue + "/lists" }

  /// `queue` is the directory of the queue; the folder is made if it is missing.
  public init(queue: String) throws(Failure) {
    path = Self.folder(queue: queue)
    do throws(Errno) {
      try FileDescriptor.makeFolder(path, mode: 0o700)
      heldPosts = try FileDescriptor.directory(path).makeDirectory("held")
    } catch {
      throw Failure(path: path, errno: error)
    }
  }

  public func key() throws(Failure) -> ListKey {
    let file = path + "/key"
    do throws(FileReplacement.Failure) {
      try FileReplacement.edit(file, mode: 0o600) { content in
        content == nil
          ? (0..<ListKey.length / 8).flatMap { _ in octets(of: Process.random()) } : nil
      }
    } catch {
      throw Failure(path: file, errno: error.errno)
    }
    do throws(Errno) {
      let octets = try FileDescriptor.reading(file).readAll(limit: 4096) ?? []
      if let key = ListKey(octets) { return key }
    } catch {
      throw Failure(path: file, errno: error)
    }
    throw Failure(path: file, errno: .invalidArgument)
  }
}

// Answers.
extension ListData {
  /// How many answers an address gets in a day, over all lists.
  private static let answersToOne = 5
  /// How many are sent in a day to all.
  private static let answersToAll = 100_000

  /// Whether `member` may be sent an answer of this kind by this list: one a day, and not more than five a day of all
  /// lists. It then counts as sent. Each line of the file is a day, the list, the kind and the address.
  public func mayAnswer(
    _ member: Member, _ list: ListName, _ kind: String, day: Int
  ) throws(Failure) -> Bool {
    let file = path + "/answers"
    let line = Array("\(day) \(list.text) \(kind) ".utf8) + member.identity
    let today = Array("\(day) ".utf8)
    var isAllowed = false
    do throws(FileReplacement.Failure) {
      try FileReplacement.edit(file, mode: 0o600) { content in
        let lines = (content ?? []).split(separator: 10).filter { $0.starts(with: today) }
        let toMember = lines.filter { sent in
          sent.split(separator: 32, maxSplits: 3).last.map { $0.elementsEqual(member.identity) }
            ?? false
        }
        isAllowed =
          lines.count < Self.answersToAll && toMember.count < Self.answersToOne
          && !toMember.contains { $0.elementsEqual(line) }
        guard isAllowed else { return nil }
        return lines.flatMap { $0 + [10] } + line + [10]
      }
    } catch {
      throw Failure(path: file, errno: error.errno)
    }
    return isAllowed
  }
}

// Held posts.
extension ListData {
  /// How many seconds a post waits for an owner.
  private static let longestWait: Int64 = 7 * 86_400
  /// How many posts of a list may wait.
  private static let mostHeld = 1000

  private func name(_ list: ListName, _ id: [UInt8]) -> String {
    "\(list.text)-\(String(decoding: id, as: UTF8.self))"
  }

  /// Keeps a post, durably, unless it is kept already. False if too many wait.
  public func hold(
    _ list: ListName, id: [UInt8], from source: borrowing FileDescriptor, offset: Int
  ) throws(Failure) -> Bool {
    let name = name(list, id)
    do throws(Errno) {
      if heldPosts.status(of: name) != nil { return true }
      var names = try DirectoryNames(heldPosts)
      var count = 0
      while let other = names.next() { if other.hasPrefix(list.text + "-") { count += 1 } }
      guard count < Self.mostHeld else { return false }
      let temporary = ".\(name).\(String(Process.random(), radix: 16))"
      let file = try heldPosts.makeFile(named: temporary)
      do throws(Errno) {
        try file.append(source, from: offset)
        try file.synchronizeData()
        try heldPosts.rename(temporary, to: heldPosts, as: name)
        try heldPosts.synchronize()
      } catch {
        try? heldPosts.unlink(temporary)
        throw error
      }
      return true
    } catch {
      throw Failure(path: path + "/held/" + name, errno: error)
    }
  }

  /// A held post; nil if there is none.
  public func heldPost(_ list: ListName, id: [UInt8]) throws(Failure) -> FileDescriptor? {
    let name = name(list, id)
    do throws(Errno) { return try heldPosts.reading(named: name) } catch .noSuchFile {
      return nil
    } catch {
      throw Failure(path: path + "/held/" + name, errno: error)
    }
  }

  /// Removes a held post, if there is one.
  public func drop(_ list: ListName, id: [UInt8]) { try? heldPosts.unlink(name(list, id)) }

  /// Removes what has waited for too long, and what a crash has left. `now` is in seconds since 1970.
  public func dropOld(now: Int64) {
    guard var names = try? DirectoryNames(heldPosts) else { return }
    while let name = names.next() {
      guard let status = heldPosts.status(of: name), now - status.modified > Self.longestWait else {
        continue
      }
      try? heldPosts.unlink(name)
    }
  }
}

extension FileDescriptor {
  /// Appends what stands in `source` from `offset` on.
  public func append(_ source: borrowing FileDescriptor, from offset: Int) throws(Errno) {
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

private func octets(of number: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
}
