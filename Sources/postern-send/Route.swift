// Where to connect to, one host after the other: RFC 5321 §5.1. Hosts are looked up when they are needed.

import DNS
import POSIX
import SMTP

/// A host to connect to.
struct Host {
  enum Place {
    case address(SocketAddress)
    case command(String)
  }

  /// Its name, for TLS and for reports.
  let name: [UInt8]
  let place: Place
  let isLMTP: Bool
  let isTLSFirst: Bool
  let user: [UInt8]?
  var level: TLSLevel
}

struct Route {
  private var pending: [Group] = []
  /// Addresses that were looked up.
  private var ready: [Host] = []
  private var remainingAddresses = 20
  /// Why there is no other host, if nothing could be connected to.
  private(set) var failure: ClientSession.Verdict
  private let server: ServerURL?
  private let level: TLSLevel

  /// Names of hosts that are equally good.
  private struct Group {
    var names: [[UInt8]]
  }

  static let nowhere = Route()

  private init() {
    failure = .noAddress(permanent: false)
    server = nil
    level = .none
  }

  /// To a command.
  init(command: String) {
    failure = .init(.deferred, .destination, .init(4, 4, 0), Array("No server".utf8))
    server = nil
    level = .none
    ready = [
      Host(
        name: [], place: .command(command), isLMTP: false, isTLSFirst: false, user: nil,
        level: .none)
    ]
  }

  init(_ server: ServerURL) {
    self.server = server
    level = server.level
    failure = .noAddress(permanent: false)
    switch server.place {
    case .host(let name, _): pending = [Group(names: [name])]
    case .socket(let path):
      ready = [
        Host(
          name: [UInt8](path.utf8), place: .address(.unix(path)), isLMTP: true, isTLSFirst: false,
          user: nil, level: level)
      ]
    }
  }

  /// To the hosts that take mail for a domain, which is A-labels in lower case or an address literal.
  init(domain: [UInt8], hostname: [UInt8], level: TLSLevel) {
    server = nil
    self.level = level
    failure = .noAddress(permanent: true)
    guard domain.first != UInt8(ascii: "[") else {
      let literal = String(decoding: domain.dropFirst().dropLast(), as: UTF8.self)
      let text = literal.utf8.starts(with: "ipv6:".utf8) ? String(literal.dropFirst(5)) : literal
      if let address = IPAddress(text) { ready = [host([UInt8](address.text.utf8), address)] }
      return
    }
    var name = domain
    for _ in 0..<aliasLimit {
      switch Self.exchangers(of: name) {
      case .success(.hosts(let groups)):
        pending = groups.map { Group(names: $0.shuffled()) }
        if let own = pending.firstIndex(where: { $0.names.contains(hostname) }) {
          stopBefore(own)
        }
      case .success(.none): failure = .nullExchanger
      case .success(.domain): pending = [Group(names: [name])]
      case .success(.alias(let target)):
        name = target
        continue
      case .failure(.noSuchName): failure = .noSuchDomain
      case .failure(.noData): pending = [Group(names: [name])]
      case .failure(.temporary): failure = .lookupFailed
      }
      return
    }
    failure = .aliasLoop
  }

  private static func exchangers(of name: [UInt8]) -> Result<MailExchangers, Resolver.Failure> {
    do throws(Resolver.Failure) {
      let answer = try Resolver().query(name, type: RecordType.mx.rawValue)
      guard let records = records(in: answer.span) else { return .failure(.temporary) }
      return .success(MailExchangers(records, of: name))
    } catch {
      return .failure(error)
    }
  }

  /// We are among the hosts, in this group: hosts that are not better than we are would send the mail back.
  private mutating func stopBefore(_ group: Int) {
    pending.removeSubrange(group...)
    failure = group == 0 ? .loop : .loopBehindOthers
  }

  /// The next host; nil where there is none left.
  mutating func next() -> Host? {
    while ready.isEmpty {
      if pending.isEmpty || remainingAddresses == 0 { return nil }
      lookUp()
    }
    remainingAddresses -= 1
    return ready.removeFirst()
  }

