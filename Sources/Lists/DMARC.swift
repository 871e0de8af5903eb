// Whether the author's domain wants mail refused that a list sends on in the author's name.

import DNS
import SMTP

/// The domains above the author's that are asked, at most. There is no need to know which one belongs to whom: the
/// first that has a policy decides (RFC 7489 §6.6.3 asks one of them, by a list of all registries).
private let mostParents = 4

/// `answer` is the octets of the DNS's answer for the texts of a name, nil if there are none.
func asksToRefuse<Failure>(
  _ author: Mailbox, _ answer: ([UInt8]) throws(Failure) -> [UInt8]?
) throws(Failure) -> Bool {
  guard let domain = aLabelDomain(author.domain) else { return false }
  var labels = domain.split(separator: UInt8(ascii: "."))[...]
  var isParent = false
  for _ in 0...mostParents {
    guard labels.count >= 2 else { return false }
    let name = Array("_dmarc.".utf8) + Array(labels.joined(separator: [UInt8(ascii: ".")]))
    if let policy = try answer(name).flatMap(policy) {
      return (isParent ? policy.subdomains : policy.domain) != .none
    }
    labels.removeFirst()
    isParent = true
  }
  return false
}

/// The policy in an answer; nil unless it has exactly one.
private func policy(_ answer: [UInt8]) -> DMARCPolicy? {
  let policies = (records(in: answer.span) ?? []).compactMap { record in
    if case .text(let text) = record.content { DMARCPolicy(text) } else { nil }
  }
  return policies.count == 1 ? policies[0] : nil
}
