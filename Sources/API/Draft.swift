// A mail that a request wants sent: POST /api/v1/send, and POST /send-email. Each value is taken over as what may stand in
// its place, so that none can begin a field of its own; see MIME/Building/FieldValues.swift.

import HTTP
public import MIME
import Octets

/// A mail to be sent.
public struct Draft: Sendable {
  public var from: NamedAddress
  public var to: [NamedAddress] = []
  public var cc: [NamedAddress] = []
  public var bcc: [NamedAddress] = []
  public var replyTo: [NamedAddress] = []
  public var subject: FieldText?
  public var fields: [(name: FieldName, text: FieldText)] = []
  public var messageID: MessageIdentifier?
  public var tags: [[UInt8]] = []
  public var body: OutgoingPart

  /// The bounds of a draft.
  public static let maximumRecipients = 1000
  private static let maximumFields = 100
  private static let maximumFiles = 500

  /// All addresses that it goes to.
  public var recipients: [NamedAddress] { to + cc + bcc }
}

// Mailpit's call.
extension Draft {
  /// Reads the body of POST /api/v1/send. Addresses are as a session takes them: dots may stand anywhere in a local part,
  /// and a name without a domain is at `domain`.
  public init(send body: [UInt8], at domain: [UInt8]) throws(APIError) {
    let object = try JSONObject(body)
    guard let sender = try object.object("from"),
      let address = try sender.text("email"), !address.isEmpty
    else { throw .badRequest("error building message: from not set") }
    from = try Self.address(address, at: domain, name: try sender.text("name"), "From")
    to = try Self.addresses(object, "to", at: domain, "To")
    cc = try Self.addresses(object, "cc", at: domain, "Cc")
    for address in try object.texts("bcc") ?? [] {
      bcc.append(try Self.address(address, at: domain, "Bcc"))
    }
    replyTo = try Self.addresses(object, "replyto", at: domain, "Reply-To")
    subject = try Self.subject(try object.text("subject"))
    tags = try object.texts("tags") ?? []
    self.body = try Self.body(object)
    try addFields(try object.pairs("headers"))
    try checkRecipients()
  }

  private static func body(_ object: JSONObject) throws(APIError) -> OutgoingPart {
    let html = try object.text("html").flatMap { $0.isEmpty ? nil : $0 }
    let text = try object.text("text").flatMap { $0.isEmpty ? nil : $0 }
    var inline: [OutgoingFile] = []
    var attachments: [OutgoingFile] = []
    let files = try object.objects("attachments") ?? []
    guard files.count <= maximumFiles else { throw .badRequest("too many attachments") }
    for file in files {
      let read = try Self.file(file)
      if read.contentID == nil { attachments.append(read) } else { inline.append(read) }
    }
    return .body(
      text: try bodyText(text ?? html.map { plainText(ofHTML: $0.span) } ?? []),
      html: try html.map { (html) throws(APIError) in try bodyText(html) },
      inline: inline, attachments: attachments)
  }

  /// The subject on one line.
  private static func subject(_ text: [UInt8]?) throws(APIError) -> FieldText? {
    guard let text else { return nil }
    return try value("Subject") { () throws(BuildError) in try FieldText(text) }
  }

  private static func bodyText(_ text: [UInt8]) throws(APIError) -> BodyText {
    try value("Text, HTML") { () throws(BuildError) in try BodyText(text) }
  }

  private static func addresses(
    _ object: JSONObject, _ name: StaticString, at domain: [UInt8], _ shown: StaticString
  ) throws(APIError) -> [NamedAddress] {
    var addresses: [NamedAddress] = []
    for person in try object.objects(name) ?? [] {
      addresses.append(
        try address(
          try person.text("email") ?? [], at: domain, name: try person.text("name"), shown))
    }
    return addresses
  }

  private static func address(
    _ address: [UInt8], at domain: [UInt8], name: [UInt8]? = nil, _ field: StaticString
  ) throws(APIError) -> NamedAddress {
    do throws(BuildError) {
      return try NamedAddress(
        name: try FieldText(name ?? []), ofEnvelope: completed(address, at: domain))
    } catch {
      throw .badRequest(
        [UInt8]("invalid ") + [UInt8](field) + [UInt8](" address: ") + shown(address))
    }
  }

