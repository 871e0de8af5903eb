// An entry that is being written: the envelope's head, its recipients as they come, and the content. What an envelope
// holds is in Envelope.swift.

public import Jobs
public import POSIX
public import SMTP
public import Storage

/// What is known of a message when it is queued, beside its recipients.
public struct Submission: Sendable {
  public var reversePath: ReversePath
  public var isBinary = false
  public var isUTF8 = false
  public var deliveryStatus = Envelope.DeliveryStatus()
  /// Who has authenticated; empty if nobody has.
  public var login: [UInt8] = []
  public var arrival: Timestamp
  /// The user of this machine who has handed it in, if one has.
  public var user: UInt32?
  /// Whether the sender has authenticated or is local, so that reports on deliveries are made as he asks (RFC 3461).
  public var isOurs = false
  /// Whether it is a delivery report that the queue has made. Where it cannot be delivered the postmaster is told.
  public var isReport = false
  /// How many octets of the content are not sent on: our `Return-Path` field.
  public var offset = 0
  /// The entry that this one follows from.
  public var cause: MessageID?
  /// Whether some recipients have targets of their own (`Job.Addressee.target`).
  public var hasTargets = false

  public init(from reversePath: ReversePath, arrival: Timestamp) {
    self.reversePath = reversePath
    self.arrival = arrival
  }

  /// Takes the parameters of an envelope.
  public init(_ envelope: borrowing Envelope, arrival: Timestamp) {
    self.init(from: envelope.reversePath, arrival: arrival)
    isBinary = envelope.isBinary
    isUTF8 = envelope.isUTF8
    deliveryStatus = envelope.deliveryStatus
  }
}

/// An entry that nobody can see yet. When it is let go of without being stored, it is gone.
public struct OpenEntry: ~Copyable {
  /// Up to this many octets of the envelope are collected, so that a small one takes one write(2).
  private static let bufferSize = 16_384

  public let id: MessageID
  public private(set) var recipientCount = 0
  var content: Content
  let envelope: OpenFile
  /// Whether it waits in hold/ from the beginning.
  let isHeld: Bool
  private var lines: [UInt8]
  /// Lines of the journal, which follow the last recipient.
  private var journal: [UInt8] = []

  enum Content {
    case own(OpenFile)
    /// It is the file of a message in a mail directory, which has a name in data/ already.
    case shared(TemporaryName)
  }

  init(
    id: MessageID, _ submission: Submission, _ content: Content, envelope: OpenFile, isHeld: Bool
  ) {
    self.id = id
    self.isHeld = isHeld
    self.content = content
    self.envelope = envelope
    lines = submission.lines
  }

  /// The file of the content; nil if it is that of a message in a mail directory.
  public var file: OpenFile? {
    switch content {
    case .own(let file): file
    case .shared: nil
    }
  }

  /// Adds a recipient.
  public mutating func add(_ recipient: Job.Addressee) throws(SystemError) {
    recipientCount += 1
    lines += recipient.line
    if lines.count > Self.bufferSize { try flushLines() }
  }

  /// Adds a recipient who has the message when the entry is stored. There is nothing to deliver, but the sender may want
  /// to hear of it, and the next run tells him. The time is in seconds since 1970.
  public mutating func add(
    delivered recipient: Job.Addressee, at time: Int64
  ) throws(SystemError) {
    let verdict = ClientSession.Verdict(
      .delivered, .recipient, EnhancedStatusCode(2, 1, 5), Array("stored in the mailbox".utf8))
    try add(recipient, verdict, at: time)
  }

  /// Adds a recipient who waits in hold/, and says why.
  public mutating func add(
    held recipient: Job.Addressee, because reason: [UInt8], at time: Int64
  ) throws(SystemError) {
    try add(
      recipient, .init(.deferred, .recipient, EnhancedStatusCode(4, 7, 1), reason), at: time)
  }

  private mutating func add(
    _ recipient: Job.Addressee, _ verdict: ClientSession.Verdict, at time: Int64
  ) throws(SystemError) {
    let report = Report(recipient.recipient.mailbox.octets, at: [], verdict)
    journal += Array("verdict \(recipientCount) \(time) ".utf8) + report.octets
    try add(recipient)
  }

  /// Takes another file for the content, which can be read: all is to be appended again. `message`: see
  /// `QueueDirectory.open`.
  public mutating func renewContent(
    in queue: QueueDirectory, sharing message: borrowing OpenMessage?
  ) throws(SystemError) {
    switch content {
    case .own(let file): try file.removeTemporaryName()
    case .shared(let name): try name.remove()
    }
    content = try queue.content(of: id, sharing: message, true)
  }

  /// Appends to the content. If it is a message's file, whoever has that message appends there.
  public func append(_ octets: Span<UInt8>) throws(SystemError) { try file?.write(octets) }

  /// Writes what is collected and syncs the files.
  mutating func synchronize() throws(SystemError) {
    try file?.synchronize()
    lines += Array("end\n".utf8) + journal
    try flushLines()
    try envelope.synchronize()
  }

  private mutating func flushLines() throws(SystemError) {
    try envelope.write(lines.span)
    lines.removeAll(keepingCapacity: true)
  }
}
