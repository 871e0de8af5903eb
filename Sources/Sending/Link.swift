// The connection of a client to a server: octets in both directions at once, with deadlines. A socket, to
// which later a TLS program (stunnel) can be added: then what is written goes to that program, and the link
// carries what the program says between it and the socket.
//
//     in clear text    client  <->  socket
//     in TLS           client  <->  plain <-> [stunnel] <-> encrypted  <->  socket

public import POSIX

public struct Link: ~Copyable {
  /// Where clear text goes: the server, or the TLS program.
  private var client: FileDescriptor
  private var termination: Termination
  private var detour: Detour?

  /// What the TLS program and the server say to each other.
  fileprivate struct Detour: ~Copyable {
    /// TLS, to and from the TLS program.
    let encrypted: FileDescriptor
    let server: FileDescriptor
    fileprivate var outward = Pump()
    fileprivate var inward = Pump()
  }

  public init(_ socket: consuming FileDescriptor, termination: Termination) {
    client = socket
    self.termination = termination
  }

  /// From now on SIGTERM ends no waiting.
  mutating func ignoreTermination() { termination = .never }

  /// From now on everything goes through a TLS program, which has `plain` as its standard input and output
  /// and `encrypted` as its connection.
  mutating func startTLS(
    plain: consuming FileDescriptor, encrypted: consuming FileDescriptor
  ) {
    var server = plain
    swap(&client, &server)
    detour = Detour(encrypted: encrypted, server: server)
  }

  /// Writes `output` from `position` on, and advances that, until all has been written or something has
  /// arrived; what has is appended to `input`, at most `room` octets. Where all is written, or nothing is
  /// to be, waits until something arrives if `isWaiting`.
  mutating func exchange(
    _ output: borrowing [UInt8], from position: inout Int, into input: inout [UInt8], room: Int,
    isWaiting: Bool, until deadline: Deadline
  ) throws(Interruption) {
    let before = input.count
    while true {
      if position < output.count {
        do throws(SystemError) {
          position += try client.sendNow(output.span.extracting(position...)) ?? 0
        } catch .brokenPipe, .connectionReset {
          // What the server has said before it closed the connection is still to be read.
          try receive(into: &input, atMost: room)
          if input.count == before { throw .endOfInput }
          return
        } catch {
          throw .failed(error)
        }
        if position == output.count, !isWaiting { return }
      }
      if deadline.hasPassed { throw .timeout }
      if try wait(writing: position < output.count, reading: room > 0, until: deadline) {
        try receive(into: &input, atMost: room)
      }
      if input.count > before || (position == output.count && !isWaiting) { return }
    }
  }

  /// Reads what is there now.
  private func receive(into input: inout [UInt8], atMost room: Int) throws(Interruption) {
    do throws(SystemError) {
      if try client.read(into: &input, atMost: room) > 0 { return }
    } catch .wouldBlock {
      return
    } catch .connectionReset {
    } catch {
      throw .failed(error)
    }
    throw .endOfInput
  }

  /// Waits until something can be done, and carries what the TLS program says; gives whether there is something to read.
  private mutating func wait(
    writing isWriting: Bool, reading isReading: Bool, until deadline: Deadline
  ) throws(Interruption) -> Bool {
    var poll = Poll()
    poll.add(termination)
    poll.add(client, reading: isReading, writing: isWriting)
    detour?.watch(&poll)
    try poll.wait(until: deadline)
    if poll.isReadable(0) { throw .terminated }
    detour?.carry(poll)
    return isReading && poll.isReadable(1)
  }
}

extension Link.Detour {
  fileprivate func watch(_ poll: inout Poll) {
    poll.add(server, reading: inward.wantsInput, writing: outward.hasOutput)
    poll.add(encrypted, reading: outward.wantsInput, writing: inward.hasOutput)
  }

  fileprivate mutating func carry(_ poll: Poll) {
    inward.carry(from: server, isReadable: poll.isReadable(2), to: encrypted)
    outward.carry(from: encrypted, isReadable: poll.isReadable(3), to: server)
  }
}

/// One direction between the TLS program and the server.
private struct Pump {
  private static let capacity = 65_536
  private var octets: [UInt8] = []
  private var position = 0
  private var hasEnded = false

  var wantsInput: Bool { !hasEnded && octets.isEmpty }
  var hasOutput: Bool { !octets.isEmpty }

  /// An end that fails ends the direction; the other side then finds out by its end of file.
  mutating func carry(
    from source: borrowing FileDescriptor, isReadable: Bool, to target: borrowing FileDescriptor
  ) {
    // The source may be ready to be written to alone, for the other direction: then there is nothing to read.
    if wantsInput, isReadable {
      do throws(SystemError) {
        if try source.read(into: &octets, atMost: Self.capacity) == 0 { end(target) }
      } catch .wouldBlock {
        return
      } catch {
        end(target)
      }
    }
    guard hasOutput else { return }
    do throws(SystemError) {
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
    target.shutDownWriting()
  }
}
