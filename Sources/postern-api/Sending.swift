// Sending: a message is built, stored for every recipient, and queued for those who are not local, in one step that is
// durable when the client gets its answer. So the id in the answer names a message that can be read, also where all of
// it goes to others.

import API
import Acceptance
import HTTP
import JSON
import Jobs
import MIME
import POSIX
import Queue
import Routes
import Routing
import SMTP
import Storage
import StoredMail

extension Service {
  /// Who sends where a request does not say: the user, if that is an address.
  var defaultSender: [UInt8] {
    if let user = request.user, (try? NamedAddress(address: user)) != nil { return user }
    return Array("postmaster@".utf8) + settings.hostname
  }

  mutating func sendDraft() throws(APIError) -> Response {
    let draft = try readDraft()
    return try send(draft)
  }

  /// The draft without the body of the request, which is given up when this returns: it may be as large as the message
  /// that is made of the draft.
  private mutating func readDraft() throws(APIError) -> Draft {
    let text = body
    body = []
    return try Draft(send: text, at: domain)
  }

  func sendEmail() throws(APIError) -> Response {
    try send(try Draft(email: body, sender: defaultSender, at: domain))
  }

  func send(_ draft: Draft) throws(APIError) -> Response {
    let built = try draft.message(
      date: Clock.now().seconds, unique: unique, hostname: settings.hostname)
    let id = try dispatch(
      built.octets, from: draft.from.address, to: draft.recipients.map { $0.address },
      needsUTF8: built.needsUTF8, keepsCopy: true)
    var json = JSONWriter()
    json.beginObject()
    json.member("ID", id.octets)
    json.endObject()
    return json.response()
  }

  /// Sends a stored message to others.
  func release(_ name: [UInt8]) throws(APIError) -> Response {
    // Without a queue it would only lie here once more.
    guard settings.queueDirectory != nil else {
      throw .badRequest("mail is not sent on (SMTP_QUEUE_DIR)")
    }
    let recipients = try Release(body, at: domain).to
    let content = try storedMail().content(of: name)
    let built = try ResentMessage(
      content.octets.span.extracting(content.start...), to: recipients,
      date: Clock.now().seconds, unique: unique, hostname: settings.hostname)
    _ = try dispatch(
      built.octets, from: built.from, to: recipients.map { $0.address },
      needsUTF8: built.needsUTF8, keepsCopy: false)
    return Response(.ok, text: "ok")
  }

  /// What no other message has in its Message-ID and boundaries.
  private var unique: [UInt8] {
    MessageID(Process.random()).octets + MessageID(Process.random()).octets
  }
}

// Where it goes.
extension Service {
  /// Stores and queues a message. With `keepsCopy` it is stored for recipients elsewhere, too.
  private func dispatch(
    _ octets: [UInt8], from sender: [UInt8], to recipients: [[UInt8]], needsUTF8: Bool,
    keepsCopy: Bool
  ) throws(APIError) -> MessageID {
    guard octets.count <= settings.maximumSize else { throw .tooLarge }
    guard let from = Mailbox(sender) else { throw Self.invalid(sender) }
    if let senders = settings.senders,
      !senders.senders(of: request.user ?? []).contains(.mailbox(from))
    {
      throw .forbidden(Array("not allowed to send as ".utf8) + Draft.shown(sender))
    }
    var stored: [Mailbox] = []
    var queued: [Mailbox] = []
    var seen: Set<[UInt8]> = []
    for recipient in recipients {
      guard let mailbox = Mailbox(recipient) else { throw Self.invalid(recipient) }
      guard seen.insert(mailbox.canonical).inserted else { continue }
      let goesOn = try goesToQueue(mailbox)
      if goesOn { queued.append(mailbox) }
      if !goesOn || keepsCopy { stored.append(mailbox) }
    }
    let id = MessageID(Process.random())
    do throws(SystemError) {
      try accept(octets, id, from: from, stored, queued, needsUTF8: needsUTF8)
    } catch {
      throw APIError(error)
    }
    log.write(.info, "send") { line in
      line.add("id", id.octets)
      line.add("from", from.octets)
      line.add("stored", stored.count)
      line.add("queued", queued.count)
      line.add("user", request.user?.prefix(200) ?? [])
    }
    return id
  }

  private static func invalid(_ address: [UInt8]) -> APIError {
    .badRequest(Array("Invalid email address: ".utf8) + Draft.shown(address))
  }

  /// Whether the mail for an address is not for the mail directory alone.
  private func goesToQueue(_ mailbox: Mailbox) throws(APIError) -> Bool {
    let destination: Destination
    do throws(UnreadableFile) {
      destination = try settings.routing.destination(of: mailbox)
    } catch {
      throw .failed(call: "open", reason: Array(error.summary.utf8))
    }
    switch destination {
    case .local: return false
    case .alias, .list: return true
    case .route(let route): return try goesToQueue(by: route, mailbox)
    case .faulty(let fault):
      throw .failed(call: "routing", reason: Array(fault.summary.utf8))
    case .unknown:
      throw .badRequest(Array("no such mailbox: ".utf8) + Draft.shown(mailbox.octets))
    case .foreign(let route):
      guard settings.queueDirectory != nil else {
        throw .badRequest(
          Array("mail is not sent on (SMTP_QUEUE_DIR): ".utf8) + Draft.shown(mailbox.octets))
      }
      return try route.map { (route) throws(APIError) in try goesToQueue(by: route, mailbox) }
        ?? true
    }
  }

  private func goesToQueue(by route: MailRoute, _ mailbox: Mailbox) throws(APIError) -> Bool {
    switch route.target {
    case .mail: return false
    case .refuse(_, let text):
      throw .badRequest(text + Array(": ".utf8) + Draft.shown(mailbox.octets))
    case .maildir, .servers, .exchangers, .exec, .post, .discard: return true
    }
  }

  private func accept(
    _ octets: [UInt8], _ id: MessageID, from sender: Mailbox, _ stored: [Mailbox],
    _ queued: [Mailbox], needsUTF8: Bool
  ) throws(SystemError) {
    let time = Timestamp.now
    var addressing = Addressing(Submission(from: .mailbox(sender), arrival: time))
    addressing.submission.isUTF8 =
      needsUTF8 || queued.contains { $0.octets.contains { $0 >= 0x80 } }
    addressing.submission.login = request.user ?? []
    addressing.submission.isOurs = true
    addressing.stored = stored
    addressing.isQueued = !queued.isEmpty
    var message = try Acceptance.begin(
      id, addressing,
      mail: stored.isEmpty ? nil : try MailDirectory(path: settings.mailDirectory),
      queue: queued.isEmpty ? nil : try QueueDirectory(path: settings.queueDirectory ?? ""))
    for recipient in queued {
      try message.add(Job.Addressee(Recipient(mailbox: recipient, isQueued: true)))
    }
    try message.append(octets.span)
    try message.commit(time: time)
  }
}
