// A mail transaction: what RCPT, DATA and BDAT, the content and its end do outside of the session machine.
//
//     action          what is done                                     what the machine is told
//     route           RCPT: where does the mail for it go?             routed
//     open            the content begins: so does a message            storeFailed, if that fails
//     append          the content goes on                              storeFailed, if that fails
//     commit          the end: the message becomes durable             stored, or storeFailed
//     abort           the message is let go of: nothing is left of it

import Acceptance
import Hosts
import Jobs
import ListStore
import Lists
import MIME
import POSIX
import Queue
import Routes
import Routing
import SMTP
import Settings
import Storage

// The recipients.
extension Conversation {
  /// Finds out where the mail for a recipient goes.
  mutating func route(_ command: [UInt8]) {
    guard let mailbox = session.routedMailbox else { return }
    let route: Session.Route
    do throws(UnreadableFile) {
      let isFromHere = service.session.isSubmission
      switch try service.routing.destination(of: mailbox, isFromHere: isFromHere) {
      case .local: route = .local
      case .list(let address): route = self.route(to: address)
      case .alias: route = .queue
      case .faulty(let fault):
        route = .faulty
        log.write(.error, "failure") { line in
          if fault.path == service.routing.aliases.path {
            line.add("aliases", fault.path)
          } else {
            line.add("routes", fault.path)
          }
          if fault.line > 0 { line.add("line", fault.line) }
          line.add("reason", fault.reason)
        }
      case .route(let found): route = self.route(mailbox, to: found.target) ?? .queue
      case .foreign(let found):
        route =
          found.flatMap { session.mayRelay ? self.route(mailbox, to: $0.target) : nil } ?? .foreign
      case .unknown: route = .unknown
      }
    } catch {
      route = .unavailable
      log.write(.error, "failure") { line in
        line.add("call", "open")
        line.add("reason", error.reason)
        line.add("recipients", error.path)
      }
    }
    if let reply = session.routed(route, into: &output) { logRefusal(reply, command) }
  }

  /// What is done at once with mail for a target; nil: the queue does it.
  private func route(_ mailbox: Mailbox, to target: RouteTarget) -> Session.Route? {
    switch target {
    case .mail: .local
    case .refuse(let status, let text): .refused(code: 550, status, text)
    case .servers(let servers):
      servers.first { $0.isAsked }.flatMap { ask($0, about: mailbox) }
    case .maildir, .exchangers, .exec, .post, .discard: nil
    }
  }

  /// Asks the server whether it takes mail for a recipient; nil if it does.
  private func ask(_ server: ServerURL, about mailbox: Mailbox) -> Session.Route? {
    guard let sender = session.routedSender, let inquirer, inquirer.server == server else {
      log.write(.error, "failure") { $0.add("reason", "a session asks one server at most (?ask)") }
      return .unavailable
    }
    switch inquirer.ask(from: sender, for: mailbox, isUTF8: session.isRoutingUTF8) {
    case .taken: return nil
    case .refused(let code, let status, let text):
      return .refused(code: code, status, text)
    case .unknown:
      log.write(.error, "failure") { line in
        line.add("server", inquirer.name)
        line.add("reason", inquirer.failure ?? "the server has failed")
      }
      return .unavailable
    }
  }

  /// Whether a list takes the mail: a post only from who may post, everything else from everybody.
  private func route(to address: ListAddress) -> Session.Route {
    guard address.purpose == .post, let sender = session.routedSender,
      let lists = service.routing.lists
    else { return .queue }
    do throws(ListsDirectory.Failure) {
      return try lists.takesPost(from: sender, to: address.list) ? .queue : .closedList
    } catch {
      log.write(.error, "failure") { line in
        line.add("list", address.list.octets)
        switch error {
        case .unreadable(let errno): line.add("reason", errno.description)
        case .settings(let error): line.add("reason", error.reason)
        }
      }
      return .unavailable
    }
  }
}

// The content. Each step that fails calls `session.storeFailed`, and the machine answers 451 or 452 in the place of 250.
extension Conversation {
  mutating func open(_ envelope: Envelope, _ hello: Hello) {
    let id = nextID ?? MessageID(Process.random())
    var arrival = Arrival(id: id, envelope: envelope, hello: hello)
    if service.session.isSubmission {
      arrival.completion = AddressCompletion(domain: service.session.hostname)
    }
    var failure: SystemError?
    do throws(SystemError) { arrival.acceptance = .some(try accept(arrival)) } catch {
      failure = error
    }
    message = consume arrival
    if let failure { fail(failure) }
  }

