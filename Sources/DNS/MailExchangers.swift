// Which hosts take the mail of a domain: RFC 5321 §5.1 and RFC 7505, decided from the records of an answer.

/// What the MX records of a domain say.
public enum MailExchangers: Equatable, Sendable {
  /// The hosts, in groups of the same preference, the best first. What a client tries first in a group is
  /// to be left to chance.
  case hosts([[[UInt8]]])
  /// The domain takes no mail (RFC 7505).
  case none
  /// There is no MX record; the domain is another name for the one given, which has to be asked about next.
  case alias([UInt8])
  /// There is no MX record: the domain itself is the host.
  case domain

  /// At most this many hosts are tried.
  public static let hostLimit = 10

  /// `records` answer the question for the MX records of `domain`.
  public init(_ records: [Record], of domain: [UInt8]) {
    let name = canonicalName(of: domain, in: records)
    var exchangers: [(preference: UInt16, host: [UInt8])] = []
    var isNull = false
    for record in records where record.owner == name {
      guard case .exchanger(let preference, let host) = record.content else { continue }
      // The root beside other hosts is a mistake and is passed over.
      if host.isEmpty {
        isNull = true
      } else if !exchangers.contains(where: { $0.host == host }) {
        exchangers.append((preference, host))
      }
    }
    if exchangers.isEmpty {
      self = isNull ? .none : name == domain ? .domain : .alias(name)
      return
    }
    exchangers.sort { $0.preference < $1.preference }
    var groups: [[[UInt8]]] = []
    var last: UInt16?
    for (preference, host) in exchangers {
      if preference == last {
        groups[groups.count - 1].append(host)
      } else {
        groups.append([host])
      }
      last = preference
    }
    self = .hosts(groups)
  }
}

/// The name that the aliases of an answer lead to from `name`. A resolver gives all of them in one answer.
public func canonicalName(of name: [UInt8], in records: [Record]) -> [UInt8] {
  var name = name
  for _ in 0..<aliasLimit {
    var target: [UInt8]?
    for record in records where record.owner == name {
      if case .alias(let alias) = record.content { target = alias }
    }
    guard let target else { return name }
    name = target
  }
  return name
}

/// How many aliases are followed.
public let aliasLimit = 16

/// The addresses, each 4 or 16 octets, that `records` give to `host`, through aliases too.
public func addresses(of host: [UInt8], in records: [Record]) -> [[UInt8]] {
  let name = canonicalName(of: host, in: records)
  return records.compactMap { record in
    guard record.owner == name, case .address(let address) = record.content else { return nil }
    return address
  }
}
