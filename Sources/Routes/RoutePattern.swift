// Whom a route is for: what stands in front of the colon in a line of SMTP_ROUTES. The most specific line counts, in this
// order:
//
//     user@domain     one address; with a tag, the address with just this tag
//     domain          every address at the domain
//     .domain         every address strictly below the domain
//     *               every domain that is not ours

import Octets
import SMTP

public enum RoutePattern: Hashable, Sendable {
  /// As in `LocalAddress`.
  case address(localPart: [UInt8], domain: [UInt8])
  /// As `Configuration.domain` makes it.
  case domain([UInt8])
  case below([UInt8])
  case elsewhere

  /// Nil if the text is no pattern.
  public init?(_ text: [UInt8]) {
    // An address may end in a dot. The search looks for patterns as they are usually written.
    if text.last == UInt8(ascii: ".") { return nil }
    if text == [UInt8(ascii: "*")] {
      self = .elsewhere
    } else if text.first == UInt8(ascii: ".") {
      guard let domain = Configuration.domain(Array(text.dropFirst())) else { return nil }
      self = .below(domain)
    } else if let domain = Configuration.domain(text) {
      self = .domain(domain)
    } else {
      guard let mailbox = Mailbox(text), !mailbox.domain.isEmpty,
        let address = LocalAddress(mailbox)
      else { return nil }
      self = .address(localPart: address.localPart, domain: address.domain)
    }
  }

  /// The pattern as it is written with ASCII and without quotes, in lower case.
  var octets: [UInt8] {
    switch self {
    case .address(let localPart, let domain): localPart + [.at] + domain
    case .domain(let domain): domain
    case .below(let domain): [UInt8(ascii: ".")] + domain
    case .elsewhere: [UInt8(ascii: "*")]
    }
  }

  /// The patterns that fit an address, the most specific first. `isOurs` says whether its domain is one of ours.
  static func fitting(_ address: LocalAddress, isOurs: Bool) -> [RoutePattern] {
    let domain = address.domain
    var patterns: [RoutePattern] = [.address(localPart: address.localPart, domain: domain)]
    if let untagged = address.untagged {
      patterns.append(.address(localPart: untagged, domain: domain))
    }
    patterns.append(.domain(domain))
    for dot in domain.indices
    where domain[dot] == UInt8(ascii: ".") && domain.first != UInt8(ascii: "[") {
      patterns.append(.below(Array(domain[(dot + 1)...])))
    }
    if !isOurs { patterns.append(.elsewhere) }
    return patterns
  }
}
