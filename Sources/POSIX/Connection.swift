// The connection of a session: mostly standard input and output, with deadlines. Waiting for the peer ends early when SIGTERM
// comes.

import CSystem

public struct Connection: ~Copyable {
  private let input: FileDescriptor
  private let output: FileDescriptor
  private let termination: FileDescriptor
  /// Whether `output` has turned out to be something other than a socket.
  private var outputIsSocket = true

  /// Takes over two descriptors, and blocks SIGTERM, SIGPIPE and SIGXFSZ from here on. SIGTERM is read from a
  /// signalfd(2), so it never interrupts the storing of a message. In the place of the two others the call that caused
  /// them fails, with EPIPE or EFBIG.
  public init(input: CInt = 0, output: CInt = 1) throws(SystemError) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe sigaddset(&signals, SIGXFSZ)
    _ = try retrying("sigprocmask") { unsafe sigprocmask(SIG_BLOCK, &signals, nil) }
    unsafe sigdelset(&signals, SIGPIPE)
    unsafe sigdelset(&signals, SIGXFSZ)
    let number = try retrying("signalfd") { unsafe postern_signalfd(&signals) }
    termination = FileDescriptor(number)
    self.input = FileDescriptor(input)
    self.output = FileDescriptor(output)
  }

  /// SIGTERM, for a caller that waits for something other than the peer.
  public var terminated: Termination { Termination(termination) }

  /// Waits for input, appends at most `count` octets of it to `buffer`, and returns their number.
  public func read(
    into buffer: inout [UInt8], atMost count: Int, until deadline: Deadline
  ) throws(Interruption) -> Int {
    // A peer that sends without a pause must not be read beyond the deadline.
    if deadline.hasPassed { throw .timeout }
    try wait(for: POLLIN, on: input.number, until: deadline)
    let got = try reporting { () throws(SystemError) in try input.read(into: &buffer, atMost: count)
    }
    if got == 0 { throw .endOfInput }
    return got
  }

  /// Writes all of `octets` and removes them. If this throws, the octets that were not written stay. If the peer does
  /// not read, this waits until the deadline.
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
        do throws(SystemError) {
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
      written += try reporting { () throws(SystemError) in try output.writeSome(piece) }
    }
  }

  /// Ends the output, then reads and ignores input until the deadline, even after SIGTERM. If a socket is closed while
  /// it has unread input, the connection is reset, and the peer may lose output that it has not read yet. Does nothing
  /// for a pipe.
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

  /// Waits until the deadline; false if the peer sends something or closes its side before that.
  public func isQuiet(until deadline: Deadline) throws(Interruption) -> Bool {
    do throws(Interruption) {
      try wait(for: POLLIN, on: input.number, until: deadline)
      return false
    } catch .timeout {
      return true
    }
  }

  /// Waits until the deadline, whatever the peer does.
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
      if ready < 0, postern_errno() != EINTR { throw .failed(.last("poll")) }
      if ready > 0 { break }
      if deadline.hasPassed { throw .timeout }
    }
    // After SIGTERM, output that can be written at once is still written: it may be the reply to a message that has been
    // stored.
    if polled[1].revents != 0, event != POLLOUT || polled[0].revents == 0 { throw .terminated }
  }

  private func reporting<Value>(_ call: () throws(SystemError) -> Value) throws(Interruption)
    -> Value
  {
    do throws(SystemError) { return try call() } catch { throw .failed(error) }
  }
}
