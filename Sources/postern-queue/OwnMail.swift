// mailq(1) of a user who may not read the queue: it asks on a socket, behind which `postern-queue list --peer` runs as the
// queue's owner. That learns from the kernel who asks (SO_PEERCRED), and shows the entries whose envelopes say that he has
// handed them in. Nothing is set-user-ID.
//
//     mailq, or json, and LF      the user's program
//     the list                    in the form of mailq(1), or a line of JSON for each entry
//     a line with a dot           behind all of it
//
// Whatever the user does, the answer ends within a minute.

import Inventory
import POSIX
import Queue
import Queueing
import SMTP

enum OwnMail {
  /// What the user's program asks for.
  enum Form: CaseIterable {
    case mailq
    case json

    /// The line, with its LF.
    var request: [UInt8] {
      switch self {
      case .mailq: Array("mailq\n".utf8)
      case .json: Array("json\n".utf8)
      }
    }
  }

  /// The last line of an answer.
  fileprivate static let end: [UInt8] = [UInt8(ascii: "."), 10]
  /// Octets of a request, with its LF.
  fileprivate static let requestLimit = 16
  /// Seconds for a request, and for the answer.
  fileprivate static let patience: (request: Int, answer: Int) = (10, 50)
}

/// What a user's program is told, on standard output. Once that has failed, what is added is dropped.
private final class Answer {
  private var connection: Connection
  private var octets: [UInt8] = []
  private let deadline: Deadline
  private(set) var interruption: Interruption?

  private static let pieceSize = 16_384

  init(_ connection: consuming Connection) {
    self.connection = connection
    deadline = Deadline(inSeconds: OwnMail.patience.answer)
  }

  func add(_ piece: [UInt8]) {
    octets += piece
    if octets.count >= Self.pieceSize { flush() }
  }

  private func flush() {
    do throws(Interruption) {
      if interruption == nil { try connection.write(&octets, until: deadline) }
    } catch {
      interruption = error
    }
    octets.removeAll(keepingCapacity: true)
  }

  func finish() {
    flush()
    if interruption == nil { connection.linger(until: Deadline(inSeconds: 1)) }
  }
}

// The answer.
extension QueueProgram {
  /// Shows the user who has connected standard input what is his.
  borrowing func listForPeer() throws(Failure) {
    guard let user = Process.peerUser(of: 0) else {
      throw Failure(.usage, "list --peer: standard input is no connection of a UNIX socket")
    }
    do throws(Interruption) {
      var connection: Connection
      do throws(SystemError) { connection = try Connection() } catch { throw .failed(error) }
      let form = try Self.request(&connection)
      let answer = Answer(connection)
      if let form {
        try add(form, of: user, to: answer)
      } else {
        answer.add(Array("mailq or json expected\n".utf8))
      }
      answer.add(OwnMail.end)
      answer.finish()
      if let interruption = answer.interruption { throw interruption }
    } catch {
      let reason =
        switch error {
        case .timeout: "the user has taken too long"
        case .terminated: "interrupted"
        case .endOfInput: "the user has asked for nothing"
        case .failed(let error): error.description
        }
      throw Failure(.ioError, "list --peer: user \(user): \(reason)")
    }
  }

  /// Nil if it is none.
  private static func request(
    _ connection: inout Connection
  ) throws(Interruption) -> OwnMail.Form? {
    let deadline = Deadline(inSeconds: OwnMail.patience.request)
    var line: [UInt8] = []
    while !line.contains(10), line.count < OwnMail.requestLimit {
      _ = try connection.read(
        into: &line, atMost: OwnMail.requestLimit - line.count, until: deadline)
    }
    return OwnMail.Form.allCases.first { $0.request == line }
  }

  private borrowing func add(
    _ form: OwnMail.Form, of user: UInt32, to answer: Answer
  ) throws(Interruption) {
    var list = TraditionalList()
    do throws(SystemError) {
      for place in QueueDirectory.Place.allCases {
        try queue.forEachName(in: place) { (name) throws(SystemError) in
          // One that cannot be read is nobody's, as far as is known.
          let found = try? queue.inspect(QueueDirectory.Location(place, name))
          if let (item, entry) = found, let entry, entry.submission.user == user {
            try? add(item, entry, form, &list, to: answer)
          }
          return answer.interruption == nil
        }
      }
    } catch {
      throw .failed(error)
    }
    if form == .mailq { answer.add(list.end) }
  }

  private borrowing func add(
    _ item: Item, _ entry: Entry, _ form: OwnMail.Form, _ list: inout TraditionalList,
    to answer: Answer
  ) throws(SystemError) {
    switch form {
    case .mailq: try list.add(item, entry) { answer.add($0) }
    case .json:
      if entry.states.isFinished { return }
      var item = item
      item.recipients = try recipients(of: entry)
      answer.add(item.json)
    }
  }
}

extension TraditionalList {
  /// Gives `body` the lines of an entry, piece by piece; none of one that is done with.
  mutating func add(
    _ item: Item, _ entry: Entry?, to body: ([UInt8]) -> Void
  ) throws(SystemError) {
    if entry?.states.isFinished == true { return }
    body(lines(of: item))
    guard let entry else { return }
    var list = self
    defer { self = list }
    try entry.forEachPortion(of: [.waiting, .refused]) {
      (indexes, mailboxes) throws(SystemError) in
      let reports = try entry.lastReports(of: Set(indexes))
      for (index, mailbox) in zip(indexes, mailboxes) {
        body(list.lines(of: mailbox, reports[index]?.report))
      }
      return true
    }
  }
}

// The question.
extension OwnMail {
  /// Asks on a connection for what is the caller's, and prints it. Throws also if the answer has no end.
  static func print(
    _ form: Form, from socket: borrowing FileDescriptor
  ) throws(Interruption) {
    let output = FileDescriptor(1)
    do throws(SystemError) { try socket.write(form.request.span) } catch { throw .failed(error) }
    var poll = Poll()
    poll.add(socket, reading: true)
    // The last line is not printed, so as many octets as it has are held back.
    var octets: [UInt8] = []
    var isOpen = true
    while isOpen {
      try poll.wait(until: Deadline(inSeconds: patience.request + patience.answer + 10))
      do throws(SystemError) {
        isOpen = try socket.read(into: &octets, atMost: 65_536) > 0
        let count = max(0, octets.count - end.count)
        try output.write(octets.span.extracting(first: count))
        octets.removeFirst(count)
      } catch {
        throw .failed(error)
      }
    }
    if octets != end { throw .endOfInput }
  }
}
