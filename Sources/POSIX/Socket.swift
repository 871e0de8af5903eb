// Sockets of a client: connections to internet addresses and to UNIX sockets, pairs, and a UNIX socket that
// another program connects to.

import CSystem

/// Where a connection leads.
public enum SocketAddress: Equatable, Sendable {
  case internet(IPAddress, port: UInt16)
  /// The path of a UNIX socket.
  case unix(String)

  /// Calls `body` with the structure that the C library has for it; nil if a path is too long.
  fileprivate func with<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result? {
    switch self {
    case .internet(let address, let port):
      if address.isIPv6 {
        var value = sockaddr_in6()
        value.sin6_family = sa_family_t(AF_INET6)
        value.sin6_port = port.bigEndian
        guard unsafe inet_pton(AF_INET6, address.text, &value.sin6_addr) == 1 else { return nil }
        return unsafe Self.erase(&value, body)
      }
      var value = sockaddr_in()
      value.sin_family = sa_family_t(AF_INET)
      value.sin_port = port.bigEndian
      guard unsafe inet_pton(AF_INET, address.text, &value.sin_addr) == 1 else { return nil }
      return unsafe Self.erase(&value, body)
    case .unix(let path):
      var value = sockaddr_un()
      let octets = [UInt8](path.utf8)
      guard octets.count < MemoryLayout.size(ofValue: value.sun_path) else { return nil }
      value.sun_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &value.sun_path) { unsafe $0.copyBytes(from: octets) }
      return unsafe Self.erase(&value, body)
    }
  }

  private static func erase<Value, Result>(
    _ value: inout Value, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    unsafe withUnsafeBytes(of: &value) { memory in
      unsafe body(
        memory.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(memory.count))
    }
  }

  fileprivate var family: CInt {
    switch self {
    case .internet(let address, _): address.isIPv6 ? AF_INET6 : AF_INET
    case .unix: AF_UNIX
    }
  }
}

/// Two sockets that are connected to each other.
public struct SocketPair: ~Copyable {
  public let first: FileDescriptor
  public let second: FileDescriptor

  /// Gives up both: the first, and in `other` the second.
  public consuming func split(_ other: inout FileDescriptor?) -> FileDescriptor {
    other = .some(second)
    return first
  }
}

public enum Socket {
  /// connect(2), for which there is until `deadline`; SIGTERM ends it too.
  public static func connect(
    to address: SocketAddress, until deadline: Deadline, termination: Termination
  ) throws(Interruption) -> FileDescriptor {
    let socket = try start(address, until: deadline, termination: termination)
    try wait(
      for: CInt(POLLOUT), on: socket, until: deadline, termination: termination)
    var error: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    unsafe getsockopt(socket.number, SOL_SOCKET, SO_ERROR, &error, &length)
    if error != 0 { throw .failed(SystemError("connect", number: error)) }
    if case .internet = address {
      // Replies and commands are short, and somebody waits for each.
      var on: CInt = 1
      unsafe setsockopt(
        socket.number, CInt(IPPROTO_TCP), TCP_NODELAY, &on,
        socklen_t(MemoryLayout<CInt>.size))
    }
    return socket
  }

  /// A socket whose connection is being made. A UNIX socket that has as many connections waiting as it may have is asked
  /// again: the kernel makes only those wait who may be blocked.
  private static func start(
    _ address: SocketAddress, until deadline: Deadline, termination: Termination
  ) throws(Interruption) -> FileDescriptor {
    while true {
      do throws(Interruption) { return try start(address) } catch {
        guard error == .failed(.wouldBlock) else { throw error }
      }
      if deadline.hasPassed { throw .timeout }
      var polled = pollfd(fd: termination.descriptor, events: Int16(POLLIN), revents: 0)
      if unsafe poll(&polled, 1, 10) > 0 { throw .terminated }
    }
  }

  private static func start(_ address: SocketAddress) throws(Interruption) -> FileDescriptor {
    do throws(SystemError) {
      let socket = try make(
        address.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue))
      let result = unsafe address.with { unsafe CSystem.connect(socket.number, $0, $1) }
      guard let result else { throw SystemError(call: "connect", errno: .invalidArgument) }
      if result == -1, postern_errno() != EINPROGRESS { throw .last("connect") }
      return socket
    } catch {
      throw .failed(error)
    }
  }

  /// Two sockets that are connected to each other.
  public static func pair() throws(SystemError) -> SocketPair {
    var ends: [CInt] = [-1, -1]
    try once("socketpair") {
      unsafe socketpair(
        AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends)
    }
    return SocketPair(first: FileDescriptor(ends[0]), second: FileDescriptor(ends[1]))
  }

  /// A UNIX socket that waits for connections at a path.
  public static func listener(at path: String) throws(SystemError) -> FileDescriptor {
    let socket = try make(AF_UNIX, CInt(SOCK_STREAM.rawValue))
    let bound = unsafe SocketAddress.unix(path).with { unsafe bind(socket.number, $0, $1) }
    guard let bound else { throw SystemError(call: "bind", errno: .invalidArgument) }
    try once("bind") { bound }
    try once("listen") { listen(socket.number, 1) }
    return socket
  }

  /// Whether an address is one of this host's: from there a packet to it would be sent.
  public static func isOwn(_ address: IPAddress) -> Bool {
    if address.text == "0.0.0.0" || address.text == "::" || address.text == "::1"
      || (!address.isIPv6 && address.text.hasPrefix("127."))
    {
      return true
    }
    let destination = SocketAddress.internet(address, port: 25)
    guard let socket = try? make(destination.family, CInt(SOCK_DGRAM.rawValue)),
      unsafe destination.with({ unsafe CSystem.connect(socket.number, $0, $1) }) == 0,
      let own = IPAddress.own(of: socket.number)
    else { return false }
    return own == address
  }

  private static func make(_ family: CInt, _ type: CInt) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      try retrying("socket") { socket(family, type | CInt(SOCK_CLOEXEC.rawValue), 0) })
  }
}

extension Socket {
  /// Waits until an event of poll(2) happens. That the other end of the descriptor `peer` is closed is a failure.
  fileprivate static func wait(
    for event: CInt, on socket: borrowing FileDescriptor, until deadline: Deadline,
    termination: Termination, peer: CInt = -1
  ) throws(Interruption) {
    var polled: [3 of pollfd] = [
      pollfd(fd: termination.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket.number, events: Int16(event), revents: 0),
      pollfd(fd: peer, events: 0, revents: 0),
    ]
    while true {
      var span = polled.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 3, deadline.remainingMilliseconds)
      }
      if count < 0, postern_errno() != EINTR { throw .failed(.last("poll")) }
      if polled[0].revents != 0 { throw .terminated }
      if polled[1].revents != 0 { return }
      if polled[2].revents != 0 { throw .failed(.connectionReset) }
      if deadline.hasPassed { throw .timeout }
    }
  }
}

extension FileDescriptor {
  /// accept(2), for which there is until `deadline`, or until whoever has the other end of `peer` closes it.
  public func accept(
    until deadline: Deadline, termination: Termination, unlessEnded peer: borrowing FileDescriptor
  ) throws(Interruption) -> FileDescriptor {
    try Socket.wait(
      for: CInt(POLLIN), on: self, until: deadline, termination: termination, peer: peer.number)
    do throws(SystemError) {
      return FileDescriptor(
        try retrying("accept") { postern_accept(number) })
    } catch {
      throw .failed(error)
    }
  }
}
