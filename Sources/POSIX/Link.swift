// The connection of a client to a server: octets in both directions at once, with deadlines. A socket, to
// which later a TLS program (stunnel) can be added: then what is written goes to that program, and the link
// carries what the program says between it and the socket.
//
//     in clear text    client  <->  socket
//     in TLS           client  <->  plain <-> [stunnel] <-> tunnel  <->  socket

import CSystem

public struct Link: ~Copyable {
  /// Why the server was waited for in vain.
  public enum Interruption: Error, Equatable, Sendable {
    /// The deadline has passed.
    case timeout
    /// SIGTERM has come.
    case terminated
    /// The connection is broken.
    case failed(Errno)
  }

  /// Where clear text goes: the server, or the TLS program.
  private var client: FileDescriptor
  private let termination: CInt
  private var tunnel: Tunnel?

  fileprivate struct Tunnel: ~Copyable {
    /// TLS, to and from the TLS program.
    let encrypted: FileDescriptor
    let server: FileDescriptor
    fileprivate var outward = Pump()
    fileprivate var inward = Pump()
  }

  /// `termination` is a descriptor that can be read once SIGTERM has come (`Signals`); -1 never can.
  public init(_ socket: consuming FileDescriptor, termination: CInt) {
    client = socket
    self.termination = termination
  }

  /// From now on everything goes through a TLS program, which has `plain` as its standard input and output
  /// and `encrypted` as its connection.
  public mutating func startTLS(
    plain: consuming FileDescriptor, encrypted: consuming FileDescriptor
  ) {
    var server = plain
    swap(&client, &server)
    tunnel = Tunnel(encrypted: encrypted, server: server)
  }

  /// Writes `output` from `position` on, and advances that, until all has been written or something has
  /// arrived; what has is appended to `input`, at most `room` octets. Where all is written, or nothing is
  /// to be, waits until something arrives if `isWaiting`. Returns false once the server sends no more.
  public mutating func exchange(
    _ output: Span<UInt8>, from position: inout Int, into input: inout [UInt8], room: Int,
    isWaiting: Bool, until deadline: Deadline
  ) throws(Interruption) -> Bool {
    let before = input.count
    while true {
      if position < output.count {
        do throws(Errno) {
          position += try client.sendNow(output.extracting(position...)) ?? 0
        } catch .brokenPipe, .connectionReset {
          // What the server has said before it closed the connection is still to be read.
          return try receive(into: &input, atMost: room) > 0
        } catch {
          throw .failed(error)
        }
        if position == output.count, !isWaiting { return true }
      }
      if deadline.hasPassed { throw .timeout }
      let events = try wait(writing: position < output.count, reading: room > 0, until: deadline)
      tunnel?.carry(server: events.server, encrypted: events.encrypted)
      if events.canRead {
        let count = try receive(into: &input, atMost: room)
        if count == 0 { return false }
      }
      if input.count > before || (position == output.count && !isWaiting) { return true }
    }
  }

  /// The same, for a caller that keeps octets in arrays: a span of one property of a structure keeps the compiler from
  /// changing the others.
  public mutating func exchange(
    _ output: borrowing [UInt8], from position: inout Int, into input: inout [UInt8], room: Int,
    isWaiting: Bool, until deadline: Deadline
  ) throws(Interruption) -> Bool {
    try exchange(
      output.span, from: &position, into: &input, room: room, isWaiting: isWaiting, until: deadline)
  }

  private func receive(into input: inout [UInt8], atMost room: Int) throws(Interruption) -> Int {
    do throws(Errno) {
      return try client.read(into: &input, atMost: room)
    } catch .connectionReset {
      return 0
    } catch {
      throw .failed(error)
    }
  }
}

// Waiting.
extension Link {
  private struct Events {
    var canRead: Bool
    var server: Int16
    var encrypted: Int16
  }

