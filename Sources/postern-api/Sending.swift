// Sending: a message is built, stored for every recipient, and queued for those who are not local, in one step that is
// durable when the client gets its answer. So the id in the answer names a message that can be read, also where all of
// it goes to others.

import API
import HTTP
import Index
import JSON
import Jobs
import MIME
import POSIX
import Queue
import Routing
import SMTP
import Storage

extension Service {
  /// Who sends where a request does not say: the user, if that is an address.
  var defaultSender: [UInt8] {
    if let user = request.user, (try? NamedAddress(address: user)) != nil { return user }
    return Array("postmaster@".utf8) + settings.hostname
  }

  func sendDraft() throws(Failure) -> Response {
    try send(try Draft(send: body))
  }

  func sendEmail() throws(Failure) -> Response {
    try send(try Draft(email: body, sender: defaultSender))
  }

  func send(_ draft: Draft) throws(Failure) -> Response {
    let unique = MessageID(Process.random()).octets + MessageID(Process.random()).octets
    let built = try draft.message(
      date: Clock.now().seconds, unique: unique, hostname: settings.hostname)
    let id = try dispatch(
      built.octets, from: draft.from.address, to: draft.recipients.map { $0.address },
      needsUTF8: built.needsUTF8, keepsCopy: true)
    var json = JSONWriter()
    json.beginObject()
    json.member("ID", id.octets)
    json.endObject()
    return Response(.ok, type: "application/json", body: json.finish())
  }

  /// Sends a stored message to others.
  func release(_ name: [UInt8]) throws(Failure) -> Response {
    let wanted = try Release(body)
    let index = try openIndex()
    let content = try content(of: name, index)
    let octets = content.octets.span.extracting(content.start...)
    let message = Message(octets)
    guard let author = message.sender.addresses.first ?? message.from.addresses.first else {
      throw .badRequest("No From header found")
    }
    let from: NamedAddress
    do throws(BuildError) { from = try NamedAddress(address: author.address) } catch {
      throw .badRequest("Failed: unable to parse From header")
    }
    let unique = MessageID(Process.random()).octets + MessageID(Process.random()).octets
    let identifier: MessageIdentifier
    do throws(BuildError) {
      identifier = try MessageIdentifier(unique + [UInt8(ascii: "@")] + settings.hostname)
    } catch {
      throw .badRequest("SMTP_HOSTNAME makes no Message-ID")
    }
    let built = try resent(
      octets, from: from, to: wanted.to, date: Clock.now().seconds, messageID: identifier)
    let isASCII = wanted.to.allSatisfy { $0.isASCII } && from.isASCII
    let header = message.structure.parts[0].header
    var hasUTF8 = false
    for index in header where octets[index] >= 0x80 { hasUTF8 = true }
    _ = try dispatch(
      built, from: from.address, to: wanted.to.map { $0.address },
      needsUTF8: !isASCII || hasUTF8, keepsCopy: false)
    return Response(.ok, text: "ok")
  }
}

// Where it goes.
extension Service {
  /// Stores and queues a message. With `keepsCopy` it is stored for recipients elsewhere, too.
  private func dispatch(
    _ octets: [UInt8], from sender: [UInt8], to recipients: [[UInt8]], needsUTF8: Bool,
    keepsCopy: Bool
  ) throws(Failure) -> MessageID {
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
    let time = Timestamp.now
    let returnPath = Array("Return-Path: <".utf8) + from.octets + Array(">\r\n".utf8)
    var submission = Submission(from: .mailbox(from), arrival: time)
    submission.isUTF8 = needsUTF8 || queued.contains { $0.octets.contains { $0 >= 0x80 } }
    submission.login = request.user ?? []
    submission.isOurs = true
    submission.offset = stored.isEmpty ? 0 : returnPath.count
    do throws(StoreError) {
      if stored.isEmpty {
        try enqueue(octets, id, submission, queued)
      } else {
        try store(returnPath + octets, id, submission, stored, queued, time)
      }
    } catch {
      throw .store(error)
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

  private static func invalid(_ address: [UInt8]) -> Failure {
    .badRequest(Array("Invalid email address: ".utf8) + Draft.shown(address))
  }

  /// Whether the mail for an address is not for the mail directory alone.
  private func goesToQueue(_ mailbox: Mailbox) throws(Failure) -> Bool {
    let destination: Destination
    do throws(UnreadableFile) {
      destination = try settings.routing.destination(of: mailbox)
    } catch {
      throw .system(call: "open", reason: Array(error.errno.description.utf8))
    }
    switch destination {
    case .local: return false
    case .alias, .list: return true
    case .unknown:
      throw .badRequest(Array("no such mailbox: ".utf8) + Draft.shown(mailbox.octets))
    case .foreign:
      guard settings.queueDirectory != nil else {
        throw .badRequest(
          Array("mail is not sent on (SMTP_QUEUE_DIR): ".utf8) + Draft.shown(mailbox.octets))
      }
      return true
    }
  }

  private func enqueue(
    _ octets: [UInt8], _ id: MessageID, _ submission: Submission, _ recipients: [Mailbox]
  ) throws(StoreError) {
    let queue = try QueueDirectory(path: settings.queueDirectory ?? "")
    var entry = try queue.open(id: id, submission)
    do throws(StoreError) {
      for recipient in recipients {
        try entry.add(Job.Addressee(Recipient(mailbox: recipient, isQueued: true)))
      }
      try entry.append(octets.span)
    } catch {
      queue.discard(entry)
      throw error
    }
    try queue.store(entry)
  }

  private func store(
    _ octets: [UInt8], _ id: MessageID, _ submission: Submission, _ stored: [Mailbox],
    _ queued: [Mailbox], _ time: Timestamp
  ) throws(StoreError) {
    let directory = try MailDirectory(path: settings.mailDirectory)
    var message = try directory.open(id: id, for: stored)
    do throws(StoreError) { try message.append(octets.span) } catch {
      directory.discard(message)
      throw error
    }
    if queued.isEmpty { return try directory.store(message, time: time) }
    let queue: QueueDirectory
    do throws(StoreError) {
      queue = try QueueDirectory(path: settings.queueDirectory ?? "")
    } catch {
      directory.discard(message)
      throw error
    }
    try store(message, in: directory, queue, octets, submission, queued, time)
  }

  /// Queues a message for some recipients and stores it.
  private func store(
    _ message: consuming OpenMessage, in directory: borrowing MailDirectory,
    _ queue: borrowing QueueDirectory, _ octets: [UInt8], _ submission: Submission,
    _ queued: [Mailbox], _ time: Timestamp
  ) throws(StoreError) {
    var entry: OpenEntry
    do throws(StoreError) {
      entry = try queue.open(id: message.id, submission, sharing: message)
    } catch {
      directory.discard(message)
      throw error
    }
    do throws(StoreError) {
      for recipient in queued {
        try entry.add(Job.Addressee(Recipient(mailbox: recipient, isQueued: true)))
      }
      try entry.append(octets.span)
    } catch {
      directory.discard(message)
      queue.discard(entry)
      throw error
    }
    try queue.store(entry, and: message, in: directory, time: time)
  }
}
