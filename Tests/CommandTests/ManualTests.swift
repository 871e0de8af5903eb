// The manual and the code say the same: a test here fails if something is added to one and not to the
// other. The tests find things in the pages by their macros (mdoc(7)), and in the sources by the shape of
// the lines. They also count what they find, so that a pattern that no longer fits fails as well.

import Foundation
import SMTP
import TestSupport
import Testing

@Suite struct ManualTests {
  private let guide = Page("postern.7")
  private let variables = Page("postern.env.5")
  private let session = Page("postern-smtpd.8")
  private let accounts = Page("postern-passwd.1")
  private let sending = Page("postern-send.1")
  private let queue = Page("postern-queue.8")
  private let mailer = Page("sendmail.8")
  private let api = Page("postern-api.8")
  private let lists = Page("postern-list.1")
  private let routes = Page("postern.routes.5")
  private var pages: [Page] {
    [guide, variables, session, accounts, sending, queue, mailer, api, lists, routes]
  }

  // The configuration.

  /// The variables with their defaults, as `--check` prints them in an empty environment.
  private func defaults() throws -> [String: String] {
    let programs = ["postern-smtpd", "postern-send", "postern-queue", "postern-api"].map {
      program in
      Command.run([Command.built(program), "--check"], in: Scratch()).text
        .matches(of: /(?m)^(\w+)=(.*)\t# default$/).map { (String($0.1), String($0.2)) }
    }
    #expect(programs[0].count > 20 && programs[1].count > 8)
    #expect(programs[2].count > 1 && programs[3].count > 8)
    // How much the log says depends on the program.
    return Dictionary(programs.flatMap { $0 }) { session, _ in session }
  }

  private static let hostname = "the host's name"

  @Test func defaultsOfVariables() throws {
    var standard = try defaults()
    standard["SMTP_HOSTNAME"] = Self.hostname
    var described: [String: String] = [:]
    for entry in variables.entries("Ev") {
      let line = try #require(entry.text.firstMatch(of: /Default: ?(.*?)\.?\s*(\.Li (\S+)\n|$|\n)/))
      let words = String(line.1)
      #expect(described[entry.name] == nil, "twice: \(entry.name)")
      described[entry.name] =
        words.hasPrefix("nothing") ? "" : line.3.map { String($0) } ?? words
    }
    #expect(described == standard)
  }

  /// If the program refuses a value, it describes the values it expects in the words of the manual.
  @Test func valuesOfVariables() throws {
    var refused = 0
    for entry in variables.entries("Ev") {
      for value in ["", "@"] {
        let outcome = Command.run(
          [Command.built("postern-smtpd"), "--check"], in: Scratch(),
          environment: [entry.name: value])
        guard outcome.status == 78, outcome.text.hasPrefix("\(entry.name)=\(value): "),
          let expected = outcome.text.firstMatch(of: /: (.*) expected\n/)?.1
        else { continue }
        refused += 1
        let described = entry.text.firstMatch(of: /Value: (.*)/)?.1 ?? ""
        #expect(
          described.hasPrefix(expected)
            && ".,;".contains(described.dropFirst(expected.count).prefix(1)),
          "\(entry.name): \(expected)")
      }
    }
    #expect(refused > 25)
  }

  /// postern.env(5) alone describes the variables. Each variable that another page names exists.
  @Test func namesOfVariables() throws {
    let known = try Set(defaults().keys)
    var named: Set<String> = []
    for page in try Source.pages() {
      for match in try Source.text(page).matches(of: /\bSMTP_[A-Z_]*[A-Z]/) {
        named.insert(String(match.0))
        #expect(known.contains(String(match.0)), "\(page)")
      }
    }
    #expect(named.count > 20)
  }

