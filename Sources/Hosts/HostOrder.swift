// Where to connect to, one host after the other: RFC 5321 §5.1. What the DNS is asked, and when, is said by `next`: the
// caller asks and answers by `take`, or by `fail` where there is no answer.

public import DNS
public import SMTP

public struct HostOrder: Sendable {
  public enum Step: Equatable, Sendable {
    case host(Host)
    /// Which hosts take mail for this domain?
    case exchangers(of: [UInt8])
    case addresses(of: [UInt8], Naming)
    /// There is no other host; `failure` says why, if nothing could be connected to.
    case end
  }

  /// Who has named a host.
  public enum Naming: Equatable, Sendable {
    /// The owner of this machine, who may have written a short name, or an address.
    case configuration
    /// The DNS.
    case exchanger
    /// The recipient's address: the name is an address.
    case literal
  }

  /// Why there is no other host.
  public private(set) var failure: ClientSession.Verdict
  /// What each host has but its name and its address.
  private var model: Host
  private let naming: Naming
  /// What this host is called.
  private let hostname: [UInt8]

  /// The domain whose hosts are asked for, and how many names have led to it.
  private var domain: [UInt8]?
  private var aliases = 0
  /// The servers of the configuration that are not tried yet.
  private var servers: ArraySlice<Host> = []
  /// Names of hosts that are equally good, the best first.
  private var pending: [[[UInt8]]] = []
  /// Those of the group that is looked up, and the hosts that were found.
  private var asked: [[UInt8]] = []
  private var ready: [Host] = []
  /// How many hosts may be given yet.
  private var remaining = Self.hostLimit

  /// Hosts that are given at most.
  static let hostLimit = 20
  /// Addresses that count of one name.
  static let addressLimit = 4

  /// `domain` is A-labels in lower case, or an address literal; its hosts listen on `port`. `behind` are the servers of the
  /// configuration, by their numbers, that come behind the others.
  public init(
    to target: Target, domain: [UInt8], hostname: [UInt8], port: UInt16 = 25,
    behind: Set<Int> = []
  ) {
    self.hostname = hostname
    var host = Host(name: [], place: .address("", port: port))
    switch target {
    case .command(let command):
      host = Host(name: [], place: .command(command))
      ready = [host]
      (naming, failure) = (.configuration, .noServer)
    case .servers(let urls):
      var all = urls.map { $0.host }
      for index in all.indices { all[index].server = index }
      let last = all.filter { behind.contains($0.server) }
      servers = (all.filter { !behind.contains($0.server) } + last)[...]
      (naming, failure) = (.configuration, urls.isEmpty ? .noServer : .noAddressOfServer)
    case .exchangers(let level):
      host.level = level
      if domain.first == UInt8(ascii: "[") {
        let text = domain.dropFirst().dropLast()
        pending = [[Array(text.starts(with: "ipv6:".utf8) ? text.dropFirst(5) : text)]]
        naming = .literal
      } else {
        self.domain = domain
        naming = .exchanger
      }
      failure = .noAddressOfDomain
    }
    model = host
  }

  public mutating func next() -> Step {
    if let domain { return .exchangers(of: domain) }
    while remaining > 0 {
      // All of a group, before the first of them is given.
      if let name = asked.first { return .addresses(of: name, naming) }
      if !ready.isEmpty {
        remaining -= 1
        return .host(ready.removeFirst())
      }
      guard pending.isEmpty else {
        asked = Array(pending.removeFirst().prefix(MailExchangers.hostLimit))
        continue
      }
      guard let server = servers.popFirst() else { break }
      model = server
      if case .socket = server.place { ready = [server] } else { pending = [[server.name]] }
    }
    return .end
  }

  /// Whether the configuration names the hosts, and not the DNS.
  var isConfigured: Bool { naming == .configuration }
}

// Answers.
extension HostOrder {
  /// What the MX records say; hosts that are equally good stand in the order in which they are to be tried.
  public mutating func take(_ exchangers: MailExchangers) {
    guard let name = domain.take() else { return }
    switch exchangers {
    case .hosts(let groups):
      pending = groups
      // Hosts that are not better than we are would send the mail back.
      if let own = groups.firstIndex(where: { $0.contains(hostname) }) {
        pending.removeSubrange(own...)
        failure = own == 0 ? .loop : .loopBehindOthers
      }
    case .none: failure = .nullExchanger
    case .domain: pending = [[name]]
    case .alias(let target):
      aliases += 1
      if aliases < aliasLimit { domain = target } else { failure = .aliasLoop }
    }
  }

  /// The addresses of the host that was asked about, none or several. `isOwn` says that one of them is this machine's.
  public mutating func take(_ addresses: [String], isOwn: Bool) {
    guard let name = asked.first else { return }
    asked.removeFirst()
    if isOwn, naming == .exchanger, port == 25 {
      failure = remaining == Self.hostLimit ? .loop : .loopBehindOthers
      (asked, ready, pending) = ([], [], [])
      return
    }
    ready += addresses.prefix(Self.addressLimit).map { host(name, $0) }
  }

  /// There is no answer.
  public mutating func fail(_ verdict: ClientSession.Verdict) {
    failure = verdict
    if domain.take() == nil, !asked.isEmpty { asked.removeFirst() }
  }

  /// One address of each family, then the next of each.
  public static func inTurn(_ families: [[[UInt8]]]) -> [[UInt8]] {
    var addresses: [[UInt8]] = []
    for index in 0..<(families.map { $0.count }.max() ?? 0) {
      for family in families where index < family.count { addresses.append(family[index]) }
    }
    return addresses
  }

  private var port: UInt16 {
    if case .address(_, let port) = model.place { port } else { 0 }
  }

  private func host(_ name: [UInt8], _ address: String) -> Host {
    var host = model
    host.name =
      naming == .literal
      ? [UInt8](address.utf8) : name.last == UInt8(ascii: ".") ? Array(name.dropLast()) : name
    host.place = .address(address, port: port)
    return host
  }
}
