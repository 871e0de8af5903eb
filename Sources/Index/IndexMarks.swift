// Read marks and tags: the journals of the mail directory say what they are, and the index has a copy.
//
// A change is first appended to this machine's journal, durably, and then taken into the index in the same way as what
// other machines append. So a process that is killed between the two loses nothing, and an index that is removed is made
// with the same marks again.

import Marks
import POSIX
import SMTP
import Storage

extension MailIndex {
  /// Takes in what is new in the journals.
  func refreshMarks() throws(IndexError) {
    guard try hasNewMarks() else { return }
    try changing { () throws(IndexError) in try self.takeInMarks() }
  }

  private func known() throws(IndexError) -> [String: MarkJournals.Position] {
    let statement = try database.prepare("SELECT name, offset, tail FROM journals")
    var known: [String: MarkJournals.Position] = [:]
    while try statement.step() {
      known[String(decoding: statement.octets(0), as: UTF8.self)] = .init(
        offset: Int(statement.integer(1)), tail: statement.integer(2))
    }
    return known
  }

  private func hasNewMarks() throws(IndexError) -> Bool {
    let known = try known()
    for name in try access({ () throws(SystemError) in try journals.names() }) {
      let position = try access { () throws(SystemError) in
        try journals.read(name, behind: known[name]) { (_, _) in }
      }
      if position != known[name] { return true }
    }
    return false
  }

  /// Takes in what is new, inside a transaction that writes.
  func takeInMarks() throws(IndexError) {
    let known = try known()
    let find = try database.prepare("SELECT counter, journal FROM marks WHERE id = ? AND kind = ?")
    let put = try database.prepare("INSERT OR REPLACE INTO marks VALUES(?, ?, ?, ?, ?)")
    let note = try database.prepare("INSERT OR REPLACE INTO journals VALUES(?, ?, ?)")
    let painter = try MarkPainter(database)
    var highest: Int64 = 0
    for name in try access({ () throws(SystemError) in try journals.names() }) {
      var lines: [(counter: Int64, mark: Mark)] = []
      let position = try access { () throws(SystemError) in
        try journals.read(name, behind: known[name]) { (counter, mark) in
          lines.append((counter, mark))
        }
      }
      guard let position, position != known[name] else { continue }
      for (counter, mark) in lines {
        highest = max(highest, counter)
        find.bind(1, Int64(bitPattern: mark.id.bits))
        find.bind(2, mark.kind.rawValue)
        var isNewer = true
        if try find.step() {
          let other = String(decoding: find.octets(1), as: UTF8.self)
          isNewer = (find.integer(0), other) <= (counter, name)
        }
        find.reset()
        guard isNewer else { continue }
        put.bind(1, Int64(bitPattern: mark.id.bits))
        put.bind(2, mark.kind.rawValue)
        put.bind(3, counter)
        put.bind(4, text: Array(name.utf8))
        put.bind(5, octets: mark.value)
        try put.run()
        try painter.paint(mark)
      }
      note.bind(1, text: Array(name.utf8))
      note.bind(2, Int64(position.offset))
      note.bind(3, position.tail)
      try note.run()
    }
    let state = try database.prepare("UPDATE state SET counter = max(counter, ?)")
    state.bind(1, highest)
    try state.run()
  }

  /// Changes marks: `body` says which, knowing what all journals say.
  func marking<Value>(
    _ body: () throws(IndexError) -> (Value, [Mark])
  ) throws(IndexError) -> Value {
    try changing { () throws(IndexError) in
      let turn = try self.turn()
      try self.takeInMarks()
      let (value, marks) = try body()
      guard !marks.isEmpty else { return value }
      let state = try self.database.prepare("SELECT counter FROM state")
      guard try state.step() else { throw .damaged }
      let counter = state.integer(0) + 1
      state.reset()
      try self.access { () throws(SystemError) in
        try self.journals.append(marks, counter: counter, turn)
      }
      try self.takeInMarks()
      try self.rewriteJournal(turn)
      return value
    }
  }

