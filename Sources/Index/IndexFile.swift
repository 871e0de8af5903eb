// Where the index lies, and how it is made and replaced.
//
// The folder (`.index` in the mail directory, if nothing else is said) has one file `mail-N.db` with what SQLite puts
// beside it. It is made as `new.db`, so that it is whole when it gets its name. A damaged or foreign file is not mended:
// the next number is made, and the older files are removed. So a process that still has an old one open never mixes its
// files with those of the new one. Everything in the folder may be removed at any time: read marks and tags are in
// journals of the mail directory (Marks), of which the index has a copy.
//
// An index of another version is made anew, too. Those of version 2 and before had the marks in them alone: they are
// appended to the journal first.

import CSQLite
import Marks
import Octets
import POSIX
import SMTP
import Storage

struct IndexFile: ~Copyable {
  /// Which tables there are: raised when they change, and every index is then made anew.
  private static let version = 3
  /// The last version that had the marks in it alone.
  private static let lastWithMarks = 2
  private static let application = 0x504F_5354  // "POST"

  private let path: String
  private let mail: String
  private(set) var folder: FileDescriptor

  init(folder path: String, mail: String) throws(IndexError) {
    (self.path, self.mail) = (path, mail)
    do throws(SystemError) {
      try FileDescriptor.makeFolder(path)
      folder = try FileDescriptor.directory(path)
    } catch {
      throw .store(error)
    }
  }

  /// Opens the index; makes it if there is none, or none that can be used.
  mutating func open() throws(IndexError) -> Database {
    guard let number = try newest() else { return try replace(0) }
    do throws(IndexError) {
      return try open(number)
    } catch {
      guard error.isDamage || !FileDescriptor.exists(file(number)) else { throw error }
      return try replace(number)
    }
  }

  private func file(_ number: Int) -> String { path + "/mail-\(number).db" }

  /// Makes a new index instead of `number`, which is damaged or missing. Another process may have done so already.
  private mutating func replace(_ number: Int) throws(IndexError) -> Database {
    do throws(SystemError) {
      // The folder may be another one than when the process began.
      try FileDescriptor.makeFolder(path)
      folder = try FileDescriptor.directory(path)
      guard try folder.lock(until: Deadline(inSeconds: 10)) else { throw .wouldBlock }
    } catch {
      throw .store(error)
    }
    defer { folder.unlock() }
    if let current = try newest(), current > number { return try open(current) }
    try takeOverMarks(number)
    try make(number + 1)
    for old in try numbers() where old <= number { remove(file(old)) }
    return try open(number + 1)
  }

  /// Appends the marks of an index that had them in it alone to the journal. What cannot be read of a damaged one is lost.
  private func takeOverMarks(_ number: Int) throws(IndexError) {
    var marks: [Mark] = []
    do throws(IndexError) {
      guard FileDescriptor.exists(file(number)) else { return }
      let database = try Database(path: file(number), patience: 10_000)
      guard try Self.value(of: "PRAGMA application_id", database) == Self.application,
        1...Self.lastWithMarks ~= (try Self.value(of: "PRAGMA user_version", database))
      else { return }
      let read = try database.prepare("SELECT id FROM messages WHERE seen <> 0")
      while try read.step() {
        let id = MessageID(UInt64(bitPattern: read.integer(0)))
        marks.append(Mark(id: id, kind: .read, value: [UInt8(ascii: "1")]))
      }
      let tags = try database.prepare(
        "SELECT id, group_concat(tag, ',') FROM messages JOIN tags USING(n) GROUP BY id")
      while try tags.step() {
        let id = MessageID(UInt64(bitPattern: tags.integer(0)))
        marks.append(Mark(id: id, kind: .tags, value: tags.octets(1)))
      }
    } catch {
      guard error.isDamage else { throw error }
    }
    guard !marks.isEmpty else { return }
    do throws(SystemError) {
      let journals = try MarkJournals(mail: mail, index: path)
      let turn = try journals.turn()
      try journals.append(marks, counter: try journals.highestCounter() + 1, turn)
    } catch {
      throw .store(error)
    }
  }

  private func remove(_ file: String) {
    for suffix in ["", "-journal", "-wal", "-shm"] { FileDescriptor.remove(file + suffix) }
  }

  /// Marks the index as damaged and makes a new one.
  mutating func replaceNewest() throws(IndexError) -> Database { try replace(try newest() ?? 0) }

  private func newest() throws(IndexError) -> Int? { try numbers().max() }

  private func numbers() throws(IndexError) -> Set<Int> {
    var numbers: Set<Int> = []
    do throws(SystemError) {
      try folder.forEachName { name in
        if let number = Self.number(of: name) { numbers.insert(number) }
      }
    } catch {
      throw .store(error)
    }
    return numbers
  }

  /// The number in `mail-N.db`, `mail-N.db-wal` and `mail-N.db-shm`.
  private static func number(of name: Span<UInt8>) -> Int? {
    let front = Array("mail-".utf8)
    guard name.count > front.count, front.indices.allSatisfy({ name[$0] == front[$0] }) else {
      return nil
    }
    var index = front.count
    let number = name.decimal(from: &index, to: min(name.count, front.count + 9))
    return index < name.count && name[index] == UInt8(ascii: ".") ? number : nil
  }

  private func open(_ number: Int) throws(IndexError) -> Database {
    let database = try Database(path: file(number), patience: 10_000)
    database.keepLog()
    try database.run(
      """
      PRAGMA synchronous=NORMAL; PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY;
      PRAGMA cache_size=-32000; PRAGMA mmap_size=1073741824; PRAGMA journal_size_limit=0;
      """)
    guard try Self.value(of: "PRAGMA application_id", database) == Self.application,
      try Self.value(of: "PRAGMA user_version", database) == Self.version
    else { throw .damaged }
    return database
  }