  /// Looks up all hosts of the next group.
  private mutating func lookUp() {
    let group = pending.removeFirst()
    for name in group.names.prefix(MailExchangers.hostLimit) {
      switch addresses(of: name) {
      case .success(let addresses):
        if port == 25, server == nil, addresses.contains(where: Socket.isOwn) {
          ready = []
          pending = []
          let isBest = remainingAddresses == 20
          failure = isBest ? .loop : .loopBehindOthers
          return
        }
        ready += addresses.prefix(4).map { host(name, $0) }
      case .failure(.temporary): failure = .lookupFailed
      case .failure: break
      }
    }
  }

  private var port: UInt16 {
    switch server?.place {
    case .host(_, let port): port
    case .socket, nil: Self.standardPort
    }
  }

  private func host(_ name: [UInt8], _ address: IPAddress) -> Host {
    Host(
      name: name, place: .address(.internet(address, port: port)), isLMTP: server?.isLMTP ?? false,
      isTLSFirst: server?.isTLSFirst ?? false, user: server?.user,
      level: level)
  }

  /// The addresses of a host, of both families in turn.
  private func addresses(of name: [UInt8]) -> Result<[IPAddress], Resolver.Failure> {
    if let address = IPAddress(String(decoding: name, as: UTF8.self)) { return .success([address]) }
    if server != nil {
      let known = HostsFile.addresses(of: name)
      if !known.isEmpty { return .success(known) }
      if name.elementsEqual("localhost".utf8) {
        return .success(["127.0.0.1", "::1"].compactMap { IPAddress($0) })
      }
    }
    let asked = server == nil ? name : aLabels(name)
    var families: [[IPAddress]] = []
    var failure = Resolver.Failure.noSuchName
    for type in [RecordType.aaaa, .a] {
      do throws(Resolver.Failure) {
        let answer = try Resolver().query(asked, type: type.rawValue)
        guard let records = records(in: answer.span) else { throw .temporary }
        let found = DNS.addresses(of: asked, in: records).compactMap { IPAddress(octets: $0) }
        families.append(found.shuffled())
      } catch {
        if failure != .temporary { failure = error }
      }
    }
    var addresses: [IPAddress] = []
    for index in 0..<(families.map { $0.count }.max() ?? 0) {
      for family in families where index < family.count { addresses.append(family[index]) }
    }
    return addresses.isEmpty ? .failure(failure) : .success(addresses)
  }

  private func aLabels(_ name: [UInt8]) -> [UInt8] { aLabelDomain(name[...]) ?? name }

  /// 25; tests of debug builds may say otherwise.
  private static var standardPort: UInt16 {
    #if DEBUG
      Process.environment("POSTERN_PORT").flatMap { UInt16($0) } ?? 25
    #else
      25
    #endif
  }
}

extension ClientSession.Verdict {
  private init(_ outcome: Outcome, _ status: EnhancedStatusCode, _ text: String) {
    self.init(outcome, .destination, status, [UInt8](text.utf8))
  }

  static let noSuchDomain = Self(.refused, .init(5, 1, 2), "The domain does not exist")
  static let nullExchanger = Self(.refused, .init(5, 1, 10), "The domain takes no mail (null MX)")
  static let loop = Self(
    .refused, .init(5, 4, 6), "This host is the best that takes mail for the domain: a loop")
  static let loopBehindOthers = Self(
    .deferred, .init(4, 4, 6), "No better host than this one takes mail for the domain now")
  static let lookupFailed = Self(.deferred, .init(4, 4, 3), "The DNS could not be asked")
  static let aliasLoop = Self(.deferred, .init(4, 4, 3), "The domain has too many aliases")

  static func noAddress(permanent: Bool) -> Self {
    permanent
      ? Self(.refused, .init(5, 4, 4), "No host that takes mail for the domain has an address")
      : Self(.deferred, .init(4, 4, 4), "The server's name has no address")
  }
}
