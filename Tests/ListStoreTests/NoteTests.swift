// The files of what is noted: answers that were sent, and confirmations that were used.

import Foundation
import Lists
import SMTP
import TestSupport
import Testing

@testable import ListStore

@Suite struct NoteTests {
  private let scratch = Scratch()

  private func key(_ address: String = "ann@x.example", day: Int = 100) -> NoteKey {
    .answers(to: member(address).identity, on: day)
  }

  private func add(_ line: String, _ key: NoteKey) throws {
    try ListData(queue: scratch.path).note(Array(line.utf8), under: key, today: key.day)
  }

  private func lines(_ key: NoteKey) throws -> [String] {
    try notes(key).lines.map { String(decoding: $0, as: UTF8.self) }
  }

  private func notes(_ key: NoteKey) throws -> Notes {
    try ListData(queue: scratch.path).notes(key)
  }

  @Test func kept() throws {
    #expect(try lines(key()) == [] && notes(key()).total == 0)
    try add("friends help 1", key())
    try add("friends welcome 2", key())
    try add("friends help 3", key("bob@x.example"))
    try add("friends help 4", key(day: 101))
    #expect(try lines(key()) == ["friends help 1", "friends welcome 2"])
    #expect(try lines(key("ANN@x.example", day: 101)) == ["friends help 4"])
    #expect(try notes(key()).total == 3 && notes(key(day: 101)).total == 1)
  }

  /// A line that a crash has cut is none, and the next one stays apart from it.
  @Test func cutLine() throws {
    try add("friends help 1", key())
    let path = scratch.path + "/lists/answered/100/" + key().name
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data("friends welco".utf8))
    try file.close()
    #expect(try lines(key()) == ["friends help 1"])
    try add("friends welcome 2", key())
    #expect(
      try lines(key()).filter { $0 != "friends welco" } == ["friends help 1", "friends welcome 2"])
  }

  /// The file of versions up to 0.1 counts, and goes.
  @Test func oldFile() throws {
    let old = (1...5).map { "100 list\($0) help ann@x.example\n" }.joined()
    _ = try notes(key())
    _ = scratch.file("lists/answers", ("99 friends help bob@x.example\n" + old).utf8)
    #expect(try lines(key()) == (1...5).map { "list\($0) help -" })
    #expect(try lines(key("bob@x.example")) == [])
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/lists/answers"))
  }

  /// Days that are over go, a few files at a time.
  @Test func oldDays() throws {
    for number in 0..<120 { try add("friends help 1", key("m\(number)@x.example")) }
    for number in 0..<5 { try add("friends help 1", key("n\(number)@x.example", day: 102)) }
    let folder = scratch.path + "/lists/answered"
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["102"])
  }
}
