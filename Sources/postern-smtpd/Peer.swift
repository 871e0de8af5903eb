// Finds out who the peer is. The first source in this table that has an address counts.
//
//     the PROXY header                with --proxy
//     getpeername(0)                  if descriptor 0 is an internet socket; with --tls this comes last,
//                                     because the socket may then lead to the TLS front
//     REMOTE_ADDR, REMOTE_PORT        systemd Accept=yes
//     TCPREMOTEIP, TCPREMOTEPORT      ucspi: tcpserver, ipsvd, s6
//     SOCAT_PEERADDR, SOCAT_PEERPORT  socat
//     REMOTE_HOST, REMOTE_PORT        xinetd, stunnel exec

import POSIX
import PROXY
import Serving

extension Peer {
  private static let variables: [(address: StaticString, port: StaticString)] = [
    ("REMOTE_ADDR", "REMOTE_PORT"), ("TCPREMOTEIP", "TCPREMOTEPORT"),
    ("SOCAT_PEERADDR", "SOCAT_PEERPORT"), ("REMOTE_HOST", "REMOTE_PORT"),
  ]

  /// Behind a TLS front a socket leads to the front, so it is asked last. (stunnel connects itself and the program of
  /// `exec` by a pair of internet sockets.)
  static func find(isBehindTLS: Bool) -> Peer {
    let unknown = Peer(address: nil, port: nil, source: "nothing")
    return isBehindTLS
      ? fromEnvironment() ?? fromSocket() ?? unknown
      : fromSocket() ?? fromEnvironment() ?? unknown
  }

  /// The program that hands mail in with `--local`: who has connected the socket or, where it is none, who runs this
  /// process. Nil if it came by a network.
  static func findLocal() -> Peer? {
    if IPAddress.peer(of: 0) != nil { return nil }
    if let uid = Process.peerUser(of: 0) {
      return Peer(address: nil, port: nil, uid: uid, source: "SO_PEERCRED")
    }
    return Peer(address: nil, port: nil, uid: Process.user, source: "getuid")
  }

  private static func fromSocket() -> Peer? {
    guard let (address, port) = IPAddress.peer(of: 0) else { return nil }
    return Peer(address: address, port: Int(port), source: "getpeername")
  }

  private static func fromEnvironment() -> Peer? {
    for (address, port) in variables {
      guard let text = Process.environment(address), let ip = IPAddress(text) else { continue }
      let number = Process.environment(port).flatMap { UInt16($0) }
      return Peer(address: ip, port: number.map(Int.init), source: address)
    }
    return nil
  }

  /// The peer that a PROXY header names; nil if the address is malformed.
  init?(_ header: ProxyHeader, isBehindTLS: Bool) {
    switch header.source {
    case nil: self = Peer.find(isBehindTLS: isBehindTLS)
    case .local: self.init(address: nil, port: nil, source: "PROXY")
    case .octets(let octets, let port):
      self.init(address: IPAddress(octets: octets), port: Int(port), source: "PROXY")
    case .text(let text, let port):
      guard let address = IPAddress(text) else { return nil }
      self.init(address: address, port: Int(port), source: "PROXY")
    }
  }

  /// Variables that tell stunnel, and the session that it starts, who this peer is; nil if they cannot be made. The hash of
  /// a password that the environment contains in clear text takes its place. A cheap hash is enough, because everybody who
  /// can see it could see the password before.
  func environment(hiding password: String?) -> [String: String?]? {
    var variables = ["REMOTE_ADDR": address?.text, "REMOTE_PORT": port.map { String($0) }]
    if let password {
      guard let hash = PasswordHash.make([UInt8](password.utf8), scheme: "$5$", cost: 1000) else {
        return nil
      }
      variables["SMTP_PASSWORD"] = hash
    }
    return variables
  }
}
