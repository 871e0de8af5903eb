// Asks the DNS whether the author's domain wants mail refused that a list sends on in the author's name.

import DNS
import POSIX
import SMTP

enum DMARC {
  /// The domains above the author's that are asked, at most. There is no need to know which one belongs to whom: the
  /// first that has a policy decides (RFC 7489 §6.6.3 asks one of them, by a list of all registries).
  private static let mostParents = 4

  static func asksToRefuse(_ author: Mailbox) throws(Resolver.Failure) -> Bool {
    guard let domain = aLabelDomain(author.domain) else { return false }
    var labels = domain.split(separator: UInt8(ascii: "."))[...]
    var isParent = false
    for _ in 0...mostParents {
      guard labels.count >= 2 else { return false }
      if let policy = try policy(of: Array(labels.joined(separator: [UInt8(ascii: ".")]))) {
        return (isParent ? policy.subdomains : policy.domain) != .none
      }
      labels.removeFirst()
      isParent = true
    }
    return false
  }

  private static func policy(of domain: [UInt8]) throws(Resolver.Failure) -> DMARCPolicy? {
    let answer: [UInt8]
    do throws(Resolver.Failure) {
      answer = try Resolver().query(Array("_dmarc.".utf8) + domain, type: RecordType.txt.rawValue)
    } catch .noSuchName, .noData {
      return nil
    }
    let policies = (records(in: answer.span) ?? []).compactMap { record in
      if case .text(let text) = record.content { DMARCPolicy(text) } else { nil }
    }
    return policies.count == 1 ? policies[0] : nil
  }
}
