// The index of a mail directory: what is in it, for lists and search, without opening a message again. It is derived from
// the files, by whoever asks first, and never says anything that the files did not say when it was last brought up to
// date (`Refresh.swift`). Read marks and tags come from the journals of Marks (`IndexMarks.swift`).
//
// Many processes use it at once. Each reads in a transaction, and so sees one state; one at a time writes.

import Marks
import POSIX
public import SMTP
public import Storage

public final class MailIndex {
  public let directory: MailDirectory
  var file: IndexFile
  var database: Database
  let journals: MarkJournals
  /// Whether the index had all messages when it was last brought up to date.
  var isComplete = false

  /// Opens the index of the mail directory `path`, and makes it if there is none. `folder` is where it lies.
  public init(mail path: String, folder: String? = nil) throws(IndexError) {
    do throws(SystemError) { directory = try MailDirectory(path: path) } catch {
      throw .store(error)
    }
    let folder = folder ?? path + "/.index"
    file = try IndexFile(folder: folder, mail: path)
    do throws(SystemError) { journals = try MarkJournals(mail: path, index: folder) } catch {
      throw .store(error)
    }
    database = try file.open()
  }

  /// How much there is, and a number that changes with every change of it.
  public struct Counts: Equatable, Sendable {
    public var total = 0
    public var unread = 0
    /// Together with `seed` it tells two states of an index, or two indexes, apart.
    public var revision = 0
    public var seed: UInt64 = 0
  }

  public func counts() throws(IndexError) -> Counts {
    try repaired { () throws(IndexError) in try self.readCounts() }
  }

  func readCounts() throws(IndexError) -> Counts {
    let statement = try database.prepare("SELECT total, unread, revision, seed FROM state")
    guard try statement.step() else { throw .damaged }
    return Counts(
      total: Int(statement.integer(0)), unread: Int(statement.integer(1)),
      revision: Int(statement.integer(2)), seed: UInt64(bitPattern: statement.integer(3)))
  }

  /// Runs `body`; if that finds the index damaged or removed, makes a new one, and runs it again.
  func repaired<Value>(_ body: () throws(IndexError) -> Value) throws(IndexError) -> Value {
    do throws(IndexError) {
      return try body()
    } catch {
      guard error.isDamage || database.hasMoved else { throw error }
    }
    database = try file.replaceNewest()
    _ = try update(until: Deadline(inSeconds: 60))
    return try body()
  }

  /// Calls `body` in a transaction that writes, and counts that something has changed.
  func changing<Value>(_ body: () throws(IndexError) -> Value) throws(IndexError) -> Value {
    try database.writing { () throws(IndexError) in
      let value = try body()
      try self.database.run("UPDATE state SET revision = revision + 1")
      return value
    }
  }
}

/// Some of the messages.
public enum Selection: Sendable {
  case all
  /// Those of these that there are.
  case ids([MessageID])
  case matching(Query)
}

extension Timestamp {
  /// Microseconds since 1970.
  public var moment: Int64 { seconds * 1_000_000 + Int64(microseconds) }

  public init(moment: Int64) {
    let moment = max(0, moment)
    self.init(seconds: moment / 1_000_000, microseconds: UInt32(moment % 1_000_000))
  }
}
