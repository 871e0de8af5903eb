// What people change: read marks, tags, and which messages there are.

import Marks
import Octets
import POSIX
import SMTP
public import Storage

extension MailIndex {
  /// Marks messages as read or not.
  public func setRead(_ isRead: Bool, of selection: Selection) throws(IndexError) {
    try repaired { () throws(IndexError) in
      try self.marking { () throws(IndexError) in
        let find = try self.database.prepare("SELECT seen FROM messages WHERE n = ?")
        var marks: [Mark] = []
        for match in try self.select(selection) {
          find.bind(1, match.n)
          if try find.step(), (find.integer(0) != 0) != isRead {
            marks.append(Mark(match.id, isRead: isRead))
          }
          find.reset()
        }
        return ((), marks)
      }
    }
  }

  /// The messages of a selection.
  private func select(_ selection: Selection) throws(IndexError) -> [(n: Int64, id: MessageID)] {
    switch selection {
    case .matching(let query): return try matches(query).map { ($0.n, $0.id) }
    case .all:
      let statement = try database.prepare("SELECT n, id FROM messages")
      var all: [(n: Int64, id: MessageID)] = []
      while try statement.step() {
        all.append((statement.integer(0), MessageID(UInt64(bitPattern: statement.integer(1)))))
      }
      return all
    case .ids(let ids):
      let statement = try database.prepare("SELECT n FROM messages WHERE id = ?")
      var found: [(n: Int64, id: MessageID)] = []
      for id in ids {
        statement.bind(1, Int64(bitPattern: id.bits))
        if try statement.step() { found.append((statement.integer(0), id)) }
        statement.reset()
      }
      return found
    }
  }
}

// Tags.
extension MailIndex {
  /// The tags in use, in order, and how many messages have each.
  public func tags() throws(IndexError) -> [(tag: [UInt8], count: Int)] {
    try repaired { () throws(IndexError) in
      let statement = try self.database.prepare(
        "SELECT min(tag), count(*) FROM tags GROUP BY tag ORDER BY tag")
      var tags: [(tag: [UInt8], count: Int)] = []
      while try statement.step() { tags.append((statement.octets(0), Int(statement.integer(1)))) }
      return tags
    }
  }

  /// Gives messages these tags instead of those they have.
  public func setTags(_ tags: [Tag], of ids: [MessageID]) throws(IndexError) {
    try repaired { () throws(IndexError) in
      try self.marking { () throws(IndexError) in
        // A tag that is in use keeps the case that it has there.
        let find = try self.database.prepare("SELECT tag FROM tags WHERE tag = ? LIMIT 1")
        var names: [[UInt8]] = []
        for tag in tags.prefix(IndexLimit.markedTags) {
          find.bind(1, text: tag.octets)
          names.append(try find.step() ? find.octets(0) : tag.octets)
          find.reset()
        }
        return ((), try self.select(.ids(ids)).map { Mark($0.id, tags: names) })
      }
    }
  }

  /// How renaming a tag ended.
  public enum TagChange: Equatable, Sendable { case done, notFound, alreadyExists }

  /// Renames a tag, also where only the case is other.
  public func renameTag(_ tag: Tag, to new: Tag) throws(IndexError) -> TagChange {
    try repaired { () throws(IndexError) in
      try self.marking { () throws(IndexError) in
        guard try self.isUsed(tag) else { return (.notFound, []) }
        if tag.octets.lowercased() != new.octets.lowercased(), try self.isUsed(new) {
          return (.alreadyExists, [])
        }
        return (.done, try self.replacing(tag, by: new.octets))
      }
    }
  }

  /// Takes a tag from all messages; false if none has it.
  public func deleteTag(_ tag: Tag) throws(IndexError) -> Bool {
    try repaired { () throws(IndexError) in
      try self.marking { () throws(IndexError) in
        let marks = try self.replacing(tag, by: nil)
        return (!marks.isEmpty, marks)
      }
    }
  }

  /// The tags of all messages that have `tag`, with another in its place.
  private func replacing(_ tag: Tag, by new: [UInt8]?) throws(IndexError) -> [Mark] {
    let messages = try database.prepare(
      "SELECT id, n FROM tags JOIN messages USING(n) WHERE tag = ?")
    messages.bind(1, text: tag.octets)
    let tags = try database.prepare("SELECT tag FROM tags WHERE n = ? ORDER BY tag")
    let old = tag.octets.lowercased()
    var marks: [Mark] = []
    while try messages.step() {
      tags.bind(1, messages.integer(1))
      var names: [[UInt8]] = []
      while try tags.step() {
        let name = tags.octets(0)
        if name.lowercased() != old { names.append(name) } else if let new { names.append(new) }
      }
      tags.reset()
      marks.append(Mark(MessageID(UInt64(bitPattern: messages.integer(0))), tags: names))
    }
    return marks
  }

