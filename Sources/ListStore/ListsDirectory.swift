// The directory of the lists (SMTP_LISTS_DIR): for each list its members, what its owners decide, and the members whose
// mail comes back. Nothing in it is secret.
//
//     NAME.csv      the members (MemberReader.swift); a list exists when it has this file
//     NAME.conf     ListSettings.swift; may be missing
//     NAME.state    MemberStates.swift; may be missing
//
// People edit the first two. Each change that we make replaces a file in one step, under a lock on the directory.

public import Lists
public import POSIX
public import SMTP
public import Settings

public struct ListsDirectory: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  /// The file of a list that ends in `suffix`.
  public func file(_ list: ListName, _ suffix: String) -> String { "\(path)/\(list.text)\(suffix)" }

  public static let members = ".csv"
  public static let settings = ".conf"
  public static let states = ".state"

  public func has(_ list: ListName) throws(SystemError) -> Bool {
    try FileDescriptor.isThere(file(list, Self.members))
  }

  /// The names of all lists, sorted.
  public func lists() throws(SystemError) -> [ListName] { try files().lists }

  /// All lists, sorted, and the files that look like a list's and are none: no list can have their name.
  public func files() throws(SystemError) -> (lists: [ListName], others: [String]) {
    var lists: [ListName] = []
    var others: [String] = []
    let suffix = Array(Self.members.utf8)
    try FileDescriptor.directory(path).forEachName { name in
      let octets = name.indices.map { name[$0] }
      guard octets.count > suffix.count, octets.suffix(suffix.count).elementsEqual(suffix),
        octets.first != UInt8(ascii: ".")
      else { return }
      if let list = ListName(octets.dropLast(suffix.count)),
        octets.elementsEqual((list.text + Self.members).utf8)
      {
        lists.append(list)
      } else {
        others.append(String(decoding: octets, as: UTF8.self))
      }
    }
    return (lists.sorted { $0.octets.lexicographicallyPrecedes($1.octets) }, others.sorted())
  }

  public func settings(of list: ListName) throws(SettingsError) -> ListSettings {
    var source = try SettingsSource(file: file(list, Self.settings))
    return try ListSettings(&source)
  }

  /// Calls `body` for each line of the member file, which is read in pieces.
  public func readMembers(
    of list: ListName, _ body: (MemberLine, _ number: Int) throws(SystemError) -> Void
  ) throws(SystemError) {
    try readMembers(of: list, by: MemberReader()) { (line, number) throws(SystemError) in
      try body(line, number)
      return true
    }
  }

  /// Calls `body` with the members, each once, however often and in whatever way the file has them.
  public func forEachMember(
    of list: ListName, _ body: (Member) throws(SystemError) -> Void
  ) throws(SystemError) {
    var known: Set<[UInt8]> = []
    try readMembers(of: list) { (line, _) throws(SystemError) in
      if case .member(let member) = line, known.insert(member.identity).inserted {
        try body(member)
      }
    }
  }

  /// Calls `body` for each line until it says that it has heard enough.
  private func readMembers(
    of list: ListName, by reader: MemberReader,
    _ body: (MemberLine, _ number: Int) throws(SystemError) -> Bool
  ) throws(SystemError) {
    let file = try FileDescriptor.reading(file(list, Self.members))
    var reader = reader
    var buffer: [UInt8] = []
    buffer.reserveCapacity(65_536)
    while true {
      buffer.removeAll(keepingCapacity: true)
      let count = try file.read(into: &buffer, atMost: 65_536)
      if count == 0 { break }
      var position = 0
      while let line = reader.next(buffer.span, &position) {
        guard try body(line, reader.number) else { return }
      }
    }
    if let line = reader.finish() { _ = try body(line, reader.number) }
  }

  /// Whether `member` is one of the list.
  public func isMember(_ member: Member, of list: ListName) throws(SystemError) -> Bool {
    let identity = member.identity
    var isFound = false
    try readMembers(of: list, by: MemberReader(lookingFor: member)) { line, _ in
      if case .member(let other) = line, other.identity == identity { isFound = true }
      return !isFound
    }
    return isFound
  }

  /// Those who are members of the list, in one pass over its file.
  public func members(among candidates: [Member], of list: ListName) throws(SystemError) -> [Member]
  {
    let wanted = Set(candidates.map { $0.identity })
    var found: Set<[UInt8]> = []
    try readMembers(of: list) { line, _ in
      if case .member(let member) = line, wanted.contains(member.identity) {
        found.insert(member.identity)
      }
    }
    return candidates.filter { found.contains($0.identity) }
  }

  /// Why it could not be found out who may post.
  public enum Failure: Error {
    case unreadable(SystemError)
    case settings(SettingsError)
  }

  /// Whether a session takes a post of this sender. What is held for an owner is decided behind the queue, by the author.
  public func takesPost(from sender: ReversePath, to list: ListName) throws(Failure) -> Bool {
    let settings: ListSettings
    do throws(SettingsError) { settings = try self.settings(of: list) } catch {
      throw .settings(error)
    }
    do throws(SystemError) {
      return try settings.takesPost(from: sender) { (member) throws(SystemError) in
        try isMember(member, of: list)
      }
    } catch {
      throw .unreadable(error)
    }
  }

  /// The member that `id` names; nil if there is none.
  public func member(_ id: MemberID, of list: ListName) throws(SystemError) -> Member? {
    var found: Member?
    try readMembers(of: list) { line, _ in
      if found == nil, case .member(let member) = line, MemberID(list, member) == id {
        found = member
      }
    }
    return found
  }

  public func states(of list: ListName) throws(SystemError) -> MemberStates {
    do throws(SystemError) {
      let file = try FileDescriptor.reading(file(list, Self.states))
      return MemberStates(try file.readAll(limit: Self.limit) ?? [])
    } catch .noSuchFile {
      return MemberStates()
    }
  }

  /// A file of members or states is at most this large, in octets.
  public static let limit = 256 << 20
}

