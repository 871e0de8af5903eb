// Which line of SMTP_ROUTES counts for an address.

import Hosts
import SMTP
import Testing

@testable import Routes

@Suite("The search in routes")
struct RouteSearchTests {
  static let file = """
    # example.org: mx
    #eve@example.org: exec /bin/false
    example.org: discard
    alice@example.org: maildir /a
    ALICE+news@Example.ORG  : maildir /news
    .example.org: maildir /below
    .org: maildir /org
    "a b"@example.org: exec /bin/a "b: c"
    "carol"@example.net: mail
    münchen.example: mail
    jörg@example.org: mx
    twice.example: mail
    twice.example: mail
    wrong.example: nowhere
    *: smtp://relay.example
    """

  @Test(
    "the most specific line counts",
    arguments: [
      ("alice@example.org", 4), ("Alice@EXAMPLE.org", 4), ("alice+x@example.org", 4),
      ("alice+news@example.org", 5), ("bob@example.org", 3), ("bob@mail.example.org", 6),
      ("bob@a.mail.example.org", 6), ("bob@example2.org", 7), ("bob@org", 15),
      (#""a b"@example.org"#, 8), (#""alice"@example.org"#, 4), ("carol@example.net", 9),
      ("dave@example.net", 15), ("x@münchen.example", 10), ("x@xn--mnchen-3ya.example", 10),
      ("jörg@example.org", 11), ("x@[192.0.2.1]", 15), ("bob@notexample.org", 7),
      ("alice@example.org.uk", 15), ("#eve@example.org", 3),
    ])
  func mostSpecific(_ address: String, _ line: Int) throws {
    #expect(try route(address, in: Self.file)?.line == line)
  }

  @Test("of ours, the line * does not count")
  func ours() throws {
    #expect(try route("a@ours.example", in: Self.file, isOurs: true) == nil)
    #expect(try route("a@ours.example", in: Self.file)?.line == 15)
    #expect(try route("a@b", in: "") == nil)
  }

  @Test("a wrong line is wrong for whom it is about")
  func wrong() {
    #expect(throws: RouteFault(line: 13, reason: "twice.example stands in line 12 already")) {
      try route("a@twice.example", in: Self.file)
    }
    let fault = #expect(throws: RouteFault.self) { try route("a@wrong.example", in: Self.file) }
    #expect(fault?.line == 14)
  }

