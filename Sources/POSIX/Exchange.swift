// Carries octets between standard input and output and a socket, both ways at once, until the other end of the socket
// has no more to say.

import CSystem

public struct Exchange: ~Copyable {
  private static let pieceSize = 65_536

  private let input = FileDescriptor(0)
  private let output = FileDescriptor(1)
  private let socket: FileDescriptor
  private var hasInputEnded = false
  /// What is on its way, each from `position` on.
  private var toSocket: [UInt8] = []
  private var toOutput: [UInt8] = []
  private var socketPosition = 0

  /// Takes standard input and output over.
  public init(with socket: consuming FileDescriptor) { self.socket = socket }

  /// Ends when the peer closes the socket. The end of standard input is told to the peer. Throws if something breaks.
  public mutating func run() throws(SystemError) {
    while true {
      let events = try wait()
      do throws(SystemError) {
        if events.canRead {
          if try socket.read(into: &toOutput, atMost: Self.pieceSize) == 0 { return }
          try output.write(toOutput.span)
          toOutput.removeAll(keepingCapacity: true)
        }
        if events.hasInput { try takeInput() }
        try send()
      } catch .connectionReset, .brokenPipe {
        return
      } catch .wouldBlock {
        continue
      }
    }
  }

  private mutating func takeInput() throws(SystemError) {
    if try input.read(into: &toSocket, atMost: Self.pieceSize) > 0 { return }
    hasInputEnded = true
    shutdown(socket.number, CInt(SHUT_WR))
  }

  private mutating func send() throws(SystemError) {
    guard !toSocket.isEmpty else { return }
    socketPosition += try socket.sendNow(toSocket.span.extracting(socketPosition...)) ?? 0
    guard socketPosition == toSocket.count else { return }
    toSocket.removeAll(keepingCapacity: true)
    socketPosition = 0
  }

  private func wait() throws(SystemError) -> (canRead: Bool, hasInput: Bool) {
    var polled: [2 of pollfd] = [
      pollfd(
        fd: socket.number, events: Int16(toSocket.isEmpty ? POLLIN : POLLIN | POLLOUT), revents: 0),
      pollfd(
        fd: toSocket.isEmpty && !hasInputEnded ? input.number : -1, events: Int16(POLLIN),
        revents: 0),
    ]
    var span = polled.mutableSpan
    _ = try retrying("poll") {
      unsafe span.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, 2, -1) }
    }
    return (polled[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, polled[1].revents != 0)
  }
}
