// Takes messages into the index and drops them, inside a transaction that writes.

import MIME
import Octets
import POSIX
import SMTP
import Storage

final class Intake {
  private let database: Database
  private let seed: UInt64
  private var files: Int64
  private var sum: UInt64
  private let first: Int64
  private var next: Int64
  private var stale: Int64
  private var content = StoredContent()

  private let findMessage: Statement
  private let filesOfMessage: Statement
  private let findFile: Statement
  private let addFile: Statement
  private let removeFile: Statement
  private let moveFiles: Statement
  private let moveTags: Statement
  private let addMessage: Statement
  private let addSummary: Statement
  private let addText: Statement
  private let addRecipient: Statement
  private let addTag: Statement
  private let findRemoved: Statement
  private let findName: Statement
  private let addName: Statement
  private let painter: MarkPainter

  init(_ database: Database, _ directory: borrowing MailDirectory) throws(IndexError) {
    self.database = database
    let state = try database.prepare("SELECT seed, files, sum, next, stale FROM state")
    guard try state.step() else { throw .damaged }
    seed = UInt64(bitPattern: state.integer(0))
    files = state.integer(1)
    sum = UInt64(bitPattern: state.integer(2))
    first = state.integer(3)
    next = first
    stale = state.integer(4)
    findMessage = try database.prepare("SELECT n, created, seen FROM messages WHERE id = ?")
    filesOfMessage = try database.prepare(
      "SELECT hash, time, recipient, suffix FROM files WHERE n = ?")
    findFile = try database.prepare(
      """
      SELECT f.n, f.time, f.recipient, f.suffix, m.id
      FROM files f LEFT JOIN messages m ON m.n = f.n WHERE f.hash = ?
      """)
    addFile = try database.prepare("INSERT INTO files VALUES(?, ?, ?, ?, ?)")
    removeFile = try database.prepare("DELETE FROM files WHERE hash = ?")
    moveFiles = try database.prepare("UPDATE files SET n = ? WHERE n = ?")
    moveTags = try database.prepare("UPDATE tags SET n = ? WHERE n = ?")
    addMessage = try database.prepare("INSERT INTO messages VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
    addSummary = try database.prepare("INSERT INTO summaries VALUES(?, ?)")
    addText = try database.prepare("INSERT INTO texts VALUES(?, ?)")
    addRecipient = try database.prepare("INSERT OR IGNORE INTO envelope VALUES(?, ?)")
    addTag = try database.prepare("INSERT OR IGNORE INTO tags VALUES(?, ?)")
    findRemoved = try database.prepare("SELECT until FROM removed WHERE id = ?")
    findName = try database.prepare("SELECT 1 FROM names WHERE hash = ?")
    addName = try database.prepare("INSERT OR REPLACE INTO names VALUES(?, ?)")
    painter = try MarkPainter(database)
  }

  /// Writes the counts back, and the full-text index. Call it at the end of the transaction.
  func finish() throws(IndexError) {
    // Not with each message: SQLite writes out what the full-text index has in memory whenever a statement with a trigger
    // begins.
    if next > first { try database.addWords(from: first) }
    let state = try database.prepare("UPDATE state SET files = ?, sum = ?, next = ?, stale = ?")
    state.bind(1, files)
    state.bind(2, Int64(bitPattern: sum))
    state.bind(3, next)
    state.bind(4, stale)
    try state.run()
  }

  /// A file of a message.
  struct File {
    var hash: Int64
    var time: Timestamp
    var recipient: [UInt8]
    /// What stands in the name behind time and id, where it is not what the recipient's address gives.
    var suffix: [UInt8]?

    func name(of id: MessageID) -> String {
      StoredFileName.name(
        time: time, id: id, suffix: suffix ?? StoredFileName.suffix(for: recipient))
    }
  }

  /// Takes in new files that have the same time and id in their names.
  func takeIn(
    _ new: [(hash: Int64, name: ArraySlice<UInt8>)], _ directory: borrowing MailDirectory
  ) throws(IndexError) {
    var added: [File] = []
    var id: MessageID?
    for (hash, name) in new {
      guard let name = StoredFileName(name.span) else {
        try add(File(hash: hash, time: Timestamp(moment: 0), recipient: [], suffix: []), n: 0)
        continue
      }
      id = name.id
      let isPlain = !name.isCut && StoredFileName.suffix(for: name.recipient) == name.suffix
      added.append(
        File(
          hash: hash, time: name.time, recipient: name.recipient,
          suffix: isPlain ? nil : name.suffix))
    }
    guard let id else { return }
    if let until = try removedUntil(id), try !isPutBack(added) {
      // Names that came while the message was deleted.
      for file in added {
        try note(removed: file.hash, until: until)
        _ = try access { () throws(SystemError) in try directory.remove(file.name(of: id)) }
      }
      return
    }

    findMessage.bind(1, Int64(bitPattern: id.bits))
    defer { findMessage.reset() }
    var old: (n: Int64, isSeen: Int64)?
    if try findMessage.step() { old = (findMessage.integer(0), findMessage.integer(2)) }
    findMessage.reset()
    try takeIn(id, added, old, directory)
  }

  private func takeIn(
    _ id: MessageID, _ added: [File], _ old: (n: Int64, isSeen: Int64)?,
    _ directory: borrowing MailDirectory
  ) throws(IndexError) {
    // The addresses of names that are cut are in their files.
    var present: [File] = []
    for var file in added {
      if let suffix = file.suffix, suffix.contains(UInt8(ascii: "~")) {
        switch try read(file.name(of: id), limit: 1024, directory) {
        case .read: if let address = content.originalRecipient { file.recipient = address }
        case .gone: continue
        case .unreadable: break
        }
      }
      present.append(file)
    }
    let known = try old.map { (old) throws(IndexError) in try self.filesOf(old.n) } ?? []
    let all = (known + present).sorted {
      ($0.time.moment, $0.suffix == nil ? 0 : 1, $0.hash)
        < ($1.time.moment, $1.suffix == nil ? 0 : 1, $1.hash)
    }
    var isRead = false
    var isGone = true
    for file in all {
      let outcome = try read(file.name(of: id), limit: IndexLimit.message, directory)
      if outcome != .gone { isGone = false }
      if outcome == .read {
        isRead = true
        break
      }
    }
    // Deleted meanwhile. If it is in the index, the next look at the names finds it gone.
    if isGone { return }
    guard isRead else {
      for file in present { try add(file, n: 0) }
      return
    }
    let n = next
    next += 1
    for file in present { try add(file, n: n) }
    let seen = old?.isSeen ?? 0
    if let old {
      moveFiles.bind(1, n)
      moveFiles.bind(2, old.n)
      try moveFiles.run()
      moveTags.bind(1, n)
      moveTags.bind(2, old.n)
      try moveTags.run()
      try removeRows(n: old.n)
    }
    try write(
      n, id, created: all[0].time, seen: seen, isNew: old == nil,
      recipients: distinct(all.map { $0.recipient }))
  }

  /// The addresses, each once, whatever its case.
  private func distinct(_ recipients: [[UInt8]]) -> [[UInt8]] {
    var seen: Set<[UInt8]> = []
    return recipients.filter { seen.insert($0.lowercased()).inserted }
  }

  /// Writes the rows of a message whose file is in `content`.
  private func write(
    _ n: Int64, _ id: MessageID, created: Timestamp, seen: Int64, isNew: Bool,
    recipients: [[UInt8]]
  ) throws(IndexError) {
    let octets = content.octets
    let span = octets.span
    let message = IndexedMessage(
      span.extracting(content.start..<span.count), recipients: recipients)
    addMessage.bind(1, n)
    addMessage.bind(2, Int64(bitPattern: id.bits))
    addMessage.bind(3, created.moment)
    addMessage.bind(4, Int64(content.size))
    addMessage.bind(5, seen)
    addMessage.bind(6, Int64(message.summary.attachments))
    addMessage.bind(7, Int64(message.summary.inlineParts))
    addMessage.bind(8, key(message.thread, id))
    addMessage.bind(9, key(message.summary.messageID, id))
    try addMessage.run()
    addSummary.bind(1, n)
    addSummary.bind(2, octets: message.summary.record)
    try addSummary.run()
    addText.bind(1, n)
    addText.bind(2, octets: message.text)
    try addText.run()
    for recipient in recipients {
      addRecipient.bind(1, text: recipient.lowercased())
      addRecipient.bind(2, n)
      try addRecipient.run()
    }
    guard isNew else { return }
    for tag in message.tags {
      addTag.bind(1, text: tag)
      addTag.bind(2, n)
      try addTag.run()
    }
    try painter.paint(id, n: n)
  }

  /// A number for a message identifier; that of the message itself where there is none.
  private func key(_ identifier: [UInt8], _ id: MessageID) -> Int64 {
    Int64(bitPattern: identifier.isEmpty ? id.bits : hash(of: identifier.span, seed: seed))
  }

  private func add(_ file: File, n: Int64) throws(IndexError) {
    addFile.bind(1, file.hash)
    addFile.bind(2, n)
    addFile.bind(3, file.time.moment)
    addFile.bind(4, octets: file.recipient)
    if let suffix = file.suffix { addFile.bind(5, octets: suffix) } else { addFile.bindNull(5) }
    try addFile.run()
    files += 1
    sum &+= UInt64(bitPattern: file.hash)
  }

  func filesOf(_ n: Int64) throws(IndexError) -> [File] {
    filesOfMessage.bind(1, n)
    defer { filesOfMessage.reset() }
    var files: [File] = []
    while try filesOfMessage.step() {
      files.append(
        File(
          hash: filesOfMessage.integer(0), time: Timestamp(moment: filesOfMessage.integer(1)),
          recipient: filesOfMessage.octets(2),
          suffix: filesOfMessage.isNull(3) ? nil : filesOfMessage.octets(3)))
    }
    return files
  }
}

// Dropping.
extension Intake {
  /// Drops a file that was not among the names of the directory, unless it is there after all.
  func drop(_ hash: Int64, _ directory: borrowing MailDirectory) throws(IndexError) {
    findFile.bind(1, hash)
    defer { findFile.reset() }
    guard try findFile.step() else { return }
    let n = findFile.integer(0)
    let file = File(
      hash: hash, time: Timestamp(moment: findFile.integer(1)), recipient: findFile.octets(2),
      suffix: findFile.isNull(3) ? nil : findFile.octets(3))
    let id = findFile.isNull(4) ? nil : MessageID(UInt64(bitPattern: findFile.integer(4)))
    findFile.reset()
    if let id, try access({ () throws(SystemError) in try directory.hasFile(file.name(of: id)) }) {
      return
    }
    try remove(file)
    guard n != 0 else { return }
    let rest = try filesOf(n)
    if rest.isEmpty {
      try remove(n: n)
    } else if let id {
      findMessage.bind(1, Int64(bitPattern: id.bits))
      let isSeen = try findMessage.step() ? findMessage.integer(2) : 0
      findMessage.reset()
      try takeIn(id, [], (n, isSeen), directory)
    }
  }