  private func turn() throws(IndexError) -> MarkJournals.Turn {
    do throws(SystemError) { return try journals.turn() } catch { throw .store(error) }
  }

  /// Octets of a journal that are not worth being rewritten.
  private static let smallJournal = 256 * 1024

  /// Rewrites this machine's journal where most of it is of no use any more.
  private func rewriteJournal(_ turn: borrowing MarkJournals.Turn) throws(IndexError) {
    let size = journals.size(turn)
    guard isComplete, size > Self.smallJournal else { return }
    let useful = try database.prepare(
      """
      SELECT coalesce(sum(length(value) + length(counter) + 24), 0) FROM marks
      WHERE journal = ? AND id IN (SELECT id FROM messages)
      """)
    useful.bind(1, text: Array(turn.name.utf8))
    guard try useful.step() else { throw .damaged }
    guard Int64(size) > 2 * useful.integer(0) else { return }
    useful.reset()
    var ids: Set<Int64> = []
    let statement = try database.prepare("SELECT id FROM messages")
    while try statement.step() { ids.insert(statement.integer(0)) }
    try access { () throws(SystemError) in
      try journals.rewrite(turn) { ids.contains(Int64(bitPattern: $0.bits)) }
    }
    try database.run("DELETE FROM marks WHERE id NOT IN (SELECT id FROM messages)")
  }

  private func access<Value>(
    _ body: () throws(SystemError) -> Value
  ) throws(IndexError) -> Value {
    do throws(SystemError) { return try body() } catch { throw .store(error) }
  }
}

/// Gives messages the marks that the journals say.
final class MarkPainter {
  private let find: Statement
  private let see: Statement
  private let removeTags: Statement
  private let addTag: Statement
  private let marks: Statement

  init(_ database: Database) throws(IndexError) {
    find = try database.prepare("SELECT n FROM messages WHERE id = ?")
    see = try database.prepare("UPDATE messages SET seen = ?1 WHERE n = ?2 AND seen <> ?1")
    removeTags = try database.prepare("DELETE FROM tags WHERE n = ?")
    addTag = try database.prepare("INSERT OR IGNORE INTO tags VALUES(?, ?)")
    marks = try database.prepare("SELECT kind, value FROM marks WHERE id = ?")
  }

  /// Gives the message a mark, if it is here.
  func paint(_ mark: Mark) throws(IndexError) {
    find.bind(1, Int64(bitPattern: mark.id.bits))
    defer { find.reset() }
    guard try find.step() else { return }
    try paint(mark, n: find.integer(0))
  }

  private func paint(_ mark: Mark, n: Int64) throws(IndexError) {
    switch mark.kind {
    case .read:
      see.bind(1, mark.value.elementsEqual("1".utf8) ? 1 : 0)
      see.bind(2, n)
      try see.run()
    case .tags:
      removeTags.bind(1, n)
      try removeTags.run()
      for text in mark.value.split(separator: UInt8(ascii: ",")).prefix(IndexLimit.markedTags) {
        guard let tag = Tag(Array(text)) else { continue }
        addTag.bind(1, text: tag.octets)
        addTag.bind(2, n)
        try addTag.run()
      }
    }
  }

  /// Gives a message that has come the marks that are known of it.
  func paint(_ id: MessageID, n: Int64) throws(IndexError) {
    marks.bind(1, Int64(bitPattern: id.bits))
    defer { marks.reset() }
    while try marks.step() {
      guard let kind = Mark.Kind(rawValue: marks.integer(0)) else { continue }
      try paint(Mark(id: id, kind: kind, value: marks.octets(1)), n: n)
    }
  }
}

extension Mark {
  init(_ id: MessageID, isRead: Bool) {
    self.init(id: id, kind: .read, value: [UInt8(ascii: isRead ? "1" : "0")])
  }

  init(_ id: MessageID, tags: [[UInt8]]) {
    self.init(id: id, kind: .tags, value: Array(tags.joined(separator: [UInt8(ascii: ",")])))
  }
}