  private func isUsed(_ tag: Tag) throws(IndexError) -> Bool {
    let statement = try database.prepare("SELECT 1 FROM tags WHERE tag = ?")
    statement.bind(1, text: tag.octets)
    return try statement.step()
  }
}

// One message.
extension MailIndex {
  /// A message and its files.
  public struct Entry: Sendable {
    public var summary: Summary
    public var files: [File]

    public struct File: Equatable, Sendable {
      /// In the mail directory. Open it there by `MailDirectory.read`.
      public var name: String
      /// The recipient of the envelope that it is for.
      public var recipient: [UInt8]
    }
  }

  /// A message; nil if there is none. The first of its files is what the summary was made of, unless it is gone.
  public func entry(_ id: MessageID) throws(IndexError) -> Entry? {
    try repaired { () throws(IndexError) in
      try self.database.reading { () throws(IndexError) in
        guard let message = try self.select(.ids([id])).first else { return nil }
        let summary = try self.summaries([message.n])[0]
        return Entry(summary: summary, files: try self.files(message.n, id))
      }
    }
  }

  private func files(_ n: Int64, _ id: MessageID) throws(IndexError) -> [Entry.File] {
    try Intake(database, directory).filesOf(n).sorted {
      ($0.time.moment, $0.suffix == nil ? 0 : 1, $0.hash)
        < ($1.time.moment, $1.suffix == nil ? 0 : 1, $1.hash)
    }.map { Entry.File(name: $0.name(of: id), recipient: $0.recipient) }
  }

  /// A recipient of envelopes, and how much mail it has.
  public struct Recipient: Equatable, Sendable {
    /// In lower case.
    public var address: [UInt8]
    public var total: Int
    public var unread: Int
  }

  /// The recipients whose address has `part` in it, those with most mail first, at most `limit`; and how many there are.
  public func recipients(
    containing part: [UInt8] = [], limit: Int = 50
  ) throws(IndexError) -> (total: Int, first: [Recipient]) {
    try repaired { () throws(IndexError) in
      let statement = try self.database.prepare(
        """
        SELECT recipient, count(*), sum(seen = 0) FROM envelope JOIN messages USING(n)
        WHERE instr(recipient, ?) > 0 GROUP BY recipient ORDER BY 2 DESC, 1
        """)
      statement.bind(1, text: part.lowercased())
      var total = 0
      var first: [Recipient] = []
      while try statement.step() {
        total += 1
        guard first.count < limit else { continue }
        first.append(
          Recipient(
            address: valid(statement.octets(0)), total: Int(statement.integer(1)),
            unread: Int(statement.integer(2))))
      }
      return (total, first)
    }
  }
}

// Deleting.
extension MailIndex {
  /// How long names that still appear of a deleted message are removed, too, in seconds: a message to many recipients is
  /// linked name by name. A name that was there before is one that somebody has put back, and stays.
  private static let grace: Int64 = 60

  /// Deletes messages: first their files, durably, then what the index says of them. Returns how many there were.
  public func delete(_ selection: Selection) throws(IndexError) -> Int {
    try repaired { () throws(IndexError) in
      let doomed = try self.database.reading { () throws(IndexError) in
        try self.select(selection).map { (message) throws(IndexError) in
          (id: message.id, files: try self.files(message.n, message.id).map { $0.name })
        }
      }
      guard !doomed.isEmpty else { return 0 }
      do throws(SystemError) {
        for message in doomed {
          for name in message.files { try self.directory.remove(name) }
        }
        try self.directory.synchronize()
      } catch {
        throw .store(error)
      }
      try self.forget(doomed.map { $0.id })
      return doomed.count
    }
  }

  private func forget(_ ids: [MessageID]) throws(IndexError) {
    var index = 0
    while index < ids.count {
      let some = ids[index..<min(index + 5000, ids.count)]
      index += some.count
      try changing { () throws(IndexError) in
        let now = Clock.now().seconds
        let intake = try Intake(self.database, self.directory)
        try self.database.prepare("DELETE FROM removed WHERE until < \(now)").run()
        try self.database.prepare("DELETE FROM names WHERE until < \(now)").run()
        let mark = try self.database.prepare("INSERT OR REPLACE INTO removed VALUES(?, ?)")
        for message in try self.select(.ids(Array(some))) {
          for file in try intake.filesOf(message.n) {
            try intake.note(removed: file.hash, until: now + Self.grace)
          }
          try intake.remove(n: message.n)
        }
        for id in some {
          mark.bind(1, Int64(bitPattern: id.bits))
          mark.bind(2, now + Self.grace)
          try mark.run()
        }
        try intake.finish()
      }
    }
    try purge()
  }
}
