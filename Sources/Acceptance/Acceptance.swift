// A message that is being accepted: the one way in for mail, to the mail directory, to the queue, or to both.
//
//     state   | what comes next                                        | on the disk
//     --------|--------------------------------------------------------|-----------------------------------------------
//     open    | `add` a recipient of the queue, `append`, `seal`        | files without a name, or nothing but the buffer
//     sealed  | `add`, `edit` (Edit.swift), `commit`                    | the same; it is whole
//     gone    | `commit` has returned                                  | durable, under all its names: 250 may follow
//     dropped | `commit` or another step has thrown, or it was let go of | nothing
//
// Nobody sees a message before `commit`, and nothing is left of one that is let go of. So whatever fails, there is nothing
// to take back. What the disk has in between is in Storage/MailDirectory.swift and Queue/QueueDirectory.swift.

public import Jobs
public import POSIX
public import Queue
public import SMTP
public import Storage

/// Who a message is from, whose mailboxes it is for, and what stands in front of it.
public struct Addressing: Sendable {
  /// The offset is set by `Acceptance`.
  public var submission: Submission
  /// The field `Received`; empty if there is none.
  public var received: [UInt8] = []
  /// Who gets it in the mail directory. With anybody there, the message begins with `Return-Path`, which is not sent on.
  public var stored: [Mailbox] = []
  /// Whether it is queued. The recipients are added one by one.
  public var isQueued = false
  /// Whether the queue holds it back until an operator releases it.
  public var isHeld = false

  public init(_ submission: Submission) { self.submission = submission }
}

public struct Acceptance: ~Copyable {
  /// Up to this many octets are collected, so that a small message takes one write(2) for each file.
  static let bufferSize = 16_384

  public let id: MessageID
  /// The number of octets so far, with the fields in front.
  public internal(set) var size = 0

  var mail: MailDirectory?
  let queue: QueueDirectory?
  let isReadable: Bool
  /// For the mail directory; nil if nobody gets it there.
  var message: OpenMessage?
  /// For the queue; nil if it is not queued.
  var entry: OpenEntry?
  /// How many octets the fields in front have.
  let fieldsSize: Int
  /// What has not been written yet.
  var buffer: [UInt8] = []
  /// Whether anything has been written.
  var isWritten: Bool { size > buffer.count }

  /// Begins a message, whose `id` must be unique. A directory that is needed and is nil could not be opened: an error.
  ///
  /// A message that `isReadable` can be read and edited when it is sealed. A confined process needs the right to read
  /// files for this.
  public static func begin(
    _ id: MessageID, _ addressing: Addressing, mail: MailDirectory?, queue: QueueDirectory?,
    isReadable: Bool = false
  ) throws(SystemError) -> Acceptance {
    var submission = addressing.submission
    let path = addressing.stored.isEmpty ? [] : submission.reversePath.returnPathField
    submission.offset = path.count
    var new = Acceptance(
      id, mail, queue, isReadable, fieldsSize: path.count + addressing.received.count)
    if !addressing.stored.isEmpty {
      guard let mail else { throw Self.notOpen }
      new.message = try mail.open(id: id, for: addressing.stored, isReadable: isReadable)
    }
    if addressing.isQueued {
      guard let queue else { throw Self.notOpen }
      new.entry = try queue.open(
        id: id, submission, sharing: new.message, isReadable: isReadable,
        isHeld: addressing.isHeld)
    }
    try new.append(path.span)
    try new.append(addressing.received.span)
    return new
  }

  private init(
    _ id: MessageID, _ mail: MailDirectory?, _ queue: QueueDirectory?, _ isReadable: Bool,
    fieldsSize: Int
  ) {
    (self.id, self.mail, self.queue, self.isReadable) = (id, mail, queue, isReadable)
    self.fieldsSize = fieldsSize
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// The error of a directory that is not open.
  private static var notOpen: SystemError { SystemError(call: "open", errno: .noSuchFile) }

  /// How many recipients were added for the queue.
  public var recipientCount: Int {
    switch entry {
    case .some(let entry): entry.recipientCount
    case .none: 0
    }
  }

  /// Adds a recipient to whom the queue delivers the message.
  public mutating func add(_ addressee: Job.Addressee) throws(SystemError) {
    try entry?.add(addressee)
  }

  /// Adds a recipient of a message that is held back, for this reason.
  public mutating func add(
    held addressee: Job.Addressee, because reason: [UInt8], at time: Int64
  ) throws(SystemError) {
    try entry?.add(held: addressee, because: reason, at: time)
  }

  /// Adds a recipient who has the message when it is accepted, for a report to its sender (`OpenEntry.add`).
  public mutating func add(
    delivered addressee: Job.Addressee, at time: Int64
  ) throws(SystemError) {
    try entry?.add(delivered: addressee, at: time)
  }

  /// Appends octets of the message.
  public mutating func append(_ octets: Span<UInt8>) throws(SystemError) {
    size += octets.count
    if buffer.count + octets.count > Self.bufferSize { try flush() }
    if octets.count >= Self.bufferSize {
      try write(octets)
    } else {
      unsafe octets.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    }
  }

  /// Appends a message that `read` gives piece by piece, until it gives none.
  public mutating func append(
    _ read: (inout [UInt8]) throws(SystemError) -> Int
  ) throws(SystemError) {
    var piece: [UInt8] = []
    while true {
      piece.removeAll(keepingCapacity: true)
      if try read(&piece) == 0 { return }
      try append(piece.span)
    }
  }

  /// Makes the message durable for everybody whom it is for, with this time in the names of its files. Only when this has
  /// returned it is accepted. When it throws, nothing is left of it.
  public consuming func commit(time: Timestamp) throws(SystemError) {
    try flush()
    try Self.commit(message.take(), entry.take(), mail, queue, time)
  }

  private static func commit(
    _ message: consuming OpenMessage?, _ entry: consuming OpenEntry?, _ mail: MailDirectory?,
    _ queue: QueueDirectory?, _ time: Timestamp
  ) throws(SystemError) {
    guard let message else {
      if let entry { try queue?.store(entry) }
      return
    }
    guard let mail else { throw notOpen }
    guard let entry else { return try mail.store(message, time: time) }
    try queue?.store(entry, and: message, in: mail, time: time)
  }

  /// Makes a message that follows from another one of the queue durable, in pending/ (`QueueDirectory.storePending`).
  public consuming func commitPending() throws(SystemError) {
    try flush()
    if let entry = entry.take() { try queue?.storePending(entry) }
  }

  mutating func flush() throws(SystemError) {
    if buffer.isEmpty { return }
    try write(buffer.span)
    buffer.removeAll(keepingCapacity: true)
  }

  private borrowing func write(_ octets: Span<UInt8>) throws(SystemError) {
    try message?.append(octets)
    try entry?.append(octets)
  }
}
