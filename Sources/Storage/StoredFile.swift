// The reading side of the store: what a file's name says, and opening, listing and removing files.

import Octets
public import POSIX
public import SMTP

/// The name of a stored file, read.
public struct StoredFileName: Equatable, Sendable {
  public let time: Timestamp
  public let id: MessageID
  /// What stands behind `<time>-<id>-`.
  public let suffix: [UInt8]
  /// The recipient's address; only its beginning if `isCut`.
  public let recipient: [UInt8]
  /// Whether the address does not fit into the name. It is the first line of the file (`StoredContent`).
  public let isCut: Bool

  /// Reads a name; nil if no message is called so.
  public init?(_ name: Span<UInt8>) {
    let prefix = MailFileNames.prefixLength
    guard name.count > prefix + MailFileNames.suffix.utf8.count, name.count <= 255,
      name[23] == UInt8(ascii: "-"), name[40] == UInt8(ascii: "-"),
      let time = Timestamp(sortable: name.extracting(0..<23)),
      let id = MessageID(name.extracting(24..<40))
    else { return nil }
    var end = name.count
    for octet in MailFileNames.suffix.utf8.reversed() {
      end -= 1
      guard name[end] == octet else { return nil }
    }
    // "~" and a number stand behind an address that is cut.
    let mark = (prefix..<end).first { name[$0] == UInt8(ascii: "~") }
    guard mark.map({ Int(decimal: name.extracting($0 + 1..<end)) != nil }) ?? true,
      let recipient = strictlyPercentDecoded(name.extracting(prefix..<(mark ?? end)), .upper),
      !recipient.isEmpty
    else { return nil }
    (self.time, self.id, self.recipient) = (time, id, recipient)
    (suffix, isCut) = (name.copy(prefix..<name.count), mark != nil)
  }

  /// The name for `recipient`, as it mostly is: encoded no more than needed.
  public static func suffix(for recipient: [UInt8]) -> [UInt8] {
    Array((MailFileNames.encode(recipient, room: .max) + MailFileNames.suffix).utf8)
  }

  /// The whole name of a file.
  public static func name(time: Timestamp, id: MessageID, suffix: [UInt8]) -> String {
    MailFileNames(time: time, id: id).prefix + String(decoding: suffix, as: UTF8.self)
  }
}

/// A stored file, read.
public struct StoredContent: Sendable {
  /// All octets of the file, at most as many as were asked for.
  public var octets: [UInt8] = []
  /// Where the message begins: behind the line `X-Original-To:` of a file whose name is cut.
  public internal(set) var start = 0
  /// The octets of the whole message, however many were read.
  public internal(set) var size = 0
  /// The address of that line; nil for other files.
  public internal(set) var originalRecipient: [UInt8]?

  public init() {}
}

extension MailDirectory {
  /// Calls `body` with the name of each entry of the directory, whatever it is.
  public func forEachName(_ body: (Span<UInt8>) -> Void) throws(SystemError) {
    try folder.descriptor.forEachName(body)
  }

  /// When an entry was last made or removed, in nanoseconds since 1970.
  public func modified() throws(SystemError) -> Int64 {
    try folder.descriptor.modifiedNanoseconds()
  }

  /// Whether there is a file of this name.
  public func hasFile(_ name: String) throws(SystemError) -> Bool {
    try folder.descriptor.hasEntry(name)
  }

  /// Opens a stored file; nil if it is no regular file.
  public func openFile(_ name: String) throws(SystemError) -> FileDescriptor? {
    do throws(SystemError) {
      return try folder.descriptor.reading(named: name)
    } catch .invalidArgument {
      return nil
    }
  }

  /// Reads a stored file into `content`, at most `limit` octets; false if it is no regular file.
  public func read(
    _ name: String, into content: inout StoredContent, limit: Int
  ) throws(SystemError) -> Bool {
    guard let file = try openFile(name) else { return false }
    try file.read(into: &content.octets, limit: limit)
    content.size = try file.status().size
    (content.start, content.originalRecipient) = (0, nil)
    guard name.utf8.contains(UInt8(ascii: "~")) else { return true }
    let field = Array("X-Original-To: ".utf8)
    guard content.octets.starts(with: field),
      let feed = content.octets.prefix(1024).firstIndex(of: 10), feed > field.count
    else { return true }
    let line = content.octets[field.count..<feed]
    content.originalRecipient = Array(line.last == 13 ? line.dropLast() : line)
    content.start = feed + 1
    content.size -= feed + 1
    return true
  }

  /// Removes a file; whether there was one. Call `synchronize` to make that durable.
  @discardableResult
  public func remove(_ name: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try folder.descriptor.unlink(name)
      return true
    } catch .noSuchFile {
      return false
    }
  }

  /// Makes what was removed durable.
  public func synchronize() throws(SystemError) {
    try folder.descriptor.synchronize()
  }
}
