// A run of a queue on the disk, with couriers that are a script: what the runner carries out. What it decides has tests of
// its own (QueueingTests).

import Foundation
import Jobs
import ListStore
import POSIX
import Queue
import Queueing
import Routing
import SMTP
import Storage
import TestSupport
import Testing

@testable import Running

/// A queue, a mail directory, and a courier for which the local part says what becomes of a recipient.
private struct Post {
  let scratch = Scratch()
  let now = Clock.now().seconds

  private static let script = """
    recipients=
    while read -r word rest; do
      case $word in
        to) rest=${rest%%>*}; recipients="$recipients ${rest#<}" ;;
        end)
          for one in $recipients; do
            case $one in
              gone*) exit 1 ;;
              nonsense*) echo nonsense ;;
              endless*)
                trap 'echo told >> "$0.taken"; exit' TERM
                head -c 1100000 /dev/zero | tr '\\0' x
                while :; do sleep 0.1; done ;;
              refused*) echo "refused recipient <$one> mx.example 550 5.1.1 no" ;;
              late*) echo "deferred recipient <$one> mx.example 450 4.2.0 later" ;;
              away*) echo "deferred destination <$one> mx.example 421 4.3.2 no" ;;
              *) echo "$one" >> "$0.taken"
                 echo "delivered recipient <$one> mx.example 250 2.0.0 ok" ;;
            esac
          done
          recipients=
          echo done
          read -r acknowledgement ;;
      esac
    done
    """

  init() throws {
    try Self.script.write(toFile: courier, atomically: true, encoding: .utf8)
    for folder in ["queue", "mail"] {
      try FileManager.default.createDirectory(
        atPath: scratch.path + "/" + folder, withIntermediateDirectories: true)
    }
  }

