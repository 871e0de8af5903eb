// How the index follows the files.
//
// The time of the directory's last change says whether there may be anything new, once it lies far enough back that a
// later change would show another time. Else the names are read and hashed. Their number and the sum of their hashes say
// whether the index knows just these; only if not the sets are compared. This is right whatever clocks do, and whoever
// makes or removes files.
//
// One process at a time takes in files, holding a lock; the others wait for it, up to their deadline. It does so in small
// transactions, newest messages first. In each it opens the messages *after* the transaction has begun. A process that
// deletes a message unlinks its files first, and *then* begins the transaction that removes the rows. So whichever comes
// first, no row is left of a message that is gone.

import MIME
public import POSIX
import SMTP
import Storage

extension MailIndex {
  public enum Refreshed: Sendable {
    /// Everything that was stored when the call began is in the index.
    case complete
    /// There was no time for all of it. The newest messages are in the index.
    case partly
  }

  /// Brings the index up to date, for which there is until `deadline`.
  public func refresh(until deadline: Deadline) throws(IndexError) -> Refreshed {
    try repaired { () throws(IndexError) in
      let refreshed = try self.update(until: deadline)
      if case .complete = refreshed { self.isComplete = true } else { self.isComplete = false }
      return refreshed
    }
  }

  /// What a change of the directory may be hidden by: times of a file system are seconds apart at the coarsest.
  private static let settling: Int64 = 3_000_000_000

  func update(until deadline: Deadline) throws(IndexError) -> Refreshed {
    try refreshMarks()
    let state = try ScanState(database)
    let before = Clock.now()
    let modified = try modified()
    if state.isSettled, state.scanned == modified { return .complete }
    var listing = try Listing(directory, seed: state.seed)
    let began = before.seconds * 1_000_000_000 + Int64(before.nanoseconds)
    let isSettled = modified < began - Self.settling
    if state.knows(listing) {
      if isSettled { settle(modified, listing) }
      return .complete
    }

    do throws(SystemError) {
      guard try file.folder.lock(until: deadline) else { return .partly }
    } catch {
      throw .store(error)
    }
    defer { file.folder.unlock() }
    // Somebody else may have done it meanwhile.
    let current = try ScanState(database)
    if current.knows(listing) { return .complete }
    if current != state { listing = try Listing(directory, seed: current.seed) }
    let isComplete = try takeIn(listing, until: deadline)
    return isComplete ? .complete : .partly
  }

  private func modified() throws(IndexError) -> Int64 {
    do throws(SystemError) { return try directory.modified() } catch { throw .store(error) }
  }

  /// Notes that the directory need not be read again before it changes. That this fails does not matter.
  private func settle(_ modified: Int64, _ listing: Listing) {
    try? database.writing { () throws(IndexError) in
      guard try ScanState(self.database).knows(listing) else { return }
      let statement = try self.database.prepare("UPDATE state SET scanned = ?, settled = 1")
      statement.bind(1, modified)
      try statement.run()
    }
  }

  /// Takes in what is new and drops what is gone; false if there was no time for all of it.
  private func takeIn(_ listing: Listing, until deadline: Deadline) throws(IndexError) -> Bool {
    var known: [Int64] = []
    let statement = try database.prepare("SELECT hash FROM files")
    while try statement.step() { known.append(statement.integer(0)) }
    known.sort()
    var entries = listing.entries
    entries.sort { $0.hash < $1.hash }

    var new: [Listing.Entry] = []
    var gone: [Int64] = []
    var index = 0
    for entry in entries {
      while index < known.count, known[index] < entry.hash {
        gone.append(known[index])
        index += 1
      }
      if index < known.count, known[index] == entry.hash {
        index += 1
      } else {
        new.append(entry)
      }
    }
    gone += known[index...]

    try drop(gone)
    new.sort { listing.name($1).lexicographicallyPrecedes(listing.name($0)) }
    index = 0
    while index < new.count {
      if index > 0, deadline.hasPassed { return false }
      try changing { () throws(IndexError) in
        let intake = try Intake(self.database, self.directory)
        let start = Clock.monotonicMilliseconds()
        repeat {
          var end = index + 1
          while end < new.count, listing.prefix(new[end]) == listing.prefix(new[index]) { end += 1 }
          try intake.takeIn(
            new[index..<end].map { (hash: $0.hash, name: listing.name($0)) }, self.directory)
          index = end
        } while index < new.count && Clock.monotonicMilliseconds() - start < 300
        try intake.finish()
      }
    }
    try purge()
    return true
  }

  /// Drops files that are gone, and messages that have no file any more.
  private func drop(_ hashes: [Int64]) throws(IndexError) {
    var index = 0
    while index < hashes.count {
      try changing { () throws(IndexError) in
        let intake = try Intake(self.database, self.directory)
        for hash in hashes[index..<min(index + 5000, hashes.count)] {
          try intake.drop(hash, self.directory)
        }
        try intake.finish()
      }
      index += 5000
    }
  }

  /// Makes the full-text index anew when most of it is about messages that are gone.
  func purge() throws(IndexError) {
    let statement = try database.prepare("SELECT stale, total FROM state")
    guard try statement.step() else { throw .damaged }
    let (stale, total) = (statement.integer(0), statement.integer(1))
    statement.reset()
    guard stale > 0, total == 0 || stale > total + 1000 else { return }
    try database.writing { () throws(IndexError) in
      try self.database.run(
        "INSERT INTO words(words) VALUES('delete-all'); UPDATE state SET stale = 0;")
      try self.database.addWords(from: 0)
    }
  }
}

/// What the index knows of the directory.
struct ScanState: Equatable {
  var seed: UInt64
  var scanned: Int64
  var isSettled: Bool
  private var files: Int
  private var sum: UInt64

  init(_ database: Database) throws(IndexError) {
    let statement = try database.prepare("SELECT seed, scanned, settled, files, sum FROM state")
    guard try statement.step() else { throw .damaged }
    seed = UInt64(bitPattern: statement.integer(0))
    scanned = statement.integer(1)
    isSettled = statement.integer(2) != 0
    files = Int(statement.integer(3))
    sum = UInt64(bitPattern: statement.integer(4))
  }

  func knows(_ listing: Listing) -> Bool { listing.count == files && listing.sum == sum }
}
