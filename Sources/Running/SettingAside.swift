// Entries that the run can do nothing with. One that nobody will ever read is set aside, and the postmaster is told
// (Queue/Aside.swift). One for which a system call fails stays in the queue, since that may pass; but not in new/, where it
// would start one run after the other.

import Jobs
import MIME
import Notices
import Octets
import POSIX
import Queue
import Queueing
import SMTP
import Storage

extension Runner {
  /// Goes on without an entry of pending/, after an error.
  mutating func leave(_ location: QueueDirectory.Location, _ error: SystemError) {
    let id = location.name.id
    do throws(SystemError) {
      if error.isCorrupt { return try setAside(location, .unreadable) }
      logFailure(of: id, error)
    } catch {
      logFailure(of: id, error)
    }
  }

  /// Leaves an entry where it is that has a version which this program does not know.
  mutating func noteNewer(_ id: MessageID, _ version: Int) {
    planner.leaveAlone(id.bits)
    log.write(.warning, "failure") { line in
      line.add("id", id.octets)
      line.add("reason", QueueVersion.newer(version))
    }
  }

  /// Decides on what owners of lists were letting go out. Where that fails other mail is not held up.
  mutating func settleClaims() {
    do throws(SystemError) {
      for (cause, error) in try queue.settleClaims() {
        planner.leaveAlone(cause.bits)
        logFailure(of: cause, error)
      }
    } catch {
      log.failure(error, in: "lists/held")
    }
  }

  mutating func logFailure(of id: MessageID, _ error: SystemError) {
    failures += 1
    log.write(.error, "failure") { line in
      line.add("id", id.octets)
      line.add("call", error.call)
      line.add("reason", error.description)
    }
  }

  /// Moves an entry out of the queue, and tells the postmaster.
  mutating func setAside(
    _ location: QueueDirectory.Location, _ damage: Planner.Damage
  ) throws(SystemError) {
    let name = "\(location.place.name)/\(location.name.text)"
    let reason: StaticString =
      switch damage {
      case .unreadable: "its envelope or its message cannot be read"
      case .withoutMessage: "its message is gone"
      }
    try setAside(Array(name.utf8), location.name.id, reason) { (queue) throws(SystemError) in
      try queue.setAside(location)
    }
  }

  /// The same with what lies in new/ and has no name of an envelope.
  mutating func setAsideOthers() throws(SystemError) {
    for other in try queue.othersInNew(now: now) {
      let name = Array("new/".utf8) + other
      do throws(SystemError) {
        try setAside(name, QueueDirectory.id(ofOther: other), "no program of ours made it") {
          (queue) throws(SystemError) in try queue.setAside(other: other)
        }
      } catch {
        logFailure(of: QueueDirectory.id(ofOther: other), error)
      }
    }
  }

  private mutating func setAside(
    _ name: [UInt8], _ id: MessageID, _ reason: StaticString,
    _ move: (borrowing QueueDirectory) throws(SystemError) -> String?
  ) throws(SystemError) {
    let notice = QueueDirectory.asideNotice(on: id)
    let place = Array("\(queue.path)/corrupt".utf8)
    let octets: [UInt8]
    do throws(BuildError) {
      octets = try AsideNotice.octets(
        host: settings.hostname, now: now, unique: notice.octets, name: name, place: place,
        reason: [UInt8](reason))
    } catch {
      throw SystemError(call: "notice", errno: .invalidArgument)
    }
    guard let postmaster = Mailbox(Array("postmaster".utf8)) else { return }
    var submission = Submission(from: .null, arrival: .now)
    submission.cause = id
    try queueNotice(notice, submission, to: postmaster, octets)
    guard let new = try move(queue) else { return try queue.drop(pending: notice) }
    log.write(.error, "corrupt") { line in
      line.add("id", id.octets)
      line.add("name", name)
      line.add("reason", reason)
      line.add("moved", new)
      line.add("notice", notice.octets)
    }
    try queue.release(pending: notice)
  }
}
