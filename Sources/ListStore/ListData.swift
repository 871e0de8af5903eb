// What the lists keep that nobody else may read: the folder `lists` in the queue's directory.
//
//     key               the secret that tokens are made with (Tokens.swift); made when it is first needed
//     answered/DAY/     which answers were sent on a day, so that nobody is sent many of them
//     confirmed/DAY/    which confirmations of a day were used, so that each is used once
//     lock              is locked by who takes a mail for a list
//     held/             posts that wait for an owner, for a week (Queue/HeldPosts.swift)
//
// If the key is removed, tokens that are on their way are void, and nothing else is lost.

public import Lists
import Octets
public import POSIX

public struct ListData: ~Copyable {
  /// Why something could not be read or written: the file, and the reason.
  public struct Failure: Error {
    public let path: String
    public let errno: SystemError
  }

  private let path: String

  /// Where it is in a queue.
  public static func folder(queue: String) -> String { queue + "/lists" }

  /// `queue` is the directory of the queue; the folder is made if it is missing.
  public init(queue: String) throws(Failure) {
    path = Self.folder(queue: queue)
    do throws(SystemError) { try FileDescriptor.makeFolder(path, mode: 0o700) } catch {
      throw Failure(path: path, errno: error)
    }
  }

  /// Makes every other process that takes mail for lists wait, as long as the result is open: one that has outlived its
  /// runner would else undo what the next one does.
  public func lock() throws(Failure) -> FileDescriptor {
    do throws(SystemError) {
      // A file, since a lock of a folder does not reach other machines.
      let file = try FileDescriptor.directory(path).replacing(named: "lock")
      _ = try file.lock(isWaiting: true)
      return file
    } catch {
      throw Failure(path: path, errno: error)
    }
  }

  public func key() throws(Failure) -> ListKey {
    let file = path + "/key"
    do throws(SystemError) {
      try FileReplacement.edit(file, mode: 0o600) { content in
        content == nil
          ? (0..<ListKey.length / 8).flatMap { _ in octets(of: Process.random()) } : nil
      }
    } catch {
      throw Failure(path: file, errno: error)
    }
    do throws(SystemError) {
      let octets = try FileDescriptor.reading(file).readAll(limit: 4096) ?? []
      if let key = ListKey(octets) { return key }
    } catch {
      throw Failure(path: file, errno: error)
    }
    throw Failure(path: file, errno: .invalidArgument)
  }
}

// Notes.
extension ListData {
  public func notes(_ key: NoteKey) throws(Failure) -> Notes {
    try noting(key.kind) { (files) throws(SystemError) in
      var notes = Notes()
      if key.kind == .answers {
        try moveOldAnswers(to: files, day: key.day)
        notes.total = try files.total(day: key.day)
      }
      notes.lines = try files.lines(key.name, day: key.day)
      return notes
    }
  }

  /// Adds a note, durably.
  public func note(_ line: [UInt8], under key: NoteKey, today: Int) throws(Failure) {
    try noting(key.kind) { (files) throws(SystemError) in
      files.clean(before: today - key.kind.daysKept)
      if key.kind == .answers { try files.count(day: key.day) }
      try files.add(line, to: key.name, day: key.day)
    }
  }

  private func noting<Value>(
    _ kind: NoteKey.Kind, _ body: (NoteFiles) throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    let folder =
      switch kind {
      case .answers: "/answered"
      case .confirmations: "/confirmed"
      }
    let files = NoteFiles(path: path + folder)
    do throws(SystemError) { return try body(files) } catch {
      throw Failure(path: files.path, errno: error)
    }
  }

  /// Versions up to 0.1 have kept all answers in one file, a line for each: the day, the list, the kind and the address.
  private func moveOldAnswers(to files: NoteFiles, day: Int) throws(SystemError) {
    let old = path + "/answers"
    guard FileDescriptor.exists(old) else { return }
    let content = try FileDescriptor.reading(old).readAll(limit: 64 << 20) ?? []
    for line in content.split(separator: 10) {
      let words = line.split(separator: 32, maxSplits: 3)
      guard words.count == 4, words[0].elementsEqual(String(day).utf8) else { continue }
      let key = NoteKey.answers(to: Array(words[3]), on: day).name
      let note = Array(words[1]) + [32] + Array(words[2]) + [32]
      guard try !files.lines(key, day: day).contains(where: { $0.starts(with: note) }) else {
        continue
      }
      try files.add(note + [UInt8(ascii: "-")], to: key, day: day)
    }
    FileDescriptor.remove(old)
  }
}

private func octets(of number: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
}