  @Test("a line that is too long is wrong for whom it is about")
  func longest() throws {
    let end = String(
      repeating: "x", count: RouteSearch.longestLine - "b.example: exec /bin/x ".count)
    #expect(try route("a@b.example", in: "b.example: exec /bin/x \(end)")?.line == 1)
    #expect(throws: RouteFault(line: 1, reason: RouteSearch.tooLong)) {
      try route("a@b.example", in: "b.example: exec /bin/x \(end)x")
    }
    #expect(try route("a@c.example", in: "b.example: exec /bin/x \(end)x") == nil)
  }

  @Test("a byte order mark is no part of the first pattern")
  func byteOrderMark() throws {
    #expect(
      try route("a@b.example", in: "\u{FEFF}b.example: mail\n\u{FEFF}c.example: mail")?.line == 1)
    #expect(try route("a@c.example", in: "\u{FEFF}b.example: mail\n\u{FEFF}c.example: mail") == nil)
    #expect(try route("#a@c.example", in: "\u{FEFF}#a@c.example: mail") == nil)
  }

  @Test(
    "what is no pattern as it is written fits nobody",
    arguments: [" carl@b.example", "@b.example", "a b@b.example"])
  func unquoted(_ pattern: String) throws {
    let local = pattern.prefix { $0 != "@" }
    #expect(try route("\"\(local)\"@b.example", in: "\(pattern): mail") == nil)
    #expect(try route("\"\(local)\"@b.example", in: "\"\(local)\"@b.example: mail")?.line == 1)
  }

  @Test("address literals are patterns", arguments: ["[192.0.2.1]", "[IPv6:2001:db8::1]"])
  func literals(_ domain: String) throws {
    #expect(try route("a@\(domain)", in: "\(domain) : mail")?.line == 1)
    #expect(try route("a@\(domain)", in: "a@\(domain): mail")?.line == 1)
    #expect(try route("a@\(domain)", in: " \(domain): mail") == nil)
    #expect(try route("\"b c\"@\(domain)", in: " \"b c\"@\(domain): mail") == nil)
  }

  @Test("lines are counted, however many")
  func count() throws {
    for count in [1, 31, 32, 255, 256, 32 * 255, 32 * 256, 70_001] {
      let file = String(repeating: "\n", count: count) + "b.example: mail"
      #expect(try route("a@b.example", in: file)?.line == count + 1)
    }
  }

  @Test("what counts has its target and its text, also with CR LF")
  func target() throws {
    let found = try route("a@b.example", in: "b.example:\t exec /bin/cat x \r\n")
    #expect(found?.target == .exec([octets("/bin/cat"), octets("x")]))
    #expect(found?.text == octets("exec /bin/cat x"))
  }

  /// What the search finds in a file of many kinds of lines, cut into pieces anywhere, is what reading all lines finds.
  @Test("is what reading line by line finds", arguments: 0..<60)
  func model(seed: UInt64) throws {
    var random = SeededNumbers(seed: seed)
    let names = ["a", "b", "b+x", "\"c d\"", "ü", "abcdefghijklmnopqrstuvwxyz0123456789"]
    let domains = [
      "x.example", "y.x.example", "ö.example", "example", "long-domain-name.of.x.example",
    ]
    func pattern() -> String {
      switch random.next() % 4 {
      case 0: domains.randomElement(using: &random) ?? ""
      case 1: "." + (domains.randomElement(using: &random) ?? "")
      case 2: random.next() % 8 == 0 ? "*" : "z\(random.next() % 1000).example"
      default:
        (names.randomElement(using: &random) ?? "") + "@"
          + (domains.randomElement(using: &random) ?? "")
      }
    }
    var file = ""
    for _ in 0..<Int(random.next() % 40) {
      switch random.next() % 10 {
      case 0: file += "# \(pattern()): mail\n"
      case 1: file += "\n"
      case 2: file += "\(pattern().uppercased()) : exec /bin/x \"a:b\"\r\n"
      default: file += "\(pattern()): maildir /\(random.next() % 100)\n"
      }
    }
    let table = RouteTable(parsing: octets(file))
    for name in names {
      for domain in domains {
        guard let mailbox = Mailbox(octets("\(name)@\(domain)")),
          let address = LocalAddress(mailbox)
        else {
          Issue.record("\(name)@\(domain)")
          continue
        }
        let fitting = RoutePattern.fitting(address, isOurs: false)
        let expected = fitting.lazy.compactMap { pattern in
          table.routes.first { $0.pattern == pattern }
        }.first
        do {
          let found = try route("\(name)@\(domain)", in: file, isOurs: false)
          #expect(found?.line == expected?.line, "\(name)@\(domain) in\n\(file)")
          #expect(found?.target == expected?.target)
        } catch {
          let isTwice = table.faults.contains {
            $0.reason.hasSuffix("in line \(expected?.line ?? 0) already")
          }
          #expect(isTwice, "\(name)@\(domain) in\n\(file)")
        }
      }
    }
  }

  @Test("--check sees what is wrong, by lines")
  func faults() {
    let table = RouteTable(
      parsing: octets(
        """
        \u{FEFF}a.example: mail
         b.example: mail
        c.example
        from d@example: smtp://relay
        e..example: mail
        .a.example: mail
        A.example : mx
        f.example: \(String(repeating: "x", count: 4096))
        [IPv6:2001:db8::1]: discard
        a@g.example.: mail
        """))
    #expect(table.routes.map { $0.line } == [1, 6, 9])
    #expect(table.faults.map { $0.line } == [2, 3, 4, 5, 7, 8, 10])
    #expect(table.faults.last { $0.line == 7 }?.reason == "a.example stands in line 1 already")
  }

  private func route(_ address: String, in file: String, isOurs: Bool = false) throws(RouteFault)
    -> MailRoute?
  {
    guard let address = self.address(address) else { preconditionFailure(address) }
    var search = RouteSearch(for: address, isOurs: isOurs)
    // In three pieces.
    let lines = file.utf8.split(separator: 10, omittingEmptySubsequences: false)
    let (third, half) = (lines.count / 3, lines.count / 2)
    for part in [lines[..<third], lines[third..<half], lines[half...]] where !part.isEmpty {
      search.look(in: ([10] + part.flatMap { $0 + [10] }).span)
    }
    return try search.route()
  }

  private func address(_ text: String) -> LocalAddress? {
    Mailbox(octets(text)).flatMap { LocalAddress($0) }
  }
}

/// The same numbers for the same seed.
private struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

@Suite("Servers that sessions ask")
struct AskedServersTests {
  private func asked(_ file: String) -> [String] {
    RouteTable.askedServers(in: (octets("\n" + file) + [10]).span).map { server in
      switch server.place {
      case .host(let name, port: _): String(decoding: name, as: UTF8.self)
      case .socket: "a socket"
      }
    }
  }

  @Test("are found wherever they stand, and nothing else is")
  func found() {
    #expect(asked("a.example: lmtp:///run/x?ask") == ["a socket"])
    #expect(
      asked("a.example: lmtp://one?tls=none&ask\r\nb.example: lmtp://two?ask smtp://three\n") == [
        "one", "two",
      ])
    #expect(
      asked(
        "# a.example: lmtp://one?ask\nb.example: exec /bin/x Who?ask\nc.example: lmtp://x?tls=none\nd?ask"
      ) == [])
    for indent in 0..<70 {
      let comment = "#" + String(repeating: "?", count: indent)
      #expect(asked("\(comment)\na.example: lmtp://one?ask\n\(comment)") == ["one"])
    }
  }
}
