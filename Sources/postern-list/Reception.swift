// A mail that has come for a list: a post, a command, or a report on a post. The queue runs this program for it, with the
// message as a file on standard input, and takes the exit status as the outcome:
//
//     0     done; the mails that follow from it are in the queue (Outbox.swift), and the last line of output is `done`
//     65    refused for good; the last line of output is an enhanced status code and the reason
//     75    to be tried again; likewise
//
// What a mail causes has ids that follow from its own, so that a mail that is received twice, because something was
// killed, causes nothing twice.

import Digest
import Lists
import MIME
import POSIX
import Queue
import Routing
import SMTP
import Settings
import Storage

struct Reception: ~Copyable {
  let mail: Arguments.MailArguments
  let address: ListAddress
  let lists: ListsDirectory
  let settings: ListSettings
  /// The names of the list's addresses.
  let fields: ListFields
  let data: ListData
  let key: ListKey
  let outbox: Outbox
  let log: Log
  /// The message begins at `offset` of `file`.
  let file: FileDescriptor
  let offset: Int
  /// The message's beginning, with its whole header if that is not larger than is read.
  let beginning: [UInt8]
  let header: PostHeader
  let now = Clock.now().seconds

  var list: ListName { address.list }
  var today: Int { Int(now / 86_400) }

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
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2),
      var log = try? Log.open(session: mail.id.octets, isResumed: false)
    else { return .ioError }
    log.level = settings.logLevel
    do throws(Failure) {
      let reception = try Reception(mail, settings, log)
      try reception.receive()
      FileDescriptor.print("done\n", to: 1)
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
    guard address.purpose == .owner || lists.has(address.list) else {
      throw .permanent("5.1.1 no such list")
    }
    let own: ListSettings
    do throws(SettingsError) { own = try lists.settings(of: address.list) } catch {
      throw .temporary(
        "\(address.list.text).conf: \(error.variable)=\(error.value): \(error.reason)")
    }
    let data = try Self.keeping { () throws(ListData.Failure) in try ListData(queue: queue) }
    let key = try Self.keeping { () throws(ListData.Failure) in try data.key() }
    let outbox = try Outbox(queue: queue, cause: mail.id, hostname: settings.hostname)
    guard let offset = FileDescriptor.fileOffset(of: 0) else {
      throw .temporary("standard input is not a file")
    }
    let file = FileDescriptor(0)
    let isReport = if case .bounces = address.purpose { true } else { false }
    let octets = try Self.read(
      file, from: offset, upTo: isReport ? Self.longestReport : Limits.header)
    self.mail = mail
    self.address = address
    self.lists = lists
    self.settings = own
    fields = ListFields(address.list, at: domain, own)
    self.data = data
    self.key = key
    self.outbox = outbox
    self.log = log
    self.file = file
    self.offset = offset
    beginning = octets
    header = PostHeader(octets.span)
  }

  static func read(
    _ file: borrowing FileDescriptor, from offset: Int, upTo limit: Int
  ) throws(Failure) -> [UInt8] {
    var octets: [UInt8] = []
    do throws(Errno) {
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

  private borrowing func receive() throws(Failure) {
    switch address.purpose {
    case .post: try receivePost()
    case .owner: try forwardToOwners()
    case .moderate(let token): try approve(token)
    case .bounces(let token): try receiveReport(token)
    case .subscribe, .unsubscribe, .confirm, .help: try receiveCommand()
    }
  }

  // What several of them need.

  /// The people behind the list.
  var owners: [Mailbox] { settings.owners(at: fields.domain) }

  /// Whether the mail is to be left alone: it was sent by a program, or is a report.
  var isAutomatic: Bool { header.isAutomatic || mail.reversePath == .null }

  borrowing func ignore(_ reason: StaticString) {
    log.write(.info, "ignore") { line in
      line.add("list", list.octets)
      line.add("reason", reason)
    }
  }

  borrowing func note(_ event: StaticString, _ member: Member) {
    log.write(.info, event) { line in
      line.add("list", list.octets)
      line.add("member", member.mailbox.octets)
    }
  }

  /// Does what may fail in the folder of what lists keep.
  static func keeping<Value: ~Copyable>(
    _ body: () throws(ListData.Failure) -> Value
  ) throws(Failure) -> Value {
    do throws(ListData.Failure) { return try body() } catch {
      throw .temporary("\(error.path): \(error.errno)")
    }
  }

  borrowing func reading<Value>(_ body: () throws(Errno) -> Value) throws(Failure) -> Value {
    do throws(Errno) { return try body() } catch { throw .temporary("list \(list.text): \(error)") }
  }

  borrowing func changing<Value>(
    _ body: () throws(FileReplacement.Failure) -> Value
  ) throws(Failure) -> Value {
    do throws(FileReplacement.Failure) { return try body() } catch {
      throw .temporary("list \(list.text): \(error.call): \(error.errno)")
    }
  }
}
