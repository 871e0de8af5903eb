// A mail that has come for a list, and what is to be done because of it. Posts.swift, Commands.swift and Bounces.swift
// decide; what they must know and a mail does not say, they ask by closures; who carries the actions out is the caller's.
//
// A mail may be received again when something was killed. So each action may be done again, and a mail that is received
// again has the same actions: what it has noted counts as not noted for itself.

import Digest
import MIME
public import SMTP

public struct ReceivedMail: Sendable {
  /// The id of its entry in the queue, as text.
  public let id: [UInt8]
  public let reversePath: ReversePath
  /// Whether its sender has authenticated, or is a program of this machine.
  public let isOurs: Bool
  /// The day on which it came to the queue, in days since 1970, so that it is the same each time.
  public let day: Int
  public let purpose: ListAddress.Purpose
  public let post: Post
  /// The list, with its settings.
  public let fields: ListFields
  public let key: ListKey

  public init(
    _ id: [UInt8], from reversePath: ReversePath, isOurs: Bool, day: Int,
    for purpose: ListAddress.Purpose, of fields: ListFields, beginning: [UInt8], key: ListKey
  ) {
    (self.id, self.reversePath, self.isOurs, self.day) = (id, reversePath, isOurs, day)
    (self.purpose, self.fields, self.key) = (purpose, fields, key)
    post = Post(beginning)
  }

  public var list: ListName { fields.list }

  /// The id of the entry that an action makes, the same each time.
  public func entryID(of action: ListAction) -> UInt64 {
    var digest = SHA256()
    let name = Array(action.entry.utf8)
    let subject = id + [0] + name + [0] + ListAddress(list, purpose).localPart
    digest.update(subject.span)
    return digest.finish()[..<8].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The people behind the list.
  var owners: [Mailbox] { fields.settings.owners(at: fields.domain) }

  /// Whether the mail is to be left alone: it was sent by a program, or is a report.
  var isAutomatic: Bool { post.header.isAutomatic || reversePath == .null }
}

/// A message's beginning, with its whole header if that is not larger than is read.
public struct Post: Sendable {
  public let beginning: [UInt8]
  public let header: PostHeader

  public init(_ beginning: [UInt8]) {
    self.beginning = beginning
    header = PostHeader(beginning.span)
  }

  var author: Mailbox? { header.author.flatMap { Mailbox($0.address) } }

  /// Whether the header holds more than ASCII.
  public var isUTF8: Bool { beginning[..<header.end].contains { $0 >= 0x80 } }
}

/// What is to be done because of a mail. Several are done in their order.
public enum ListAction: Sendable {
  /// Nothing; the log says why.
  case ignore(StaticString)
  /// The mail goes back to its sender: an enhanced status code and the reason.
  case refuse(StaticString)
  /// The post waits for an owner.
  case hold
  /// The post with this id, which waits, goes out: see `ReceivedMail.distribution`.
  case release([UInt8])
  /// All members get the post.
  case distribute(Distribution)
  /// These get the mail as it is, with this line in front of it.
  case forward(to: [Mailbox], line: [UInt8])
  /// The list writes itself.
  case send(ListMail, to: [Mailbox], from: ReversePath)
  /// This line is noted, durably before anything that follows.
  case note(NoteKey, [UInt8])
  /// Joins the list, and is well.
  case add(Member)
  /// Leaves the list, which forgets what it knows of the member.
  case remove(Member)
  /// Mail to these has come back: see `ReceivedMail.count`.
  case count([Member], isProbe: Bool)
  /// The log says that this was done for a member.
  case log(StaticString, Member)

  /// The name of the entry of the queue that the action makes; empty if it makes none. It is different for each of those
  /// that one mail may cause at one address.
  public var entry: String {
    switch self {
    case .distribute, .release: "post"
    case .forward: "owner"
    case .send(let mail, let recipients, _):
      mail.kind.name + " " + String(decoding: recipients.first?.octets ?? [], as: UTF8.self)
    case .ignore, .refuse, .hold, .note, .add, .remove, .count, .log: ""
    }
  }
}
