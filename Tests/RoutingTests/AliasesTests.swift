// The file of the aliases: its syntax, what is refused and where, and what a name stands for.

import Foundation
import SMTP
import Testing

@testable import Routing

@Suite struct AliasesTests {
  private func routing(_ file: String) throws -> Routing {
    var routing = Routing(hostname: Array("mail.example.org".utf8))
    routing.domains = [Array("example.org".utf8), Array("example.net".utf8)]
    routing.aliases = try Aliases(parsing: Array(file.utf8))
    return routing
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
    ("root: alice", "root@elsewhere.example", ["root@elsewhere.example foreign"]),
    ("root: alice", "bob@example.org", ["bob@example.org local"]),
    ("Root: a,b@x.example", "root@example.org", ["a@example.org local", "b@x.example foreign"]),
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
      ["bob@x.example foreign", "alice@example.org local"]
    ),
    // Each address comes once, the domain in any case.
    (
      "a: b@X.example, b@x.example, c, c", "a@example.org",
      ["b@X.example foreign", "c@example.org local"]
    ),
    // The mailbox itself.
    ("a: a, b", "a@example.org", ["a@example.org local", "b@example.org local"]),
    ("a: \\a, b\nb: c", "a@example.org", ["a@example.org local", "c@example.org local"]),
    ("a: \\b\nb: c", "a@example.org", ["b@example.org local"]),
    // Loops end, and mail is never lost in one.
    ("a: b\nb: a", "a@example.org", ["a@example.org local"]),
    ("a: b, x@y.example\nb: c\nc: a, b", "a@example.org", ["x@y.example foreign"]),
    ("a: a@example.net", "a@example.org", ["a@example.org local"]),
  ])
  func expands(file: String, address: String, result: [String]) throws {
    #expect(try expand(address, file).sorted() == result.sorted())
  }

  /// The file, the line that is wrong, and words of the reason.
  @Test(arguments: [
    ("root: /var/mail/root", 1, "file"), ("a: b\nroot: \"/dev/null\"", 2, "file"),
    ("root: |/bin/vacation", 1, "program"), ("root: \"|/bin/vacation a\"", 1, "program"),
    ("root: :include:/etc/list", 1, "not read"), ("root: \":include:/etc/list\"", 1, "not read"),
    ("root: a,\n  b,\n  /dev/null", 3, "file"), ("root: a\nroot: b", 2, "line 1"),
    ("root: a\nRoot: b", 2, "line 1"), ("  root: a", 1, "blank"), ("root", 1, "name: value"),
    (": a", 1, "name"), ("root:", 1, "value"), ("root: ,,", 1, "value"), ("root: \"a", 1, "quote"),
    ("root: a\n b", 2, "comma"), ("root: a b", 1, "address or a name"),
    ("root: a@b@c", 1, "address or a name"), ("root: a@-", 1, "address or a name"),
    ("ro\u{1}ot: a", 1, "local part"), ("root: \\", 1, "address or a name"),
  ])
  func refuses(file: String, line: Int, reason: String) {
    do throws(LineError) {
      _ = try Aliases(parsing: Array(file.utf8))
      Issue.record("\(file) is accepted")
    } catch {
      #expect(error.line == line)
      #expect(error.reason.contains(reason), "\(error.reason)")
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
    let senders = try Senders(parsing: Array(file.utf8))
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
      do throws(LineError) {
        _ = try Senders(parsing: Array(file.utf8))
        Issue.record("\(file) is accepted")
      } catch {
        #expect(error.line == line)
      }
    }
  }
}
