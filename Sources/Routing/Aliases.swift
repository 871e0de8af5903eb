// Aliases: names of ours that stand for other addresses, in a file as aliases(5) describes it (TableFile.swift
// has the lines).
//
//     postmaster: root
//     root: alice, bob@example.net
//     alice: \alice, copies@example.net
//
// A value is an address, or a name without a domain, which is at the domain of the address that is expanded.
// `\name`, and a name in its own line, is the mailbox itself. Files, programs and `:include:` are refused.

import SMTP

public struct Aliases: Sendable {
  /// By names without quotes in lower case.
  private var targets: [[UInt8]: [Target]] = [:]

  enum Target: Sendable, Equatable {
    case address(Mailbox)
    /// A local part, as it stands in an address.
    case name([UInt8])
    /// The same, and aliases do not count for it.
    case mailbox([UInt8])
  }

  /// No aliases.
  public init() {}

  /// Reads a file.
  public init(parsing content: [UInt8]) throws(LineError) {
    var lines: [[UInt8]: Int] = [:]
    for entry in try TableEntry.parse(content) {
      let name = LocalName.folded(entry.name)
      guard LocalName.inAddress(entry.name) != nil else {
        throw LineError(line: entry.line, reason: "\(text(entry.name)) cannot be a local part")
      }
      if let line = lines[name] {
        throw LineError(
          line: entry.line, reason: "\(text(entry.name)) stands in line \(line) already")
      }
      lines[name] = entry.line
      var targets: [Target] = []
      for value in entry.values {
        targets.append(try Self.target(value.octets, value.line))
      }
      self.targets[name] = targets
    }
  }

  private static func target(_ value: [UInt8], _ line: Int) throws(LineError) -> Target {
    func fail(_ reason: String) -> LineError {
      LineError(line: line, reason: "\(text(value)): \(reason)")
    }
    let inner = unquoted(value[...])
    let isQuoted = inner != value
    func name(_ text: [UInt8]) -> [UInt8]? {
      isQuoted || LocalName.isPlain(text) ? LocalName.inAddress(text) : nil
    }
    switch inner.first {
    case UInt8(ascii: "|"): throw fail("delivery to a program is not possible")
    case UInt8(ascii: "/"): throw fail("delivery to a file is not possible")
    case UInt8(ascii: ":"): throw fail("files of more addresses are not read")
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

  /// How many names there are.
  public var count: Int { targets.count }

  /// What a name stands for; nil if it is none. The name is as in `LocalAddress`.
  func targets(of name: [UInt8]) -> [Target]? {
    targets.isEmpty ? nil : targets[name]
  }
}

/// Names as local parts.
enum LocalName {
  /// The form in which names are compared: `LocalAddress.localPart`.
  static func folded(_ name: [UInt8]) -> [UInt8] {
    name.map { $0.lowercased }
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
