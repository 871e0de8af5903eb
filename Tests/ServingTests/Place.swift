// A session in this process. Its client is a socket that keeps the borders between writes: what the client sends lies there
// before the session begins, and each write of the session is one string.

import Foundation
import Glibc
import POSIX
import Queue
import Routing
import SMTP
import Serving
import Storage
import TestSupport
import Testing

/// Where a session stores and queues, and what it is served with.
struct Place {
  let scratch = Scratch()
  let mail: MailFolder
  let queue: QueueFolder
  var service: Service
  var peer = Peer(address: IPAddress("192.0.2.7"), port: 25_000, source: "test")
  /// Environment variables for stunnel.
  var variables: [String: String?]?

  init(domains: [String] = ["x.example"]) {
    mail = MailFolder(scratch)
    queue = QueueFolder(scratch)
    let hostname = Array("mx.x.example".utf8)
    var session = SMTP.Configuration(hostname: hostname)
    session.domains = domains.map { Array($0.utf8) }
    var routing = Routing(hostname: hostname)
    routing.domains = session.domains
    service = Service(session, routing: routing, mailDirectory: mail.path)
  }

  /// The same for a program of this machine, which may send anywhere.
  static var forSubmission: Place {
    var place = Place()
    place.service.session.isSubmission = true
    place.service.session.relays = true
    place.service.session.offersDeliveryStatus = true
    place.service.queueDirectory = place.queue.path
    place.peer = Peer(address: nil, port: nil, uid: 1000, source: "test")
    return place
  }

  /// Everything that is in the mail directory and in the queue.
  var files: [String] { mail.entries + queue.files }

  /// What becomes of the client's side of the connection before the session begins.
  enum Client {
    /// The client ends its side when it has sent everything, and reads.
    case ends
    /// It stays without a word.
    case waits
    /// It is gone, and reads nothing.
    case isGone
  }

  struct Outcome {
    /// What each write of the session had.
    var replies: [String] = []
    var status = POSIX.Process.ExitStatus.failure
    /// The lines of the log.
    var log: [String] = []
    /// The last line of the replies.
    var last: String { replies.last?.components(separatedBy: "\r\n").dropLast().last ?? "" }
    var all: String { replies.joined() }

    /// What a write of the session had; empty if there were not so many.
    func reply(_ number: Int) -> String { replies.dropFirst(number).first ?? "" }
    /// A line of the log; empty if there are not so many.
    func line(_ number: Int) -> String { log.dropFirst(number).first ?? "" }
  }

  /// Runs a session whose client sends `packets`; `meanwhile` gets the client's end of the connection,
  /// before the first octet is read.
  func converse(
    _ packets: [String], client: Client = .ends, isResumed: Bool = false, hasStore: Bool = true,
    meanwhile: (CInt) -> Void = { _ in }
  ) throws -> Outcome {
    // The session blocks signals in its thread.
    var mask = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &mask, nil) }
    var ends: [CInt] = [0, 0]
    try #require(unsafe socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    for packet in packets {
      #expect(
        unsafe send(ends[1], packet, packet.utf8.count, CInt(MSG_DONTWAIT)) == packet.utf8.count)
    }
    switch client {
    case .ends: shutdown(ends[1], CInt(SHUT_WR))
    case .waits: break
    case .isGone: close(ends[1])
    }
    let log = scratch.file("log")
    let descriptor = unsafe open(log, O_WRONLY | O_APPEND)
    defer { close(descriptor) }
    var outcome = Outcome()
    var conversation = Conversation(
      service, with: peer, isTLS: false,
      over: try Connection(input: ends[0], output: dup(ends[0])),
      store: hasStore ? try MailDirectory(path: mail.path) : nil,
      queue: try service.queueDirectory.map { try QueueDirectory(path: $0) },
      log: .on(descriptor, session: Array("s".utf8)))
    meanwhile(ends[1])
    outcome.status = conversation.run(isResumed: isResumed) { variables }
    outcome.log = String(decoding: MailFolder(scratch, ".").content("log"), as: UTF8.self)
      .components(separatedBy: "\n").dropLast().map { $0 }
    if case .isGone = client { return outcome }
    var piece = [UInt8](repeating: 0, count: 65_536)
    while case let count = unsafe recv(ends[1], &piece, piece.count, CInt(MSG_DONTWAIT)), count > 0
    {
      outcome.replies.append(String(decoding: piece[..<count], as: UTF8.self))
    }
    close(ends[1])
    return outcome
  }
}
