// The file of the aliases: its syntax, what is refused and where, and what a name stands for.

import Foundation
import POSIX
import SMTP
import Settings
import TestSupport
import Testing

@testable import Routing

@Suite struct AliasesTests {
  private func routing(_ file: String) throws -> Routing {
    var routing = Routing(hostname: Array("mail.example.org".utf8))
    routing.domains = [Array("example.org".utf8), Array("example.net".utf8)]
    routing.aliases = Aliases(parsing: Array(file.utf8)) { routing.domains.contains($0) }
    return routing
  }

  /// Aliases that only lead to each other: nobody would get the mail.
  @Test(arguments: [
    ("a: b\nb: a", ["a@example.org", "b@example.org"]),
    ("a: b\nb: c\nc: b", ["a@example.org", "b@example.org", "c@example.org"]),
    ("a@example.net: b@example.net\nb: a", ["a@example.net"]),
    ("a: b\nb: a, c", []), ("a: a", []), ("a: \\a", []), ("a: b\nb: a, x@elsewhere.example", []),
    ("a: b@elsewhere.example\nb: a@elsewhere.example", []), ("@example.org: a", []), ("", []),
  ])
  func loops(_ file: String, _ expected: [String]) throws {
    #expect(try routing(file).loops.map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  private func expand(_ address: String, _ file: String) throws -> [String] {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    return try routing(file).expand(mailbox).map {
      "\(String(decoding: $0.mailbox.octets, as: UTF8.self)) \($0.destination)"
    }
  }

  /// The file, the address, and what it stands for.
  @Test(arguments: [
    ("root: alice", "root@example.org", ["alice@example.org local"]),
    ("root: alice", "ROOT@Example.NET", ["alice@Example.NET local"]),
    ("root: alice", "root@elsewhere.example", ["root@elsewhere.example foreign(nil)"]),
    ("root: alice", "bob@example.org", ["bob@example.org local"]),
    (
      "Root: a,b@x.example", "root@example.org",
      ["a@example.org local", "b@x.example foreign(nil)"]
    ),
    // Continuation lines, comments, blank lines, CR LF, commas at the end and twice.
    (
      "# c\r\n\r\nroot: a,\r\n  b,,\r\n# c: d\r\n\tc,\r\n", "root@example.org",
      ["a@example.org local", "b@example.org local", "c@example.org local"]
    ),
    ("  # an indented comment\nroot:a", "root@example.org", ["a@example.org local"]),
    // Quotes.
    (
      "\"john doe\": \"a,b\", \"c:d\"@example.net", "\"John Doe\"@example.org",
      ["\"a,b\"@example.org local", "\"c:d\"@example.net local"]
    ),
    ("\"root\": \"alice\"", "root@example.org", ["alice@example.org local"]),
    // Names lead to names, and postmaster alone is at the first domain.
    (
      "postmaster: root\nroot: alice, bob@x.example", "postmaster",
      ["bob@x.example foreign(nil)", "alice@example.org local"]
    ),
    // Each address comes once, the domain in any case.
    (
      "a: b@X.example, b@x.example, c, c", "a@example.org",
      ["b@X.example foreign(nil)", "c@example.org local"]
    ),
    // The mailbox itself.
    ("a: a, b", "a@example.org", ["a@example.org local", "b@example.org local"]),
    ("a: \\a, b\nb: c", "a@example.org", ["a@example.org local", "c@example.org local"]),
    ("a: \\b\nb: c", "a@example.org", ["b@example.org local"]),
    // The whole address counts before the name, and that before what a domain has for all others.
    ("a: b\na@example.org: c", "a@example.org", ["c@example.org local"]),
    ("a: b\na@example.org: c", "a@example.net", ["b@example.net local"]),
    ("@example.org: b@x.example\na: c", "z@example.org", ["b@x.example foreign(nil)"]),
    ("@example.org: b@x.example\na: \\a", "a@example.org", ["a@example.org local"]),
    ("@example.org: b@x.example\na: c", "z@example.net", ["z@example.net local"]),
    (
      "@example.org: b, c@example.org", "z@example.org",
      ["b@example.org local", "c@example.org local"]
    ),
    ("@bücher.example: b", "z@example.org", ["z@example.org local"]),
    (
      "a@example.org: a@example.org, b@x.example", "a@example.org",
      ["a@example.org local", "b@x.example foreign(nil)"]
    ),
    ("postmaster@example.org: a", "postmaster", ["a@example.org local"]),
    // The same name at another domain of ours is another address.
    (
      "a: b, a@example.net", "a@example.org",
      ["b@example.org local", "b@example.net local"]
    ),
    // Tags: the name's line, unless the whole has one; the mailbox itself keeps its tag.
    ("a: b@x.example", "A+tag@example.org", ["b@x.example foreign(nil)"]),
    ("a: b\na+tag: c", "a+tag@example.org", ["c@example.org local"]),
    ("a: \\a, b", "a+tag@example.org", ["a+tag@example.org local", "b@example.org local"]),
    ("a: a+box", "a@example.org", ["a+box@example.org local"]),
    // The names of this host are ours where an alias leads to them.
    ("a: b@localhost", "a@example.org", ["b@localhost local"]),
    // Loops end, and mail is never lost in one.
    ("a: b\nb: a", "a@example.org", ["a@example.org local"]),
    ("a: b, x@y.example\nb: c\nc: a, b", "a@example.org", ["x@y.example foreign(nil)"]),
    ("a: a@example.net", "a@example.org", ["a@example.org local"]),
  ])
  func expands(file: String, address: String, result: [String]) throws {
    #expect(try expand(address, file).sorted() == result.sorted())
  }

  /// The file, the line that is wrong, and words of the reason.
  @Test(arguments: [
    ("root: /var/mail/root", 1, "file"), ("a: b\nroot: \"/dev/full\"", 2, "file"),
    ("root: |vacation", 1, "program"), ("root: \"| \"", 1, "program"),
    ("root: \"|/bin/a; b\"", 1, "no shell, which ; would"),
    ("root: \"|/bin/a $b\"", 1, "no shell, which $ would"),
    ("root: \"|/bin/a 'b c'\"", 1, "no shell"), ("root: \"|/bin/a `b`\"", 1, "no shell"),
    ("root: \"|/bin/a >/b\"", 1, "no shell"), ("root: \"|exec /bin/a || exit 75\"", 1, "no shell"),
    ("root: :include:list", 1, ":include:/path"), ("root: :fail: gone", 1, ":include:/path"),
    ("root: a,\n  b,\n  /var/mail/x", 3, "file"), ("root: a\nroot: b", 2, "line 1"),
    ("root: a\nRoot: b", 2, "line 1"), ("  root: a", 1, "blank"), ("root", 1, "name: value"),
    (": a", 1, "name"), ("root:", 1, "value"), ("root: ,,", 1, "value"), ("root: \"a", 1, "quote"),
    ("root: a\n b", 2, "comma"), ("root: a b", 1, "address or a name"),
    ("root: a@b@c", 1, "address or a name"), ("root: a@-", 1, "address or a name"),
    ("ro\u{1}ot: a", 1, "local part"), ("*: a", 1, "no name"), ("@: a", 1, "a domain"),
    ("a@b@c: a", 1, "an address"), ("root: a # b", 1, "comment"),
    ("root: a@b.example #b", 1, "comment"),
    ("root: a,\n  b # c", 2, "comment"), ("root: \\", 1, "address or a name"),
  ])
  func refuses(file: String, line: Int, reason: String) throws {
    let error = try #require(Aliases(parsing: Array(file.utf8)).faults.first, "\(file) is accepted")
    #expect(error.line == line)
    #expect(error.reason.contains(reason), "\(error.reason)")
  }

  /// A program has what a route's has, `:include:` what its file has when the mail comes, /dev/null nothing.
  @Test func targets() throws {
    let scratch = Scratch()
    let list = scratch.file(
      "list",
      "# people\r\nb, \"|/bin/c d\"\r\nc@x.example\nroot\n:include:\(scratch.path)/more\n".utf8)
    _ = scratch.file("more", "d\n:include:\(list)".utf8)
    let file = """
      root: :include:\(list), "|/bin/a \\"b c\\" d", /dev/null, "|/bin/a \\"b c\\" d"
      null: /dev/null
      gone: :include:/nowhere
      """
    func targets(_ address: String) throws -> [String] {
      try routing(file).expand(try #require(Mailbox(Array(address.utf8)))).map {
        String(decoding: $0.target.isEmpty ? $0.mailbox.octets : $0.target, as: UTF8.self)
      }
    }
    #expect(
      try targets("root+tag@example.org") == [
        "exec /bin/a \"b c\" d", "discard", "exec /bin/c d", "root+tag@example.org",
        "b@example.org", "c@x.example", "d@example.org",
      ])
    #expect(try targets("null@example.org") == ["discard"])
    #expect(throws: UnreadableFile.self) { try targets("gone@example.org") }
    _ = scratch.file("more", "d\n|nonsense\n".utf8)
    let error = #expect(throws: UnreadableFile.self) { try targets("root@example.org") }
    #expect(error?.description.hasPrefix("\(scratch.path)/more: line 2: ") == true)
  }

  /// Whoever could write a line could run a program.
  @Test func trust() throws {
    let scratch = Scratch()
    let path = scratch.file("aliases", "run: \"|/bin/true\"\nlist: :include:/x\nroot: alice".utf8)
    var routing = try routing(
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self))
    func destination(_ name: String) throws -> Destination {
      try routing.destination(of: try #require(Mailbox(Array("\(name)@example.org".utf8))))
    }
    for (mode, isTrusted) in [(0o644, true), (0o664, false), (0o646, false)] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      routing.aliases.owner = try Ownership(of: FileDescriptor.reading(path))
      for name in ["run", "list"] {
        #expect(try (destination(name) == .alias) == isTrusted, "\(name) \(mode)")
      }
      #expect(try destination("root") == .alias)
    }
    _ = scratch.file("list", "a".utf8)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o666], ofItemAtPath: scratch.path + "/list")
    #expect(throws: UnreadableFile.self) {
      try IncludedFile(path: scratch.path + "/list").targets()
    }
  }

  /// --check names programs that are missing, files that cannot be read, and addresses of ours that do not exist.
  @Test func check() throws {
    let scratch = Scratch()
    var routing = try routing(
      "a: \"|/nowhere/x\"\nb: \"|/bin/sh x\"\nc: :include:/nowhere\nd: nobody@example.org, e@x.example"
    )
    routing.recipients = RecipientsFile(path: scratch.file("recipients", "me\n".utf8))
    var findings = Findings(program: "x")
    routing.examine(&findings)
    #expect(
      findings.text.split(separator: "\n").filter { $0.contains(" error: ") }.map {
        $0.split(separator: ": ").dropFirst(2).joined(separator: ": ")
      } == [
        "line 1: /nowhere/x is not a program that this user may run",
        "line 3: /nowhere: No such file or directory",
        "line 4: there is no mailbox nobody@example.org here",
      ])
  }

  /// Wrong lines cost the others nothing, and are named one by one.
  @Test func wrongLines() throws {
    let file = """
      \u{FEFF}# Debian's
      mailer-daemon: postmaster\r
      postmaster:\troot\r
      noreply: /var/mail/x
      nothing at all
        goes on
      "a b": :include:list
      twice: a
      root: admin@x.example, noreply
      Twice: b
      x@elsewhere.example: a
      all: b,
      \t/var/mail/all,
      \tc
      """
    let aliases = try routing(file).aliases
    #expect(aliases.faults.map(\.line) == [4, 5, 7, 10, 11, 13])
    #expect(
      try expand("mailer-daemon@example.org", file)
        == [
          "admin@x.example foreign(nil)",
          "noreply@example.org faulty(Routing.FileFault(path: \"\", line: 4, reason: \"/var/mail/x: delivery to a file is not possible\"))",
        ])
    for name in ["noreply", "\"a b\"", "twice", "all", "all+tag"] {
      let mailbox = try #require(Mailbox(Array("\(name)@example.org".utf8)))
      guard case .faulty = try routing(file).destination(of: mailbox) else {
        Issue.record("\(name) is taken")
        continue
      }
    }
  }

  /// What looks like a bomb: each name leads to the two of the next level.
  @Test func growthIsBounded() throws {
    var file = ""
    for level in 0..<200 {
      file += "a\(level): a\(level + 1), b\(level + 1)\nb\(level): a\(level + 1), b\(level + 1)\n"
    }
    #expect(try expand("a0@example.org", file).count == 2)
  }

  /// The lines of SMTP_SENDERS.
  @Test func senders() throws {
    let file = """
      alice: alice@example.org, @alice.example
      bob@example.org: "b.o.b"@example.org, Bob@EXAMPLE.org
      admin: *
      """
    let senders = Senders(parsing: Array(file.utf8))
    #expect(senders.count == 3)
    func may(_ login: String, _ path: String) throws -> Bool {
      senders.senders(of: Array(login.utf8)).contains(try #require(ReversePath(Array(path.utf8))))
    }
    #expect(try may("alice", "Alice@Example.org") && may("alice", "x@alice.example"))
    #expect(try !may("alice", "bob@example.org") && !may("alice", "alice@example.org.evil.example"))
    #expect(
      try may("bob@example.org", "b.o.b@example.org") && may("bob@example.org", "bob@example.org"))
    #expect(try may("admin", "anybody@anywhere.example") && may("alice", "") && may("nobody", ""))
    #expect(try !may("nobody", "alice@example.org") && !may("Alice", "alice@example.org"))
    for (file, line) in [("a: b", 1), ("a: @b@c", 1), ("a: *\na: *", 2), ("a: b@c,\n d", 2)] {
      let senders = Senders(parsing: Array((file + "\nx: *").utf8))
      #expect(senders.faults.map(\.line) == [line])
      #expect(senders.senders(of: Array("a".utf8)).isFaulty)
      #expect(!senders.senders(of: Array("x".utf8)).isFaulty)
    }
  }
}