  private mutating func wait(
    writing isWriting: Bool, reading isReading: Bool, until deadline: Deadline
  ) throws(Interruption) -> Events {
    let events = Int16((isWriting ? POLLOUT : 0) | (isReading ? POLLIN : 0))
    var polled: [4 of pollfd] = [
      pollfd(fd: termination, events: Int16(POLLIN), revents: 0),
      pollfd(fd: client.number, events: events, revents: 0),
      pollfd(fd: -1, events: 0, revents: 0),
      pollfd(fd: -1, events: 0, revents: 0),
    ]
    tunnel?.watch(&polled)
    while true {
      var span = polled.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 4, deadline.remainingMilliseconds)
      }
      if count < 0, postern_errno() != EINTR { throw .failed(.current) }
      if count > 0 { break }
      if deadline.hasPassed { throw .timeout }
    }
    if polled[0].revents != 0 { throw .terminated }
    return Events(
      canRead: isReading && polled[1].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0,
      server: polled[2].revents, encrypted: polled[3].revents)
  }
}

extension Link.Tunnel {
  /// Carries what the TLS program and the server say to each other.
  fileprivate mutating func carry(server: Int16, encrypted events: Int16) {
    inward.carry(from: self.server, server, to: encrypted)
    outward.carry(from: encrypted, events, to: self.server)
  }

  fileprivate mutating func watch(_ polled: inout [4 of pollfd]) {
    polled[2] = Self.poll(server, inward.readEvents | outward.writeEvents)
    polled[3] = Self.poll(encrypted, outward.readEvents | inward.writeEvents)
  }

  /// An end that is done with is left out, since it would be ready for ever.
  private static func poll(_ end: borrowing FileDescriptor, _ events: Int16) -> pollfd {
    pollfd(fd: events == 0 ? -1 : end.number, events: events, revents: 0)
  }
}

/// One direction between the TLS program and the server.
private struct Pump {
  private static let capacity = 65_536
  private var octets: [UInt8] = []
  private var position = 0
  private var hasEnded = false

  /// What poll(2) is to look for at the end that is read, and at the other.
  var readEvents: Int16 { !hasEnded && octets.isEmpty ? Int16(POLLIN) : 0 }
  var writeEvents: Int16 { octets.isEmpty ? 0 : Int16(POLLOUT) }

  /// An end that fails ends the direction; the other side then finds out by its end of file.
  mutating func carry(
    from source: borrowing FileDescriptor, _ sourceEvents: Int16,
    to target: borrowing FileDescriptor
  ) {
    if octets.isEmpty, !hasEnded, sourceEvents != 0 {
      let count = (try? source.read(into: &octets, atMost: Self.capacity)) ?? 0
      if count == 0 { end(target) }
    }
    guard !octets.isEmpty else { return }
    do throws(Errno) {
      position += try target.sendNow(octets.span.extracting(position...)) ?? 0
    } catch {
      octets.removeAll()
      position = 0
      end(target)
      return
    }
    if position == octets.count {
      octets.removeAll(keepingCapacity: true)
      position = 0
    }
  }

  private mutating func end(_ target: borrowing FileDescriptor) {
    hasEnded = true
    shutdown(target.number, CInt(SHUT_WR))
  }
}

extension Link {
  /// Waits until an event of poll(2) happens. That the other end of the descriptor `peer` is closed is a failure.
  static func wait(
    for event: CInt, on socket: borrowing FileDescriptor, until deadline: Deadline,
    termination: CInt, peer: CInt = -1
  ) throws(Interruption) {
    var polled: [3 of pollfd] = [
      pollfd(fd: termination, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket.number, events: Int16(event), revents: 0),
      pollfd(fd: peer, events: 0, revents: 0),
    ]
    while true {
      var span = polled.mutableSpan
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 3, deadline.remainingMilliseconds)
      }
      if count < 0, postern_errno() != EINTR { throw .failed(.current) }
      if polled[0].revents != 0 { throw .terminated }
      if polled[1].revents != 0 { return }
      if polled[2].revents != 0 { throw .failed(.connectionReset) }
      if deadline.hasPassed { throw .timeout }
    }
  }
}
