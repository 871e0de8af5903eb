// Connections that the configuration names, made before a session gives up its rights.

import POSIX

enum Neighbour {
  /// Seconds that a connection may take to be made: every client waits for its greeting meanwhile.
  static let connectTime = 5

  /// To a UNIX socket.
  static func connect(
    _ path: String, until deadline: Deadline
  ) throws(Interruption) -> FileDescriptor {
    try Socket.connect(to: .unix(path), until: deadline, termination: .never)
  }

  /// To an address, or to a name in /etc/hosts: a session asks no DNS.
  static func connect(
    _ name: [UInt8], _ port: UInt16, until deadline: Deadline
  ) throws(Interruption) -> FileDescriptor {
    let address = IPAddress(String(decoding: name, as: UTF8.self))
    var interruption = Interruption.failed(.noSuchFile)
    for address in address.map({ [$0] }) ?? HostsFile.addresses(of: name) {
      do throws(Interruption) {
        return try Socket.connect(
          to: .internet(address, port: port), until: deadline, termination: .never)
      } catch {
        interruption = error
      }
    }
    throw interruption
  }
}
