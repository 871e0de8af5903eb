// What a list shows of a message, and the record that keeps it.

import MIME
public import SMTP
public import Storage

/// A message as a list shows it. Texts are valid UTF-8.
public struct Summary: Sendable {
  public var id = MessageID(0)
  /// When it was stored.
  public var created = Timestamp(seconds: 0, microseconds: 0)
  /// Octets of the message.
  public var size = 0
  public var isRead = false
  /// Parts that are attached, and parts that the text shows.
  public var attachments = 0
  public var inlineParts = 0
  public var tags: [[UInt8]] = []
  /// Message-ID without brackets, or empty.
  public var messageID: [UInt8] = []
  /// From, or the reverse-path; empty if there is neither.
  public var from: [Person] = []
  public var to: [Person] = []
  public var cc: [Person] = []
  /// With the envelope's recipients whose address is in no To, Cc or Bcc.
  public var bcc: [Person] = []
  public var replyTo: [Person] = []
  public var subject: [UInt8] = []
  /// The beginning of the text on one line.
  public var snippet: [UInt8] = []
  /// Without brackets; of many only the first and the last ones.
  public var references: [[UInt8]] = []
  public var inReplyTo: [[UInt8]] = []
  /// The envelope's recipients, at most twenty of them.
  public var recipients: [[UInt8]] = []

  /// A name, which may be empty, and an address, which may be empty.
  public struct Person: Equatable, Sendable {
    public var name: [UInt8]
    public var address: [UInt8]
  }

  public init() {}
}

extension Summary {
  /// What the message itself says, as octets: each text with its length in front, each list with its number.
  var record: [UInt8] {
    var record = Record()
    record.append(messageID)
    for people in [from, to, cc, bcc, replyTo] {
      record.append(number: people.count)
      for person in people {
        record.append(person.name)
        record.append(person.address)
      }
    }
    record.append(subject)
    record.append(snippet)
    for list in [references, inReplyTo, recipients] {
      record.append(number: list.count)
      for text in list { record.append(text) }
    }
    return record.octets
  }

  /// Reads a record; false if it is none.
  mutating func read(record octets: Span<UInt8>) -> Bool {
    var reader = RecordReader()
    messageID = reader.text(octets)
    from = reader.people(octets)
    to = reader.people(octets)
    cc = reader.people(octets)
    bcc = reader.people(octets)
    replyTo = reader.people(octets)
    subject = reader.text(octets)
    snippet = reader.text(octets)
    references = reader.texts(octets)
    inReplyTo = reader.texts(octets)
    recipients = reader.texts(octets)
    return !reader.hasFailed && reader.index == octets.count
  }
}

private struct Record {
  var octets: [UInt8] = []

  mutating func append(number: Int) {
    var rest = UInt(number)
    while rest >= 0x80 {
      octets.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    octets.append(UInt8(rest))
  }

  mutating func append(_ text: [UInt8]) {
    append(number: text.count)
    octets += text
  }
}

/// Reads a record; what stands behind the first mistake is empty.
private struct RecordReader {
  var index = 0
  var hasFailed = false

  mutating func number(_ octets: Span<UInt8>) -> Int {
    var number = 0
    var shift = 0
    while !hasFailed, index < octets.count, shift <= 28 {
      let octet = octets[index]
      index += 1
      number |= Int(octet & 0x7F) << shift
      if octet < 0x80 { return number }
      shift += 7
    }
    hasFailed = true
    return 0
  }

  mutating func text(_ octets: Span<UInt8>) -> [UInt8] {
    let count = number(octets)
    guard !hasFailed, count <= octets.count - index else {
      hasFailed = true
      return []
    }
    defer { index += count }
    var text: [UInt8] = []
    text.reserveCapacity(count)
    for place in index..<index + count { text.append(octets[place]) }
    return text
  }

  mutating func texts(_ octets: Span<UInt8>) -> [[UInt8]] {
    var texts: [[UInt8]] = []
    for _ in 0..<number(octets) where !hasFailed { texts.append(text(octets)) }
    return texts
  }

  mutating func people(_ octets: Span<UInt8>) -> [Summary.Person] {
    var people: [Summary.Person] = []
    for _ in 0..<number(octets) {
      guard !hasFailed else { break }
      let name = text(octets)
      people.append(Summary.Person(name: name, address: text(octets)))
    }
    return people
  }
}
