// Where the mail for an address goes with a file of routes, and what is said of it.

import Foundation
import ListStore
import Lists
import POSIX
import Routes
import SMTP
import Settings
import TestSupport
import Testing

@testable import Routing

@Suite("Routes among the other ways of mail")
struct RoutesTests {
  private let scratch = Scratch()

  private func mailbox(_ address: String) throws -> Mailbox {
    try #require(Mailbox(octets(address)), "\(address)")
  }

  private func routing(_ file: String) -> Routing {
    var routing = Routing(hostname: octets("mail.example.org"))
    routing.domains = ["example.org", "example.net", "xn--bcher-kva.example"].map(octets)
    routing.lists = ListsDirectory(path: scratch.path)
    _ = scratch.file("news.csv")
    routing.aliases = Aliases(
      parsing: octets(
        "root: alice, bob@x.example, carol@far.example\nbad: /x\n@example.net: out@y.far.example"))
    routing.recipients = RecipientsFile(
      path: scratch.file(
        "recipients", "alice\nbob\nold\nshop\nbad\nroot\nwrong\n@xn--bcher-kva.example\n".utf8))
    routing.routes = RoutesFile(path: scratch.file("routes", file.utf8))
    return routing
  }

  static let file = """
    bob@example.org: mail
    old@example.org: refuse 5.1.6 moved
    shop@example.org: exec /bin/shop
    shop+vip@example.org: discard
    wrong@example.org: nowhere
    example.org: maildir /srv/%u
    bücher.example: lmtp:///run/books
    postmaster@example.org: discard
    news@example.org: discard
    alice@x.example: mx
    x.example: smtp://x
    .far.example: post https://hooks.example/secret
    far.example: discard
    mail.example.org: discard
    *: smtp://relay.example
    """

