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

/// A directory that messages are stored in.
public struct MailDirectory {
  let folder: Folder

  public init(path: String) throws(SystemError) {
    folder = Folder(try FileDescriptor.directory(path))
  }

  /// Opens a message, which is dropped when it is let go of without being stored. `id` must be unique, and so must be each
  /// of `recipients`. A recipient whose address does not fit into a name costs a descriptor and disk space for another
  /// copy, so an `Envelope` allows only a few of them.
  ///
  /// A message that `isReadable` can be read while it is open. This takes the right to read files in the directory.
  public func open(
    id: MessageID, for recipients: [Mailbox], isReadable: Bool = false
  ) throws(SystemError) -> OpenMessage {
    var message = OpenMessage(id: id)
    let linked = recipients.filter(MailFileNames.canHold)
    for start in stride(from: 0, to: linked.count, by: OpenMessage.maximumLinks) {
      let end = min(start + OpenMessage.maximumLinks, linked.count)
      try message.addFile(.linked(linked[start..<end]), in: folder, isReadable)
    }
    if linked.count < recipients.count {
      for recipient in recipients where !MailFileNames.canHold(recipient) {
        try message.addFile(.alone(recipient), in: folder, isReadable)
      }
    }
    return message
  }

  /// Stores a message under a name for each recipient. When this returns, all names are durable. When it throws, none of
  /// them exists. `alongside` is done when all else is: if it throws, the message is taken back.
  public func store(
    _ message: consuming OpenMessage, time: Timestamp,
    alongside: (borrowing OpenMessage) throws(SystemError) -> Void = { (_) throws(SystemError) in }
  ) throws(SystemError) {
    let names = MailFileNames(time: time, id: message.id)
    var linked: [String] = []
    do throws(SystemError) {
      for (file, _) in message.files { try file.synchronize() }
      var ordinal = 0
      for (file, purpose) in message.files {
        switch purpose {
        case .linked(let recipients):
          linked.reserveCapacity(linked.count + recipients.count)
          for recipient in recipients { linked.append(try link(file, recipient, names)) }
        case .alone(let recipient):
          ordinal += 1
          let name = names.cutName(for: recipient, ordinal: ordinal)
          try file.link(in: folder.descriptor, as: name)
          linked.append(name)
        }
      }
      for (file, _) in message.files { try file.removeTemporaryName() }
      try synchronize()
      try alongside(message)
    } catch {
      for name in linked { try? folder.descriptor.unlink(name) }
      throw error
    }
  }

  /// Whether a message is stored under the name for this recipient. The name must be able to hold the address.
  public func has(id: MessageID, for recipient: Mailbox, time: Timestamp) -> Bool {
    MailFileNames.canHold(recipient)
      && folder.descriptor.status(of: MailFileNames(time: time, id: id).name(for: recipient)) != nil
  }

  /// Checks whether messages can be stored, by all the system calls that storing takes. An empty file gets a name that
  /// begins with a dot, and is removed.
  public func probe() throws(SystemError) {
    var message = OpenMessage(id: MessageID(Process.random()))
    try message.addFile(.linked([]), in: folder, false)
    let file = message.files[0].file
    let name = "." + String(decoding: MessageID(Process.random()).octets, as: UTF8.self)
    try file.synchronize()
    try file.link(in: folder.descriptor, as: name)
    try folder.descriptor.unlink(name)
    try synchronize()
  }

  /// Why messages cannot be stored at a path; nil if they can.
  public static func fault(at path: String) -> String? {
    do throws(SystemError) {
      try MailDirectory(path: path).probe()
      return nil
    } catch {
      return "\(error.call): \(error)"
    }
  }

  /// Gives a file its name for one of its recipients. If the name exists, because the file system ignores case, every
  /// octet of the address is encoded instead.
  private func link(
    _ file: OpenFile, _ recipient: Mailbox, _ names: MailFileNames
  ) throws(SystemError) -> String {
    let name = names.name(for: recipient)
    do throws(SystemError) {
      try file.link(in: folder.descriptor, as: name)
      return name
    } catch .fileExists {
      let name = names.name(for: recipient, inFull: true)
      try file.link(in: folder.descriptor, as: name)
      return name
    }
  }
}

/// A message that is being written and that readers cannot see yet.
public struct OpenMessage: ~Copyable {
  /// How many names a file may have.
  fileprivate static let maximumLinks = 30_000

  public let id: MessageID
  fileprivate var files: [(file: OpenFile, purpose: Purpose)] = []

  fileprivate enum Purpose {
    /// Each of these recipients gets a name.
    case linked(ArraySlice<Mailbox>)
    /// This recipient has the file alone. The address is in the first line.
    case alone(Mailbox)

    /// What stands in front of the content.
    var field: [UInt8] {
      switch self {
      case .linked: []
      case .alone(let recipient):
        Array("X-Original-To: ".utf8) + recipient.octets + Array("\r\n".utf8)
      }
    }
  }

  fileprivate init(id: MessageID) { self.id = id }

  fileprivate mutating func addFile(
    _ purpose: Purpose, in folder: Folder, _ isReadable: Bool
  ) throws(SystemError) {
    let (id, ordinal) = (id, files.count + 1)
    let file = try OpenFile.make(in: folder.descriptor, orIn: folder, isReadable: isReadable) {
      "." + String(decoding: id.octets, as: UTF8.self) + (ordinal > 1 ? "~\(ordinal)" : "")
    }
    files.append((file, purpose))
    if case .alone = purpose { try file.write(purpose.field.span) }
  }

  /// Takes other files for the same recipients, which can be read. All is to be appended again.
  public mutating func renewFiles(in directory: borrowing MailDirectory) throws(SystemError) {
    let old = files
    files = []
    for (file, purpose) in old {
      try file.removeTemporaryName()
      try addFile(purpose, in: directory.folder, true)
    }
  }

  /// Appends to each of the files.
  public func append(_ octets: Span<UInt8>) throws(SystemError) {
    for (file, _) in files { try file.write(octets) }
  }

  /// A file of the message, and where the content begins in it.
  public var content: (file: OpenFile, start: Int) { (files[0].file, files[0].purpose.field.count) }

  /// Gives the message one more name, in another directory of the same file system. Throws if that cannot be, and always
  /// if each file of the message is for one recipient alone.
  public func link(in directory: borrowing FileDescriptor, as name: String) throws(SystemError) {
    for (file, purpose) in files {
      guard case .linked = purpose else { continue }
      return try file.link(throughDescriptorIn: directory, as: name)
    }
    throw SystemError(call: "link", errno: .invalidArgument)
  }
}
