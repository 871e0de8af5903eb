// The mails that a list sends by itself: answers to commands, and words to its owners. Nothing that a stranger has
// written stands in one that goes to somebody else's address, so that a list cannot be made to carry his text (RFC 3834
// §4). They are marked as automatic, and their reverse-path is null unless it must say whom a report is about.

public import MIME
public import SMTP

public struct ListMail: Sendable {
  public enum Kind: Sendable {
    // To whoever has asked.
    case confirm(ListKey.Action, token: [UInt8])
    case welcome
    case goodbye
    case alreadyMember
    case noMember
    case help
    // To the owners.
    case heldPost(token: [UInt8], reason: HoldReason, original: [UInt8])
    case suspended(Member)
    // To a member whose mail comes back.
    case probe

    /// For the record of what was sent.
    public var name: String {
      switch self {
      case .confirm(.subscribe, _): "subscribe"
      case .confirm(.unsubscribe, _): "unsubscribe"
      case .welcome: "welcome"
      case .goodbye: "goodbye"
      case .alreadyMember: "member"
      case .noMember: "nomember"
      case .help: "help"
      case .heldPost: "held"
      case .suspended: "suspended"
      case .probe: "probe"
      }
    }
  }

  /// Why a post is held.
  public enum HoldReason: Sendable {
    case moderated
    case authorIsNoMember
    case noSingleAuthor
  }

  public let kind: Kind
  private let list: ListFields

  public init(_ kind: Kind, of list: ListFields) { (self.kind, self.list) = (kind, list) }

  /// The message. `unique` makes its id and boundaries: letters and digits that nobody can guess, at most 40. Nil if the
  /// list's domain cannot stand in a header field.
  public func octets(
    to recipients: [Mailbox], date: DateTime, unique: [UInt8], hostname: [UInt8]
  ) -> [UInt8]? {
    let (subject, text) = words
    guard let from = address(.owner),
      let id = try? MessageIdentifier(unique + [UInt8(ascii: "@")] + hostname),
      let body = try? BodyText([UInt8](text.utf8)),
      let name = try? FieldName([UInt8]("Auto-Submitted".utf8)),
      let automatic = try? FieldText(
        [UInt8](isReply ? "auto-replied".utf8 : "auto-generated".utf8)),
      let title = try? FieldText([UInt8](subject.utf8))
    else { return nil }
    var message = OutgoingMessage(date: date, messageID: id, from: [from], body: .text(body))
    message.to = recipients.compactMap { try? NamedAddress(address: $0.octets) }
    message.subject = title
    message.fields = [(name, automatic)]
    switch kind {
    case .confirm(_, let token):
      message.replyTo = [address(.confirm(token: token))].compactMap { $0 }
    case .heldPost(let token, _, let original):
      message.replyTo = [address(.moderate(token: token))].compactMap { $0 }
      message.body = .multipart(.mixed, [.text(body), .message(original, isHeaderOnly: false)])
    default: break
    }
    message.usesUTF8 = !message.to.allSatisfy { $0.isASCII } || !from.isASCII
    var octets: [UInt8] = []
    message.append(to: &octets, unique: unique)
    return octets
  }

  private func address(_ purpose: ListAddress.Purpose) -> NamedAddress? {
    try? NamedAddress(address: list.address(purpose))
  }

  private var isReply: Bool {
    switch kind {
    case .confirm, .welcome, .goodbye, .alreadyMember, .noMember, .help: true
    case .heldPost, .suspended, .probe: false
    }
  }

  private func text(_ purpose: ListAddress.Purpose) -> String {
    String(decoding: list.address(purpose), as: UTF8.self)
  }

  private var words: (subject: String, text: String) {
    let name = text(.post)
    switch kind {
    case .confirm(.subscribe, _):
      return (
        "Please confirm: subscribe to \(name)",
        """
        Somebody, probably you, asked to subscribe your address to the mailing list
        \(name).

        To confirm, answer this mail within a week; what you write does not matter.
        If it was not you, do nothing: without your answer nothing happens.
        """
      )
    case .confirm(.unsubscribe, _):
      return (
        "Please confirm: unsubscribe from \(name)",
        """
        Somebody, probably you, asked to end the membership of your address in the
        mailing list \(name).

        To confirm, answer this mail within a week; what you write does not matter.
        If it was not you, do nothing: you stay a member.
        """
      )
    case .welcome:
      return (
        "Welcome to \(name)",
        """
        You are now a member of the mailing list \(name).

        To write to all members:  \(name)
        To leave:                 \(text(.unsubscribe))
        The people behind it:     \(text(.owner))
        """
      )
    case .goodbye:
      return (
        "You have left \(name)",
        """
        You are no longer a member of the mailing list \(name).

        To come back, write to \(text(.subscribe)).
        """
      )
    case .alreadyMember:
      return (
        "You are a member of \(name)",
        """
        Somebody, probably you, asked to subscribe your address to the mailing list
        \(name). It is a member already, and nothing has changed.

        To leave, write to \(text(.unsubscribe)).
        """
      )
    case .noMember:
      return (
        "You are not a member of \(name)",
        """
        Somebody, probably you, asked to end the membership of your address in the
        mailing list \(name). It is not a member under this
        address. Perhaps you get the list's mail under another one: look at the
        fields To and Delivered-To of a mail of the list, and write from there.
        """
      )
    case .help:
      return (
        "How to use \(name)",
        """
        \(name) is a mailing list.

        To write to all members:  \(name)
        To join:                  \(text(.subscribe))
        To leave:                 \(text(.unsubscribe))
        The people behind it:     \(text(.owner))

        To join or leave, send a mail with any content; you get a question, and
        answer it.
        """
      )
    case .heldPost(_, let reason, _):
      let why =
        switch reason {
        case .moderated: "every post of this list waits for you"
        case .authorIsNoMember: "its author is not a member"
        case .noSingleAuthor: "its From field does not have exactly one author"
        }
      return (
        "A post to \(name) waits for you",
        """
        The post below to \(name) is held: \(why).

        To let it go out, answer this mail; what you write does not matter.
        Otherwise do nothing: it is removed after a week.
        """
      )
    case .suspended(let member):
      return (
        "A member of \(name) is suspended",
        """
        Mail to \(String(decoding: member.mailbox.octets, as: UTF8.self)) has come back for several days,
        and so did a mail that asked whether the address works. It gets no more
        posts of \(name), and stays in the list's file.

        When the address works again:
            postern-list resume \(list.list.text) ADDRESS
        """
      )
    case .probe:
      return (
        "Does your address work? (\(name))",
        """
        Mail of the mailing list \(name) to your address has come
        back for several days. You need not do anything: if you can read this, your
        address works, and you stay a member. If this mail comes back too, the list
        stops sending to your address.
        """
      )
    }
  }
}
