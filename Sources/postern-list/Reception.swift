// A mail that has come for a list: a post, a command, or a report on a post. Lists/ReceivedMail.swift decides what is to be
// done because of it; here it is read, and what is to be done is done. The queue runs this program for it, with the message
// as a file on standard input, and takes the exit status as the outcome:
//
//     0     done; the mails that follow from it are in the queue (Outbox.swift), and the last line of output is `done`
//     65    refused for good; the last line of output is an enhanced status code and the reason
//     75    to be tried again; likewise
//
// The queue has the outcome in its journal only after the program has ended, so a mail may be received again when something
// was killed. Everything that it changes may be done again, therefore:
//
//     what goes out                  has an id that follows from the mail's, and waits in pending/
//     who joins, leaves              adding and removing twice is the same as once
//     a confirmation, an answer,     is noted with the mail's id, and is allowed to this mail again
//     a report that counts
//     a post that an owner lets out  stays held until the journal has it (Queue/HeldPosts.swift)

import DNS
import Jobs
import ListStore
import Lists
import MIME
import POSIX
import Queue
import SMTP
import Settings
import Storage

struct Reception: ~Copyable {
  private let mail: ReceivedMail
  /// The mail's id.
  private let id: MessageID
  private let lists: ListsDirectory
  private let data: ListData
  private let queue: String
  private let outbox: Outbox
  private let log: Log
  /// The message begins at `offset` of `file`.
  private let file: FileDescriptor
  private let offset: Int

  /// A mail that cannot be taken.
  enum Failure: Error {
    /// To be tried again.
    case temporary(String)
    /// An enhanced status code and the reason.
    case permanent(String)
  }

  /// A report is read up to here, in octets; other mails up to the end of their header.
  private static let longestReport = 1 << 20

