// Which reverse-paths a login may use: a file of lines `login: address, address` (TableFile.swift). Instead of an
// address, `@example.org` allows all addresses of a domain, and `*` every address. A login that is not in the file may
// use none. The null path is always allowed.

public import SMTP

public struct Senders: Sendable {
  private var entries: [(login: [UInt8], senders: AllowedSenders)] = []

  /// Reads a file.
  public init(parsing content: [UInt8]) throws(LineError) {
    for entry in try TableEntry.parse(content) {
      guard !entries.contains(where: { $0.login == entry.name }) else {
        throw LineError(
          line: entry.line, reason: "the login \(text(entry.name)) stands in a line above already")
      }
      var senders = AllowedSenders()
      for value in entry.values where !senders.add(value.octets) {
        throw LineError(
          line: value.line, reason: "\(text(value.octets)): an address, @domain or * expected")
      }
      entries.append((entry.name, senders))
    }
  }

  /// How many logins there are.
  public var count: Int { entries.count }

  /// What a login may use.
  public func senders(of login: [UInt8]) -> AllowedSenders {
    entries.first { $0.login == login }?.senders ?? AllowedSenders()
  }
}
