// The process of one connection, which is confined. It gets jobs from the client, each with the file of the message, and says
// what has become of each recipient (SenderLine.swift).

import Couriers
import Hosts
import Jobs
import POSIX
import SMTP

struct SenderProcess: ~Copyable {
  private let host: Host
  private let client: ClientEnd
  private var sender: Sender

  init(
    _ host: Host, over link: consuming Link, channel: consuming Channel,
    tunnel: consuming Tunnel.End?, _ configuration: Transport.Configuration,
    dialogue: Dialogue, termination: Termination
  ) {
    self.host = host
    client = ClientEnd(channel)
    var patience = Conversation.Patience()
    patience.reply = configuration.timeout
    patience.session = Deadline(inSeconds: configuration.sessionTimeout)
    sender = Sender(
      Conversation(
        host.session(hostname: configuration.hostname, password: configuration.password),
        over: link, patience: patience),
      with: host, tunnel: tunnel, dialogue: dialogue,
      to: client, termination: termination)
  }

  /// Does jobs as long as there are any and the connection lasts.
  mutating func run() {
    if host.isTLSFirst { sender.startTLS() }
    while !sender.hasFailedTLS, let file = client.file(), let job = client.job() {
      do throws(SystemError) {
        sender.deliver(job, try MessageFile(file, from: job.offset))
      } catch {
        sender.report(job, .contentFailed)
      }
      if sender.hasFailedTLS { break }
      client.say(.done(isOpen: !sender.isOver))
      if sender.isOver { return }
    }
    if sender.hasFailedTLS { client.say(.tlsFailed) } else { sender.quit() }
  }
}

/// The client that has started this process.
final class ClientEnd: Listener {
  private var channel: Channel
  /// Lines for it. It gets them before there is anything to wait for.
  private var lines: [UInt8] = []

  init(_ channel: consuming Channel) { self.channel = channel }

  /// The file of the next job.
  func file() -> FileDescriptor? { channel.receive() }

  /// The job that comes behind its file.
  func job() -> Job? {
    var job = Job()
    while case .line(let line) = channel.line(termination: .never) {
      switch job.read(line[...]) {
      case .read: break
      case .end: return job
      case .malformed: return nil
      }
    }
    return nil
  }

  func tell(_ report: Report) { lines += SenderLine.report(report).octets }

  func give() {
    if !lines.isEmpty { channel.write(lines) }
    lines.removeAll(keepingCapacity: true)
  }

  func say(_ line: SenderLine) {
    lines += line.octets
    give()
  }

  func mayGoOn() -> Bool {
    say(.more)
    guard case .line(let line) = channel.line(termination: .never) else { return false }
    return line == SenderLine.goOn
  }
}