  /// Variables that the program reads and that are not part of the configuration.
  @Test func otherVariables() throws {
    let sources = try Source.folder("postern-smtpd") + Source.folder("POSIX")
    var read: Set<String> = []
    for match in sources.matches(of: /environment\("([A-Z_]+)"\)/) { read.insert(String(match.1)) }
    for match in sources.matches(of: /\("([A-Z_]+)", "([A-Z_]+)"\)/) {
      read.formUnion([String(match.1), String(match.2)])
    }
    #expect(read.count > 8)
    read = read.filter { !$0.hasPrefix("SMTP_") && !$0.hasPrefix("POSTERN_") }
    read.insert("TZ")  // the C library's
    read.remove("TMPDIR")  // postern-send's
    #expect(try Source.folder("Settings").contains("\"POSTERN_ENV_FILE\""))
    read.insert("POSTERN_ENV_FILE")
    read.formUnion(["CERT_PATH", "KEY_PATH"])
    let described = session.text.matches(of: /(?m)^\.(?:It )?Ev (\w+)/).map { String($0.1) }
    #expect(Set(described.filter { !$0.hasPrefix("SMTP_") }) == read)
  }

  // The command lines.

  /// The page of each program describes the options that `--help` names, and has them in its synopsis.
  @Test func options() throws {
    for page in [session, sending, queue, lists, api, accounts] {
      let help = Command.run([Command.built(page.name), "--help"], in: Scratch()).text
        .matches(of: /(?m)^  (-\S+)/).map { String($0.1) }
      #expect(help.count > 4 && help.sorted() == page.options.sorted(), "\(page.name)")
      #expect(Set(help) == page.synopsis.subtracting(["--"]), "\(page.name)")
    }
  }

  /// The options of sendmail: each letter is described, or named among those that are ignored.
  @Test func optionsOfSendmail() throws {
    let source = try Source.text("Sources/Sendmail/Invocation.swift")
    let table = source.components(separatedBy: "func value(of option")[1]
      .components(separatedBy: "\n  }\n")[0]
    let known = table.matches(of: /ascii: "(\w)"/).map { String($0.1) }
    #expect(known.count > 20)
    let options = mailer.section("OPTIONS")
    let ignored = options.components(separatedBy: "Taken and ignored:\n")[1]
      .matches(of: /\b\w(?= ,|\n)/).map { String($0.0) }
    let described = options.matches(of: /(?m)^\.It Fl (\w)/).map { String($0.1) }
    #expect(Set(described).isDisjoint(with: ignored))
    #expect((described + ignored).sorted() == known.sorted())
  }

  @Test func exitStatuses() throws {
    let statuses = try Source.text("Sources/POSIX/Process.swift")
      .matches(of: /case \w+ = (\d+)/).map { String($0.1) }
    #expect(statuses.count > 4)
    let described = [session, accounts, sending, queue, mailer, api].flatMap {
      $0.section("EXIT STATUS").matches(of: /(?m)^\.It (\d+)/).map { String($0.1) }
    }
    #expect(Set(described) == Set(statuses))
  }

  // Replies.

