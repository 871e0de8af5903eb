// What the owners of a list decide. ListStore reads it from the file NAME.conf.

public import MIME
public import SMTP

public struct ListSettings: Sendable {
  /// What the list is about, on one line.
  public var description = FieldText(printable: [])
  /// Who gets what is sent to NAME+owner, and the posts to be moderated.
  public var owners: [Mailbox] = []
  public var post = PostPolicy.members
  /// Put in front of the subject, once; empty for none.
  public var prefix = FieldText(printable: [])
  /// Put below plain text; empty for none.
  public var footer = ""
  /// Whether each member has a reverse-path of its own, so that a report says whom it is about.
  public var usesVERP = false
  public var from = FromPolicy.keep
  /// Where postern-api answers, for unsubscribing with one click (RFC 8058): `https://…`, without a slash at the end.
  public var url: [UInt8]?

  /// Who may post.
  public enum PostPolicy: String, CaseIterable, Sendable {
    case anyone
    /// Members; the posts of others are held.
    case members
    /// Every post is held until an owner lets it go out.
    case moderated
  }

  /// Who stands in the From field of what members get.
  public enum FromPolicy: String, CaseIterable, Sendable {
    /// The author. What the author has signed stays whole.
    case keep
    /// The list, with the author in Reply-To.
    case rewrite
    /// The list if the author's domain asks receivers to refuse mail that others send for it (DMARC).
    case auto
  }

  public init() {}

  /// The people behind the list, whose addresses are at `domain`: postmaster where no owner is named.
  public func owners(at domain: [UInt8]) -> [Mailbox] {
    owners.isEmpty ? [Mailbox(Array("postmaster@".utf8) + domain)].compactMap { $0 } : owners
  }
}
