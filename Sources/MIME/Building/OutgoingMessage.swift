// A message that is built. Pure: the date and the identifiers are the caller's, and so is what makes boundaries
// unique.

import Octets

/// A message to be sent.
public struct OutgoingMessage: Sendable {
  public var date: DateTime
  public var messageID: MessageIdentifier
  public var from: [NamedAddress]
  /// Needed where there is more than one author (RFC 5322 §3.6.2).
  public var sender: NamedAddress?
  public var replyTo: [NamedAddress] = []
  public var to: [NamedAddress] = []
  public var cc: [NamedAddress] = []
  public var subject: FieldText?
  public var inReplyTo: [MessageIdentifier] = []
  public var references: [MessageIdentifier] = []
  /// Fields besides these, in order. Those of the body (`Content-` and what follows, MIME-Version) are left out.
  public var fields: [(name: FieldName, text: FieldText)] = []
  public var body: OutgoingPart
  /// Whether names and text in header fields may be UTF-8, which only SMTPUTF8 carries (RFC 6531). Without it
  /// they are encoded. There is no such encoding for addresses (see `needsUTF8`).
  public var usesUTF8 = false

  /// Whether the message has to be sent with SMTPUTF8: `usesUTF8` is set, or an address is not ASCII.
  public var needsUTF8: Bool {
    usesUTF8 || !(sender?.isASCII ?? true)
      || ![from, replyTo, to, cc].allSatisfy { $0.allSatisfy { $0.isASCII } }
  }

  public init(
    date: DateTime, messageID: MessageIdentifier, from: [NamedAddress], body: OutgoingPart
  ) {
    (self.date, self.messageID, self.from, self.body) = (date, messageID, from, body)
  }

  /// Appends the message to `output`. Lines end with CR LF and have at most 998 octets, if those of a message
  /// inside have. `unique` makes its boundaries: letters and digits that nobody can guess, at most 40.
  public func append(to output: inout [UInt8], unique: [UInt8]) {
    precondition(1...40 ~= unique.count && unique.allSatisfy { $0.isLetterOrDigit })
    var header = HeaderWriter(usesUTF8: usesUTF8)
    header.append(FieldName("Date"), date: date, to: &output)
    header.append(FieldName("From"), addresses: from, to: &output)
    if let sender { header.append(FieldName("Sender"), addresses: [sender], to: &output) }
    header.append(FieldName("Reply-To"), addresses: replyTo, to: &output)
    header.append(FieldName("To"), addresses: to, to: &output)
    header.append(FieldName("Cc"), addresses: cc, to: &output)
    if let subject { header.append(FieldName("Subject"), text: subject, to: &output) }
    header.append(FieldName("Message-ID"), messageIDs: [messageID], to: &output)
    header.append(FieldName("In-Reply-To"), messageIDs: inReplyTo, to: &output)
    header.append(FieldName("References"), messageIDs: references, to: &output)
    for field in fields where !field.name.isOfBody {
      header.append(field.name, text: field.text, to: &output)
    }
    output.append("MIME-Version: 1.0\r\n")
    var parts = PartWriter(usesUTF8: usesUTF8, unique: unique)
    parts.append(body, to: &output)
    if output.last != .lineFeed { output.append("\r\n") }
  }
}
