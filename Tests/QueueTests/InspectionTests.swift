// What lists learn of the files of the queue.

import Inventory
import Jobs
import POSIX
import Queueing
import Routes
import SMTP
import Storage
import TestSupport
import Testing

@testable import Queue

func report(_ outcome: ClientSession.Verdict.Outcome, _ text: String = "") -> Report {
  Report(
    Array("you@y.example".utf8), at: Array("mx".utf8),
    ClientSession.Verdict(outcome, .recipient, EnhancedStatusCode(4, 0, 0), Array(text.utf8)))
}

struct InspectionTests {
  private let folder = QueueFolder()
  private let directory: QueueDirectory
  private let now: Int64 = 1_800_000_500

  init() throws { directory = try folder.open() }

  /// A message for 12 recipients. Of the first one a host has said something twice; the second one has it, the third was
  /// refused.
  private func entry() throws -> Entry {
    let id = try queue("12345", for: (0..<12).map { "u\($0)@y.example" }, id: 1, in: directory)
    guard case .entry(let entry) = try directory.read(.init(.new, EntryName(id: id))) else {
      throw SystemError.malformed
    }
    var lines = Entry.Lines()
    lines.verdict(0, report(.deferred, "first"), at: now)
    lines.verdict(1, report(.delivered), at: now)
    lines.verdict(2, report(.refused), at: now)
    lines.verdict(0, report(.deferred, "last"), at: now)
    try entry.append(lines)
    return entry
  }

  private func items(_ places: [QueueDirectory.Place] = QueueDirectory.Place.allCases) throws
    -> [Item]
  {
    var items: [Item] = []
    try directory.forEachItem(in: places) { item, _ in items.append(item) }
    return items.sorted { $0.id.lexicographicallyPrecedes($1.id) }
  }

