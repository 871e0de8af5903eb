// Aliases: addresses of ours that stand for others, in a file as aliases(5) describes it (TableFile.swift has the lines).
//
//     postmaster: root                        a local part at each of our domains
//     info@example.org: alice                 one address
//     @example.org: catchall@example.net      what the domain has no other name for
//     root: alice, bob@example.net
//     alice: \alice, copies@example.net
//
// A value is an address, or a name without a domain, which is at the domain of the address that is expanded.
// `\name`, and a name in its own line, is the mailbox itself. Besides:
//
//     "|/path/program word"     a program, as the target `exec` of a route has it, without a shell
//     :include:/path            more values, in a file that is read when mail comes (IncludedFile.swift)
//     /dev/null                 nobody
//
// Other files are refused: mail for a name whose line has one of them waits.

import Octets
import POSIX
import Routes
import SMTP

public struct Aliases: Sendable {
  /// The file; empty for none.
  public internal(set) var path = ""
  /// Whose the file is; nil if nobody has asked.
  var owner: Ownership?
  /// What is wrong with the file, by lines.
  public private(set) var faults: [LineError] = []
  private var entries: [Name: Entry] = [:]

  /// What stands in front of the colon.
  struct Name: Hashable {
    /// As in `LocalAddress`; empty for every local part of the domain.
    var localPart: [UInt8]
    /// As in `LocalAddress`; empty for each of our domains.
    var domain: [UInt8]
  }

  struct Entry: Sendable {
    let name: Name
    let line: Int
    let targets: [Target]
    /// Why nobody knows what the name stands for.
    let fault: LineError?
    var needsTrust: Bool { targets.contains { $0.needsTrust } }
  }

  enum Target: Sendable, Equatable {
    case address(Mailbox)
    /// A local part, as it stands in an address.
    case name([UInt8])
    /// The same, and aliases do not count for it.
    case mailbox([UInt8])
    /// What a route could lead to, as it is written there.
    case target([UInt8])
    /// A file of more values.
    case include(String)

    /// Whether a program may run, or be named elsewhere: then only root and our user may have written the line.
    var needsTrust: Bool {
      switch self {
      case .address, .name, .mailbox: false
      case .target, .include: true
      }
    }
  }

  /// Why an entry stands for nothing; nil if it stands for something.
  func fault(of entry: Entry) -> FileFault? {
    if let fault = entry.fault { return self.fault(fault) }
    if entry.needsTrust, let owner, !owner.isTrusted {
      return .distrust(path, line: entry.line)
    }
    return nil
  }

  func fault(_ fault: LineError) -> FileFault {
    FileFault(path: path, line: fault.line, reason: fault.reason)
  }

  /// No aliases.
  public init() {}

  /// Reads a file. `isOurs` says whether a domain is one of ours: an address elsewhere is never asked for.
  public init(parsing content: [UInt8], isOurs: ([UInt8]) -> Bool = { _ in true }) {
    let table = Table(parsing: content)
    faults = table.faults
    var lines: [Name: Int] = [:]
    for entry in table.entries {
      do throws(LineError) {
        let name = try Self.name(of: entry)
        var fault = entry.fault
        if let line = lines[name] {
          fault = LineError(
            line: entry.line, reason: "\(text(entry.name)) stands in line \(line) already")
        }
        lines[name] = entry.line
        var targets: [Target] = []
        for value in entry.values where fault == nil {
          do throws(LineError) { targets.append(try Self.target(value.octets, value.line)) } catch {
            fault = error
          }
        }
        entries[name] = Entry(name: name, line: entry.line, targets: targets, fault: fault)
        if let fault { faults.append(fault) }
        if !name.domain.isEmpty, !isOurs(name.domain) {
          throw LineError(
            line: entry.line,
            reason: "\(text(entry.name)): the domain is none of ours (SMTP_DOMAINS)")
        }
      } catch {
        faults.append(error)
      }
    }
    faults.sort { $0.line < $1.line }
  }

  private static func name(of entry: TableEntry) throws(LineError) -> Name {
    let name = entry.name
    if name == [UInt8(ascii: "*")] {
      throw LineError(line: entry.line, reason: "* is no name: @domain is every other at a domain")
    }
    if name.first == UInt8(ascii: "@") {
      guard let domain = Configuration.domain(Array(name.dropFirst())) else {
        throw LineError(line: entry.line, reason: "\(text(name)): a domain expected behind @")
      }
      return Name(localPart: [], domain: domain)
    }
    let isQuoted = name != entry.writtenName
    if !isQuoted, name.contains(UInt8(ascii: "@")) {
      guard let mailbox = Mailbox(name), let address = LocalAddress(mailbox) else {
        throw LineError(line: entry.line, reason: "\(text(name)): an address expected")
      }
      return Name(localPart: address.localPart, domain: address.domain)
    }
    guard LocalName.inAddress(name) != nil else {
      throw LineError(line: entry.line, reason: "\(text(name)) cannot be a local part")
    }
    return Name(localPart: LocalName.folded(name), domain: [])
  }

