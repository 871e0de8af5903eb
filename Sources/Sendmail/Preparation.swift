// What sendmail(1) makes of a message before it is sent: who it is for, and its header. A name without a domain stays as it
// is: the session knows what this host is called, which its users may be unable to read. Bcc fields go, with their
// continuations; From, Date and Message-ID come if they are missing, as Resent- fields if the message is resent (RFC 5322
// §3.6.6). Pure: the clock, the user's name and the like are the caller's.

import MIME
import Octets
public import SMTP

/// Who calls, and where.
public struct Caller: Sendable {
  /// The user's name on this host.
  public var user: [UInt8]
  /// The user's full name; may be empty.
  public var fullName: [UInt8]
  /// What this host is called as far as the user knows, for the Message-ID.
  public var domain: [UInt8]

  public init(user: [UInt8], fullName: [UInt8], domain: [UInt8]) {
    (self.user, self.fullName, self.domain) = (user, fullName, domain)
  }
}

/// A message that is ready to be sent, without its body.
public struct Preparation: Sendable {
  public private(set) var sender: ReversePath
  public private(set) var recipients: [Recipient] = []
  /// What was named as a recipient and cannot be read as an address. The others get the message.
  public private(set) var unreadable: [[UInt8]] = []
  /// With the blank line behind it.
  public private(set) var header: [UInt8] = []

  /// Why a message cannot be sent.
  public enum Refusal: Error, Equatable, Sendable {
    /// Nobody is named.
    case noRecipient
    /// What cannot be read as an address: the sender, or the first recipient where no other can be read either.
    case notAddress([UInt8])
    case headerTooLong
  }

  /// `header` is that of `MessageReader`; `now` is in seconds since 1970; `unique` makes the Message-ID: letters and
  /// digits that nobody can guess, at most 40.
  public init(
    _ invocation: Invocation, header: [UInt8], caller: Caller, now: Int64, unique: [UInt8]
  ) throws(Refusal) {
    sender = Mailbox(name: caller.user).map { .mailbox($0) } ?? .null
    if let text = invocation.sender { sender = try Self.sender(text) }
    let fields = Fields(header.span)
    if fields.isCut { throw .headerTooLong }
    var addresses: [[UInt8]] = []
    for text in invocation.recipients {
      let listed = Self.addresses(text)
      if listed.isEmpty { unreadable.append(Array(text.utf8)) }
      addresses += listed
    }
    if invocation.readsRecipients {
      addresses += try fields.recipients(header.span)
    }
    for address in addresses {
      if let mailbox = Mailbox(address) ?? Mailbox(name: address) {
        var status = Recipient.DeliveryStatus()
        status.notify = invocation.notify
        recipients.append(Recipient(mailbox: mailbox, deliveryStatus: status))
      } else {
        unreadable.append(address)
      }
    }
    if recipients.isEmpty { throw unreadable.first.map { .notAddress($0) } ?? .noRecipient }
    self.header = fields.generated(
      from: Self.author(sender, invocation, caller), at: now,
      messageID: unique + [UInt8(ascii: "@")] + caller.domain)
    fields.appendKept(header.span, to: &self.header)
    self.header += [13, 10]
  }

  /// `-f`: an address, with a display name or without.
  private static func sender(_ text: String) throws(Refusal) -> ReversePath {
    let octets = Array(text.utf8)
    let words = octets.filter { $0 != 32 && $0 != 9 }
    if words.isEmpty || words.elementsEqual("<>".utf8) { return .null }
    if let path = ReversePath(octets) { return path }
    let addresses = addresses(text)
    guard addresses.count == 1, let mailbox = Mailbox(addresses[0]) ?? Mailbox(name: addresses[0])
    else { throw .notAddress(octets) }
    return .mailbox(mailbox)
  }

  /// An argument: one address or several, as in a header field, on one line. Empty if it cannot be read.
  private static func addresses(_ text: String) -> [[UInt8]] {
    guard !text.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else { return [] }
    let octets = Array("To: ".utf8) + text.utf8 + [13, 10]
    var reader = HeaderReader(octets.span, 0..<octets.count)
    let list = reader.next(octets.span)?.addresses(in: octets.span) ?? AddressList()
    return list.isCut ? [] : list.addresses.map { $0.written }
  }