  static func receive(_ mail: Arguments.MailArguments, _ settings: Settings) -> Process.ExitStatus {
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2) else {
      return .ioError
    }
    var log = Log.onStandardError(session: mail.id.octets)
    log.level = settings.logLevel
    do throws(Failure) {
      let reception = try Reception(mail, settings, log)
      let lock = try keeping { () throws(ListData.Failure) in try reception.data.lock() }
      // Its runner may have ended meanwhile: then another does what is to be done.
      guard !FileDescriptor.isAbandoned(1) else { throw .temporary("the queue is gone") }
      for action in try reception.actions() {
        try reception.carryOut(action, reception.file, reception.offset, post: reception.mail.id)
      }
      try say(.done)
      _ = consume lock
      return .success
    } catch {
      switch error {
      case .permanent(let reason):
        FileDescriptor.print("\(reason)\n", to: 1)
        log.write(.notice, "refuse") { $0.add("reason", reason) }
        return .dataError
      case .temporary(let reason):
        FileDescriptor.print("4.3.0 \(reason)\n", to: 1)
        log.write(.error, "failure") { $0.add("reason", reason) }
        return .temporaryFailure
      }
    }
  }

  private init(
    _ mail: Arguments.MailArguments, _ settings: Settings, _ log: Log
  ) throws(Failure) {
    guard let queue = settings.queue else {
      throw .temporary("SMTP_QUEUE_DIR is not set, and lists need a queue")
    }
    // Domains are compared without case, and so are the addresses that are made of this one.
    let domain = aLabelDomain(mail.recipient.domain) ?? Array(mail.recipient.domain)
    let at = mail.recipient.domain.startIndex - 1
    guard let address = ListAddress(localPart: mail.recipient.octets[..<at]) else {
      throw .permanent("5.1.1 no address of a list")
    }
    let lists = ListsDirectory(path: settings.lists)
    // The people behind a list can be reached without it.
    let isThere = try Self.trying("list \(address.list.text)") { () throws(SystemError) in
      try lists.has(address.list)
    }
    guard address.purpose == .owner || isThere else { throw .permanent("5.1.1 no such list") }
    let own: ListSettings
    do throws(SettingsError) { own = try lists.settings(of: address.list) } catch {
      throw .temporary(
        "\(address.list.text).conf: \(error.variable)=\(error.value): \(error.reason)")
    }
    let data = try Self.keeping { () throws(ListData.Failure) in try ListData(queue: queue) }
    let key = try Self.keeping { () throws(ListData.Failure) in try data.key() }
    let outbox = try Outbox(queue: queue, mail, hostname: settings.hostname)
    guard let offset = FileDescriptor.fileOffset(of: 0) else {
      throw .temporary("standard input is not a file")
    }
    let file = FileDescriptor(0)
    let isReport = if case .bounces = address.purpose { true } else { false }
    let octets = try Self.read(
      file, from: offset, upTo: isReport ? Self.longestReport : Limits.header)
    let fields = ListFields(address.list, at: domain, own)
    self.mail = ReceivedMail(
      mail.id.octets, from: mail.reversePath, isOurs: mail.isOurs, day: Int(mail.arrival / 86_400),
      for: address.purpose, of: fields, beginning: octets, key: key)
    id = mail.id
    (self.lists, self.queue, self.log, self.offset) = (lists, queue, log, offset)
    self.data = data
    self.outbox = outbox
    self.file = file
  }

  static func read(
    _ file: borrowing FileDescriptor, from offset: Int, upTo limit: Int
  ) throws(Failure) -> [UInt8] {
    var octets: [UInt8] = []
    do throws(SystemError) {
      while octets.count < limit {
        let count = try file.read(
          into: &octets, atMost: min(65_536, limit - octets.count), at: offset + octets.count)
        if count == 0 { break }
      }
      return octets
    } catch {
      throw .temporary("the message: \(error)")
    }
  }

  private var list: ListName { mail.list }

  private borrowing func actions() throws(Failure) -> [ListAction] {
    switch mail.purpose {
    case .post:
      try mail.posted(
        isMember: { (member) throws(Failure) in try isMember(member) },
        answer: { (name) throws(Failure) in try Self.texts(of: name) })
    case .owner: [mail.forwarded()]
    case .moderate(let token): mail.approved(token)
    case .bounces(let token):
      try mail.bounced(
        token,
        member: { (id) throws(Failure) in
          try ofList { () throws(SystemError) in try lists.member(id, of: list) }
        },
        members: { (some) throws(Failure) in
          try ofList { () throws(SystemError) in try lists.members(among: some, of: list) }
        })
    case .subscribe, .unsubscribe, .confirm, .help:
      try mail.commanded(
        isMember: { (member) throws(Failure) in try isMember(member) },
        notes: { (key) throws(Failure) in
          try Self.keeping { () throws(ListData.Failure) in try data.notes(key) }
        })
    }
  }

  private borrowing func isMember(_ member: Member) throws(Failure) -> Bool {
    try ofList { () throws(SystemError) in try lists.isMember(member, of: list) }
  }

  /// The answer of the DNS for the texts of a name; nil if there are none.
  private static func texts(of name: [UInt8]) throws(Failure) -> [UInt8]? {
    do throws(Resolver.Failure) {
      return try Resolver().query(name, type: RecordType.txt.rawValue)
    } catch .noSuchName, .noData {
      return nil
    } catch {
      throw .temporary("the DMARC policy of the author's domain could not be asked for")
    }
  }
}

// What is to be done.
extension Reception {
  /// `file` has the post from `offset` on, and `post` is its id.
  private borrowing func carryOut(
    _ action: ListAction, _ file: borrowing FileDescriptor, _ offset: Int, post: [UInt8]
  ) throws(Failure) {
    let entry = MessageID(mail.entryID(of: action))
    switch action {
    case .ignore(let reason): ignore(reason)
    case .refuse(let reason): throw .permanent(reason.description)
    case .hold: try hold()
    case .release(let post): try release(post, as: entry)
    case .distribute(let distribution):
      let count = try distribute(distribution, file, offset, as: entry)
      log.write(.info, "distribute") { line in
        line.add("list", list.octets)
        line.add("post", post)
        line.add("members", count)
      }
    case .forward(let owners, let line):
      try outbox.add(entry, from: mail.reversePath, isUTF8: mail.post.isUTF8) {
        (draft: inout Outbox.Draft) throws(Failure) in
        try draft.append(line)
        try draft.append(file, from: offset)
        for owner in owners { try draft.add(Job.Addressee(Recipient(mailbox: owner))) }
      }
    case .send(let mail, let recipients, let reversePath):
      try outbox.send(mail, to: recipients, from: reversePath, as: entry)
    case .note(let key, let line):
      try Self.keeping { () throws(ListData.Failure) in
        try data.note(line, under: key, today: mail.day)
      }
    case .add(let member):
      _ = try ofList { () throws(SystemError) in try lists.add([member], to: list) }
      try forgetState(of: member)
    case .remove(let member):
      _ = try ofList { () throws(SystemError) in
        try lists.remove([member], from: list)
      }
      try forgetState(of: member)
    case .count(let members, let isProbe):
      let actions = try ofList { () throws(SystemError) in
        try lists.editStates(of: list) { mail.count(members, isProbe: isProbe, in: &$0) }
      }
      for action in actions { try carryOut(action, file, offset, post: post) }
    case .log(let event, let member):
      log.write(.info, event) { line in
        line.add("list", list.octets)
        line.add("member", member.mailbox.octets)
      }
    }
  }

