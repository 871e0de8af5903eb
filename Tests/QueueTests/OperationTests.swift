// What an operator does with entries: which are meant, where they lie then, and what their journal says.

import POSIX
import Queueing
import SMTP
import Storage
import TestSupport
import Testing

@testable import Queue

struct OperationTests {
  private let folder = QueueFolder()
  private let directory: QueueDirectory
  private let now: Int64 = 1_800_000_500

  init() throws {
    directory = try folder.open()
    // 1 is new, 2 has been tried, 3 and 4 are held back: one never tried, one tried.
    try queue("x", for: ["one@y.example"], id: 1, in: directory)
    try tried(2, ["two@y.example", "Two@Z.example"], in: .queue)
    try queue("x", for: ["three@y.example"], id: 3, in: directory, from: "")
    #expect(try directory.move(location(.new, 3), to: location(.hold, 3)))
    try tried(4, ["four@y.example"], in: .hold)
  }

  private func location(_ place: QueueDirectory.Place, _ id: UInt64) -> QueueDirectory.Location {
    QueueDirectory.Location(place, EntryName(id: MessageID(id)))
  }

  private func tried(_ id: UInt64, _ to: [String], in place: QueueDirectory.Place) throws {
    try queue("x", for: to, id: id, in: directory)
    let name = EntryName(id: MessageID(id), next: 1_900_000_000, attempts: 3, destination: 7)
    #expect(try directory.move(location(.new, id), to: QueueDirectory.Location(place, name)))
  }

  private func operate(
    _ operation: QueueDirectory.Operation, _ selection: QueueDirectory.Selection = .all
  ) throws -> QueueDirectory.Outcome {
    try directory.operate(operation, on: selection, now: now) { Issue.record("\($0) \($1)") }
  }

  /// Where entries lie: `new 1`, `queue 2 next 0`.
  private func places() throws -> [String] {
    var places: [String] = []
    for place in QueueDirectory.Place.allCases {
      try directory.forEachName(in: place) { name in
        places.append("\(place.name) \(name.id.bits)" + (name.isFresh ? "" : " next \(name.next)"))
        return true
      }
    }
    return places.sorted()
  }

  private let start = ["hold 3", "hold 4 next 1900000000", "new 1", "queue 2 next 1900000000"]

  @Test func hold() throws {
    #expect(try operate(.hold) == .done(2))
    #expect(
      try places() == ["hold 1", "hold 2 next 1900000000", "hold 3", "hold 4 next 1900000000"])
    #expect(try operate(.hold) == .done(0))
  }

  @Test("What is let go of waits for the attempt that it waited for")
  func release() throws {
    #expect(try operate(.release) == .done(2))
    #expect(
      try places() == ["new 1", "new 3", "queue 2 next 1900000000", "queue 4 next 1900000000"])
  }

  @Test("No destination is left alone any more, and what is held back stays so")
  func retry() throws {
    directory.leaveAlone(
      5, name: Array("y.example".utf8), .init(until: now + 9, failures: 1, now: now)!)
    #expect(directory.untilTried(5, now: now) == now + 9)
    #expect(try operate(.hold, .ids([MessageID(1)])) == .done(1))
    #expect(directory.untilTried(5, now: now) == now + 9)
    #expect(try operate(.retry) == .done(1))
    #expect(
      try places() == ["hold 1", "hold 3", "hold 4 next 1900000000", "queue 2 next 0"])
    #expect(directory.untilTried(5, now: now) == nil)
  }

  @Test("What is sent back is so in the next run, also if it was held back")
  func bounce() throws {
    #expect(try operate(.bounce) == .done(4))
    #expect(try places() == ["new 1", "new 3", "queue 2 next 0", "queue 4 next 0"])
    for name in folder.names("new").map({ "new/" + $0 })
      + folder.names("queue").map({ "queue/" + $0 })
    {
      #expect(folder.content(name).hasSuffix("end\nbounce \(now)\n"))
    }
  }

  @Test func remove() throws {
    #expect(try operate(.remove, .ids([MessageID(2), MessageID(3)])) == .done(2))
    #expect(try places() == ["hold 4 next 1900000000", "new 1"])
    #expect(folder.names("data") == [MessageID(1).text, MessageID(4).text])
  }

  @Test("An id that is not meant ends the operation")
  func missing() throws {
    let ids = [UInt64(1), 9, 2].map { MessageID($0) }
    #expect(try operate(.hold, .ids(ids)) == .missing(MessageID(9)))
    #expect(
      try places() == ["hold 1", "hold 3", "hold 4 next 1900000000", "queue 2 next 1900000000"])
    // It is there, but held back already.
    #expect(try operate(.retry, .ids([MessageID(3)])) == .missing(MessageID(3)))
    #expect(try operate(.release, .ids([MessageID(2)])) == .missing(MessageID(2)))
  }

  @Test(arguments: [
    ("*@Y.example", [UInt64(1), 2, 3, 4]), ("two@*", [2]), ("t?o@z.example", [2]),
    ("*", [1, 2, 3, 4]),
    ("two", []), ("", []),
  ])
  func recipients(_ pattern: String, _ ids: [UInt64]) throws {
    #expect(try operate(.remove, .to(Array(pattern.utf8))) == .done(ids.count))
    #expect(
      folder.names("data")
        == [UInt64(1), 2, 3, 4].filter { !ids.contains($0) }.map { MessageID($0).text })
  }

  @Test(arguments: [("", [UInt64(3)]), ("ME@x.example", [1, 2, 4])])
  func senders(_ pattern: String, _ ids: [UInt64]) throws {
    #expect(try operate(.remove, .from(Array(pattern.utf8))) == .done(ids.count))
    #expect(
      folder.names("data")
        == [UInt64(1), 2, 3, 4].filter { !ids.contains($0) }.map { MessageID($0).text })
  }

  @Test("A recipient who has the message selects nothing")
  func delivered() throws {
    guard case .entry(let entry) = try directory.read(location(.new, 1)) else {
      return #expect(Bool(false))
    }
    var lines = Entry.Lines()
    lines.verdict(0, report(.delivered), at: now)
    try entry.append(lines)
    #expect(try operate(.hold, .to(Array("one@*".utf8))) == .done(0))
  }

  @Test("Damaged entries and those of a newer version can be moved, but not sent back")
  func unreadable() throws {
    try folder.write("rubbish\n", to: "new/" + MessageID(1).text)
    try folder.write("postern-queue 3\n", to: "new/" + MessageID(5).text)
    var noted: [String] = []
    let outcome = try directory.operate(.bounce, on: .all, now: now) {
      noted.append("\($0.bits) \($1)")
    }
    #expect(outcome == .done(3) && noted == ["5 3"])
    #expect(try operate(.hold, .to(Array("*".utf8))) == .done(3))
    #expect(try operate(.hold) == .done(2))
    #expect(folder.names("new").isEmpty)
  }

  @Test(arguments: [
    ("abc", "abc", true), ("abc", "ABC", true), ("abc", "a?c", true), ("abc", "a*", true),
    ("abc", "*c", true), ("abc", "*", true), ("abc", "a*b*c*", true), ("aabab", "*ab", true),
    ("abc", "ab", false), ("abc", "abcd", false), ("abc", "?", false), ("abc", "*b", false),
    ("", "", true), ("", "*", true), ("", "?", false), ("a*c", "a*c", true),
    ("abab", "*aba", false),
  ])
  func patterns(_ address: String, _ pattern: String, _ isMatch: Bool) {
    #expect(matches(Array(address.utf8), Array(pattern.utf8)) == isMatch)
  }
}
