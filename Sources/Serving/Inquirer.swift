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
  /// Seconds that the connection may take to be made: every client waits for its greeting meanwhile.
  private static let connectTime = 5

  /// Connects to the server. Where that fails it says `unknown` of every recipient.
  public init(_ server: ServerURL, hostname: [UInt8]) {
    self.server = server
    inquiry = Inquiry(hostname: hostname, isLMTP: server.isLMTP)
    do throws(Interruption) {
      socket = .some(try Self.connect(to: server.place))
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

  private static func connect(to place: ServerURL.Place) throws(Interruption) -> FileDescriptor {
    let deadline = Deadline(inSeconds: connectTime)
    switch place {
    case .socket(let path):
      return try Socket.connect(to: .unix(path), until: deadline, termination: .never)
    case .host(let name, let port):
      var interruption = Interruption.failed(.noSuchFile)
      for address in addresses(of: name) {
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

  /// An address, or a name in /etc/hosts: a session asks no DNS.
  private static func addresses(of name: [UInt8]) -> [IPAddress] {
    if let address = IPAddress(String(decoding: name, as: UTF8.self)) { return [address] }
    return HostsFile.addresses(of: name)
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