  /// The address, at `domain` if it is only a name.
  static func completed(_ address: [UInt8], at domain: [UInt8]) -> [UInt8] {
    address.isEmpty || address.contains(UInt8(ascii: "@"))
      ? address : address + [UInt8(ascii: "@")] + domain
  }

  /// Fields of the request: those that the draft itself says cannot be among them.
  private mutating func addFields(
    _ pairs: [(name: [UInt8], value: [UInt8])]
  ) throws(APIError) {
    guard pairs.count <= Self.maximumFields else { throw .badRequest("too many headers") }
    for pair in pairs {
      let name = pair.name.lowercased()
      if name.matches("message-id") {
        let bare = pair.value.filter { $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
        messageID = try Self.value("Message-ID") { () throws(BuildError) in
          try MessageIdentifier(bare)
        }
        continue
      }
      let reserved: [StaticString] = [
        "to", "from", "cc", "bcc", "reply-to", "date", "subject", "content-type", "mime-version",
        "return-path", "sender", "content-transfer-encoding", "content-disposition",
      ]
      if reserved.contains(where: { name.matches($0) }) || (name.matches("x-tags") && !tags.isEmpty)
      {
        throw .badRequest(
          [UInt8]("cannot overwrite header: \"") + Self.shown(pair.name) + [UInt8]("\""))
      }
      fields.append(
        try Self.value("Headers") { () throws(BuildError) in
          (try FieldName(pair.name), try FieldText(pair.value))
        })
    }
  }

  private func checkRecipients() throws(APIError) {
    let count = to.count + cc.count + bcc.count
    if count == 0 { throw .badRequest("error building message: no recipients set") }
    if count > Self.maximumRecipients { throw .badRequest("too many recipients") }
  }

  /// Makes a value of a message; says which one cannot be made.
  private static func value<Value>(
    _ name: StaticString, _ body: () throws(BuildError) -> Value
  ) throws(APIError) -> Value {
    do throws(BuildError) { return try body() } catch {
      let reason: StaticString
      switch error {
      case .notText: reason = "text without control characters expected"
      case .notName: reason = "a name expected"
      case .notAddress: reason = "an address expected"
      case .notMessageID: reason = "left@right expected"
      case .tooLong: reason = "too long"
      }
      throw .badRequest([UInt8](name) + [UInt8](": ") + [UInt8](reason))
    }
  }

  /// A text of the request in an answer: on one line, and not long.
  public static func shown(_ text: [UInt8]) -> [UInt8] {
    text.prefix(200).map { 0x20...0x7E ~= $0 ? $0 : UInt8(ascii: "?") }
  }
}

// Attachments.
extension Draft {
  private static func file(_ object: JSONObject) throws(APIError) -> OutgoingFile {
    let name = try object.text("filename") ?? []
    guard let content = try object.read("content", base64) ?? nil else {
      throw .badRequest(
        [UInt8]("error decoding base64 attachment \"") + shown(name) + [UInt8]("\""))
    }
    let type = try object.text("contenttype").flatMap { $0.isEmpty ? nil : $0 }
    let identifier = try object.text("contentid").flatMap { $0.isEmpty ? nil : $0 }
    let bare = identifier?.filter { $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
    return try value("Attachments") { () throws(BuildError) in
      OutgoingFile(
        type: try MediaTypeName(
          (type ?? guessedType(content)).prefix { $0 != UInt8(ascii: ";") && $0 != 32 }.map { $0 }),
        fileName: try FileName(name),
        contentID: try bare.map { (bare) throws(BuildError) in
          // Most say `logo` where RFC 2392 wants `logo@somewhere`.
          try MessageIdentifier(bare, allowsSingleWord: true)
        },
        content: content)
    }
  }

  /// Decodes base64, in front of which `data:…;base64,` may stand; nil if it is none.
  private static func base64(_ text: Span<UInt8>) -> [UInt8]? {
    var start = 0
    let scheme = [UInt8]("data:")
    if text.count >= scheme.count, scheme.indices.allSatisfy({ text[$0] == scheme[$0] }) {
      // What stands in front of the comma is short.
      for index in 0..<min(text.count, 1000) where text[index] == UInt8(ascii: ",") {
        start = index + 1
      }
    }
    return decodedBase64(text.extracting(start..<text.count), .lines)
  }

  /// What an attachment without a type is, by its first octets.
  private static func guessedType(_ content: [UInt8]) -> [UInt8] {
    let signatures: [(front: [UInt8], type: StaticString)] = [
      ([0x89, 0x50, 0x4E, 0x47], "image/png"), ([0xFF, 0xD8, 0xFF], "image/jpeg"),
      ([0x47, 0x49, 0x46, 0x38], "image/gif"), ([0x25, 0x50, 0x44, 0x46, 0x2D], "application/pdf"),
      ([0x50, 0x4B, 3, 4], "application/zip"), ([0x1F, 0x8B], "application/gzip"),
    ]
    for signature in signatures where content.starts(with: signature.front) {
      return [UInt8](signature.type)
    }
    return [UInt8]("application/octet-stream")
  }
}

// Building.
extension Draft {
  /// The message. `date` is in seconds since 1970; `unique` makes boundaries (`OutgoingMessage.append`) and, with
  /// `hostname`, the Message-ID.
  public func message(
    date: Int64, unique: [UInt8], hostname: [UInt8]
  ) throws(APIError) -> (octets: [UInt8], needsUTF8: Bool) {
    let identifier = try Self.value("Message-ID") { () throws(BuildError) in
      if let messageID { return messageID }
      return try MessageIdentifier(unique + [UInt8(ascii: "@")] + hostname)
    }
    var message = OutgoingMessage(
      date: DateTime(seconds: date, zone: 0), messageID: identifier, from: [from], body: body)
    (message.to, message.cc, message.replyTo) = (to, cc, replyTo)
    message.subject = subject
    message.fields = fields
    if !tags.isEmpty {
      let text = Array(tags.map { Self.shown($0) }.joined(separator: [UInt8](", ")))
      message.fields.append(
        try Self.value("Tags") { () throws(BuildError) in
          (try FieldName([UInt8]("X-Tags")), try FieldText(text))
        })
    }
    var octets: [UInt8] = []
    message.append(to: &octets, unique: unique)
    return (octets, message.needsUTF8)
  }
}

// The first email API of this project.
extension Draft {
  /// Reads the body of POST /send-email: `to` (a string or an array), `subject` and `body`; `from` if it is there.
  public init(email body: [UInt8], sender: [UInt8], at domain: [UInt8]) throws(APIError) {
    let object = try JSONObject(body)
    let from = try object.text("from") ?? sender
    self.from = try Self.address(from, at: domain, "from")
    for address in try object.words("to") ?? [] {
      to.append(try Self.address(address, at: domain, "to"))
    }
    subject = try Self.subject(try object.text("subject"))
    self.body = .body(text: try Self.bodyText(try object.text("body") ?? []), html: nil)
    try checkRecipients()
  }

  /// Reads a post to a list: `subject` and `text` (or `body`), `html`; `from` if it is there.
  public init(
    post body: [UInt8], to list: [UInt8], sender: [UInt8], at domain: [UInt8]
  ) throws(APIError) {
    let object = try JSONObject(body)
    var from = sender
    if let text = try object.text("from") { from = text }
    self.from = try Self.address(from, at: domain, "from")
    to = [try Self.address(list, at: domain, "to")]
    subject = try Self.subject(try object.text("subject"))
    var text: [UInt8] = []
    for name in ["body", "text"] as [StaticString] {
      if let found = try object.text(name) { text = found }
    }
    var html: BodyText?
    if let found = try object.text("html"), !found.isEmpty { html = try Self.bodyText(found) }
    self.body = .body(text: try Self.bodyText(text), html: html)
  }
}
