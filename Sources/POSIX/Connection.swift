// The stream a session runs on: standard input and output, with deadlines, and SIGTERM as
// something that can be waited for.

import CSystem

public struct Connection: ~Copyable {
  private let input: FileDescriptor
  private let output: FileDescriptor
  private let termination: FileDescriptor
  /// Whether `output` has turned out to be something other than a socket.
  private var outputIsSocket = true

  /// Why the peer was waited for in vain.
  public enum Interruption: Error, Equatable {
    /// The deadline has passed.
    case timeout
    /// SIGTERM has come.
    case terminated
    /// The peer sends no more.
    case endOfInput
    /// The connection is broken.
    case failed(Errno)
  }

  /// Takes over the descriptors 0 and 1. SIGTERM, SIGPIPE and SIGXFSZ are blocked from here on:
  /// the first is read as data and so never interrupts the storing of a message, the others are
  /// errors of the call, EPIPE and EFBIG.
  public init() throws(Errno) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe sigaddset(&signals, SIGXFSZ)
    _ = try retrying { unsafe sigprocmask(SIG_BLOCK, &signals, nil) }
    unsafe sigdelset(&signals, SIGPIPE)
    unsafe sigdelset(&signals, SIGXFSZ)
    let number = try retrying { unsafe postern_signalfd(&signals) }
    termination = FileDescriptor(number)
    input = FileDescriptor(STDIN_FILENO)
    output = FileDescriptor(STDOUT_FILENO)
  }

  /// SIGTERM, for a caller that waits for something other than the peer.
  public var terminated: Termination { Termination(descriptor: termination.number) }

  /// Appends to `buffer` what has arrived, at most `count` octets, and gives how many those are.
  public func read(
    into buffer: inout [UInt8], atMost count: Int, until deadline: Deadline
  ) throws(Interruption) -> Int {
    // Input that is always there is no reason to go on reading it.
    if deadline.hasPassed { throw .timeout }
    try wait(for: POLLIN, on: input.number, until: deadline)
    let got = try reporting { () throws(Errno) in try input.read(into: &buffer, atMost: count) }
    if got == 0 { throw .endOfInput }
    return got
  }

  /// Writes all of `octets` and takes them out; those that were not written when this throws stay
  /// there. A peer that does not read keeps it no longer than to the deadline.
  public mutating func write(
    _ octets: inout [UInt8], until deadline: Deadline
  ) throws(Interruption) {
    var written = 0
    defer { octets.removeFirst(written) }
    while written < octets.count {
      let rest = octets.span.extracting(written...)
      if !outputIsSocket, rest.count > Int(PIPE_BUF), let count = output.writeNow(rest) {
        written += count
        continue
      }
      if outputIsSocket {
        do throws(Errno) {
          if let sent = try output.sendNow(rest) {
            written += sent
            continue
          }
        } catch .notSocket {
          outputIsSocket = false
        } catch {
          throw .failed(error)
        }
      }
      try wait(for: POLLOUT, on: output.number, until: deadline)
      if outputIsSocket { continue }
      // A pipe that is ready takes PIPE_BUF octets without blocking (pipe(7)).
      let piece = rest.extracting(first: min(rest.count, Int(PIPE_BUF)))
      written += try reporting { () throws(Errno) in try output.writeSome(piece) }
    }
  }

  /// Ends the output and passes over what still comes, also after SIGTERM: a socket that is closed with input
  /// unread is reset, and a reset takes from the peer what it has not read. Does nothing for a pipe.
  public func linger(until deadline: Deadline) {
    guard shutdown(output.number, CInt(SHUT_WR)) == 0 else { return }
    var passedOver: [UInt8] = []
    passedOver.reserveCapacity(4096)
    var polled = pollfd(fd: input.number, events: Int16(POLLIN), revents: 0)
    while !deadline.hasPassed {
      if unsafe poll(&polled, 1, deadline.remainingMilliseconds) <= 0 { continue }
      guard let count = try? input.read(into: &passedOver, atMost: 4096), count > 0 else { return }
      passedOver.removeAll(keepingCapacity: true)
    }
  }

  /// Whether nothing comes from the peer until the deadline, the end of its output included.
  public func isQuiet(until deadline: Deadline) throws(Interruption) -> Bool {
    do throws(Interruption) {
      try wait(for: POLLIN, on: input.number, until: deadline)
      return false
    } catch .timeout {
      return true
    }
  }

  /// Waits for nothing but the deadline.
  public func pause(until deadline: Deadline) throws(Interruption) {
    do throws(Interruption) { try wait(for: 0, on: -1, until: deadline) } catch .timeout {}
  }

  private func wait(
    for event: CInt, on descriptor: CInt, until deadline: Deadline
  ) throws(Interruption) {
    var polled: [2 of pollfd] = [
      pollfd(fd: descriptor, events: Int16(event), revents: 0),
      pollfd(fd: termination.number, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let ready: CInt
      var span = polled.mutableSpan
      ready = unsafe span.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, 2, deadline.remainingMilliseconds)
      }
      if ready < 0, postern_errno() != EINTR { throw .failed(.current) }
      if ready > 0 { break }
      if deadline.hasPassed { throw .timeout }
    }
    // What can be written at once is written before the end: it may be the reply to a message that
    // is stored.
    if polled[1].revents != 0, event != POLLOUT || polled[0].revents == 0 { throw .terminated }
  }

  private func reporting<Value>(_ call: () throws(Errno) -> Value) throws(Interruption) -> Value {
    do throws(Errno) { return try call() } catch { throw .failed(error) }
  }
}