  /// Who the message is from if it does not say.
  private static func author(
    _ sender: ReversePath, _ invocation: Invocation, _ caller: Caller
  ) -> NamedAddress? {
    let name = invocation.fullName.map { Array($0.utf8) } ?? caller.fullName
    let text = (try? FieldText(name)) ?? FieldText(printable: name)
    if case .mailbox(let mailbox) = sender,
      let author = mailbox.domain.isEmpty
        ? try? NamedAddress(name: text, localPart: mailbox.octets)
        : try? NamedAddress(name: text, address: mailbox.octets)
    {
      return author
    }
    return try? NamedAddress(name: text, localPart: caller.user)
  }
}

extension Address {
  /// The address, or what stands in its place.
  fileprivate var written: [UInt8] { address.isEmpty ? name : address }
}

/// The fields of a header.
private struct Fields {
  private struct Field {
    let field: HeaderField
    let isResent: Bool
    /// Whether it is of the first block of Resent- fields: those in front of the first whose name has come already.
    let isOfFirstBlock: Bool
  }

  private var fields: [Field] = []
  /// Whether there are more than are looked at.
  private(set) var isCut = false
  private var isResent = false
  private var hasFrom = false
  private var hasDate = false
  private var hasMessageID = false

  init(_ octets: Span<UInt8>) {
    var reader = HeaderReader(octets, 0..<octets.count)
    var seen: [[UInt8]] = []
    var isFirstBlock = true
    while let field = reader.next(octets) {
      let name = octets.copy(field.name).lowercased()
      let isResent = name.starts(with: "resent-".utf8)
      if isResent {
        if seen.contains(name) { isFirstBlock = false }
        seen.append(name)
      }
      fields.append(
        Field(field: field, isResent: isResent, isOfFirstBlock: isResent && isFirstBlock))
    }
    isCut = reader.isCut
    isResent = fields.contains { $0.isResent }
    for field in fields where !isResent || field.isOfFirstBlock {
      let name = octets.copy(field.field.name).lowercased().dropFirst(isResent ? 7 : 0)
      if name.elementsEqual("from".utf8) { hasFrom = true }
      if name.elementsEqual("date".utf8) { hasDate = true }
      if name.elementsEqual("message-id".utf8) { hasMessageID = true }
    }
  }

  /// The addresses of To, Cc and Bcc, or of the Resent- fields of the first block if the message is resent.
  func recipients(_ octets: Span<UInt8>) throws(Preparation.Refusal) -> [[UInt8]] {
    var addresses: [[UInt8]] = []
    for field in fields where !isResent || field.isOfFirstBlock {
      let name = octets.copy(field.field.name).lowercased().dropFirst(isResent ? 7 : 0)
      guard
        name.elementsEqual("to".utf8) || name.elementsEqual("cc".utf8)
          || name.elementsEqual("bcc".utf8)
      else { continue }
      let list = field.field.addresses(in: octets)
      if list.isCut { throw .headerTooLong }
      for address in list.addresses { addresses.append(address.written) }
    }
    return addresses
  }

  /// The fields that are missing.
  func generated(from author: NamedAddress?, at now: Int64, messageID: [UInt8]) -> [UInt8] {
    var header: [UInt8] = []
    var writer = HeaderWriter(usesUTF8: author?.isASCII == false)
    func name(_ text: String) -> FieldName? {
      try? FieldName(Array(((isResent ? "Resent-" : "") + text).utf8))
    }
    if !hasDate, let name = name("Date") {
      writer.append(name, date: DateTime(seconds: now, zone: 0), to: &header)
    }
    if !hasFrom, let author, let name = name("From") {
      writer.append(name, addresses: [author], to: &header)
    }
    if !hasMessageID, let identifier = try? MessageIdentifier(messageID),
      let name = name("Message-ID")
    {
      writer.append(name, messageIDs: [identifier], to: &header)
    }
    return header
  }

  /// Appends the fields as they are, but for those that are for this host alone.
  func appendKept(_ octets: Span<UInt8>, to header: inout [UInt8]) {
    for field in fields {
      let name = octets.copy(field.field.name).lowercased()
      let isDropped =
        name.elementsEqual("bcc".utf8) || name.elementsEqual("resent-bcc".utf8)
        || name.elementsEqual("content-length".utf8) || name.elementsEqual("return-path".utf8)
      if isDropped { continue }
      let range = field.field.name.lowerBound..<field.field.value.upperBound
      header.append(octets, range)
      header += [13, 10]
    }
  }
}
