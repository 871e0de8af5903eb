// Where a message goes, and who exists here.

import Foundation
import ListStore
import Lists
import POSIX
import SMTP
import TestSupport
import Testing

@testable import Routing

@Suite struct RoutingTests {
  private let scratch = Scratch()

  private func address(_ text: String) throws -> LocalAddress {
    let mailbox = try #require(Mailbox(Array(text.utf8)), "\(text)")
    return try #require(LocalAddress(mailbox))
  }

  private func destination(_ routing: Routing, _ text: String) throws -> Destination {
    try routing.destination(of: try #require(Mailbox(Array(text.utf8)), "\(text)"))
  }

  /// The table, row by row.
  @Test func table() throws {
    var routing = Routing(hostname: Array("mail.example.org".utf8))
    #expect(routing.isPlain)
    #expect(try destination(routing, "a@anywhere.example") == .local)
    routing.domains = [Array("example.org".utf8), Array("xn--bcher-kva.example".utf8)]
    routing.lists = ListsDirectory(path: scratch.path)
    _ = scratch.file("news.csv")
    _ = scratch.file(".csv")
    routing.aliases = Aliases(parsing: Array("root: a\nnews: a\nghost: b\nbad: /x".utf8))
    routing.recipients = RecipientsFile(
      path: scratch.file("recipients", "alice\nbob@example.org\n".utf8))
    #expect(!routing.isPlain)
    let expected: [(String, Destination)] = [
      ("news@example.org", .list(ListAddress(ListName(Array("news".utf8))!, .post))),
      ("News+Subscribe@EXAMPLE.ORG", .list(ListAddress(ListName(Array("news".utf8))!, .subscribe))),
      ("news+nonsense@example.org", .unknown),
      ("news@elsewhere.example", .foreign(nil)), ("+x@example.org", .unknown),
      ("root@example.org", .alias), ("ROOT@BÜCHER.example", .alias),
      ("root@elsewhere.example", .foreign(nil)),
      ("postmaster", .local), ("Postmaster@example.org", .local),
      ("postmaster@elsewhere.example", .foreign(nil)),
      ("alice@example.org", .local), ("\"alice\"@bücher.example", .local),
      ("bob@example.org", .local), ("bob@bücher.example", .unknown),
      ("alice+tag@example.org", .local), ("carol+alice@example.org", .unknown),
      ("root+tag@example.org", .alias), ("postmaster+x@example.org", .local),
      (
        "bad@example.org",
        .faulty(FileFault(path: "", line: 4, reason: "/x: delivery to a file is not possible"))
      ),
      ("root@localhost", .foreign(nil)), ("root@mail.example.org", .foreign(nil)),
      ("carol@example.org", .unknown), ("carol@elsewhere.example", .foreign(nil)),
      ("carol@example.org.elsewhere.example", .foreign(nil)), ("carol@[127.0.0.1]", .foreign(nil)),
    ]
    for (text, destination) in expected {
      #expect(try self.destination(routing, text) == destination, "\(text)")
    }
  }

  /// The names of this host, for mail of its programs.
  @Test(arguments: [
    ("root@localhost", Destination.alias), ("alice@LOCALHOST.example.org", .local),
    ("alice@mail.example.org", .local), ("bob@localhost.localdomain", .unknown),
    ("alice@[127.0.0.1]", .foreign(nil)), ("alice@example.com", .foreign(nil)),
  ])
  func fromHere(_ address: String, _ expected: Destination) throws {
    var routing = Routing(hostname: Array("mail.example.org".utf8))
    routing.domains = [Array("example.org".utf8)]
    routing.aliases = Aliases(parsing: Array("root: a".utf8))
    routing.recipients = RecipientsFile(path: scratch.file("recipients", "alice\n".utf8))
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    #expect(try routing.destination(of: mailbox, isFromHere: true) == expected)
    #expect(try routing.destination(of: mailbox) == .foreign(nil))
  }

  /// What else this host is called: with what the system says, where that is a name.
  @Test func hostNames() {
    let names = HostNames(
      Array("Mail.Example.org".utf8),
      more: [Array("Box.example.net".utf8), Array("b\u{FC}x".utf8), Array("no name".utf8)])
    for (domain, isOurs) in [
      ("mail.example.org", true), ("MAIL.EXAMPLE.ORG", true), ("box.example.NET", true),
      ("xn--bx-xka", true), ("B\u{FC}X", true), ("localhost", true),
      ("LocalHost.Example.org", true),
      ("ip6-localhost", true), ("no name", false), ("example.org", false), ("", false),
      ("localhost.example.net", false),
    ] {
      #expect(names.has(Array(domain.utf8)[...]) == isOurs, "\(domain)")
    }
    #expect(!names.others.contains(names.hostname))
  }

  @Test func unreadableRecipients() throws {
    var routing = Routing(hostname: Array("x".utf8))
    routing.recipients = RecipientsFile(path: scratch.path + "/none")
    #expect(throws: UnreadableFile.self) { try destination(routing, "a@b.example") }
    #expect(try destination(routing, "postmaster@b.example") == .local)
  }

  /// A line, and an address that it must or must not mean. Each is looked for in a file where it stands alone, behind
  /// many lines, in front of many lines, and without the last line end.
  @Test(arguments: [
    ("alice@example.org", "alice@example.org", true),
    ("alice@example.org", "ALICE@EXAMPLE.ORG", true),
    ("ALICE@Example.Org  \t", "alice@example.org", true),
    ("alice@example.org\r", "alice@example.org", true),
    ("alice", "alice@any.example", true), ("Alice \r", "alice@any.example", true),
    ("a", "a@any.example", true), ("a", "aa@any.example", false), ("aa", "a@any.example", false),
    ("@example.org", "anyone@example.org", true), ("@EXAMPLE.org", "a@example.org", true),
    ("@example.org", "a@sub.example.org", false), ("@example.org", "a@example.or", false),
    ("alice@example.org", "alice@example.orga", false),
    ("alice@example.org", "alice@example.or", false),
    ("alice@example.org", "malice@example.org", false),
    ("malice@example.org", "alice@example.org", false),
    (" alice@example.org", "alice@example.org", false),
    ("#alice@example.org", "alice@example.org", false),
    ("#alice", "#alice@example.org", false), ("\"#alice\"", "#alice@example.org", true),
    ("alice@example.org bob", "alice@example.org", false),
    ("alice bob", "alice@example.org", false),
    ("\"alice\"@example.org", "alice@example.org", true),
    ("alice@example.org", "\"alice\"@example.org", true),
    ("\"john doe\"", "\"John Doe\"@x.example", true),
    ("a@bücher.example", "a@xn--bcher-kva.example", true),
    ("a@xn--bcher-kva.example", "a@BÜCHER.example", true),
    ("@bücher.example", "x@xn--bcher-kva.example", true),
    ("jürgen", "jürgen@x.example", true), ("jürgen@x.example", "jurgen@x.example", false),
    ("alice@[192.0.2.1]", "alice@[192.0.2.1]", true),
  ])
  func lines(line: String, address text: String, isFound: Bool) throws {
    let address = try address(text)
    let many = (0..<200).map { "user\($0)@example.com\n" }.joined()
    for file in [
      line, line + "\n", many + line, many + line + "\n", line + "\n" + many,
      many + "ä@x\n" + line + "\n" + many, "\n\n" + line + "\n\n",
    ] {
      let recipients = RecipientsFile(path: scratch.file(UUID().uuidString, file.utf8))
      #expect(try recipients.contains(address) == isFound, "\(line), \(text)")
      #expect(RecipientsFile.check(Array(file.utf8)).fault == nil || !isFound)
    }
  }

  /// A line at every place relative to what is read at once, and one that is longer than that.
  @Test func everyPlace() throws {
    let address = try address("alice@example.org")
    for length in 65_500..<65_540 {
      let file = String(repeating: "x", count: length) + "\nalice@example.org\n"
      let recipients = RecipientsFile(path: scratch.file("place", file.utf8))
      #expect(try recipients.contains(address), "\(length)")
    }
    let long = String(repeating: "x", count: 200_000)
    for (file, isFound) in [
      ("\(long)\nalice@example.org", true), ("\(long)alice@example.org\n", false),
      (long + "\n" + long + "\nalice\n" + long, true), (long, false), ("", false),
    ] {
      let recipients = RecipientsFile(path: scratch.file("place", file.utf8))
      #expect(try recipients.contains(address) == isFound)
    }
  }

  /// All lines of a large file, against what a set says.
  @Test func largeFile() throws {
    let names = (0..<5_000).map { "user\($0 &* 7919 % 25_000)@example.org" }
    let recipients = RecipientsFile(
      path: scratch.file("large", names.map { $0 + "\n" }.joined().utf8))
    let known = Set(names)
    for number in stride(from: 0, to: 25_000, by: 499) {
      let name = "user\(number)@example.org"
      #expect(try recipients.contains(try address(name)) == known.contains(name))
    }
  }

  @Test func checkNamesTheLine() {
    let (count, fault) = RecipientsFile.check(
      Array("# who\n\nalice\r\n@example.org\nbob @example.org\ncarol@\n".utf8))
    #expect(count == 2)
    #expect(fault?.line == 5)
    #expect(fault?.reason == "bob @example.org: an address, a local part or @domain expected")
  }
}