  private var courier: String { scratch.path + "/courier" }

  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: scratch.path + "/" + folder)) ?? [])
      .sorted()
  }

  /// Who has got something, in order.
  var taken: [String] {
    let octets = FileManager.default.contents(atPath: courier + ".taken") ?? Data()
    return String(decoding: octets, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The names in queue/.
  var waiting: [EntryName] { names("queue/queue").compactMap { EntryName($0) } }

  /// The mails in the mail directory.
  var mails: [String] {
    names("mail").filter { $0.hasSuffix(".eml") }.map { name in
      let octets = FileManager.default.contents(atPath: scratch.path + "/mail/" + name) ?? Data()
      return String(decoding: octets, as: UTF8.self)
    }
  }

  func add(
    _ id: UInt64, from sender: String = "me@x.example", _ recipients: [String], age: Int64 = 0,
    user: UInt32? = nil
  ) throws {
    let queue = try QueueDirectory(path: scratch.path + "/queue")
    let sender = try #require(ReversePath(Array(sender.utf8)))
    let arrival = Timestamp(seconds: now - age, microseconds: 0)
    var submission = Submission(from: sender, arrival: arrival)
    submission.user = user
    var entry = try queue.open(id: MessageID(id), submission)
    for recipient in recipients {
      let mailbox = try #require(Mailbox(Array(recipient.utf8)))
      try entry.add(Job.Addressee(Recipient(mailbox: mailbox)))
    }
    try entry.append(Array("Subject: hello\r\n\r\nIt works.\r\n".utf8).span)
    try queue.store(entry)
  }

  /// Runs until nothing is due; returns how often a system call has failed for an entry.
  @discardableResult
  func run(aliases: String = "", list: String? = nil) throws -> Int {
    var routing = Routing(hostname: Array("ours.example".utf8))
    routing.domains = [Array("ours.example".utf8)]
    routing.aliases = Aliases(parsing: Array(aliases.utf8))
    if let list {
      try "".write(
        toFile: scratch.path + "/\(list).csv", atomically: true, encoding: .utf8)
      routing.lists = ListsDirectory(path: scratch.path)
    }
    let settings = RunSettings(
      hostname: routing.hostname, routing: routing, mailDirectory: scratch.path + "/mail",
      hasSmarthost: false, courier: ["/bin/sh", courier], deliverer: ["/bin/sh", courier],
      listProgram: ["/bin/false"], options: [])
    var log = Log.onStandardError(session: [])
    log.level = .error
    var runner = try Runner(
      settings, Planner.Limits(concurrency: 3, lifetime: 86_400, isOnce: false),
      QueueDirectory(path: scratch.path + "/queue"), log, .never)
    try runner.run()
    return runner.failures
  }
}

@Suite struct RunnerTests {
  @Test func whatIsTakenLeavesTheQueue() throws {
    let post = try Post()
    try post.add(1, ["a@a.example", "b@b.example", "a@a.example"])
    try post.add(2, ["c@a.example"])
    try post.add(3, ["me@ours.example"])
    #expect(try post.run() == 0)
    #expect(post.taken.sorted() == ["a@a.example", "b@b.example", "c@a.example"])
    #expect(post.names("mail").count == 1)
    for folder in ["data", "new", "queue", "pending"] {
      #expect(post.names("queue/" + folder) == [])
    }
  }

  @Test func senderIsToldOfARefusal() throws {
    let post = try Post()
    try post.add(1, ["a@a.example", "refused@a.example"])
    try post.run()
    #expect(post.taken == ["a@a.example", "me@x.example"])
    #expect(post.names("queue/data") == [])
  }

  /// A report that is refused is told to the postmaster, once.
  @Test func doubleBounce() throws {
    let post = try Post()
    try post.add(1, from: "refused@x.example", ["refused@a.example"])
    try post.run()
    #expect(post.taken == [] && post.names("queue/data") == [])
    let mail = try #require(post.mails.first)
    #expect(post.mails.count == 1)
    for text in [
      "Return-Path: <>", "To: postmaster@ours.example", "Subject: A report could not be delivered",
      "  <refused@x.example>\r\n    mx.example said: 550 5.1.1 no",
      "Subject: Your message could not be delivered", "  <refused@a.example>",
    ] {
      #expect(mail.contains(text), "\(text)")
    }
    try post.run()
    #expect(post.mails.count == 1)
  }

  /// Where the postmaster is elsewhere and gets nothing there, nobody is told.
  @Test func doubleBounceThatIsRefused() throws {
    let post = try Post()
    try post.add(1, from: "refused@x.example", ["refused@a.example"])
    try post.run(aliases: "postmaster: refused@far.example\n")
    #expect(post.mails == [] && post.taken == [])
    for folder in ["data", "new", "queue", "pending"] {
      #expect(post.names("queue/" + folder) == [])
    }
    try post.add(2, from: "refused@x.example", ["refused@a.example"])
    try post.run(aliases: "postmaster: root@far.example\n")
    #expect(post.taken == ["root@far.example"])
  }

  /// A report to a user of ours whose mail goes elsewhere.
  @Test func doubleBounceByAnAlias() throws {
    let post = try Post()
    try post.add(1, from: "me@ours.example", ["refused@a.example"])
    try post.run(aliases: "me: refused@far.example\n")
    #expect(post.mails.count == 1)
    #expect(post.mails.first?.contains("  <refused@far.example>") == true)
  }

  /// Whoever may see why mail waits need not see what the operator's files say.
  @Test func nothingOfAFileIsInTheReason() throws {
    let post = try Post()
    let path = post.scratch.file("people", "me@ours.example\n/hidden word\n".utf8)
    for (number, aliases) in ["you: :include:\(path)\n", "you: /hidden word\n"].enumerated() {
      try post.add(UInt64(number) + 1, ["you@ours.example"])
      try post.run(aliases: aliases)
      let journal = try String(
        contentsOfFile: post.scratch.path + "/queue/queue/" + post.names("queue/queue")[0],
        encoding: .utf8)
      #expect(journal.contains(" line ") && journal.contains(" is wrong"))
      #expect(!journal.contains("hidden"))
      try FileManager.default.removeItem(
        atPath: post.scratch.path + "/queue/queue/" + post.names("queue/queue")[0])
    }
  }

  /// `mailq` shows a user his own mail, but not whom an alias stands for.
  @Test func whomAnAliasStandsForIsNobodysMail() throws {
    let post = try Post()
    try post.add(1, ["you@ours.example", "late@a.example"], user: 12_345)
    try post.run(aliases: "you: late@far.example\n")
    let envelopes = try post.names("queue/queue").map {
      try String(contentsOfFile: post.scratch.path + "/queue/queue/" + $0, encoding: .utf8)
    }
    #expect(envelopes.count == 2)
    for envelope in envelopes {
      #expect(envelope.contains("12345") == !envelope.contains("late@far.example"))
    }
  }

  /// A null reverse-path alone makes no report: anybody can write one.
  @Test(arguments: ["me@ours.example", "refused@far.example"])
  func forgedReport(recipient: String) throws {
    let post = try Post()
    try post.add(1, from: "", [recipient])
    try post.run(aliases: "me: refused@far.example\n")
    #expect(post.mails == [] && post.names("queue/data") == [])
  }

  /// What comes back to a list is the list's: only another report is one that the postmaster may hear of.
  @Test(arguments: [("news+bounces@ours.example", false), ("late@far.example", true)])
  func reportToAList(sender: String, isReport: Bool) throws {
    let post = try Post()
    try post.add(1, from: sender, ["refused@a.example"])
    try post.run(list: "news")
    let name = try #require(post.waiting.first)
    let octets = FileManager.default.contents(
      atPath: post.scratch.path + "/queue/queue/" + name.text)
    let head = String(decoding: octets ?? Data(), as: UTF8.self)
    #expect(post.waiting.count == 1 && head.contains("to <\(sender)>"))
    #expect(head.contains("\nreport\n") == isReport)
  }

  @Test func whatIsLateWaits() throws {
    let post = try Post()
    try post.add(1, ["a@a.example", "late@b.example"])
    try post.run()
    let name = try #require(post.waiting.first)
    #expect(post.waiting.count == 1)
    #expect(name.attempts == 1)
    #expect(400...450 ~= name.next - post.now)
    #expect(post.taken == ["a@a.example"])
    try post.run()
    #expect(post.taken == ["a@a.example"])
  }

  @Test func senderIsToldOfTheEndOfItsTime() throws {
    let post = try Post()
    try post.add(1, ["late@b.example"], age: 86_401)
    try post.run()
    #expect(post.taken == ["me@x.example"])
    #expect(post.waiting.isEmpty)
  }

  @Test func destinationIsLeftAlone() throws {
    let post = try Post()
    try post.add(1, ["away1@b.example"])
    try post.add(2, ["away2@b.example"])
    try post.run()
    #expect(post.names("queue/away").count == 1)
    #expect(post.waiting.count == 2)
    #expect(post.waiting.allSatisfy { $0.next - post.now <= 450 })
    #expect(post.waiting.contains { 55...80 ~= $0.next - post.now })
  }

  /// What a courier has not answered is tried again.
  @Test(arguments: ["gone@b.example", "nonsense@b.example"])
  func courierThatEnds(recipient: String) throws {
    let post = try Post()
    try post.add(1, [recipient])
    try post.add(2, ["a@a.example"])
    try post.run()
    #expect(post.waiting.map { $0.id } == [MessageID(1)])
    #expect(post.taken == ["a@a.example"])
  }

  /// It is asked to end.
  @Test func courierThatSaysTooMuch() throws {
    let post = try Post()
    try post.add(1, ["endless@a.example"])
    try post.run()
    #expect(post.taken == ["told"])
    #expect(post.waiting.count == 1)
  }

  @Test func whatNobodyCanReadIsSetAside() throws {
    let post = try Post()
    try post.add(1, ["a@a.example"])
    try "nonsense\n".write(
      toFile: post.scratch.path + "/queue/new/0000000000000001", atomically: false, encoding: .utf8)
    try post.run()
    #expect(post.names("queue/corrupt").isEmpty == false)
    #expect(post.taken == [])
    // The postmaster is told.
    #expect(post.names("mail").count == 1)
  }
}
