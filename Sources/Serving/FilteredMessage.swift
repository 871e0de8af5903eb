// A whole message before its milters, and what they make of it. Each is shown what those before it have made: the header is
// kept in memory as it is edited, and the body is in the files of the message. A changed body is written to new files while
// it comes, and all other changes once, when all milters have spoken. Nothing has a name before `commit`, so a message is
// stored as they want it, or not at all.

import Acceptance
import Jobs
import Milter
import Octets
import POSIX
import Routes
import Routing
import SMTP
import Storage

/// What milters have made of a message.
private struct Changes {
  var header: EditedHeader
  /// Lines in front of the empty line that are no fields: they are body.
  var rest: [UInt8]
  var envelope: Envelope
  /// Whether something else than the body is other than it was.
  var isOther = false
  /// Why it is held back; nil if it is not.
  var quarantine: [UInt8]?
  /// How often the envelope was changed.
  var edits = 0

  /// The most changes to an envelope.
  static let editLimit = 10_000
}

extension Conversation {
  /// Octets of a header that milters can be shown.
  private static let headerLimit = 1 << 20
  /// Octets of the body that a milter is told at once.
  private static let pieceSize = Event.bodyLimit

  /// Asks the milters about the message that has arrived, and changes it as they want. False: it is over, and the client has
  /// its answer.
  mutating func passesMilters() throws(SystemError) -> Bool {
    guard let milters, var arrival = message.take() else { return true }
    var verdict = Verdict.temporaryFailure
    var failure: SystemError?
    do throws(SystemError) {
      try arrival.finish()
      if let said = try show(&arrival, to: milters) { verdict = said }
    } catch {
      failure = error
    }
    message = consume arrival
    if let failure { throw failure }
    let ruling = verdict.ruling
    if ruling == .proceed, verdict != .discard {
      milters.completeMessage()
      return true
    }
    milters.endMessage()
    let id = message?.id
    abort()
    if ruling == .proceed, let id {
      session.stored(as: id.octets, into: &output)
    } else {
      session.filtered(ruling, into: &output)
      logRefusal(ruling)
    }
    return false
  }

  /// Nil: it cannot be done now.
  private func show(
    _ arrival: inout Arrival, to milters: Milters
  ) throws(SystemError) -> Verdict? {
    if milters.isDiscarded { return .discard }
    var acceptance = arrival.acceptance.take()
    guard let content = try acceptance?.seal() else { return .proceed }
    let end = try content.ends().header
    guard end <= Self.headerLimit else { return nil }
    var octets: [UInt8] = []
    while octets.count < end {
      if try content.read(into: &octets, atMost: end - octets.count, at: octets.count) == 0 {
        return nil
      }
    }
    let header = EditedHeader(octets)
    var changes = Changes(
      header: header, rest: Array(octets[header.size...]), envelope: arrival.envelope)
    for index in 0..<milters.count {
      guard let content = try acceptance?.seal() else { return nil }
      let verdict = try show(content, changes, to: milters, index)
      if verdict.ruling != .proceed || verdict == .discard { return verdict }
      guard milters.wants(.end, index) || milters.isMissing(index) else { continue }
      milters.begin(.end, messageMacros, only: index)
      guard let end = try takeChanges(of: milters, index, &changes, &acceptance) else {
        return nil
      }
      if end.ruling != .proceed || end == .discard { return end }
    }
    if changes.envelope.recipients.isEmpty { return .discard }
    if changes.isOther, let old = acceptance.take() {
      acceptance = .some(try apply(changes, to: old, arrival))
      arrival.envelope = changes.envelope
      arrival.quarantine = changes.quarantine
    }
    arrival.acceptance = acceptance.take()
    return .proceed
  }

  /// Shows a milter the header and the body.
  private func show(
    _ content: SealedContent, _ changes: Changes, to milters: Milters, _ index: Int
  ) throws(SystemError) -> Verdict {
    for field in changes.header.fields {
      guard milters.wants(.field(field), index) else { break }
      let verdict = milters.ask(.field(field), only: index)
      if verdict != .proceed { return verdict }
    }
    if milters.wants(.endOfHeader, index) {
      let verdict = milters.ask(.endOfHeader, only: index)
      if verdict != .proceed { return verdict }
    }
    let ends = try content.ends()
    var position = changes.rest.isEmpty ? ends.body : ends.header - changes.rest.count
    var piece: [UInt8] = []
    while milters.wants(.body([]), index) {
      piece.removeAll(keepingCapacity: true)
      let count = try content.read(into: &piece, atMost: Self.pieceSize, at: position)
      if count == 0 { break }
      position += count
      let verdict = milters.ask(.body(piece), only: index)
      if verdict != .proceed { return verdict }
    }
    return .proceed
  }

