// Where a message goes, for each recipient. The first row that fits wins:
//
//     recipient                                                      | destination
//     ---------------------------------------------------------------|------------
//     a list, or one of its + addresses, at one of our domains       | list
//     a name among the aliases, at one of our domains                | alias
//     `postmaster`, at one of our domains or alone                   | local
//     at one of our domains, and not among the recipients, where     |
//     there is a file of them                                        | unknown
//     at one of our domains; where none is named, at every domain    | local
//     elsewhere                                                      | foreign
//
// `postmaster` alone is at the first of our domains. Local parts of ours are compared without case (LocalAddress.swift).
// What a session or the queue does with a destination is theirs to decide.

public import SMTP

public enum Destination: Equatable, Sendable {
  /// An address of a mailing list.
  case list(ListAddress)
  /// Other addresses: see `Routing.expand`.
  case alias
  /// The mail directory.
  case local
  /// One of our domains, where there is no such mailbox.
  case unknown
  /// Another host.
  case foreign
}

public struct Routing: Sendable {
  /// Our domains, made by `Configuration.domain`; empty means every domain.
  public var domains: [[UInt8]] = []
  /// The domain of names that have none, where `domains` is empty.
  public var hostname: [UInt8]
  public var aliases = Aliases()
  /// Who exists here; nil: everybody.
  public var recipients: RecipientsFile?
  public var lists: ListDirectory?

  public init(hostname: [UInt8]) { self.hostname = hostname }

  /// Throws if the file of the recipients is needed and cannot be read.
  public func destination(of mailbox: Mailbox) throws(UnreadableFile) -> Destination {
    try destination(of: mailbox, isExpanded: false)
  }

  /// `isExpanded` leaves out the aliases.
  private func destination(
    of mailbox: Mailbox, isExpanded: Bool
  ) throws(UnreadableFile) -> Destination {
    guard mailbox.isAt(domains), let address = LocalAddress(mailbox) else { return .foreign }
    if let destination = lists?.destination(of: address) { return destination }
    if !isExpanded, aliases.targets(of: address.localPart) != nil { return .alias }
    if address.localPart == Self.postmaster { return .local }
    guard let recipients else { return .local }
    return try recipients.contains(address) ? .local : .unknown
  }

  /// Whether every mailbox of ours is local, so that our domains alone decide.
  public var isPlain: Bool { recipients == nil && lists == nil && aliases.count == 0 }

  static let postmaster = Array("postmaster".utf8)
}

// Aliases.
extension Routing {
  /// Where the mail for a mailbox goes in the end.
  public struct Expansion: Equatable, Sendable {
    public let mailbox: Mailbox
    /// Never `alias`.
    public let destination: Destination
  }

  /// What a mailbox stands for, each address once; the mailbox itself, if it is no alias. A name that is expanded
  /// already is not expanded again. Where nothing is left, because aliases only lead to each other, the mail is for the
  /// mailbox itself: the result is never empty.
  public func expand(_ mailbox: Mailbox) throws(UnreadableFile) -> [Expansion] {
    var results: [Expansion] = []
    var found: Set<[UInt8]> = []
    var expanded: Set<[UInt8]> = []
    func add(_ mailbox: Mailbox) throws(UnreadableFile) {
      guard found.insert(mailbox.canonical).inserted else { return }
      let destination = try destination(of: mailbox, isExpanded: true)
      results.append(Expansion(mailbox: mailbox, destination: destination))
    }
    var waiting = [mailbox]
    var next = 0
    while next < waiting.count {
      let current = waiting[next]
      next += 1
      guard try destination(of: current) == .alias, let address = LocalAddress(current),
        let targets = aliases.targets(of: address.localPart)
      else {
        try add(current)
        continue
      }
      let name = address.localPart + [UInt8(ascii: "@")] + address.domain
      guard expanded.insert(name).inserted else { continue }
      for target in targets {
        switch target {
        case .address(let mailbox): waiting.append(mailbox)
        case .name(let name), .mailbox(let name):
          guard let mailbox = LocalName.mailbox(name, at: domain(of: current)) else { continue }
          if case .name = target, LocalAddress(mailbox)?.localPart != address.localPart {
            waiting.append(mailbox)
          } else {
            try add(mailbox)
          }
        }
      }
    }
    if results.isEmpty { try add(mailbox) }
    return results
  }

  /// The domain of a name in the expansion of a mailbox.
  private func domain(of mailbox: Mailbox) -> [UInt8] {
    mailbox.domain.isEmpty ? domains.first ?? hostname : Array(mailbox.domain)
  }
}
