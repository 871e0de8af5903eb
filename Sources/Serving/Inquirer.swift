// The server that a session asks about each recipient of one route (`?ask`), so that whoever does not exist there is refused
// before the message comes. It is connected to before the session gives up its rights.

public import Hosts
import POSIX
import SMTP

public final class Inquirer {
  let server: ServerURL
  /// Nil if there is no connection.
  private var socket: FileDescriptor?
  private var inquiry: Inquiry
  /// What has gone wrong; nil: nothing.
  private(set) var failure: String?

  /// Seconds that an answer may take.
  private static let patience = 30

  /// Connects to the server. Where that fails it says `unknown` of every recipient.
  public init(_ server: ServerURL, hostname: [UInt8]) {
    self.server = server
    inquiry = Inquiry(hostname: hostname, isLMTP: server.isLMTP)
    do throws(Interruption) {
      let deadline = Deadline(inSeconds: Neighbour.connectTime)
      switch server.place {
      case .socket(let path): socket = .some(try Neighbour.connect(path, until: deadline))
      case .host(let name, let port):
        socket = .some(try Neighbour.connect(name, port, until: deadline))
      }
    } catch {
      socket = nil
      failure = error.reason
    }
  }

  /// The server, for the log.
  var name: [UInt8] {
    switch server.place {
    case .host(let name, port: _): name
    case .socket(let path): Array(path.utf8)
    }
  }

  func ask(from sender: ReversePath, for recipient: Mailbox, isUTF8: Bool) -> Inquiry.Answer {
    inquiry.ask(from: sender, for: recipient, isUTF8: isUTF8)
    guard let socket = socket.take() else { return .unknown }
    do throws(Interruption) {
      let answer = try converse(over: socket, until: Deadline(inSeconds: Self.patience))
      self.socket = consume socket
      return answer
    } catch {
      failure = error.reason
      return .unknown
    }
  }

  private func converse(
    over socket: borrowing FileDescriptor, until deadline: Deadline
  ) throws(Interruption) -> Inquiry.Answer {
    var input: [UInt8] = []
    while true {
      if let answer = inquiry.take(input.span) { return answer }
      input.removeAll(keepingCapacity: true)
      let output = inquiry.output
      inquiry.clearOutput()
      do throws(SystemError) {
        if !output.isEmpty { try socket.write(output.span) }
      } catch {
        throw .failed(error)
      }
      var poll = Poll()
      poll.add(socket, reading: true, writing: false)
      try poll.wait(until: deadline)
      do throws(SystemError) {
        if try socket.read(into: &input, atMost: 4096) > 0 { continue }
      } catch {
        throw .failed(error)
      }
      throw .endOfInput
    }
  }
}
