// One milter's socket, with deadlines. What goes over it is in Milters.swift.

import Milter
import POSIX

/// The connection to a milter.
final class MilterConnection {
  let address: MilterAddress
  private var socket: FileDescriptor?
  /// What came while something was written.
  private var early: [UInt8] = []

  /// Octets that a milter may say while it is told something.
  private static let earlyLimit = 65_536

  init(_ address: MilterAddress) { self.address = address }

  var isOpen: Bool {
    switch socket {
    case .some: true
    case .none: false
    }
  }

  func connect() throws(Interruption) {
    let deadline = Deadline(inSeconds: Neighbour.connectTime)
    switch address.place {
    case .socket(let path):
      socket = .some(
        try Neighbour.connect(String(decoding: path, as: UTF8.self), until: deadline))
    case .host(let name, let port):
      socket = .some(try Neighbour.connect(name, port, until: deadline))
    }
  }

  func close() { socket = nil }

  /// Writes, and then reads what there is, at least an octet.
  func exchange(_ output: [UInt8], until deadline: Deadline) throws(Interruption) -> [UInt8] {
    try tell(output, until: deadline)
    var octets = early
    early = []
    if octets.isEmpty {
      try wait(writing: false, until: deadline)
      try read(into: &octets, atMost: 65_536)
    }
    return octets
  }

  /// Writes all of it. What the milter says meanwhile is read, so that neither waits for the other.
  func tell(_ output: [UInt8], until deadline: Deadline) throws(Interruption) {
    var position = 0
    while position < output.count {
      if try wait(writing: true, until: deadline) {
        position += try send(output.span.extracting(position...))
      } else {
        try read(into: &early, atMost: Self.earlyLimit - early.count)
      }
    }
  }

  /// Waits until something can be written, or read; says whether it can be written.
  @discardableResult
  private func wait(writing: Bool, until deadline: Deadline) throws(Interruption) -> Bool {
    var poll = Poll()
    switch socket {
    case .some(let socket):
      poll.add(socket, reading: early.count < Self.earlyLimit, writing: writing)
    case .none: throw .endOfInput
    }
    try poll.wait(until: deadline)
    return writing && poll.isWritable(0)
  }

  private func send(_ octets: Span<UInt8>) throws(Interruption) -> Int {
    do throws(SystemError) {
      switch socket {
      case .some(let socket): return try socket.sendNow(octets) ?? 0
      case .none: throw SystemError.brokenPipe
      }
    } catch {
      throw .failed(error)
    }
  }

  private func read(into octets: inout [UInt8], atMost count: Int) throws(Interruption) {
    do throws(SystemError) {
      switch socket {
      case .some(let socket):
        if try socket.read(into: &octets, atMost: count) > 0 { return }
      case .none: break
      }
    } catch {
      throw .failed(error)
    }
    throw .endOfInput
  }
}
