// The message store: one directory, with one name for each message and recipient. A message is durable before the 250.
//
// A message is written to one file, and each recipient's name is a hard link to it. In two cases there are more files,
// which are written at the same time:
//
// - If an address does not fit into a name (MailFileName.swift), its recipient gets a file of its own. The first line of
//   this file is `X-Original-To: ` and the address, so that no other recipient learns of it.
// - A file has at most 30,000 names. Further recipients get another file. File systems limit the number of links to a
//   file: ext4 to 65,000, ext2 to 32,000.
//
// A message is in one of these states. Nothing else in the directory is changed:
//
//     state      | on the disk                                    | seen by readers
//     -----------|------------------------------------------------|------------------------------
//     open       | files without a name (or .<id>, see below)     | nothing
//     whole      | their content is synced                        | nothing
//     linked     | a name for each recipient so far, content whole| whole messages, no 250 yet
//     stored     | the directory is synced                        | whole messages; 250 may follow
//     dropped    | nothing                                        | nothing
//
// If the file system does not support unnamed files (O_TMPFILE), the files of an open message have names that begin with
// a dot: `.<id>`, `.<id>~2` and so on. A process that is killed leaves them behind. Their message had no 250, so they may
// be removed.

public import POSIX
public import SMTP

/// Why a message could not be stored: the system call that failed, and its error.
public struct StoreError: Error {
  public let call: StaticString
  public let errno: Errno

  public init(call: StaticString, errno: Errno) {
    self.call = call
    self.errno = errno
  }

  /// Whether the disk or a quota is full, or the limit on the size of a file was reached.
  public var isNoSpace: Bool {
    errno == .noSpace || errno == .quotaExceeded || errno == .fileTooLarge
  }
}

/// A directory that messages are stored in.
public struct MailDirectory: ~Copyable {
  let directory: FileDescriptor

  public init(path: String) throws(StoreError) {
    directory = try reporting("open") { () throws(Errno) in try FileDescriptor.directory(path) }
  }

  /// Opens a message. `id` must be unique, and so must be each of `recipients`. A recipient whose address does not fit
  /// into a name costs a descriptor and disk space for another copy, so an `Envelope` allows only a few of them.
  public func open(
    id: MessageID, for recipients: [Mailbox]
  ) throws(StoreError) -> OpenMessage {
    var message = OpenMessage(id: id)
    do throws(StoreError) {
      let linked = recipients.filter(MailFileNames.canHold)
      for start in stride(from: 0, to: linked.count, by: MessageFile.maximumLinks) {
        let end = min(start + MessageFile.maximumLinks, linked.count)
        message.files.append(try makeFile(message, .linked(linked[start..<end])))
      }
      if linked.count < recipients.count {
        for recipient in recipients where !MailFileNames.canHold(recipient) {
          let file = try makeFile(message, .alone(recipient))
          message.files.append(file)
          let field = Array("X-Original-To: ".utf8) + recipient.octets + Array("\r\n".utf8)
          try file.write(field.span)
        }
      }
    } catch {
      discard(message)
      throw error
    }
    return message
  }

  /// Stores a message under a name for each recipient. When this returns, all names are durable. When it throws, none of
  /// them exists. `alongside` is done when all else is: if it throws, the message is taken back.
  public func store(
    _ message: consuming OpenMessage, time: Timestamp,
    alongside: (borrowing OpenMessage) throws(StoreError) -> Void = { (_) throws(StoreError) in }
  ) throws(StoreError) {
    let names = MailFileNames(time: time, id: message.id)
    var linked: [String] = []
    do throws(StoreError) {
      try message.synchronize()
      var ordinal = 0
      for file in message.files {
        switch file.purpose {
        case .linked(let recipients):
          linked.reserveCapacity(linked.count + recipients.count)
          for recipient in recipients { linked.append(try link(file, recipient, names)) }
        case .alone(let recipient):
          ordinal += 1
          let name = names.cutName(for: recipient, ordinal: ordinal)
          try reporting("link") { () throws(Errno) in try file.link(in: directory, as: name) }
          linked.append(name)
        }
      }
      for file in message.files {
        guard let name = file.temporaryName else { continue }
        try reporting("unlink") { () throws(Errno) in try directory.unlink(name) }
      }
      try reporting("fsync") { () throws(Errno) in try directory.synchronize() }
      try alongside(message)
    } catch {
      for name in linked { try? directory.unlink(name) }
      discard(message)
      throw error
    }
  }

  /// Whether a message is stored under the name for this recipient. The name must be able to hold the address.
  public func has(id: MessageID, for recipient: Mailbox, time: Timestamp) -> Bool {
    MailFileNames.canHold(recipient)
      && directory.status(of: MailFileNames(time: time, id: id).name(for: recipient)) != nil
  }

  /// Drops a message.
  public func discard(_ message: consuming OpenMessage) {
    for file in message.files { remove(file) }
  }

  /// Checks whether messages can be stored, by all the system calls that storing takes. An empty file gets a name that
  /// begins with a dot, and is removed.
  public func probe() throws(StoreError) {
    let file = try makeFile(OpenMessage(id: MessageID(Process.random())), .linked([]))
    let name = "." + String(decoding: MessageID(Process.random()).octets, as: UTF8.self)
    defer { remove(file) }
    try file.synchronize()
    try reporting("link") { () throws(Errno) in try file.link(in: directory, as: name) }
    try reporting("unlink") { () throws(Errno) in try directory.unlink(name) }
    try reporting("fsync") { () throws(Errno) in try directory.synchronize() }
  }

