// The marks of a mail directory, in its folder `.marks`: one journal for each machine that changes marks, so that no two
// write to one file where the directory is on a file system that several machines share. Every machine reads all of them.
// They are what is true; an index has a copy.
//
// The name of a machine's own journal is random, and is the content of the file `journal` beside its index. This file is
// also what its processes lock. A journal grows at its end, a synced write at a time. A line without its end is one that a
// process did not finish: readers skip it, and the machine's next write removes it. A machine rewrites its own journal when
// most lines of it are of no use any more: into a new file, which then gets the name.

import Octets
public import POSIX
public import Storage

public struct MarkJournals: ~Copyable {
  /// The folder `.marks`.
  private let path: String
  private let mail: String
  /// Where the name of the own journal lies.
  private let machine: FileDescriptor

  /// How far a journal has been read.
  public struct Position: Equatable, Sendable {
    /// Octets, up to the end of a line.
    public var offset: Int
    /// A hash of the last octets in front of it. It is another one if the journal was rewritten.
    public var tail: Int64

    public init(offset: Int, tail: Int64) { (self.offset, self.tail) = (offset, tail) }
  }

  /// `path` is the mail directory, `folder` the one of this machine's index.
  public init(mail path: String, index folder: String) throws(SystemError) {
    self.path = path + "/.marks"
    mail = path
    machine = try FileDescriptor.directory(folder)
  }
}

// Reading.
extension MarkJournals {
  /// Octets that are looked at to see whether a journal was rewritten.
  private static let tailSize = 64
  /// Octets of a journal that are read at once.
  private static let pieceSize = 1 << 20

  /// The names of the journals, in order.
  public func names() throws(SystemError) -> [String] {
    var names: [String] = []
    do throws(SystemError) {
      let folder = try FileDescriptor.directory(path)
      try folder.forEachName { name in
        if name.count == 16, MessageID(name) != nil {
          var text: [UInt8] = []
          for index in 0..<16 { text.append(name[index]) }
          names.append(String(decoding: text, as: UTF8.self))
        }
      }
    } catch .noSuchFile {
      return []
    }
    return names.sorted()
  }

  /// Reads the lines of a journal behind `position`, all of them if it was rewritten since. Returns how far it was read.
  /// `line` may return false to stop.
  public func read(
    _ name: String, behind position: Position?,
    _ line: (_ counter: Int64, _ mark: Mark) -> Void
  ) throws(SystemError) -> Position? {
    do throws(SystemError) {
      let file = try FileDescriptor.directory(path).reading(named: name)
      let size = try file.status().size
      var start = 0
      if let position, position.offset <= size,
        try tail(of: file, before: position.offset) == position.tail
      {
        start = position.offset
      }
      if start == size, start > 0 { return position }
      var octets: [UInt8] = []
      var read = start
      while read < size {
        guard try file.read(into: &octets, atMost: min(Self.pieceSize, size - read), at: read) > 0
        else { break }
        read = start + octets.count
        let used = lines(octets.span, line)
        octets.removeFirst(used)
        start += used
      }
      return Position(offset: start, tail: try tail(of: file, before: start))
    } catch .noSuchFile {
      return nil
    }
  }

  /// Reads the whole lines of `octets`, and returns where the last one ends.
  private func lines(
    _ octets: Span<UInt8>, _ line: (_ counter: Int64, _ mark: Mark) -> Void
  ) -> Int {
    var start = 0
    for index in 0..<octets.count where octets[index] == 0x0A {
      if let read = MarkLine(octets.extracting(start..<index)) { line(read.counter, read.mark) }
      start = index + 1
    }
    return start
  }

  private func tail(of file: borrowing FileDescriptor, before offset: Int) throws(SystemError)
    -> Int64
  {
    var octets: [UInt8] = []
    let start = max(0, offset - Self.tailSize)
    while octets.count < offset - start {
      guard
        try file.read(
          into: &octets, atMost: offset - start - octets.count, at: start + octets.count) > 0
      else { break }
    }
    return Int64(bitPattern: fnv1a(octets.span))
  }

  /// The highest counter of all journals.
  public func highestCounter() throws(SystemError) -> Int64 {
    var highest: Int64 = 0
    for name in try names() {
      _ = try read(name, behind: nil) { (counter, _) in highest = max(highest, counter) }
    }
    return highest
  }
}

// Writing.
extension MarkJournals {
  /// Keeps other processes of this machine from writing.
  public struct Turn: ~Copyable {
    /// The file whose lock this is.
    fileprivate let file: FileDescriptor
    /// The name of this machine's journal.
    public let name: String
  }