  /// Makes the changes that a milter wants behind the end of the message, and gives its verdict. Those of one that is lost
  /// before its verdict do not count. Nil: they cannot be made.
  private func takeChanges(
    of milters: Milters, _ index: Int, _ changes: inout Changes, _ acceptance: inout Acceptance?
  ) throws(SystemError) -> Verdict? {
    var new = changes
    var isPossible = true
    var hasBody = false
    var verdict: Verdict?
    // Whatever fails here, the milter is heard to its end.
    defer {
      while verdict == nil { if case .verdict(let last) = milters.next() { verdict = last } }
    }
    while verdict == nil {
      switch milters.next() {
      case .verdict(let last): verdict = last
      case .edit(.body(let first)):
        guard let old = acceptance.take() else { return nil }
        hasBody = true
        var lines = BodyLines()
        let limit = service.session.maximumSize
        acceptance = .some(
          try old.edit { (body: inout Acceptance) throws(SystemError) in
            var piece = first
            var size = 0
            while verdict == nil {
              size += piece.count
              if size > limit {
                isPossible = false
              } else {
                try body.append(lines.clean(piece).span)
              }
              piece = []
              switch milters.next() {
              case .verdict(let last): verdict = last
              case .edit(.body(let next)): piece = next
              case .edit(let edit): if !change(&new, by: edit) { isPossible = false }
              }
            }
            try body.append(lines.end.span)
          })
      case .edit(let edit): if !change(&new, by: edit) { isPossible = false }
      }
    }
    // Half a body is none.
    if milters.isLost(index) { return hasBody ? nil : verdict }
    guard isPossible else { return nil }
    if hasBody, !new.rest.isEmpty { (new.rest, new.isOther) = ([], true) }
    changes = new
    return verdict
  }

  /// False if it cannot be done.
  private func change(_ changes: inout Changes, by edit: Edit) -> Bool {
    switch edit {
    case .addField, .insertField, .changeField:
      changes.isOther = true
      return changes.header.apply(edit)
    case .addRecipient(let address, parameters: _):
      guard let recipient = recipient(address) else { return false }
      changes.envelope.add(recipient)
    case .removeRecipient(let address):
      guard changes.envelope.remove(address) else { return true }
    case .reversePath(let address, parameters: _):
      guard let path = ReversePath(address) else { return false }
      changes.envelope.reversePath = path
    case .quarantine(let reason): changes.quarantine = reason
    case .body: return false
    }
    changes.isOther = true
    changes.edits += 1
    return changes.edits <= Changes.editLimit
  }

  /// A recipient that a milter adds goes where one of a program of this machine would; nil where that is nowhere.
  private func recipient(_ address: [UInt8]) -> Recipient? {
    guard let mailbox = Mailbox(address),
      let destination = try? service.routing.destination(of: mailbox, isFromHere: true)
    else { return nil }
    switch destination {
    case .local: return Recipient(mailbox: mailbox)
    case .alias, .list, .foreign: break
    case .route(let route):
      if route.target == .mail { return Recipient(mailbox: mailbox) }
      if case .refuse = route.target { return nil }
    case .faulty, .unknown: return nil
    }
    switch queue {
    case .some: return Recipient(mailbox: mailbox, isQueued: true)
    case .none: return nil
    }
  }

  /// Everything but the body.
  private func apply(
    _ changes: Changes, to old: consuming Acceptance, _ arrival: borrowing Arrival
  ) throws(SystemError) -> Acceptance {
    let header = changes.header.octets
    var addressing = addressing(of: changes.envelope, arrival)
    addressing.received = header.above + addressing.received
    let below = header.below + changes.rest
    guard let reason = changes.quarantine else {
      var new = try old.edit(addressing: addressing, header: below)
      try add(recipientsOf: changes.envelope, to: &new, arrival.time)
      return new
    }
    // Without a queue it lies apart in the mail directory.
    guard case .some = queue else {
      guard let quarantine else { throw SystemError(call: "open", errno: .noSuchFile) }
      return try old.edit(addressing: addressing, header: below, in: quarantine)
    }
    (addressing.stored, addressing.isQueued, addressing.isHeld) = ([], true, true)
    var new = try old.edit(addressing: addressing, header: below)
    let shown =
      Array("a filter holds it back: ".utf8)
      + reason.prefix(200).map { $0.isPrintable ? $0 : .question }
    for recipient in changes.envelope.recipients {
      try new.add(held: Job.Addressee(recipient), because: shown, at: arrival.time.seconds)
    }
    return new
  }
}

/// Makes the line ends of a new body CR LF. Some milters write LF alone.
private struct BodyLines {
  private var isAfterCarriageReturn = false

  mutating func clean(_ octets: [UInt8]) -> [UInt8] {
    var clean: [UInt8] = []
    clean.reserveCapacity(octets.count)
    for octet in octets {
      if isAfterCarriageReturn || octet == .lineFeed {
        clean.append(.carriageReturn)
        clean.append(.lineFeed)
      }
      let isEnd = octet == .carriageReturn || octet == .lineFeed
      if !isEnd { clean.append(octet) }
      isAfterCarriageReturn = octet == .carriageReturn
    }
    return clean
  }

  /// What is left.
  var end: [UInt8] { isAfterCarriageReturn ? [.carriageReturn, .lineFeed] : [] }
}
