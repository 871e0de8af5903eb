// One message as JSON: GET /api/v1/message/{id}.

import HTTP
public import JSON
import MIME
import Octets

/// What the store knows of a message beside its octets.
public struct StoredFacts {
  public var id: [UInt8]
  /// When it was stored: seconds since 1970, and microseconds.
  public var created: (seconds: Int64, microseconds: UInt32)
  public var size: Int
  public var tags: [[UInt8]]
  /// The recipients of the envelope.
  public var recipients: [[UInt8]]

  public init(
    id: [UInt8], created: (seconds: Int64, microseconds: UInt32), size: Int, tags: [[UInt8]],
    recipients: [[UInt8]]
  ) {
    (self.id, self.created, self.size) = (id, created, size)
    (self.tags, self.recipients) = (tags, recipients)
  }
}

/// Octets of text and of HTML that are shown at most: more than a mail has that came by SMTP.
public let maximumText = 256 << 20

/// The message as JSON. It says `Read`, which old clients need.
public func messageAnswer(
  _ octets: Span<UInt8>, _ facts: StoredFacts
) -> [UInt8] {
  let message = Message(octets)
  let header = ReadHeader(message, octets)
  var json = JSONWriter()
  json.beginObject()
  json.member("ID", facts.id)
  json.member("MessageID", message.messageID ?? [])
  json.member("Read", true)
  json.key("From")
  json.append(message.authors.addresses.first)
  for (name, list) in [
    ("To", message.to), ("Cc", message.cc), ("ReplyTo", message.replyTo),
  ] as [(StaticString, AddressList)] {
    json.key(name)
    json.beginArray()
    for address in list.addresses { json.append(address) }
    json.endArray()
  }
  json.key("Bcc")
  json.appendBlindCopies(message, facts.recipients)
  json.member(
    "ReturnPath", header.returnPath ?? message.from.addresses.first?.address ?? [])
  json.member("Subject", message.subject)
  json.key("ListUnsubscribe")
  header.appendListUnsubscribe(to: &json)
  var date: [UInt8] = []
  let isDated = message.date.map { date.append(time: $0.seconds, zone: $0.zone ?? 0) } ?? false
  if !isDated { date.append(time: facts.created.seconds, zone: 0) }
  json.member("Date", date)
  var created: [UInt8] = []
  created.append(
    time: facts.created.seconds, microseconds: facts.created.microseconds, zone: nil)
  json.member("Created", created)
  json.member("Tags", facts.tags)
  json.member("Username", "")
  json.member("Text", message.text(in: octets, limit: maximumText).utf8)
  json.member("HTML", message.html(in: octets, limit: maximumText)?.utf8 ?? [])
  json.member("Size", facts.size)
  for (name, indices) in [
    ("Inline", message.inlineParts), ("Attachments", message.attachments),
  ] as [(StaticString, [Int])] {
    json.key(name)
    json.beginArray()
    for index in indices { ListedPart(message, index, octets).append(to: &json, octets) }
    json.endArray()
  }
  json.endObject()
  return json.finish()
}

extension JSONWriter {
  /// `{"Name":…,"Address":…}`
  public mutating func person(name: [UInt8], address: [UInt8]) {
    beginObject()
    member("Name", name)
    member("Address", address)
    endObject()
  }

  fileprivate mutating func append(_ address: Address?) {
    person(name: address?.name ?? [], address: address?.address ?? [])
  }

  /// The Bcc field, and the recipients of the envelope whom no field names: they had a blind copy.
  fileprivate mutating func appendBlindCopies(_ message: Message, _ recipients: [[UInt8]]) {
    beginArray()
    var named: Set<[UInt8]> = []
    for list in [message.to, message.cc, message.bcc] {
      for address in list.addresses { named.insert(address.address.lowercased()) }
    }
    for address in message.bcc.addresses { append(address) }
    for recipient in recipients where named.insert(recipient.lowercased()).inserted {
      person(name: [], address: recipient)
    }
    endArray()
  }
}

/// Fields that only this answer shows.
private struct ReadHeader {
  var returnPath: [UInt8]?
  var listUnsubscribe: [UInt8] = []
  var listUnsubscribePost: [UInt8] = []

  init(_ message: borrowing Message, _ octets: Span<UInt8>) {
    var reader = HeaderReader(octets, message.structure.parts[0].header)
    while let field = reader.next(octets) {
      if field.isNamed("return-path", in: octets) {
        guard returnPath == nil else { continue }
        returnPath = field.text(in: octets).filter { $0 != 0x3C && $0 != 0x3E }
      } else if field.isNamed("list-unsubscribe", in: octets) {
        if listUnsubscribe.isEmpty { listUnsubscribe = field.text(in: octets) }
      } else if field.isNamed("list-unsubscribe-post", in: octets) {
        if listUnsubscribePost.isEmpty { listUnsubscribePost = field.text(in: octets) }
      }
    }
  }

  /// RFC 2369: URLs in angle brackets with commas between.
  func appendListUnsubscribe(to json: inout JSONWriter) {
    var links: [[UInt8]] = []
    var index = 0
    while index < listUnsubscribe.count, links.count < 20 {
      guard listUnsubscribe[index] == UInt8(ascii: "<") else {
        index += 1
        continue
      }
      guard let end = listUnsubscribe[index...].firstIndex(of: UInt8(ascii: ">")) else { break }
      let link = Array(listUnsubscribe[(index + 1)..<end])
      if !link.isEmpty { links.append(link) }
      index = end + 1
    }
    json.beginObject()
    json.member("Header", listUnsubscribe)
    json.member("Links", links)
    json.member(
      "Errors",
      listUnsubscribe.isEmpty || !links.isEmpty
        ? "" : "no link in angle brackets" as StaticString)
    json.member("HeaderPost", listUnsubscribePost)
    json.endObject()
  }
}
