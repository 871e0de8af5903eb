// Who the peer is taken to be: the first source in this table that knows.
//
//     the PROXY header                with --proxy
//     getpeername(0)                  descriptor 0 is an internet socket; with --tls last, since the
//                                     socket then may be the TLS front's
//     REMOTE_ADDR, REMOTE_PORT        systemd Accept=yes
//     TCPREMOTEIP, TCPREMOTEPORT      ucspi: tcpserver, ipsvd, s6
//     SOCAT_PEERADDR, SOCAT_PEERPORT  socat
//     REMOTE_HOST, REMOTE_PORT        xinetd, stunnel exec

import POSIX
import PROXY
import SMTP

struct Peer {
  let address: IPAddress?
  let port: Int?
  /// Where this was found.
  let source: StaticString

  private static let variables: [(address: StaticString, port: StaticString)] = [
    ("REMOTE_ADDR", "REMOTE_PORT"), ("TCPREMOTEIP", "TCPREMOTEPORT"),
    ("SOCAT_PEERADDR", "SOCAT_PEERPORT"), ("REMOTE_HOST", "REMOTE_PORT"),
  ]

  /// Behind a TLS front the socket, if it is one, is the front's (stunnel's pair for `exec` is one of
  /// two internet sockets): there it is asked last.
  static func find(isBehindTLS: Bool) -> Peer {
    let unknown = Peer(address: nil, port: nil, source: "nothing")
    return isBehindTLS
      ? fromEnvironment() ?? fromSocket() ?? unknown
      : fromSocket() ?? fromEnvironment() ?? unknown
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

  /// What a PROXY header says; nil if its address is none.
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

  private init(address: IPAddress?, port: Int?, source: StaticString) {
    self.address = address
    self.port = port
    self.source = source
  }

  /// The environment in which another program, and a session that it starts, finds this peer.
  var environment: [String: String?] {
    ["REMOTE_ADDR": address?.text, "REMOTE_PORT": port.map { String($0) }]
  }

  /// As the session machine has it.
  func client(isTLS: Bool) -> Client {
    Client(
      address: address.map { [UInt8](($0.isIPv6 ? "IPv6:" + $0.text : $0.text).utf8) },
      isTLS: isTLS)
  }
}