  static func target(_ value: [UInt8], _ line: Int) throws(LineError) -> Target {
    func fail(_ reason: String) -> LineError {
      LineError(line: line, reason: "\(text(value)): \(reason)")
    }
    let inner = unquoted(value[...])
    let isQuoted = inner != value
    func name(_ text: [UInt8]) -> [UInt8]? {
      isQuoted || LocalName.isPlain(text) ? LocalName.inAddress(text) : nil
    }
    if value.contains(UInt8(ascii: "#")), !isQuoted, Mailbox(value) == nil, name(inner) == nil {
      throw fail("a comment begins a line of its own")
    }
    switch inner.first {
    case UInt8(ascii: "|"): return .target(try program(inner.dropFirst(), fail))
    case UInt8(ascii: "/") where inner.matches("/dev/null"): return .target(Array("discard".utf8))
    case UInt8(ascii: "/"): throw fail("delivery to a file is not possible")
    case UInt8(ascii: ":"):
      let mark = Array(":include:".utf8)
      guard inner.starts(with: mark + [UInt8(ascii: "/")]), !inner.contains(0) else {
        throw fail(":include:/path expected")
      }
      return .include(String(decoding: inner.dropFirst(mark.count), as: UTF8.self))
    case UInt8(ascii: "\\"):
      guard let name = name(Array(inner.dropFirst())) else { break }
      return .mailbox(name)
    default: break
    }
    if let mailbox = Mailbox(value), !mailbox.domain.isEmpty { return .address(mailbox) }
    guard !inner.contains(UInt8(ascii: "@")), let name = name(inner) else {
      throw fail("an address or a name expected")
    }
    return .name(name)
  }

  /// The target of a program. There is no shell, so what one would do something with is an error.
  private static func program(
    _ command: ArraySlice<UInt8>, _ fail: (String) -> LineError
  ) throws(LineError) -> [UInt8] {
    if let octet = command.first(where: { "|&;<>()$`*?[]{}~#!'\\".utf8.contains($0) }) {
      let character = text([octet])
      throw fail("there is no shell, which \(character) would need")
    }
    let target = Array("exec ".utf8) + command
    do throws(RouteTarget.Malformed) { _ = try RouteTarget(target) } catch {
      throw fail("a program expected behind |, with a path that begins with /")
    }
    return target
  }

  /// The names, sorted, as in `LocalAddress`.
  var names: [[UInt8]] {
    entries.keys.map { $0.localPart }.filter { !$0.isEmpty }.sorted {
      $0.lexicographicallyPrecedes($1)
    }
  }

  /// An address for each name, sorted; those without a domain are at `domain`.
  func mailboxes(at domain: [UInt8]) -> [Mailbox] {
    entries.keys.compactMap { name in
      LocalName.inAddress(name.localPart).flatMap {
        LocalName.mailbox($0, at: name.domain.isEmpty ? domain : name.domain)
      }
    }.sorted { $0.canonical.lexicographicallyPrecedes($1.canonical) }
  }

  /// What the names stand for, by lines.
  var targets: [(name: Name, line: Int, target: Target)] {
    entries.values.flatMap { entry in entry.targets.map { (entry.name, entry.line, $0) } }
      .sorted { $0.line < $1.line }
  }

  /// How many names there are.
  public var count: Int { entries.count }

  /// What an address of ours stands for; nil if it is no alias. A name with the tag counts before one without, and both
  /// before what a domain has for all others.
  func entry(for address: LocalAddress) -> Entry? {
    if entries.isEmpty { return nil }
    for localPart in [address.localPart, address.untagged].compactMap({ $0 }) {
      for domain in [address.domain, []] {
        if let entry = entries[Name(localPart: localPart, domain: domain)] { return entry }
      }
    }
    return entries[Name(localPart: [], domain: address.domain)]
  }
}

/// Names as local parts.
enum LocalName {
  /// The form in which names are compared: `LocalAddress.localPart`.
  static func folded(_ name: [UInt8]) -> [UInt8] {
    name.lowercased()
  }

  /// The name as it stands in an address: in quotes, where it needs them. Nil if it cannot be a local part.
  static func inAddress(_ name: [UInt8]) -> [UInt8]? {
    if isPlain(name) { return name }
    var quoted = [UInt8(ascii: "\"")]
    for octet in name {
      if octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") {
        quoted.append(UInt8(ascii: "\\"))
      }
      quoted.append(octet)
    }
    quoted.append(UInt8(ascii: "\""))
    return name.isEmpty || mailbox(quoted, at: domain) == nil ? nil : quoted
  }

  /// Whether the name needs no quotes in an address.
  static func isPlain(_ name: [UInt8]) -> Bool {
    name.first != UInt8(ascii: "\"") && mailbox(name, at: domain) != nil
  }

  static func mailbox(_ localPart: [UInt8], at domain: [UInt8]) -> Mailbox? {
    Mailbox(localPart + [UInt8(ascii: "@")] + domain)
  }

  /// Any domain, to look at a local part by the grammar of addresses.
  private static let domain = [UInt8(ascii: "x")]
}

func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }
