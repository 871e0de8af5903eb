// An entry that is being written: the envelope's head, its recipients as they come, and the content. What an envelope
// holds is in Envelope.swift.

public import Jobs
import POSIX
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
  /// Whether the sender has authenticated or is local, so that reports on deliveries are made as he asks (RFC 3461).
  public var isOurs = false
  /// How many octets of the content are not sent on: our `Return-Path` field.
  public var offset = 0
  /// The entry that this one follows from.
  public var cause: MessageID?

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

/// An entry that nobody can see yet.
public struct OpenEntry: ~Copyable {
  /// Up to this many octets are collected, so that a small message takes one write(2) for each file.
  private static let bufferSize = 16_384

  public let id: MessageID
  /// The number of octets of content so far.
  public private(set) var size = 0
  public private(set) var recipientCount = 0
  /// Whether the content is the file of a message in a mail directory.
  public let isSharing: Bool

  private let content: EntryFile?
  private let envelope: EntryFile
  private var octets: [UInt8] = []
  private var lines: [UInt8]
  /// Lines of the journal, which follow the last recipient.
  private var journal: [UInt8] = []

  init(
    id: MessageID, _ submission: Submission, content: EntryFile?,
    envelope: EntryFile
  ) {
    self.id = id
    isSharing = content == nil
    self.content = content
    self.envelope = envelope
    lines = submission.lines
  }

  /// Adds a recipient.
  public mutating func add(_ recipient: Job.Addressee) throws(StoreError) {
    recipientCount += 1
    lines += recipient.line
    if lines.count > Self.bufferSize { try flushLines() }
  }

  /// Adds a recipient who has the message when the entry is stored. There is nothing to deliver, but the sender may want
  /// to hear of it, and the next run tells him. The time is in seconds since 1970.
  public mutating func add(
    delivered recipient: Job.Addressee, at time: Int64
  ) throws(StoreError) {
    let verdict = ClientSession.Verdict(
      .delivered, .recipient, EnhancedStatusCode(2, 1, 5), Array("stored in the mailbox".utf8))
    let report = Report(recipient.recipient.mailbox.octets, at: [], verdict)
    journal += Array("verdict \(recipientCount) \(time) ".utf8) + report.octets
    try add(recipient)
  }

  public mutating func append(_ octets: Span<UInt8>) throws(StoreError) {
    size += octets.count
    if isSharing { return }
    if self.octets.count + octets.count > Self.bufferSize { try flushOctets() }
    if octets.count >= Self.bufferSize {
      try content?.write(octets)
    } else {
      unsafe octets.withUnsafeBufferPointer { unsafe self.octets.append(contentsOf: $0) }
    }
  }

  /// Writes what is collected and syncs the files.
  mutating func synchronize() throws(StoreError) {
    try flushOctets()
    try content?.synchronize()
    lines += Array("end\n".utf8) + journal
    try flushLines()
    try envelope.synchronize()
  }

  func linkContent(
    in data: borrowing FileDescriptor, as name: String
  ) throws(StoreError) {
    do throws(Errno) { try content?.link(from: data, in: data, as: name) } catch {
      throw StoreError(call: "link", errno: error)
    }
  }

  func linkEnvelope(
    from data: borrowing FileDescriptor, in place: borrowing FileDescriptor, as name: String
  ) throws(StoreError) {
    do throws(Errno) { try envelope.link(from: data, in: place, as: name) } catch {
      throw StoreError(call: "link", errno: error)
    }
  }

  /// Names of the files in data/ while the entry is open.
  var temporaryNames: [String] {
    var names: [String] = []
    if let name = content?.temporaryName { names.append(name) }
    if let name = envelope.temporaryName { names.append(name) }
    return names
  }

  private mutating func flushOctets() throws(StoreError) {
    if octets.isEmpty { return }
    try content?.write(octets.span)
    octets.removeAll(keepingCapacity: true)
  }

  private mutating func flushLines() throws(StoreError) {
    try envelope.write(lines.span)
    lines.removeAll(keepingCapacity: true)
  }
}

/// A file of an open entry. It is a class, because an optional noncopyable struct cannot be borrowed.
final class EntryFile {
  private let descriptor: FileDescriptor
  /// Its name in data/; nil if it has none.
  let temporaryName: String?

  init(_ descriptor: consuming FileDescriptor, temporaryName: String?) {
    self.descriptor = descriptor
    self.temporaryName = temporaryName
  }

  func write(_ octets: Span<UInt8>) throws(StoreError) {
    do throws(Errno) { try descriptor.write(octets) } catch {
      throw StoreError(call: "write", errno: error)
    }
  }

  func synchronize() throws(StoreError) {
    do throws(Errno) { try descriptor.synchronizeData() } catch {
      throw StoreError(call: "fdatasync", errno: error)
    }
  }

  func link(
    from data: borrowing FileDescriptor, in place: borrowing FileDescriptor, as name: String
  ) throws(Errno) {
    if let temporaryName {
      try data.link(temporaryName, in: place, as: name)
    } else {
      try place.link(descriptor, as: name)
    }
  }
}
