// Where a message goes, for each recipient. The first row that fits wins:
//
//     recipient                                                      | destination
//     ---------------------------------------------------------------|------------
//     a list, or one of its + addresses, at one of our domains       | list
//     a name among the aliases, at one of our domains                | alias (faulty, if its line is)
//     `postmaster`, at one of our domains or alone                   | local
//     at one of our domains, and not among the recipients, where     |
//     there is a file of them                                        | unknown
//     at one of our domains, and the routes have a line for it       | route (local, if that is `mail`)
//     at one of our domains; where none is named, at every domain    | local
//     elsewhere, and the routes have a line for it                   | foreign, with the route
//     elsewhere                                                      | foreign
//
// `postmaster` alone is at the first of our domains. Local parts of ours are compared without case (LocalAddress.swift), and
// `name+tag` is `name` where there is nothing for the whole. For mail of this machine's programs, and where an alias
// leads, the names of this host are ours as well (HostNames.swift).
// What a session or the queue does with a destination is theirs to decide.

public import Hosts
public import ListStore
public import Lists
import Octets
public import Routes
public import SMTP

public enum Destination: Equatable, Sendable {
  /// An address of a mailing list.
  case list(ListAddress)
  /// Other addresses: see `Routing.expand`.
  case alias
  /// A line of the aliases or of the routes is about it, and is wrong.
  case faulty(FileFault)
  /// The mail directory.
  case local
  /// One of our domains, where there is no such mailbox.
  case unknown
  /// What a line of the routes says of an address of ours; never `mail`.
  case route(MailRoute)
  /// Elsewhere: the hosts that the DNS or the smarthost names, or what a line of the routes says.
  case foreign(MailRoute?)
}

public struct Routing: Sendable {
  /// Our domains, made by `Configuration.domain`; empty means every domain.
  public var domains: [[UInt8]] = []
  /// The domain of names that have none, where `domains` is empty.
  public var hostname: [UInt8]
  public var aliases = Aliases()
  /// Who exists here; nil: everybody.
  public var recipients: RecipientsFile?
  public var routes: RoutesFile?
  public var lists: ListsDirectory?

  public init(hostname: [UInt8]) { self.hostname = hostname }

  /// `isFromHere` says that a program of this machine has sent the mail. Throws if the file of the recipients is needed
  /// and cannot be read.
  public func destination(
    of mailbox: Mailbox, isFromHere: Bool = false
  ) throws(UnreadableFile) -> Destination {
    try destination(of: mailbox, isFromHere: isFromHere, isExpanded: false)
  }

  /// `isExpanded` leaves out the aliases.
  private func destination(
    of mailbox: Mailbox, isFromHere: Bool, isExpanded: Bool
  ) throws(UnreadableFile) -> Destination {
    guard let address = address(of: mailbox, isFromHere: isFromHere) else {
      guard let routes, let address = LocalAddress(mailbox) else { return .foreign(nil) }
      switch try routes.route(for: address, isOurs: false) {
      case .success(let route): return .foreign(route)
      case .failure(let fault): return .faulty(fault)
      }
    }
    if let destination = try lists?.destination(of: address) { return destination }
    if !isExpanded, let entry = aliases.entry(for: address) {
      return aliases.fault(of: entry).map { .faulty($0) } ?? .alias
    }
    if address.localPart == Self.postmaster || address.untagged == Self.postmaster { return .local }
    guard try exists(address) else { return .unknown }
    guard let routes else { return .local }
    switch try routes.route(for: address, isOurs: true) {
    case .success(nil): return .local
    case .success(let route?): return route.target == .mail ? .local : .route(route)
    case .failure(let fault): return .faulty(fault)
    }
  }

  private func exists(_ address: LocalAddress) throws(UnreadableFile) -> Bool {
    guard let recipients else { return true }
    if try recipients.contains(address) { return true }
    guard let untagged = address.withoutTag else { return false }
    return try recipients.contains(untagged)
  }

  /// The mailbox as an address of ours; nil if it is elsewhere.
  private func address(of mailbox: Mailbox, isFromHere: Bool) -> LocalAddress? {
    guard mailbox.isAt(domains) || isFromHere && HostNames(hostname).has(mailbox.domain) else {
      return nil
    }
    guard let address = LocalAddress(mailbox) else { return nil }
    return address.domain.isEmpty
      ? address.at((domains.first ?? hostname).lowercased()) : address
  }

  /// Whether every mailbox of ours is local, so that our domains alone decide.
  public var isPlain: Bool {
    recipients == nil && lists == nil && routes == nil && aliases.count == 0
  }

  /// The files that are read for each recipient. A confined process needs the right to read them.
  public var filesOfRecipients: [String] {
    [recipients?.path, routes?.path].compactMap { $0 }
  }