  /// Drops a message with all its files and tags.
  func remove(n: Int64) throws(IndexError) {
    for file in try filesOf(n) { try remove(file) }
    try removeRows(n: n)
    let tags = try database.prepare("DELETE FROM tags WHERE n = ?")
    tags.bind(1, n)
    try tags.run()
  }

  private func remove(_ file: File) throws(IndexError) {
    removeFile.bind(1, file.hash)
    try removeFile.run()
    guard database.changes == 1 else { return }
    files -= 1
    sum &-= UInt64(bitPattern: file.hash)
  }

  /// Removes the rows of a message but those of its files and tags.
  private func removeRows(n: Int64) throws(IndexError) {
    for table in ["messages", "summaries", "texts", "envelope"] {
      let statement = try database.prepare("DELETE FROM \(table) WHERE n = ?")
      statement.bind(1, n)
      try statement.run()
    }
    stale += 1
  }
}

// Reading.
extension Intake {
  private enum Outcome { case read, gone, unreadable }

  /// Reads a file into `content`.
  private func read(
    _ name: String, limit: Int, _ directory: borrowing MailDirectory
  ) throws(IndexError) -> Outcome {
    do throws(SystemError) {
      return try directory.read(name, into: &content, limit: limit) ? .read : .unreadable
    } catch {
      if error == .noSuchFile { return .gone }
      if error == .accessDenied || error == .tooManyLinks { return .unreadable }
      throw .store(error)
    }
  }

  private func access<Value>(
    _ body: () throws(SystemError) -> Value
  ) throws(IndexError) -> Value {
    do throws(SystemError) { return try body() } catch { throw .store(error) }
  }

  /// Until when names of a message are removed that was deleted a moment ago; nil for any other message.
  private func removedUntil(_ id: MessageID) throws(IndexError) -> Int64? {
    findRemoved.bind(1, Int64(bitPattern: id.bits))
    defer { findRemoved.reset() }
    guard try findRemoved.step(), findRemoved.integer(0) > Clock.now().seconds else { return nil }
    return findRemoved.integer(0)
  }

  /// Whether one of the files has a name that was removed: who stores a message makes each name once, so somebody has put
  /// it back.
  private func isPutBack(_ files: [File]) throws(IndexError) -> Bool {
    for file in files {
      findName.bind(1, file.hash)
      defer { findName.reset() }
      if try findName.step() { return true }
    }
    return false
  }

  /// Notes the name of a file that was removed.
  func note(removed hash: Int64, until: Int64) throws(IndexError) {
    addName.bind(1, hash)
    addName.bind(2, until)
    try addName.run()
  }
}
