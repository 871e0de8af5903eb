// The message store: one directory, one file per message and recipient, durable before the 250.
//
// A message is in one of these states, and nothing else in the directory changes:
//
//     state      | on the disk                                    | seen by readers
//     -----------|------------------------------------------------|------------------------------
//     open       | a file without a name (or .<id>, see below)    | nothing
//     whole      | its content is synced                          | nothing
//     linked     | a name for each recipient so far, content whole| whole messages, no 250 yet
//     stored     | the directory is synced                        | whole messages; 250 may follow
//     dropped    | nothing                                        | nothing
//
// Where the file system has no unnamed files (O_TMPFILE), an open message is a file whose name
// begins with a dot. A process that is killed leaves such a file behind; it was promised to nobody
// and may be removed.

public import POSIX
public import SMTP

/// Why a message could not be stored: the call that failed, and how.
public struct StoreError: Error {
  public let call: StaticString
  public let errno: Errno

  /// Whether there is no room: on the disk, in the quota, or below the limit on a file's size.
  public var isNoSpace: Bool {
    errno == .noSpace || errno == .quotaExceeded || errno == .fileTooLarge
  }
}

/// A directory that messages are stored in.
public struct MailDirectory: ~Copyable {
  private let directory: FileDescriptor

  public init(path: String) throws(StoreError) {
    directory = try reporting("open") { () throws(Errno) in try FileDescriptor.directory(path) }
  }

  /// Begins a message. `id` is its own, and no other message's.
  public func open(id: MessageID) throws(StoreError) -> OpenMessage {
    if let file = try reporting("open", { () throws(Errno) in try directory.makeUnnamedFile() }) {
      return OpenMessage(id: id, file: file, temporaryName: nil)
    }
    let name = "." + String(decoding: id.octets, as: UTF8.self)
    let file = try reporting("open") { () throws(Errno) in try directory.makeFile(named: name) }
    return OpenMessage(id: id, file: file, temporaryName: name)
  }

  /// Stores a message under a name for each recipient. When this returns, all of them are durable;
  /// when it throws, none of them is there.
  public func store(
    _ message: consuming OpenMessage, for recipients: [Mailbox], time: Timestamp
  ) throws(StoreError) {
    var linked: [String] = []
    linked.reserveCapacity(recipients.count)
    do throws(StoreError) {
      try message.synchronize()
      let names = MailFileNames(time: time, id: message.id)
      var collisions = 1
      for recipient in recipients {
        linked.append(try link(message, recipient, names, &collisions))
      }
      if let name = message.temporaryName {
        try reporting("unlink") { () throws(Errno) in try directory.unlink(name) }
      }
      try reporting("fsync") { () throws(Errno) in try directory.synchronize() }
    } catch {
      for name in linked { try? directory.unlink(name) }
      discard(message)
      throw error
    }
  }

  /// Drops a message.
  public func discard(_ message: consuming OpenMessage) {
    if let name = message.temporaryName { try? directory.unlink(name) }
  }

  /// Sees whether messages can be stored, by all that storing one takes: an empty one gets a name that
  /// begins with a dot, and is dropped.
  public func probe() throws(StoreError) {
    var message = try open(id: MessageID(Process.random()))
    let name = "." + String(decoding: MessageID(Process.random()).octets, as: UTF8.self)
    do throws(StoreError) {
      try message.synchronize()
      try reporting("link") { () throws(Errno) in try message.link(in: directory, as: name) }
      try reporting("unlink") { () throws(Errno) in try directory.unlink(name) }
      try reporting("fsync") { () throws(Errno) in try directory.synchronize() }
    } catch {
      discard(message)
      throw error
    }
    discard(message)
  }

  /// Gives the message its name for one recipient. `collisions` counts on through the message, so
  /// that recipients made to collide cost one attempt each.
  private func link(
    _ message: borrowing OpenMessage, _ recipient: Mailbox, _ names: MailFileNames,
    _ collisions: inout Int
  ) throws(StoreError) -> String {
    var name = names.name(for: recipient, ordinal: 1)
    while true {
      do throws(Errno) {
        try message.link(in: directory, as: name)
        return name
      } catch .fileExists {
        collisions += 1
        name = names.name(for: recipient, ordinal: collisions)
      } catch {
        throw StoreError(call: "link", errno: error)
      }
    }
  }
}

/// A message that is being written and that nobody sees yet.
public struct OpenMessage: ~Copyable {
  /// Content is gathered up to this many octets, so that a small message is one write(2).
  private static let bufferSize = 16_384

  public let id: MessageID
  /// Octets so far.
  public private(set) var size = 0

  private let file: FileDescriptor
  /// Nil where the file has no name.
  fileprivate let temporaryName: String?
  /// What is not in the file yet.
  private var buffer: [UInt8] = []

  fileprivate init(id: MessageID, file: consuming FileDescriptor, temporaryName: String?) {
    self.id = id
    self.file = file
    self.temporaryName = temporaryName
    buffer.reserveCapacity(Self.bufferSize)
  }

  public mutating func append(_ octets: Span<UInt8>) throws(StoreError) {
    size += octets.count
    if buffer.count + octets.count > Self.bufferSize { try flush() }
    if octets.count >= Self.bufferSize {
      try write(octets)
    } else {
      unsafe octets.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    }
  }

  fileprivate mutating func synchronize() throws(StoreError) {
    try flush()
    try reporting("fdatasync") { () throws(Errno) in try file.synchronizeData() }
  }

  fileprivate func link(in directory: borrowing FileDescriptor, as name: String) throws(Errno) {
    if let temporaryName {
      try directory.link(temporaryName, as: name)
    } else {
      try directory.link(file, as: name)
    }
  }

  private mutating func flush() throws(StoreError) {
    if buffer.isEmpty { return }
    try write(buffer.span)
    buffer.removeAll(keepingCapacity: true)
  }

  private func write(_ octets: Span<UInt8>) throws(StoreError) {
    do throws(Errno) { try file.write(octets) } catch {
      throw StoreError(call: "write", errno: error)
    }
  }
}

private func reporting<Value: ~Copyable>(
  _ call: StaticString, _ body: () throws(Errno) -> Value
) throws(StoreError) -> Value {
  do throws(Errno) { return try body() } catch { throw StoreError(call: call, errno: error) }
}
