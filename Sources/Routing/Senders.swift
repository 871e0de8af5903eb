// Which reverse-paths a login may use: a file of lines `login: address, address` (TableFile.swift). Instead of an
// address, `@example.org` allows all addresses of a domain, and `*` every address. A login that is not in the file may
// use none. The null path is always allowed.

public import SMTP

public struct Senders: Sendable {
  private var entries: [[UInt8]: AllowedSenders] = [:]
  /// What is wrong with the file. A login that a wrong line is about can send nothing until the line is mended.
  public private(set) var faults: [LineError] = []

  /// Reads a file.
  public init(parsing content: [UInt8]) {
    let table = Table(parsing: content)
    faults = table.faults
    for entry in table.entries {
      var senders = AllowedSenders()
      var fault = entry.fault
      for value in entry.values where !senders.add(value.octets) && fault == nil {
        fault = LineError(
          line: value.line, reason: "\(text(value.octets)): an address, @domain or * expected")
      }
      if fault == nil, entries[entry.name] != nil {
        fault = LineError(
          line: entry.line, reason: "the login \(text(entry.name)) stands in a line above already")
      }
      if let fault {
        faults.append(fault)
        senders.isFaulty = true
      }
      entries[entry.name] = senders
    }
    faults.sort { $0.line < $1.line }
  }

  /// How many logins there are.
  public var count: Int { entries.count }

  /// What a login may use.
  public func senders(of login: [UInt8]) -> AllowedSenders { entries[login] ?? AllowedSenders() }
}
