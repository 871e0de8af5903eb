// SQLite, as this module uses it: connections, statements, values. Nothing else here calls C.

import CSQLite
public import POSIX

/// Why the index could not be used.
public enum IndexError: Error {
  /// A file or the mail directory could not be read or changed.
  case store(SystemError)
  /// Another process writes, for longer than one waits.
  case busy
  /// The disk or a quota is full, so the index cannot grow.
  case noSpace
  /// The file is no index, or it is damaged. It is made anew where this is seen first.
  case damaged
  /// Something else that SQLite reports, by its number.
  case failed(Int32)

  init(_ code: CInt) {
    switch code & 0xFF {
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: self = .busy
    case SQLITE_FULL: self = .noSpace
    case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_MISMATCH: self = .damaged
    default: self = .failed(code)
    }
  }
}

/// A connection. It is a class, because statements are made while others run.
@safe final class Database {
  private var handle: OpaquePointer?

  /// Opens the file, and makes it if `makes` says so. `patience` is for how many milliseconds one waits for another process
  /// that writes.
  init(path: String, patience: CInt, makes: Bool = false) throws(IndexError) {
    let flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
      | (makes ? SQLITE_OPEN_CREATE : 0)
    let code = unsafe sqlite3_open_v2(path, &handle, flags, nil)
    guard code == SQLITE_OK else {
      _ = unsafe sqlite3_close_v2(handle)
      unsafe handle = nil
      throw IndexError(code)
    }
    _ = unsafe sqlite3_busy_timeout(handle, patience)
  }

  deinit { _ = unsafe sqlite3_close_v2(handle) }

  /// Runs statements that give no rows.
  func run(_ statements: StaticString) throws(IndexError) {
    let code = unsafe statements.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) {
      unsafe sqlite3_exec(handle, $0, nil, nil, nil)
    }
    guard code == SQLITE_OK else { throw IndexError(code) }
  }

  /// Keeps the files of the log of writes when this process is the last one to close them. (With a limit of 0 for its size
  /// it is then empty: the next process has nothing to read in it.)
  func keepLog() {
    var keeps: CInt = 1
    _ = unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keeps)
  }

  /// Whether the file is no longer where it was opened.
  var hasMoved: Bool {
    var moved: CInt = 0
    _ = unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
    return moved != 0
  }

  /// Prepares a statement.
  func prepare(_ text: String) throws(IndexError) -> Statement {
    var statement: OpaquePointer?
    let code = unsafe sqlite3_prepare_v2(handle, text, -1, &statement, nil)
    guard code == SQLITE_OK, let statement = unsafe statement else { throw IndexError(code) }
    return unsafe Statement(statement)
  }

  /// How many rows the last statement changed.
  var changes: Int { Int(unsafe sqlite3_changes64(handle)) }

  /// Runs `body` in a transaction that only reads: all of it sees one state.
  func reading<Value>(_ body: () throws(IndexError) -> Value) throws(IndexError) -> Value {
    try transacting("BEGIN", body)
  }

  /// Runs `body` in a transaction that writes: nobody else writes meanwhile, and nothing remains if it fails.
  func writing<Value>(_ body: () throws(IndexError) -> Value) throws(IndexError) -> Value {
    try transacting("BEGIN IMMEDIATE", body)
  }

  private func transacting<Value>(
    _ begin: StaticString, _ body: () throws(IndexError) -> Value
  ) throws(IndexError) -> Value {
    try run(begin)
    do throws(IndexError) {
      let value = try body()
      try run("COMMIT")
      return value
    } catch {
      try? run("ROLLBACK")
      throw error
    }
  }
}

/// A prepared statement, with its values bound and read by place: parameters from 1, columns from 0.
@safe final class Statement {
  private let handle: OpaquePointer

  fileprivate init(_ handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { _ = unsafe sqlite3_finalize(handle) }

  func bind(_ place: CInt, _ value: Int64) {
    _ = unsafe sqlite3_bind_int64(handle, place, value)
  }

  func bind(_ place: CInt, text: [UInt8]) {
    unsafe text.withUnsafeBytes {
      _ = unsafe postern_sqlite_bind_text(handle, place, $0.baseAddress, CInt($0.count))
    }
  }

  func bind(_ place: CInt, octets: [UInt8]) {
    unsafe octets.withUnsafeBytes {
      _ = unsafe postern_sqlite_bind_blob(handle, place, $0.baseAddress, CInt($0.count))
    }
  }

  func bindNull(_ place: CInt) { _ = unsafe sqlite3_bind_null(handle, place) }

  /// Goes to the next row; false if there is none.
  func step() throws(IndexError) -> Bool {
    let code = unsafe sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      _ = unsafe sqlite3_reset(handle)
      throw IndexError(code)
    }
  }

  /// Makes the statement ready to be run again.
  func reset() { _ = unsafe sqlite3_reset(handle) }

  /// Runs a statement that gives no row, and makes it ready again.
  func run() throws(IndexError) {
    defer { reset() }
    while try step() {}
  }

  func integer(_ column: CInt) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

  func isNull(_ column: CInt) -> Bool {
    unsafe sqlite3_column_type(handle, column) == SQLITE_NULL
  }

  /// A copy of a text or blob.
  func octets(_ column: CInt) -> [UInt8] {
    guard let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Calls `body` with a text or blob, which is not copied.
  func withOctets<Value>(_ column: CInt, _ body: (Span<UInt8>) -> Value) -> Value {
    guard let start = unsafe sqlite3_column_blob(handle, column) else {
      let empty: [UInt8] = []
      return body(empty.span)
    }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    let octets = unsafe UnsafeBufferPointer(
      start: start.assumingMemoryBound(to: UInt8.self), count: count)
    return unsafe body(octets.span)
  }
}
