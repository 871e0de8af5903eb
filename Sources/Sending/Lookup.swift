// What the order of hosts wants to know of the DNS and of this machine (Hosts/HostOrder.swift). What it leaves to chance is
// shuffled here.

import DNS
import Hosts
import POSIX
import SMTP

extension HostOrder {
  mutating func lookUpExchangers(of domain: [UInt8]) {
    do throws(Resolver.Failure) {
      let exchangers = MailExchangers(try Self.records(of: domain, .mx), of: domain)
      if case .hosts(let groups) = exchangers {
        take(.hosts(groups.map { $0.shuffled() }))
      } else {
        take(exchangers)
      }
    } catch {
      switch error {
      case .noSuchName: fail(.noSuchDomain)
      case .noData: take(.domain)
      case .temporary: fail(.lookupFailed)
      }
    }
  }

  mutating func lookUpAddresses(of name: [UInt8], _ naming: Naming) {
    do throws(Resolver.Failure) {
      let addresses = try Self.addresses(of: name, naming)
      let isOwn = naming == .exchanger && addresses.contains(where: Socket.isOwn)
      take(addresses.map { $0.text }, isOwn: isOwn)
    } catch {
      if error == .temporary { fail(.lookupFailed) } else { take([], isOwn: false) }
    }
  }

  /// A server that the configuration names is looked for as the resolver's own search does it.
  private static func addresses(
    of name: [UInt8], _ naming: Naming
  ) throws(Resolver.Failure) -> [IPAddress] {
    if let address = IPAddress(String(decoding: name, as: UTF8.self)) { return [address] }
    switch naming {
    case .literal: throw .noSuchName
    case .exchanger: return try addresses(of: name)
    case .configuration: break
    }
    let bare = name.last == UInt8(ascii: ".") ? Array(name.dropLast()) : name
    let known = HostsFile.addresses(of: bare)
    if !known.isEmpty { return known }
    if bare.elementsEqual("localhost".utf8) {
      return ["127.0.0.1", "::1"].compactMap { IPAddress($0) }
    }
    var last = Resolver.Failure.noSuchName
    for completion in Resolver.completions(of: name) {
      do throws(Resolver.Failure) {
        return try addresses(of: aLabelDomain(completion[...]) ?? completion)
      } catch {
        if error == .temporary { throw error }
        last = error
      }
    }
    throw last
  }

  /// The addresses of both families in turn.
  private static func addresses(of name: [UInt8]) throws(Resolver.Failure) -> [IPAddress] {
    var families: [[[UInt8]]] = []
    var failure = Resolver.Failure.noSuchName
    for type in [RecordType.aaaa, .a] {
      do throws(Resolver.Failure) {
        families.append(DNS.addresses(of: name, in: try records(of: name, type)).shuffled())
      } catch {
        if failure != .temporary { failure = error }
      }
    }
    let addresses = inTurn(families).compactMap { IPAddress(octets: $0) }
    if addresses.isEmpty { throw failure }
    return addresses
  }

  private static func records(
    of name: [UInt8], _ type: RecordType
  ) throws(Resolver.Failure) -> [Record] {
    let answer = try Resolver().query(name, type: type.rawValue)
    guard let records = DNS.records(in: answer.span) else { throw .temporary }
    return records
  }
}
