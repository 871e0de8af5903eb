// A mail directory and a queue in a temporary folder, and what is in them.

import Acceptance
import Foundation
import Jobs
import POSIX
import Queue
import SMTP
import Storage
import TestSupport

func mailbox(_ text: String) -> Mailbox {
  guard let mailbox = Mailbox(Array(text.utf8)) else { preconditionFailure(text) }
  return mailbox
}

func addressee(_ text: String) -> Job.Addressee {
  Job.Addressee(Recipient(mailbox: mailbox(text)))
}

let arrival = Timestamp(seconds: 1_800_000_000, microseconds: 5)
let received = "Received: from x\r\n\tby y; now\r\n"

struct Places {
  let scratch = Scratch()
  let mail: MailDirectory
  let queue: QueueDirectory
  static let id = MessageID(0xAB)

  init() throws {
    for name in ["mail", "queue"] {
      try FileManager.default.createDirectory(
        atPath: scratch.path + "/" + name, withIntermediateDirectories: false)
    }
    mail = try MailDirectory(path: scratch.path + "/mail")
    queue = try QueueDirectory(path: scratch.path + "/queue")
  }

  /// Begins a message to mailboxes of ours and to others.
  func begin(
    from sender: String = "me@x.example", to stored: [String] = [], and queued: [String] = []
  ) throws(SystemError) -> Acceptance {
    var acceptance = try Acceptance.begin(
      Self.id, Self.addressing(from: sender, to: stored, isQueued: !queued.isEmpty), mail: mail,
      queue: queue, isReadable: true)
    for recipient in queued { try acceptance.add(addressee(recipient)) }
    return acceptance
  }

  static func addressing(
    from sender: String = "me@x.example", to stored: [String], isQueued: Bool
  ) -> Addressing {
    let path = ReversePath(Array(sender.utf8)) ?? .null
    var addressing = Addressing(Submission(from: path, arrival: arrival))
    addressing.received = Array(received.utf8)
    addressing.stored = stored.map(mailbox)
    addressing.isQueued = isQueued
    return addressing
  }

  /// The names of a folder's files, hidden ones too.
  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: scratch.path + "/" + folder)) ?? [])
      .sorted()
  }

  func content(_ file: String) -> String {
    String(
      decoding: FileManager.default.contents(atPath: scratch.path + "/" + file) ?? Data(),
      as: UTF8.self)
  }

  func inode(_ file: String) -> Int? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: scratch.path + "/" + file)
    return attributes?[.systemFileNumber] as? Int
  }

  /// Every file that is there.
  var files: [String] {
    ["mail", "queue/data", "queue/new", "queue/pending"].flatMap { folder in
      names(folder).map { "\(folder)/\($0)" }
    }
  }

  /// What is stored, by recipient.
  var mails: [String: String] {
    var mails: [String: String] = [:]
    for name in names("mail") {
      mails[String(name.dropFirst(41).dropLast(4))] = content("mail/" + name)
    }
    return mails
  }

  /// The queued message as it is sent on, and the lines of its envelope; nil if there is none.
  var queued: (content: String, envelope: [String])? {
    guard names("queue/new") == [Self.id.text] else { return nil }
    let envelope = content("queue/new/" + Self.id.text).components(separatedBy: "\n")
    let offset = envelope.first { $0.hasPrefix("message ") }.flatMap {
      Int($0.split(separator: " ")[1])
    }
    let content = content("queue/data/" + Self.id.text)
    return (String(content.utf8.dropFirst(offset ?? 0)) ?? "", envelope)
  }
}

extension Acceptance {
  mutating func append(_ text: String) throws(SystemError) {
    try append(Array(text.utf8).span)
  }
}
