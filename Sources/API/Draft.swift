// A mail that a request wants sent: POST /api/v1/send, and POST /send-email. Each value is taken over as what may stand in
// its place, so that none can begin a field of its own; see MIME/Building/FieldValues.swift.

import HTTP
public import MIME

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
  /// Reads the body of POST /api/v1/send.
  public init(send body: [UInt8]) throws(Failure) {
    let object = try JSONObject(body)
    guard let sender = try object.object("from"),
      let address = try sender.text("email"), !address.isEmpty
    else { throw .badRequest("error building message: from not set") }
    from = try Self.address(address, name: try sender.text("name"), "From")
    to = try Self.addresses(object, "to", "To")
    cc = try Self.addresses(object, "cc", "Cc")
    for address in try object.texts("bcc") ?? [] {
      bcc.append(try Self.address(address, name: nil, "Bcc"))
    }
    replyTo = try Self.addresses(object, "replyto", "Reply-To")
    subject = try Self.subject(try object.text("subject"))
    tags = try object.texts("tags") ?? []
    self.body = try Self.body(object)
    try addFields(try object.pairs("headers"))
    try checkRecipients()
  }

  private static func body(_ object: JSONObject) throws(Failure) -> OutgoingPart {
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
      html: try html.map { (html) throws(Failure) in try bodyText(html) },
      inline: inline, attachments: attachments)
  }

  /// The subject on one line.
  private static func subject(_ text: [UInt8]?) throws(Failure) -> FieldText? {
    guard let text else { return nil }
    return try value("Subject") { () throws(BuildError) in try FieldText(text) }
  }

  private static func bodyText(_ text: [UInt8]) throws(Failure) -> BodyText {
    try value("Text, HTML") { () throws(BuildError) in try BodyText(text) }
  }

  private static func addresses(
    _ object: JSONObject, _ name: StaticString, _ shown: StaticString
  ) throws(Failure) -> [NamedAddress] {
    var addresses: [NamedAddress] = []
    for person in try object.objects(name) ?? [] {
      addresses.append(
        try address(try person.text("email") ?? [], name: try person.text("name"), shown))
    }
    return addresses
  }

  private static func address(
    _ address: [UInt8], name: [UInt8]?, _ field: StaticString
  ) throws(Failure) -> NamedAddress {
    do throws(BuildError) {
      return try NamedAddress(name: try FieldText(name ?? []), address: address)
    } catch {
      throw .badRequest(
        [UInt8]("invalid ") + [UInt8](field) + [UInt8](" address: ") + shown(address))
    }
  }

  /// Fields of the request: those that the draft itself says cannot be among them.
  private mutating func addFields(
    _ pairs: [(name: [UInt8], value: [UInt8])]
  ) throws(Failure) {
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

  private func checkRecipients() throws(Failure) {
    let count = to.count + cc.count + bcc.count
    if count == 0 { throw .badRequest("error building message: no recipients set") }
    if count > Self.maximumRecipients { throw .badRequest("too many recipients") }
  }

  /// Makes a value of a message; says which one cannot be made.
  private static func value<Value>(
    _ name: StaticString, _ body: () throws(BuildError) -> Value
  ) throws(Failure) -> Value {
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
  private static func file(_ object: JSONObject) throws(Failure) -> OutgoingFile {
    let name = try object.text("filename") ?? []
    guard let encoded = try object.text("content"), let content = base64(encoded) else {
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
  private static func base64(_ text: [UInt8]) -> [UInt8]? {
    var start = 0
    if text.starts(with: [UInt8]("data:")), let comma = text.lastIndex(of: UInt8(ascii: ",")) {
      start = comma + 1
    }
    var content: [UInt8] = []
    content.reserveCapacity((text.count - start) / 4 * 3)
    var bits: UInt32 = 0
    var digits = 0
    var padding = 0
    for octet in text[start...] {
      if octet == 10 || octet == 13 { continue }
      if octet == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let value = sextet(octet) else { return nil }
      bits = bits << 6 | value
      digits += 1
      if digits % 4 == 0 {
        content.append(UInt8(truncatingIfNeeded: bits >> 16))
        content.append(UInt8(truncatingIfNeeded: bits >> 8))
        content.append(UInt8(truncatingIfNeeded: bits))
      }
    }
    switch digits % 4 {
    case 0: return padding == 0 ? content : nil
    case 2 where padding == 2: content.append(UInt8(truncatingIfNeeded: bits >> 4))
    case 3 where padding == 1:
      content.append(UInt8(truncatingIfNeeded: bits >> 10))
      content.append(UInt8(truncatingIfNeeded: bits >> 2))
    default: return nil
    }
    return content
  }

  private static func sextet(_ octet: UInt8) -> UInt32? {
    switch octet {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(octet - 65)
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(octet - 71)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(octet + 4)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
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
  ) throws(Failure) -> (octets: [UInt8], needsUTF8: Bool) {
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

/// Whom a stored message is to be sent to: the body of POST /api/v1/message/{id}/release.
public struct Release: Sendable {
  public var to: [NamedAddress] = []

  public init(_ body: [UInt8]) throws(Failure) {
    let texts = try JSONObject(body).texts("to") ?? []
    if texts.isEmpty { throw .badRequest("No valid addresses found") }
    guard texts.count <= Draft.maximumRecipients else { throw .badRequest("too many recipients") }
    for text in texts {
      do throws(BuildError) { to.append(try NamedAddress(address: text)) } catch {
        throw .badRequest([UInt8]("Invalid email address: ") + Draft.shown(text))
      }
    }
  }
}

// The first email API of this project.
extension Draft {
  /// Reads the body of POST /send-email: `to` (a string or an array), `subject` and `body`; `from` if it is there.
  public init(email body: [UInt8], sender: [UInt8]) throws(Failure) {
    let object = try JSONObject(body)
    let from = try object.text("from") ?? sender
    self.from = try Self.address(from, name: nil, "from")
    for address in try object.words("to") ?? [] {
      to.append(try Self.address(address, name: nil, "to"))
    }
    subject = try Self.subject(try object.text("subject"))
    self.body = .body(text: try Self.bodyText(try object.text("body") ?? []), html: nil)
    try checkRecipients()
  }

  /// Reads a post to a list: `subject` and `text` (or `body`), `html`; `from` if it is there.
  public init(post body: [UInt8], to list: [UInt8], sender: [UInt8]) throws(Failure) {
    let object = try JSONObject(body)
    var from = sender
    if let text = try object.text("from") { from = text }
    self.from = try Self.address(from, name: nil, "from")
    to = [try Self.address(list, name: nil, "to")]
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