  /// Makes a file without messages. Only one process does so at a time.
  private func make(_ number: Int) throws(IndexError) {
    let new = path + "/new.db"
    remove(new)
    do {
      let database = try Database(path: new, patience: 0, makes: true)
      try database.run(
        """
        PRAGMA page_size=32768; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;
        PRAGMA journal_mode=MEMORY;
        """)
      try database.writing { () throws(IndexError) in
        try database.run(schema)
        let state = try database.prepare("INSERT INTO state(one, seed) VALUES(1, ?)")
        state.bind(1, Int64(bitPattern: Process.random()))
        try state.run()
        try database.prepare("PRAGMA user_version=\(Self.version)").run()
        try database.prepare("PRAGMA application_id=\(Self.application)").run()
      }
      try database.run("PRAGMA journal_mode=WAL")
    }
    do throws(SystemError) {
      try folder.rename("new.db", to: folder, as: "mail-\(number).db")
    } catch {
      throw .store(error)
    }
  }

  private static func value(
    of query: String, _ database: Database
  ) throws(IndexError) -> Int {
    let statement = try database.prepare(query)
    return try statement.step() ? Int(statement.integer(0)) : 0
  }
}

extension IndexError {
  /// Whether a new index would do better. After an error of the disk it would not.
  var isDamage: Bool {
    switch self {
    case .damaged: true
    // A table is missing, the file ends too early, or it is a folder.
    case .failed(let code):
      [SQLITE_ERROR, SQLITE_IOERR | 2 << 8, SQLITE_CANTOPEN | 2 << 8].contains(code)
    case .store, .busy, .noSpace: false
    }
  }
}

/// The tables. `n` numbers messages and is never used twice, so that what the full-text index still says of a message
/// that is gone does no harm.
private let schema: StaticString = """
  CREATE TABLE state(
    one INTEGER PRIMARY KEY,
    seed INTEGER NOT NULL,             -- of the hashes of names
    scanned INTEGER NOT NULL DEFAULT 0, -- when the directory had last changed when it was last read
    settled INTEGER NOT NULL DEFAULT 0, -- whether any later change would show another time
    files INTEGER NOT NULL DEFAULT 0,  -- rows of files, and the sum of their hashes
    sum INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,  -- messages
    unread INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0,
    next INTEGER NOT NULL DEFAULT 1,   -- the next n
    stale INTEGER NOT NULL DEFAULT 0, -- numbers in the full-text index without a message
    counter INTEGER NOT NULL DEFAULT 0); -- the highest in any journal of marks
  CREATE TABLE messages(
    n INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, created INTEGER NOT NULL,
    size INTEGER NOT NULL, seen INTEGER NOT NULL, attachments INTEGER NOT NULL,
    inlines INTEGER NOT NULL, thread INTEGER NOT NULL, self INTEGER NOT NULL);
  CREATE INDEX messages_by_time ON messages(created, id);
  CREATE INDEX messages_by_thread ON messages(thread);
  CREATE INDEX messages_by_self ON messages(self);
  CREATE TABLE summaries(n INTEGER PRIMARY KEY, record BLOB NOT NULL);
  CREATE TABLE texts(n INTEGER PRIMARY KEY, text BLOB NOT NULL);
  CREATE TABLE files(
    hash INTEGER PRIMARY KEY, n INTEGER NOT NULL, time INTEGER NOT NULL,
    recipient BLOB NOT NULL, suffix BLOB);
  CREATE INDEX files_by_message ON files(n);
  CREATE TABLE envelope(recipient TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(recipient, n))
    WITHOUT ROWID;
  CREATE TABLE tags(tag TEXT NOT NULL COLLATE NOCASE, n INTEGER NOT NULL, PRIMARY KEY(tag, n))
    WITHOUT ROWID;
  CREATE INDEX tags_by_message ON tags(n);
  CREATE TABLE marks( -- what counts of the journals, also of messages that are not here
    id INTEGER NOT NULL, kind INTEGER NOT NULL, counter INTEGER NOT NULL, journal TEXT NOT NULL,
    value BLOB NOT NULL, PRIMARY KEY(id, kind)) WITHOUT ROWID;
  CREATE TABLE journals( -- how far they have been read
    name TEXT PRIMARY KEY, offset INTEGER NOT NULL, tail INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE removed(id INTEGER PRIMARY KEY, until INTEGER NOT NULL);
  CREATE TABLE names(hash INTEGER PRIMARY KEY, until INTEGER NOT NULL); -- of files that were removed
  CREATE VIRTUAL TABLE words USING fts5(
    text, content='', detail=none, columnsize=0, tokenize='ascii');
  INSERT INTO words(words, rank) VALUES('automerge', 8);
  CREATE TRIGGER message_comes AFTER INSERT ON messages BEGIN
    UPDATE state SET total = total + 1, unread = unread + (new.seen = 0);
  END;
  CREATE TRIGGER message_goes AFTER DELETE ON messages BEGIN
    UPDATE state SET total = total - 1, unread = unread - (old.seen = 0);
  END;
  CREATE TRIGGER message_is_read AFTER UPDATE OF seen ON messages WHEN old.seen <> new.seen BEGIN
    UPDATE state SET unread = unread + (new.seen = 0) - (old.seen = 0);
  END;
  """
