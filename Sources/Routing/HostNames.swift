// What this host is called, besides its domains: SMTP_HOSTNAME, and what programs of this machine write for it. Mail of
// these programs to such a name is ours; nobody else can mean this host by them.

import Octets
import SMTP

public struct HostNames: Sendable {
  public let hostname: [UInt8]
  /// In lower case, without `hostname`.
  public let others: [[UInt8]]

  /// `more` are names from elsewhere: /etc/mailname, the name that the kernel has. What is no name is left out.
  public init(_ hostname: [UInt8], more: [[UInt8]] = []) {
    let own = hostname.lowercased()
    self.hostname = own
    var others = [
      "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4", "localhost6",
      "localhost6.localdomain6", "ip6-localhost", "ip6-loopback",
    ].map { Array($0.utf8) }
    if let dot = own.firstIndex(of: UInt8(ascii: ".")) {
      others.append(Array("localhost".utf8) + own[dot...])
    }
    others += more.compactMap { Configuration.domain($0) }
    self.others = others.filter { $0 != own }
  }

  /// Whether a domain is one of these names.
  public func has(_ domain: ArraySlice<UInt8>) -> Bool {
    guard let domain = aLabelDomain(domain), !domain.isEmpty else { return false }
    return domain == hostname || others.contains(domain)
  }
}