  @Test func recipients() throws {
    let recipients = try directory.recipients(of: entry(), now: now) { _ in nil }
    #expect(recipients.count == 12 && recipients.waiting == 10 && recipients.first.count == 10)
    #expect(recipients.first.first == mailbox("u0@y.example"))
    #expect(recipients.first.last == mailbox("u11@y.example"))
    guard case .report(let report) = recipients.reason else { return #expect(Bool(false)) }
    #expect(report.verdict.text == Array("last".utf8))
  }

  @Test("What a route leads to is a destination, whatever the domain is")
  func destinations() throws {
    func name(_ address: String, _ target: String?) throws -> DestinationName {
      let route = try target.map { text in
        MailRoute(line: 1, target: try RouteTarget(Array(text.utf8)), text: Array(text.utf8))
      }
      return DestinationName(of: mailbox(address), by: route, hasSmarthost: true)
    }
    #expect(try name("a@x.example", nil) == name("b@y.example", nil))
    #expect(try name("a@x.example", "smtp://h") == name("b@y.example", "smtp://h"))
    #expect(try name("a@x.example", "smtp://h") != name("a@x.example", "smtp://i"))
    #expect(try name("a@X.example", "mx").octets == Array("x.example".utf8))
    #expect(try name("a@x.example", "mx") != name("a@y.example", "mx"))
    // The path of a URL may be a secret. Lists and logs have the name.
    let post = try name("a@x.example", "post https://me:word@hooks.example:8443/secret?key=1")
    #expect(post.octets == Array("post https://hooks.example:8443".utf8))
    #expect(try post != name("a@x.example", "post https://hooks.example:8443/other"))
  }

  @Test("An entry waits because its destination is left alone, until that is over")
  func leftAlone() throws {
    try queue("x", for: ["you@Y.example"], id: 1, in: directory)
    let hash = DestinationName(of: mailbox("you@y.example"), by: nil, hasSmarthost: false).hash
    let absence = Away.Absence(until: now + 9, failures: 1, now: now)!
    directory.leaveAlone(hash, name: Array("y.example".utf8), absence)
    func reason(at now: Int64, hasSmarthost: Bool = false) throws -> String? {
      let found = try #require(try directory.inspect(.init(.new, EntryName(id: MessageID(1)))))
      let recipients = try directory.recipients(
        of: #require(found.entry), now: now
      ) { DestinationName(of: $0, by: nil, hasSmarthost: hasSmarthost) }
      guard case .leftAlone(let destination, let until) = recipients.reason else { return nil }
      return "\(String(decoding: destination, as: UTF8.self)) \(until)"
    }
    #expect(try reason(at: now) == "y.example \(now + 9)")
    #expect(try reason(at: now + 9) == nil)
    // It goes elsewhere.
    #expect(try reason(at: now, hasSmarthost: true) == nil)
  }

  @Test func portions() throws {
    let entry = try entry()
    var numbers: [Int] = []
    try entry.forEachPortion(of: [.delivered, .refused]) { indexes, mailboxes in
      numbers += indexes
      #expect(mailboxes == indexes.map { mailbox("u\($0)@y.example") })
      return true
    }
    #expect(numbers == [1, 2])
    // More than are looked at in one go, until it is enough.
    let many = (0..<10_001).map { "u\($0)@z.example" }
    try queue("x", for: many, id: 2, in: directory)
    let found = try #require(try directory.inspect(.init(.new, EntryName(id: MessageID(2)))))
    var seen = 0
    try found.entry?.forEachPortion(of: [.waiting]) { _, mailboxes in
      seen += mailboxes.count
      return true
    }
    #expect(seen == many.count)
    seen = 0
    try found.entry?.forEachPortion(of: [.waiting]) { _, mailboxes in
      seen += mailboxes.count
      return seen < 1
    }
    #expect(0 < seen && seen < many.count)
  }

  @Test("Each item says where the entry is, and what can be read of it")
  func items() throws {
    _ = try entry()
    for id in 2...5 { try queue("x", for: ["a@y.example"], id: UInt64(id), in: directory) }
    func move(_ id: UInt64, _ place: QueueDirectory.Place, _ name: EntryName) throws {
      #expect(try directory.move(.init(.new, EntryName(id: MessageID(id))), to: .init(place, name)))
    }
    try move(2, .queue, EntryName(id: MessageID(2), next: 77, attempts: 3, destination: 0))
    try move(3, .hold, EntryName(id: MessageID(3)))
    try folder.write("postern-queue 3\n", to: "new/" + MessageID(4).text)
    try folder.write("rubbish\n", to: "new/" + MessageID(5).text)
    let items = try self.items(QueueDirectory.Place.allCases)
    #expect(items.map(\.id) == (1...5).map { MessageID($0).octets })
    #expect(items.map(\.state) == [.new, .waiting(next: 77), .held, .new, .new])
    #expect(items.map(\.attempts) == [0, 3, 0, 0, 0])
    #expect(items[0].size == 5 && items[0].recipients == nil)
    guard case .message(.mailbox(mailbox("me@x.example")), 1_800_000_000) = items[0].content,
      case .newer(3, "written by a newer version of Postern (postern-queue 3)") = items[3].content,
      case .unreadable(
        "it cannot be read: it is damaged, and the next run sets it aside") = items[4].content
    else {
      Issue.record("\(items)")
      return
    }
    #expect(try self.items([.hold]).map(\.id) == [MessageID(3).octets])
  }

  @Test("Of an entry that its reader cannot read to its end the list says so, and goes on")
  func failure() throws {
    for id in 1...2 { try queue("x", for: ["a@y.example"], id: UInt64(id), in: directory) }
    var reasons: [String] = []
    try directory.forEachItem(in: [.new]) { (item, entry) throws(SystemError) in
      if entry != nil { throw SystemError.inputOutput }
      if case .unreadable(let reason) = item.content { reasons.append(reason) }
    }
    #expect(reasons == .init(repeating: "it cannot be read: Input/output error", count: 2))
  }

  @Test func metrics() throws {
    for id in 1...3 { try queue("x", for: ["a@y.example"], id: UInt64(id), in: directory) }
    let name = EntryName(id: MessageID(2), next: now - 5, attempts: 1, destination: 0)
    #expect(try directory.move(.init(.new, EntryName(id: MessageID(2))), to: .init(.queue, name)))
    #expect(try directory.setAside(.init(.new, EntryName(id: MessageID(3)))) != nil)
    let text = try directory.metrics(now: now).text
    for line in [
      #"entries{state="new"} 1"#, #"entries{state="queue"} 1"#, #"entries{state="corrupt"} 1"#,
      "due 2", "late_seconds 5",
    ] {
      #expect(text.contains("\npostern_queue_\(line)\n"), "\(text)")
    }
  }
}