  /// Begins a message. It goes to the mail directory for the local recipients, and to the queue for the others.
  private func accept(_ arrival: borrowing Arrival) throws(SystemError) -> Acceptance {
    var acceptance = try Acceptance.begin(
      arrival.id, addressing(of: arrival.envelope, arrival), mail: store, queue: queue,
      isReadable: milters != nil)
    try add(recipientsOf: arrival.envelope, to: &acceptance, arrival.time)
    return acceptance
  }

  /// `envelope` is the message's, or what milters have made of it.
  func addressing(of envelope: Envelope, _ arrival: borrowing Arrival) -> Addressing {
    var addressing = Addressing(Submission(envelope, arrival: arrival.time))
    addressing.submission.login = session.login ?? []
    addressing.submission.user = peer.uid
    addressing.submission.isOurs = session.mayRelay
    addressing.received = envelope.received(
      hello: arrival.hello, client: client, isAuthenticated: session.login != nil,
      hostname: service.session.hostname, id: arrival.id.octets, time: arrival.time)
    addressing.isQueued = envelope.queuedRecipients > 0 || !reported(envelope).isEmpty
    for recipient in envelope.recipients where !recipient.isQueued {
      addressing.stored.append(recipient.mailbox)
    }
    return addressing
  }

  /// Adds the recipients of the queue.
  func add(
    recipientsOf envelope: Envelope, to acceptance: inout Acceptance, _ time: Timestamp
  ) throws(SystemError) {
    for recipient in envelope.recipients where recipient.isQueued {
      try acceptance.add(Job.Addressee(recipient))
    }
    for recipient in reported(envelope) {
      try acceptance.add(delivered: Job.Addressee(recipient), at: time.seconds)
    }
  }

  /// The recipients of whom the sender is to be told that they have the message: the entry in the queue says so.
  private func reported(_ envelope: Envelope) -> [Recipient] {
    session.mayRelay && envelope.reversePath != .null
      ? envelope.recipients.filter { $0.isReported } : []
  }

  mutating func append(_ octets: Span<UInt8>) {
    do throws(SystemError) { try message?.append(octets) } catch { fail(error) }
  }

  /// Makes the message durable. Only then does the machine add the 250 to the output.
  mutating func commit() {
    let size: Int
    do throws(SystemError) {
      guard try passesMilters() else { return }
      guard let written = try message?.commit() else { return }
      size = written
    } catch {
      return fail(error)
    }
    guard let arrival = message.take() else { return }
    session.stored(as: arrival.id.octets, into: &output)
    log.write(.info, "store") { line in
      arrival.describe(to: &line)
      line.add("bytes", size)
      line.add("seconds", Pace.seconds(since: arrival.started))
    }
  }

  /// Drops the message, if there is one.
  mutating func abort() {
    guard let arrival = message.take() else { return }
    milters?.endMessage()
    log.write(.info, "drop") { arrival.describe(to: &$0) }
  }

  /// Logs an error of the store or of the queue, drops the message, and tells the machine.
  private mutating func fail(_ error: SystemError) {
    log.failure(
      error, in: service.mailDirectory,
      and: message?.envelope.queuedRecipients == 0 ? nil : service.queueDirectory)
    abort()
    session.storeFailed(error.isNoSpace ? .noSpace : .other, into: &output)
  }
}

extension Recipient {
  /// Whether this is a local recipient for whom there is a report when the message is stored.
  fileprivate var isReported: Bool {
    !isQueued && deliveryStatus.notify?.contains(.success) == true
  }
}

extension Arrival {
  /// For the log.
  fileprivate func describe(to line: inout Log.Line) {
    line.add("id", id.octets)
    switch envelope.reversePath {
    case .null: line.add("from", "")
    case .mailbox(let mailbox): line.add("from", mailbox.octets)
    }
    line.add("helo", hello.name)
    line.add("recipients", envelope.recipients.count)
    if envelope.queuedRecipients > 0 { line.add("queued", envelope.queuedRecipients) }
    if let quarantine { line.add("quarantine", quarantine) }
    for recipient in envelope.recipients.prefix(10) { line.add("to", recipient.mailbox.octets) }
  }
}