  private borrowing func hold() throws(Failure) {
    let isHeld = try Self.trying("held posts") { () throws(SystemError) in
      let held = try HeldPosts(queue: queue)
      held.dropOld(now: Clock.now().seconds)
      return try held.hold(list.text, id: id, from: file, offset: offset)
    }
    guard isHeld else {
      throw .temporary("\(HeldPosts.mostOfAList) posts to \(list.text) wait for an owner already")
    }
    log.write(.info, "hold") { line in
      line.add("list", list.octets)
      line.add("post", mail.id)
    }
  }

  private borrowing func release(_ post: [UInt8], as entry: MessageID) throws(Failure) {
    guard let id = MessageID(post.span) else { return ignore("the token is not ours") }
    // Until the queue has noted that the post is sent, it stays held, and this mail alone may send it.
    let approval = try Self.trying("held posts") { () throws(SystemError) in
      try HeldPosts(queue: queue).claim(list.text, id: id, for: self.id, as: entry)
    }
    switch consume approval {
    case .gone: ignore("the post is not held any more")
    case .claimed: throw .temporary("another owner's answer is being worked on")
    case .granted(let file, let claim):
      try Self.say(.claimed(claim))
      let beginning = try Self.read(file, from: 0, upTo: Limits.header)
      let action = try mail.distribution(of: Post(beginning)) { (name) throws(Failure) in
        try Self.texts(of: name)
      }
      try carryOut(action, file, 0, post: post)
    }
  }

  /// Queues a post for all members; returns how many these are.
  private borrowing func distribute(
    _ distribution: Distribution, _ file: borrowing FileDescriptor, _ offset: Int,
    as entry: MessageID
  ) throws(Failure) -> Int {
    var distribution = distribution
    let states = try ofList { () throws(SystemError) in try lists.states(of: list) }
    var count = 0
    try outbox.add(entry, from: distribution.reversePath, isUTF8: distribution.isUTF8) {
      (draft: inout Outbox.Draft) throws(Failure) in
      try draft.append(distribution.header)
      try draft.append(file, from: offset + distribution.bodyStart)
      try draft.append(distribution.footer)
      var failure: Failure?
      try ofList { () throws(SystemError) in
        try lists.readMembers(of: list) { line, _ in
          guard failure == nil, let copy = distribution.copy(for: line, states) else { return }
          count += 1
          var addressee = Job.Addressee(Recipient(mailbox: copy.mailbox))
          (addressee.reversePath, addressee.fields) = (copy.reversePath, copy.fields)
          do throws(Failure) { try draft.add(addressee) } catch { failure = error }
        }
      }
      if let failure { throw failure }
    }
    return count
  }

  private borrowing func forgetState(of member: Member) throws(Failure) {
    _ = try ofList { () throws(SystemError) in
      try lists.editStates(of: list) { states in states.forget(member) }
    }
  }

  private borrowing func ignore(_ reason: StaticString) {
    log.write(.info, "ignore") { line in
      line.add("list", list.octets)
      line.add("reason", reason)
    }
  }
}

// What may fail.
extension Reception {
  /// Writes a line for the queue. One that it does not get must not count as done.
  static func say(_ line: ListLine) throws(Failure) {
    do throws(SystemError) { try FileDescriptor.write(line.octets.span, to: 1) } catch {
      throw .temporary("standard output: \(error)")
    }
  }

  private static func trying<Value: ~Copyable>(
    _ what: String, _ body: () throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    do throws(SystemError) { return try body() } catch {
      throw .temporary("\(what): \(error.call): \(error)")
    }
  }

  /// Does what may fail in the files of the list.
  private borrowing func ofList<Value>(
    _ body: () throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    try Self.trying("list \(list.text)", body)
  }

  /// Does what may fail in the folder of what lists keep.
  private static func keeping<Value: ~Copyable>(
    _ body: () throws(ListData.Failure) -> Value
  ) throws(Failure) -> Value {
    do throws(ListData.Failure) { return try body() } catch {
      throw .temporary("\(error.path): \(error.errno)")
    }
  }
}