  /// Waits for the turn to write, which ends with the value.
  public func turn() throws(SystemError) -> Turn {
    while true {
      do throws(SystemError) {
        let file = try machine.reading(named: "journal")
        _ = try file.lock(isWaiting: true)
        var octets: [UInt8] = []
        _ = try file.read(into: &octets, atMost: 17, at: 0)
        guard octets.count >= 16, MessageID(octets.span.extracting(0..<16)) != nil else {
          machine.removeName("journal")
          continue
        }
        return Turn(file: file, name: String(decoding: octets[..<16], as: UTF8.self))
      } catch .noSuchFile {
        try makeName()
      }
    }
  }

  /// Makes the file with a new name. Another process may do so at the same time.
  private func makeName() throws(SystemError) {
    let name = MessageID(Process.random()).octets
    let temporary = ".journal-" + String(decoding: name, as: UTF8.self)
    do throws(SystemError) {
      let file = try machine.makeFile(named: temporary)
      defer { machine.removeName(temporary) }
      try file.write((name + [0x0A]).span)
      try file.synchronize()
      try machine.link(temporary, as: "journal")
      try machine.synchronize()
    } catch .fileExists {}
  }

  /// Appends marks to this machine's journal, durably. `counter` is one more than the highest of all journals.
  public func append(
    _ marks: [Mark], counter: Int64, _ turn: borrowing Turn
  ) throws(SystemError) {
    var octets: [UInt8] = []
    for mark in marks { MarkLine(counter: counter, mark: mark).append(to: &octets) }
    guard !octets.isEmpty else { return }
    if !FileDescriptor.exists(path) { try FileDescriptor.makeFolder(path) }
    let folder = try FileDescriptor.directory(path)
    let isNew = try !folder.hasEntry(turn.name)
    if isNew { _ = try folder.makeFile(named: turn.name) }
    let file = try folder.appending(named: turn.name)
    let end = try wholeLines(of: file)
    do throws(SystemError) {
      try file.write(octets.span)
      try file.synchronize()
      if isNew {
        try folder.synchronize()
        try FileDescriptor.directory(mail).synchronize()
      }
    } catch {
      try? file.truncate(to: end)
      throw error
    }
  }

  /// Cuts off a line that has no end. Returns how many octets are left.
  private func wholeLines(of file: borrowing FileDescriptor) throws(SystemError) -> Int {
    let size = try file.status().size
    var end = size
    var octets: [UInt8] = []
    while end > 0 {
      octets.removeAll(keepingCapacity: true)
      let start = max(0, end - 4096)
      guard try file.read(into: &octets, atMost: end - start, at: start) == end - start else {
        break
      }
      if let feed = octets.lastIndex(of: 0x0A) {
        end = start + feed + 1
        break
      }
      end = start
    }
    if end < size { try file.truncate(to: end) }
    return end
  }

  /// Octets of this machine's journal.
  public func size(_ turn: borrowing Turn) -> Int {
    (try? FileDescriptor.directory(path))?.status(of: turn.name)?.size ?? 0
  }

  /// Rewrites this machine's journal: of each mark only the last line, and only of messages that `isKept` says are there.
  /// Lines that are not known are kept.
  public func rewrite(
    _ turn: borrowing Turn, isKept: (MessageID) -> Bool
  ) throws(SystemError) {
    let folder = try FileDescriptor.directory(path)
    var octets: [UInt8] = []
    do {
      let file = try folder.reading(named: turn.name)
      let size = try file.status().size
      while octets.count < size {
        let piece = size - octets.count
        guard try file.read(into: &octets, atMost: piece, at: octets.count) > 0 else { break }
      }
    }
    let new = "." + turn.name
    let file = try folder.replacing(named: new)
    try file.write(rewritten(octets, isKept).span)
    try file.synchronize()
    try folder.rename(new, to: folder, as: turn.name)
    try folder.synchronize()
  }

  private struct Key: Hashable {
    let id: UInt64
    let kind: Int64
  }

  private func rewritten(_ octets: [UInt8], _ isKept: (MessageID) -> Bool) -> [UInt8] {
    var lines: [Range<Int>] = []
    var start = 0
    for index in octets.indices where octets[index] == 0x0A {
      lines.append(start..<index + 1)
      start = index + 1
    }
    var seen: Set<Key> = []
    var kept: [Range<Int>] = []
    for line in lines.reversed() {
      if let read = MarkLine(octets.span.extracting(line.lowerBound..<line.upperBound - 1)) {
        let key = Key(id: read.mark.id.bits, kind: read.mark.kind.rawValue)
        guard isKept(read.mark.id), seen.insert(key).inserted else { continue }
      }
      kept.append(line)
    }
    var output: [UInt8] = []
    for line in kept.reversed() { output += octets[line] }
    return output
  }
}