  /// Makes the next file of a message.
  private func makeFile(
    _ message: borrowing OpenMessage, _ purpose: MessageFile.Purpose
  ) throws(StoreError) -> MessageFile {
    if let file = try reporting("open", { () throws(Errno) in try directory.makeUnnamedFile() }) {
      return MessageFile(file, temporaryName: nil, purpose)
    }
    let ordinal = message.files.count + 1
    let name =
      "." + String(decoding: message.id.octets, as: UTF8.self) + (ordinal > 1 ? "~\(ordinal)" : "")
    let file = try reporting("open") { () throws(Errno) in try directory.makeFile(named: name) }
    return MessageFile(file, temporaryName: name, purpose)
  }

  /// Gives a file its name for one of its recipients. If the name exists, because the file system ignores case, every
  /// octet of the address is encoded instead.
  private func link(
    _ file: MessageFile, _ recipient: Mailbox, _ names: MailFileNames
  ) throws(StoreError) -> String {
    let name = names.name(for: recipient)
    do throws(Errno) {
      try file.link(in: directory, as: name)
      return name
    } catch .fileExists {
      let name = names.name(for: recipient, inFull: true)
      try reporting("link") { () throws(Errno) in try file.link(in: directory, as: name) }
      return name
    } catch {
      throw StoreError(call: "link", errno: error)
    }
  }

  /// Removes the temporary name of a file, if it has one.
  private func remove(_ file: MessageFile) {
    if let name = file.temporaryName { try? directory.unlink(name) }
  }
}

/// A message that is being written and that readers cannot see yet.
public struct OpenMessage: ~Copyable {
  /// Up to this many octets of content are collected, so that a small message takes one write(2).
  private static let bufferSize = 16_384

  public let id: MessageID
  /// The number of octets of content so far.
  public private(set) var size = 0

  fileprivate var files: [MessageFile] = []
  /// Content that has not been written to the files yet.
  private var buffer: [UInt8] = []

  fileprivate init(id: MessageID) {
    self.id = id
    buffer.reserveCapacity(Self.bufferSize)
  }

  public mutating func append(_ octets: Span<UInt8>) throws(StoreError) {
    size += octets.count
    if buffer.count + octets.count > Self.bufferSize { try flush() }
    if octets.count >= Self.bufferSize {
      for file in files { try file.write(octets) }
    } else {
      unsafe octets.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    }
  }

  /// Gives the message one more name, in another directory of the same file system. Throws if that cannot be, and always
  /// if each file of the message is for one recipient alone.
  public func link(in directory: borrowing FileDescriptor, as name: String) throws(StoreError) {
    for file in files {
      guard case .linked = file.purpose else { continue }
      return try reporting("link") { () throws(Errno) in
        try file.link(throughDescriptorIn: directory, as: name)
      }
    }
    throw StoreError(call: "link", errno: .invalidArgument)
  }

  fileprivate mutating func synchronize() throws(StoreError) {
    try flush()
    for file in files { try file.synchronize() }
  }

  private mutating func flush() throws(StoreError) {
    if buffer.isEmpty { return }
    for file in files { try file.write(buffer.span) }
    buffer.removeAll(keepingCapacity: true)
  }
}

/// A file that a message is written to. It is a class, because an array cannot hold a noncopyable struct.
private final class MessageFile {
  /// How many names a file may have.
  static let maximumLinks = 30_000

  enum Purpose {
    /// Each of these recipients gets a name.
    case linked(ArraySlice<Mailbox>)
    /// This recipient has the file alone. The address is in the first line.
    case alone(Mailbox)
  }

  let purpose: Purpose
  /// The name of the file before it is stored; nil if it has none.
  let temporaryName: String?
  private let descriptor: FileDescriptor

  init(_ descriptor: consuming FileDescriptor, temporaryName: String?, _ purpose: Purpose) {
    self.descriptor = descriptor
    self.temporaryName = temporaryName
    self.purpose = purpose
  }

  func write(_ octets: Span<UInt8>) throws(StoreError) {
    do throws(Errno) { try descriptor.write(octets) } catch {
      throw StoreError(call: "write", errno: error)
    }
  }

  func synchronize() throws(StoreError) {
    try reporting("fdatasync") { () throws(Errno) in try descriptor.synchronizeData() }
  }

  func link(
    throughDescriptorIn directory: borrowing FileDescriptor, as name: String
  ) throws(Errno) {
    try directory.link(descriptor, as: name)
  }

  func link(in directory: borrowing FileDescriptor, as name: String) throws(Errno) {
    if let temporaryName {
      try directory.link(temporaryName, as: name)
    } else {
      try directory.link(descriptor, as: name)
    }
  }
}

/// Names the call of an error.
public func reporting<Value: ~Copyable>(
  _ call: StaticString, _ body: () throws(Errno) -> Value
) throws(StoreError) -> Value {
  do throws(Errno) { return try body() } catch { throw StoreError(call: call, errno: error) }
}
