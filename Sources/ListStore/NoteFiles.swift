// The files of notes (Lists/Notes.swift) of one kind: DAY/KEY for each key, with its lines. What one note costs does not
// grow with their number. Days that are over go a few files at a time.

import POSIX

struct NoteFiles {
  /// The folder of the days.
  let path: String

  /// A file of notes has at most this many octets; a larger one is not ours.
  private static let limit = 4096
  /// How many old files go with each note.
  private static let portion = 50

  /// The lines of a key, without their ends. A line that a crash has cut is none.
  func lines(_ key: String, day: Int) throws(SystemError) -> [[UInt8]] {
    let content: [UInt8]?
    do throws(SystemError) {
      content = try FileDescriptor.reading("\(path)/\(day)/\(key)").readAll(limit: Self.limit)
    } catch .noSuchFile {
      return []
    }
    guard let content else { throw .fileTooLarge }
    let end = content.lastIndex(of: 10) ?? 0
    return content[..<end].split(separator: 10).map { Array($0) }
  }

  /// Adds a line, durably. What was cut before it stays apart from it.
  func add(_ line: [UInt8], to key: String, day: Int) throws(SystemError) {
    try FileDescriptor.makeFolder(path, mode: 0o700)
    let days = try FileDescriptor.directory(path)
    let folder = try days.makeDirectory(String(day))
    var file: FileDescriptor?
    do throws(SystemError) { file = try folder.appending(named: key) } catch .noSuchFile {
      file = try folder.makeFile(named: key)
      try folder.synchronize()
      try days.synchronize()
    }
    guard let file else { throw .invalidArgument }
    try file.write(([10] + line + [10]).span)
    try file.synchronizeData()
  }

  /// How often `count` was called on a day. It is not durable.
  func total(day: Int) throws(SystemError) -> Int {
    do throws(SystemError) {
      return try FileDescriptor.reading("\(path)/\(day)/\(Self.fileOfTotal)").status().size
    } catch .noSuchFile {
      return 0
    }
  }

  func count(day: Int) throws(SystemError) {
    try FileDescriptor.makeFolder(path, mode: 0o700)
    let folder = try FileDescriptor.directory(path).makeDirectory(String(day))
    var file: FileDescriptor?
    do throws(SystemError) {
      file = try folder.appending(named: Self.fileOfTotal)
    } catch .noSuchFile {
      file = try folder.makeFile(named: Self.fileOfTotal)
    }
    guard let file else { throw .invalidArgument }
    try file.write([UInt8(ascii: ".")].span)
  }

  /// The file whose size is the count.
  private static let fileOfTotal = "total"

  /// Removes some of the files of the days before `day`. What fails is done another time.
  func clean(before day: Int) {
    guard let days = try? FileDescriptor.directory(path), var names = try? DirectoryNames(days)
    else { return }
    var rest = Self.portion
    while rest > 0, let name = names.next() {
      guard let old = Int(name), old < day, let folder = try? days.directory(name),
        var files = try? DirectoryNames(folder)
      else { continue }
      while rest > 0, let file = files.next() {
        try? folder.unlink(file)
        rest -= 1
      }
      if rest > 0 { try? days.removeDirectory(name) }
    }
  }
}