  /// The servers that sessions ask about recipients.
  public var askedServers: [ServerURL] { routes?.askedServers ?? [] }

  static let postmaster = Array("postmaster".utf8)
}

// Aliases.
extension Routing {
  /// Where the mail for a mailbox goes in the end.
  public struct Expansion: Equatable, Sendable {
    public let mailbox: Mailbox
    /// Never `alias`.
    public let destination: Destination
    /// What the alias has in the place of an address, as a target of SMTP_ROUTES; empty: the mailbox says where.
    public var target: [UInt8] = []
  }

  /// What a mailbox stands for, each address once; the mailbox itself, if it is no alias. A name that is expanded
  /// already is not expanded again. Where nothing is left, because aliases only lead to each other, the mail is for the
  /// mailbox itself: the result is never empty.
  public func expand(_ mailbox: Mailbox) throws(UnreadableFile) -> [Expansion] {
    let results = try ends(of: mailbox)
    if !results.isEmpty { return results }
    let destination = try self.destination(of: mailbox, isFromHere: true, isExpanded: true)
    return [Expansion(mailbox: mailbox, destination: destination)]
  }

  /// The aliases that only lead to each other.
  public var loops: [[UInt8]] {
    // Who else has a name makes no difference.
    var routing = self
    (routing.recipients, routing.lists, routing.routes) = (nil, nil, nil)
    return aliases.mailboxes(at: domains.first ?? hostname).filter {
      (try? routing.ends(of: $0))?.isEmpty == true
    }.map { $0.canonical }
  }

  /// What `expand` finds; empty if aliases only lead to each other.
  private func ends(of mailbox: Mailbox) throws(UnreadableFile) -> [Expansion] {
    var results: [Expansion] = []
    var found: Set<[UInt8]> = []
    var expanded: Set<Aliases.Name> = []
    var included: Set<String> = []
    func add(_ mailbox: Mailbox, _ destination: Destination? = nil) throws(UnreadableFile) {
      guard found.insert(mailbox.canonical).inserted else { return }
      let isKnown = destination != nil
      let destination =
        isKnown
        ? destination : try self.destination(of: mailbox, isFromHere: true, isExpanded: true)
      guard let destination else { return }
      results.append(Expansion(mailbox: mailbox, destination: destination))
    }
    var waiting = [mailbox]
    var next = 0
    while next < waiting.count {
      let current = waiting[next]
      next += 1
      let destination = try self.destination(of: current, isFromHere: true)
      guard destination == .alias, let address = address(of: current, isFromHere: true),
        let entry = aliases.entry(for: address)
      else {
        try add(current, destination)
        continue
      }
      var name = entry.name
      name.domain = address.domain
      guard expanded.insert(name).inserted else { continue }
      var targets = entry.targets
      var index = 0
      while index < targets.count {
        defer { index += 1 }
        let target = targets[index]
        switch target {
        case .include(let path):
          if included.insert(path).inserted { targets += try IncludedFile(path: path).targets() }
        case .target(let text):
          guard let end = Expansion(current, to: text),
            found.insert(current.canonical + [0] + text).inserted
          else { continue }
          results.append(end)
        case .address(let mailbox):
          // Where the name has a domain, an address that it means itself is the mailbox.
          if !entry.name.domain.isEmpty, means(mailbox, entry.name) {
            try add(mailbox)
          } else {
            waiting.append(mailbox)
          }
        case .name(let local), .mailbox(let local):
          guard var mailbox = LocalName.mailbox(local, at: domain(of: current)),
            let other = LocalAddress(mailbox)
          else { continue }
          // The mailbox itself keeps its tag.
          if other.localPart == address.untagged { mailbox = current }
          if case .name = target, !means(mailbox, entry.name) {
            waiting.append(mailbox)
          } else {
            try add(mailbox)
          }
        }
      }
    }
    return results
  }

  /// Whether the line of the aliases that a mailbox belongs to is that of `name`.
  private func means(_ mailbox: Mailbox, _ name: Aliases.Name) -> Bool {
    address(of: mailbox, isFromHere: true).flatMap { aliases.entry(for: $0) }?.name == name
  }

  /// The domain of a name in the expansion of a mailbox.
  private func domain(of mailbox: Mailbox) -> [UInt8] {
    mailbox.domain.isEmpty ? domains.first ?? hostname : Array(mailbox.domain)
  }
}

extension Routing.Expansion {
  /// Nil if the text is not a target.
  fileprivate init?(_ mailbox: Mailbox, to text: [UInt8]) {
    guard let target = try? RouteTarget(text) else { return nil }
    self.init(
      mailbox: mailbox, destination: .route(MailRoute(line: 0, target: target, text: text)),
      target: text)
  }
}