  @Test func replies() throws {
    let source = try Source.text("Sources/SMTP/Server/Reply.swift")
    let constants = source.matches(of: /Reply\(\s*"([^"\\]*)"\)/).map { String($0.1) }
    #expect(constants.count > 60)
    #expect(constants.count == source.matches(of: /= Reply\(/).count)
    #expect(constants.count == Set(constants).count)

    let items = guide.items(in: "REPLIES", "Sy")
    #expect(items.count == Set(items).count)
    let described = items.filter { !$0.contains("{}") }
    let templates = items.filter { $0.contains("{}") }
    let extensions = described.filter { $0.hasPrefix("250-") || $0 == "250 ENHANCEDSTATUSCODES" }
    #expect(Set(described).subtracting(extensions) == Set(constants))
    for match in guide.section("REPLIES").matches(of: /(?m)^\.It Sy (\d{3} .*)\n\.(It|El)/) {
      Issue.record("nothing is said of \(match.1)")
    }

    // Other replies are made in the session. Collect those of all transcripts, and those of a session
    // that offers every extension.
    var configuration = Configuration(hostname: Array(Transcript.hostname.utf8))
    configuration.hasAccounts = true
    configuration.allowsInsecureAuthentication = true
    configuration.canStartTLS = true
    var machine = Machine(configuration)
    machine.receive("HELO x\r\nEHLO x\r\nAUTH LOGIN\r\n".utf8)
    var lines = machine.replies.split(separator: "\r\n").map { String($0) }
    for transcript in Transcript.all {
      var machine = Machine(transcript)
      machine.receive(transcript.client)
      lines += machine.replies.split(separator: "\r\n").map { String($0) }
    }
    var unused = Set(templates + extensions)
    for line in Set(lines) where !constants.contains(line) {
      let form = (templates + extensions).filter { Page.matches(line, $0) }
        .max { $0.count < $1.count }
      #expect(form != nil || line == "250-\(Transcript.hostname)", "not in postern(7): \(line)")
      if let form { unused.remove(form) }
    }
    #expect(unused.isEmpty, "in postern(7), but no session has given it")

    // Each reply that stands in another file than Reply.swift was given in one of these sessions. DSN
    // is not, as long as the program does not offer it.
    let programs = try Source.folder("postern-smtpd") + Source.folder("Serving")
    for literal in try Source.folder("SMTP", but: ["Reply.swift"])
      .matches(of: /"((?:\d\d\d[ -]|\\r\\n\d\d\d-)[^"]*)"/)
    {
      for piece in String(literal.1).components(separatedBy: "\\r\\n") where !piece.isEmpty {
        if piece == "250-DSN", !programs.contains("offersDeliveryStatus") { continue }
        #expect(lines.contains { $0.hasPrefix(piece) }, "no session has given it: \(piece)")
      }
    }
    #expect(programs.matches(of: /"\d\d\d[ -]/).isEmpty, "a reply that is not in Reply.swift")
  }

  // The log.

  /// `event key`, and `event (level)` where the source names it.
  @Test func events() throws {
    let source =
      try Source.folder("postern-smtpd")
      + Source.folder("Serving", but: ["Inquirer.swift", "MilterConnection.swift"])
      + (Source.text("Sources/POSIX/Log.swift").components(separatedBy: "extension Log")[1])
    var written: Set<String> = []
    var event = ""
    var calls = 0
    // A call of write whose argument begins with an ampersand writes to the connection, not to the log, and a call of add
    // with a recipient adds to the queue.
    let pattern =
      /write\((\.\w+|\w+\.logLevel|lack.*?\.notice), "(\w+)"\)|\.add\("(\w+)",|write\([^&]|\.add\((?!Job|delivered|held|recipient)/
    for match in source.matches(of: pattern) {
      if let level = match.1, let name = match.2 {
        event = String(name)
        calls += 1
        if let name = level.firstMatch(of: /(?:^| )\.(\w+)$/) {
          written.insert("\(event) (\(name.1))")
        }
      } else if let key = match.3 {
        written.insert("\(event) \(key)")
      } else {
        Issue.record("not understood: \(source[match.range.lowerBound...].prefix(60))")
      }
    }
    #expect(calls > 12)
    written.remove("authenticate (info)")

    var described: Set<String> = []
    for line in guide.section("THE LOG").split(separator: "\n") {
      if let match = line.firstMatch(of: /^\.It Sy (\w+) Pq (.*)$/) {
        event = String(match.1)
        if !match.2.contains(" ") { described.insert("\(event) (\(match.2))") }
      } else if let match = line.firstMatch(of: /^\.It Va (\w+)$/) {
        described.insert("\(event) \(match.1)")
      }
    }
    #expect(described == written)
    #expect(guide.section("THE LOG").contains(".It Sy authenticate Pq info , warning or error\n"))
  }

  /// Every reason that a line of the log, `--check` or postern-passwd can give.
  @Test func reasons() throws {
    let source =
      try Source.folder("postern-smtpd") + Source.folder("Serving")
      + Source.folder("Authentication")
      + Source.folder("Settings") + Source.folder("Routing")
      + Source.text("Sources/postern-passwd/Program.swift")
    var given: [String] = []
    for pattern in [
      #/reason: "((?:[^"\\]|\\.)*)"/#, #/add\("reason", "((?:[^"\\]|\\.)*)"\)/#,
      #/reason = "((?:[^"\\]|\\.)*)"/#, #/UsageError\(\s*"--\w+", "((?:[^"\\]|\\.)*)"/#,
      #/interrupt\(\.\w+, "((?:[^"\\]|\\.)*)"\)/#,
      #/fail\(\s*(?:\.\w+, )?"((?:[^"\\]|\\.)*)"\s*\)/#,
    ] {
      let found = source.matches(of: pattern).map { String($0.1) }
      #expect(!found.isEmpty)
      given += found
    }
    // The commands that follow in this file are other programs'.
    given += try Source.text("Sources/Program/CommandLine.swift")
      .components(separatedBy: "func takeCommand")[0]
      .matches(of: /UsageError\((?:argument|name|"--json"), "([^"]*)"\)/).map { String($0.1) }
    given += try Source.text("Sources/PROXY/ProxyHeader.swift")
      .matches(of: /(?m)^    case \w+ = "(.*)"$/).map { String($0.1) }
    #expect(given.count > 40)
    let forms = Set(given.map { Source.template($0) })
    let described = Set(pages.flatMap { $0.items(in: nil, "Qq") })
    #expect(described == forms)
    // Other reasons are errors of the system, or one of these literals in a variable.
    let others = source.matches(of: /(?:reason: |"reason", )([a-z][\w.]*)[,)]/).map { String($0.1) }
    #expect(
      Set(others) == [
        "reason", "error.reason", "errno.description", "error.description",
        "fault.reason",
      ])
  }

  /// The calls of storing that can fail, the parts of the confinement, and the results of AUTH.
  @Test func words() throws {
    let log = guide.section("THE LOG")
    func expect(_ words: [String], _ count: Int, key: String) throws {
      #expect(words.count >= count)
      let entry = try #require(
        log.components(separatedBy: ".It Va ").first {
          $0.hasPrefix("\(key)\n") && $0.contains(words[0])
        })
      let described = entry.matches(of: /(?m)^\.Li ([a-z_]+)/).map { String($0.1) }
      #expect(Set(described) == Set(words), "\(key)")
    }
    // Each call of a file or a directory names itself; these are the ones that storing takes.
    let files = try ["FileDescriptor", "Directory"].map {
      try Source.text("Sources/POSIX/\($0).swift")
    }.joined()
    let storing: Set = ["open", "write", "link", "unlink", "fsync", "fdatasync"]
    let calls = files.matches(of: /(?:retrying|once)\("(\w+)"/).map { String($0.1) }
    try expect(calls.filter { storing.contains($0) }, storing.count, key: "call")
    let confinement = try Source.text("Sources/POSIX/Confinement.swift")
    try expect(
      confinement.matches(of: /attempt\("(\w+)"/).map { String($0.1) }, 4, key: "part")
    let verification = try Source.text("Sources/Serving/Verification.swift")
    try expect(
      verification.matches(of: /case \.\w+: "(\w+)"/).map { String($0.1) }, 3, key: "result")
  }

  // The pages among themselves.

  @Test func references() throws {
    for page in pages {
      #expect(page.text.contains("\n.Dt \(page.title) \(page.section)\n"))
      for match in page.text.matches(of: /(?m)^\.Xr (postern\S*) (\d)/) {
        #expect(pages.contains { $0.name == match.1 && $0.section == match.2 }, "\(match.0)")
      }
      let headings = page.text.matches(of: /(?m)^\.S[hs] (.*)$/).map { String($0.1) }
      let pattern = /(?m)^\.(?:It |Pq see |Pq )?Sx ([^,.\n]*?)(?: [,.;:]| Ta.*)?$/
      for match in page.text.matches(of: pattern) {
        #expect(headings.contains(String(match.1)), "\(page.name): \(match.0)")
      }
    }
  }
}

/// A page of the manual, with the parts that the tests need.
private struct Page: Sendable {
  let name: String
  let section: String
  let text: String

  var title: String { name.uppercased() }

  init(_ file: String) {
    (name, section) = (String(file.dropLast(2)), String(file.suffix(1)))
    text = try! Source.text("deploy/man/\(file)")
  }

  /// The text of a section, without its heading.
  func section(_ heading: String) -> String {
    let rest = text.components(separatedBy: "\n.Sh \(heading)\n")
    precondition(rest.count == 2, "\(name) has no section \(heading)")
    return rest[1].components(separatedBy: "\n.Sh ")[0] + "\n"
  }

  /// The options that are described, as they are typed.
  var options: [String] { text.matches(of: /(?m)^\.It Fl (\S+)/).map { "-" + $0.1 } }

  /// Those in the synopsis.
  var synopsis: Set<String> {
    let text = section("SYNOPSIS")
    var options = text.matches(of: /\bFl (\S+)/).map { "-" + $0.1 }
    options += text.matches(of: /\| (-\S+)/).map { "-" + $0.1 }
    return Set(options)
  }

  /// The names that `.It MACRO name` introduces, each with the text up to the next one.
  func entries(_ macro: String) -> [(name: String, text: String)] {
    text.components(separatedBy: "\n.It \(macro) ").dropFirst().map { piece in
      let name = piece.prefix { $0 != "\n" && $0 != " " }
      let end = piece.firstRange(of: "\n.El\n")?.lowerBound ?? piece.endIndex
      return (String(name), String(piece[..<end]) + "\n")
    }
  }

  /// The text of each `.It MACRO` line as a reader sees it, with `{}` in the place of arguments.
  func items(in heading: String?, _ macro: String) -> [String] {
    (heading.map { section($0) } ?? text).matches(of: /(?m)^\.It (\w\w) (.*)$/)
      .filter { $0.1 == macro }.map { Self.shown(String($0.2)) }
  }

  private static func shown(_ line: String) -> String {
    var shown = ""
    var isJoined = true
    var words = line.split(separator: " ").map { String($0) }[...]
    while let word = words.popFirst() {
      switch word {
      case "Sy", "No": continue
      case "Ns": isJoined = true
      case "Ar":
        words.removeFirst()
        shown += (isJoined ? "" : " ") + "{}"
        isJoined = false
      default:
        shown += (isJoined ? "" : " ") + word
        isJoined = false
      }
    }
    return shown.replacing("\\&", with: "").replacing("\\(dq", with: "\"")
  }

  /// Whether a line fits an item: `{}` in the item stands for any text.
  static func matches(_ line: String, _ form: String) -> Bool {
    var rest = line[...]
    let pieces = form.components(separatedBy: "{}")
    for (index, piece) in pieces.enumerated() {
      if index == 0 {
        guard rest.hasPrefix(piece) else { return false }
        rest = rest.dropFirst(piece.count)
      } else if index == pieces.count - 1 {
        return rest.hasSuffix(piece)
      } else {
        guard let range = rest.firstRange(of: piece) else { return false }
        rest = rest[range.upperBound...]
      }
    }
    return rest.isEmpty
  }
}

private enum Source {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The paths of all pages for people: those of the repository and those of the manual.
  static func pages() throws -> [String] {
    let deploy = try FileManager.default.subpathsOfDirectory(
      atPath: root.appending(path: "deploy").path)
    return ["README.md", "Sources/README.md", "Tests/README.md"]
      + deploy.filter { $0.hasSuffix("README.md") || $0.hasPrefix("man/") }.map { "deploy/\($0)" }
  }

  /// The text of all files of a module, without comment lines.
  static func folder(_ module: String, but others: Set<String> = []) throws -> String {
    let path = "Sources/\(module)"
    let files = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: path).path)
    return try files.sorted().filter { $0.hasSuffix(".swift") && !others.contains($0) }
      .map { try text("\(path)/\($0)") }.joined()
      .split(separator: "\n").filter { !$0.drop(while: { $0 == " " }).hasPrefix("//") }
      .joined(separator: "\n")
  }

  /// A string literal with `{}` in the place of each interpolation.
  static func template(_ literal: String) -> String {
    literal.replacing(/\\\([^()]*(?:\([^()]*\))?[^()]*\)/, with: "{}").replacing("\\\"", with: "\"")
  }
}