// Changes.
extension ListsDirectory {
  /// Makes a list without members; false if it exists.
  public func create(_ list: ListName) throws(SystemError) -> Bool {
    var isNew = false
    try FileReplacement.edit(file(list, Self.members), mode: 0o660) { content in
      isNew = content == nil
      return isNew ? [] : nil
    }
    return isNew
  }

  /// Removes a list with all its files; false if there is none.
  public func delete(_ list: ListName) throws(SystemError) -> Bool {
    let directory = try FileDescriptor.directory(path)
    do throws(SystemError) { try directory.unlink(list.text + Self.members) } catch .noSuchFile {
      return false
    }
    for suffix in [Self.settings, Self.states] {
      do throws(SystemError) { try directory.unlink(list.text + suffix) } catch .noSuchFile {}
    }
    try directory.synchronize()
    return true
  }

  /// Adds those who are no members yet, at the end; returns how many that were. Nil if there is no such list.
  public func add(_ members: [Member], to list: ListName) throws(SystemError) -> Int? {
    var added: Int?
    try FileReplacement.edit(file(list, Self.members), mode: 0o660) { content in
      guard let content else { return nil }
      var known: Set<[UInt8]> = []
      Self.forEachLine(of: content) { line, _ in
        if case .member(let member) = line { known.insert(member.identity) }
      }
      let new = members.filter { known.insert($0.identity).inserted }
      added = new.count
      if new.isEmpty { return nil }
      let lineEnd: [UInt8] = content.suffix(2).elementsEqual([13, 10]) ? [13, 10] : [10]
      var result = content
      if let last = result.last, last != 10 { result += lineEnd }
      for member in new { result += member.line + lineEnd }
      return result
    }
    return added
  }

  /// Removes members, in whatever way their lines write them; returns how many lines went. Nil if there is no such list.
  public func remove(_ members: [Member], from list: ListName) throws(SystemError)
    -> Int?
  {
    var removed: Int?
    let identities = Set(members.map { $0.identity })
    try FileReplacement.edit(file(list, Self.members), mode: 0o660) { content in
      guard let content else { return nil }
      var result: [UInt8] = []
      var count = 0
      Self.forEachLine(of: content) { line, range in
        if case .member(let member) = line, identities.contains(member.identity) {
          count += 1
        } else {
          result += content[range]
        }
      }
      removed = count
      return count == 0 ? nil : result
    }
    return removed
  }

  /// Changes what is remembered of members.
  public func editStates<Value>(
    of list: ListName, _ edit: (inout MemberStates) -> Value
  ) throws(SystemError) -> Value {
    var value: Value?
    try FileReplacement.edit(file(list, Self.states), mode: 0o660) { content in
      let before = MemberStates(content ?? [])
      var states = before
      value = edit(&states)
      return states == before ? nil : states.content
    }
    guard let value else { preconditionFailure("edit is called once") }
    return value
  }

  private static func forEachLine(
    of content: [UInt8], _ body: (MemberLine, Range<Int>) -> Void
  ) {
    var reader = MemberReader()
    var position = 0
    var start = 0
    while let line = reader.next(content.span, &position) {
      body(line, start..<position)
      start = position
    }
    if let line = reader.finish() { body(line, start..<content.count) }
  }
}
