import Foundation
import Index
import POSIX
import SMTP
import Storage
import TestSupport

/// A mail directory with an index.
struct Fixture {
  let folder = MailFolder(Scratch())
  private let clock = Counter()

  func index() throws -> MailIndex { try MailIndex(mail: folder.path) }

  /// Stores a message as the session does. Lines of `text` end with LF here.
  @discardableResult
  func store(
    _ text: String, to recipients: [String] = ["me@x.example"], id: UInt64? = nil,
    at seconds: Int64? = nil
  ) throws -> MessageID {
    let count = clock.next()
    let id = MessageID(id ?? 0xABCD_0000 + UInt64(count))
    let time = seconds ?? 1_795_330_452 + Int64(count)
    try Self.store(text, to: recipients, id, at: time, in: folder.path)
    return id
  }

  static func store(
    _ text: String, to recipients: [String], _ id: MessageID, at seconds: Int64, in path: String
  ) throws {
    let store = try MailDirectory(path: path)
    let message = try store.open(id: id, for: recipients.map { Mailbox(Array($0.utf8))! })
    let octets = Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8)
    try message.append(octets.span)
    try store.store(message, time: Timestamp(seconds: seconds, microseconds: 123_456))
  }

  func mail(_ fields: String = "", _ body: String = "text") -> String {
    (fields.isEmpty ? "" : fields + "\n") + "\n" + body + "\n"
  }

  private final class Counter {
    private var count = 0
    func next() -> Int {
      count += 1
      return count
    }
  }
}

typealias Zone = POSIX.TimeZone

func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

extension MailIndex {
  /// Up to date, whatever it takes.
  func refreshed() throws -> MailIndex {
    _ = try refresh(until: Deadline(inSeconds: 60))
    return self
  }

  func subjects(_ query: String? = nil, limit: Int = 1000) throws -> [String] {
    guard let query else {
      return try page(start: 0, limit: limit).summaries.map { text($0.subject) }
    }
    let parsed = try Query(Array(query.utf8), zone: Zone(Array("UTC".utf8))!)
    return try search(parsed, start: 0, limit: limit).summaries.map { text($0.subject) }
  }
}