  @Test(
    "a line that is too long is wrong for whom it is about, wherever it stands",
    arguments: [5000, 65_536, 140_000])
  func longLine(_ length: Int) throws {
    let address = try #require(LocalAddress(try mailbox("a@b.example")))
    let other = try #require(LocalAddress(try mailbox("a@c.example")))
    for size in [0, 60_000, 65_520, 65_533, 65_534, 65_535, 131_072] {
      let start = "#" + String(repeating: "y", count: size) + "\nb.example: exec /bin/x "
      let tail = String(repeating: " c.example: mail", count: length / 16)
      let path = scratch.file("long", (start + tail + "\nc.example: discard\n").utf8)
      let routes = RoutesFile(path: path)
      #expect(
        try routes.route(for: address, isOurs: true)
          == .failure(
            FileFault(
              path: path, line: 2, reason: "at most 4096 octets expected in a line")))
      #expect(try routes.route(for: other, isOurs: true).get()?.line == 3)
      var largest = 0
      try FileDescriptor.reading(path).forEachPiece(longestLine: 4096) { octets in
        largest = max(largest, octets.count)
        return true
      }
      #expect(largest < 80_000)
    }
  }

  /// The address, and what is said for mail of users and of programs here, and of strangers where that differs.
  @Test(
    "the table",
    arguments: [
      ("alice@example.org", "maildir /srv/%u 6", nil),
      ("ALICE+x@Example.Org", "maildir /srv/%u 6", nil),
      ("bob@example.org", "mail", nil), ("bob+x@example.org", "mail", nil),
      ("old@example.org", "refuse: moved 2", nil), ("shop@example.org", "exec /bin/shop 3", nil),
      ("shop+x@example.org", "exec /bin/shop 3", nil), ("shop+vip@example.org", "discard 4", nil),
      ("wrong@example.org", "wait", nil), ("dave@example.org", "refuse: no such mailbox here", nil),
      ("postmaster@example.org", "mail", nil), ("postmaster", "mail", nil),
      ("news@example.org", "list news", nil), ("news+owner@example.org", "list news", nil),
      ("bad@example.org", "wait", nil),
      (
        "root@example.org",
        "maildir /srv/%u 6, smtp://x 11, discard 13", nil
      ),
      ("any@example.net", "post https://hooks.example/secret 12", nil),
      ("a@bücher.example", "lmtp:///run/books 7", nil),
      ("a@xn--bcher-kva.example", "lmtp:///run/books 7", nil),
      ("alice@x.example", "mx 10", "refuse: not one of our domains (SMTP_DOMAINS)"),
      ("carol@x.example", "smtp://x 11", "refuse: not one of our domains (SMTP_DOMAINS)"),
      (
        "carol@y.x.example", "smtp://relay.example 15",
        "refuse: not one of our domains (SMTP_DOMAINS)"
      ),
      (
        "a@y.far.example", "post https://hooks.example/secret 12",
        "refuse: not one of our domains (SMTP_DOMAINS)"
      ),
      ("a@far.example", "discard 13", "refuse: not one of our domains (SMTP_DOMAINS)"),
      (
        "a@elsewhere.example", "smtp://relay.example 15",
        "refuse: not one of our domains (SMTP_DOMAINS)"
      ),
      ("alice@localhost", "mail", "refuse: not one of our domains (SMTP_DOMAINS)"),
      ("a@[192.0.2.1]", "smtp://relay.example 15", "refuse: not one of our domains (SMTP_DOMAINS)"),
    ])
  func table(_ address: String, _ expected: String, _ forStrangers: String?) throws {
    let routing = routing(Self.file)
    let mailbox = try mailbox(address)
    func said(_ sender: Routing.Sender) throws -> String {
      try routing.trace(mailbox, from: sender, hasSmarthost: false).map { trace in
        let target = String(decoding: trace.target, as: UTF8.self)
        let reason = trace.reason.isEmpty || target == "wait" ? "" : ": \(trace.reason)"
        return target + reason + (trace.line.map { " \($0)" } ?? "")
      }.joined(separator: ", ")
    }
    #expect(try said(.program) == expected)
    #expect(try said(.stranger) == forStrangers ?? expected)
  }

  @Test("without a line for it, mail to elsewhere goes to the smarthost or to the hosts of the DNS")
  func elsewhere() throws {
    let routing = routing("x.example: mail")
    let mailbox = try mailbox("a@y.example")
    #expect(
      try routing.trace(mailbox, from: .user, hasSmarthost: true)[0].target
        == octets("smarthost"))
    #expect(
      try routing.trace(mailbox, from: .user, hasSmarthost: false)[0].target == octets("mx"))
    #expect(try routing.destination(of: mailbox) == .foreign(nil))
  }

  /// A route can name a program: whoever could write the file could run it.
  @Test("a file that others can write does not count")
  func trust() throws {
    let routing = routing(Self.file + "\nasked.example: lmtp:///run/x?ask\n")
    let path = scratch.path + "/routes"
    let mailbox = try mailbox("alice@example.org")
    for mode in [0o664, 0o646, 0o666] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      guard case .faulty(let fault) = try routing.destination(of: mailbox) else {
        Issue.record("\(String(mode, radix: 8)) counts")
        continue
      }
      #expect(fault.line == 0)
      #expect(routing.routes?.askedServers == [])
      #expect(fault.description.hasPrefix("\(path): it does not count"))
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(routing.routes?.askedServers.count == 1)
    #expect(try routing.trace(mailbox, from: .stranger, hasSmarthost: false)[0].line == 6)
    if Process.isRoot {
      try FileManager.default.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: path)
      guard case .faulty = try routing.destination(of: mailbox) else {
        Issue.record("another user's file counts")
        return
      }
    }
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: UnreadableFile.self) { try routing.destination(of: mailbox) }
  }

  @Test("a line * is found, right or wrong, but not in a file that does not count")
  func elsewhereAndSmarthost() throws {
    func has(_ file: String, mode: Int = 0o644) throws -> Bool? {
      let routing = routing(file)
      try FileManager.default.setAttributes(
        [.posixPermissions: mode], ofItemAtPath: scratch.path + "/routes")
      return try routing.routes?.hasLineForElsewhere()
    }
    #expect(try has("*: mx") == true)
    #expect(try has("*: nonsense") == true)
    #expect(try has("x.example: mx\n# *: mx") == false)
    #expect(try has("*: mx", mode: 0o666) == false)
    if Process.isRoot {
      let routes = RoutesFile(path: scratch.file("others", "*: mx".utf8))
      try FileManager.default.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: routes.path)
      #expect(try !routes.hasLineForElsewhere())
      #expect(try routes.hasLineForElsewhere(or: 12_345) && !routes.hasLineForElsewhere(or: 1))
    }
  }

  @Test("100,000 lines are searched in pieces")
  func manyLines() throws {
    var file = "# \(String(repeating: "x", count: 70_000))\n"
    for number in 0..<100_000 { file += "user\(number)@example.org: maildir /srv/\(number)\n" }
    file += "far.example: mx"
    let routing = routing(file)
    for number in [0, 1, 1500, 1501, 50_000, 99_999] {
      let address = try #require(LocalAddress(mailbox("USER\(number)@example.org")))
      let found = try #require(try routing.routes?.route(for: address, isOurs: true).get())
      #expect(found.line == number + 2)
      #expect(found.target == .maildir(path: octets("/srv/\(number)"), size: nil))
    }
    #expect(
      try routing.destination(of: mailbox("a@far.example"))
        == .foreign(MailRoute(line: 100_002, target: .exchangers, text: octets("mx"))))
  }

  @Test("--check names what is wrong, and what cannot be taken back")
  func check() {
    var routing = routing(
      "example.org: lmtp:///run/x\nexample.net: exec /nowhere/x\na@example.net: smtp://x\nx.example: exec /bin/sh\nbad"
    )
    routing.aliases = Aliases()
    func found() -> [String] {
      var findings = Findings(program: "x")
      routing.examine(&findings)
      return findings.text.replacing(scratch.path + "/", with: "").split(separator: "\n")
        .filter { $0.hasPrefix("# routes") }.map { String($0) }
    }
    #expect(
      found() == [
        "# routes: 4", "# routes: error: routes: line 5: PATTERN: TARGET expected",
        "# routes: error: routes: line 2: /nowhere/x is not a program that this user may run",
      ])
    routing.recipients = nil
    #expect(found().filter { $0.contains("warning: routes: line ") }.count == 2)
  }
}

private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }
