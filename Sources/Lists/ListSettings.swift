// What the owners of a list decide: the file NAME.conf beside NAME.csv, in the syntax of postern.env(5). All keys are
// optional, and so is the file.

public import MIME
public import SMTP
public import Settings

public struct ListSettings: Sendable {
  /// What the list is about, on one line.
  public var description: FieldText
  /// Who gets what is sent to NAME+owner, and the posts to be moderated.
  public var owners: [Mailbox]
  public var post: PostPolicy
  /// Put in front of the subject, once; empty for none.
  public var prefix: FieldText
  /// Put below plain text; empty for none.
  public var footer: String
  /// Whether each member has a reverse-path of its own, so that a report says whom it is about.
  public var usesVERP: Bool
  public var from: FromPolicy
  /// Where postern-api answers, for unsubscribing with one click (RFC 8058): `https://…`, without a slash at the end.
  public var url: [UInt8]?

  /// Who may post.
  public enum PostPolicy: Sendable {
    case anyone
    /// Members; the posts of others are held.
    case members
    /// Every post is held until an owner lets it go out.
    case moderated
  }

  /// Who stands in the From field of what members get.
  public enum FromPolicy: Sendable {
    /// The author. What the author has signed stays whole.
    case keep
    /// The list, with the author in Reply-To.
    case rewrite
    /// The list if the author's domain asks receivers to refuse mail that others send for it (DMARC).
    case auto
  }

  public init(_ source: inout SettingsSource) throws(SettingsError) {
    func text(_ name: StaticString) throws(SettingsError) -> FieldText {
      try source.read(name, default: "", "one line of text") { try? FieldText([UInt8]($0.utf8)) }
    }
    description = try text("description")
    owners = try source.read("owner", default: "", "addresses, comma or space between") { value in
      let words = value.utf8.split { $0 == UInt8(ascii: ",") || $0 == 32 || $0 == 9 }
      let mailboxes = words.compactMap { Mailbox(Array($0)) }
      return mailboxes.count == words.count ? mailboxes : nil
    }
    post = try source.read("post", default: "members", "anyone, members or moderated") {
      switch $0 {
      case "anyone": .anyone
      case "members": .members
      case "moderated": .moderated
      default: nil
      }
    }
    prefix = try text("prefix")
    footer = try source.read("footer", default: "", "text without control characters") {
      $0.utf8.allSatisfy { $0 >= 32 && $0 != 127 } ? $0 : nil
    }
    usesVERP = try source.bool("verp")
    from = try source.read("from", default: "keep", "keep, rewrite or auto") {
      switch $0 {
      case "keep": .keep
      case "rewrite": .rewrite
      case "auto": .auto
      default: nil
      }
    }
    url = try source.read("url", default: "", "https://HOST/PATH") { value in
      var octets = [UInt8](value.utf8)
      if octets.isEmpty { return .some(nil) }
      while octets.last == UInt8(ascii: "/") { octets.removeLast() }
      let isURL =
        octets.starts(with: "https://".utf8) && 9...200 ~= octets.count
        && octets.allSatisfy {
          33...126 ~= $0 && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">")
            && $0 != UInt8(ascii: ",")
        }
      return isURL ? .some(octets) : nil
    }
  }

  /// The people behind the list, whose addresses are at `domain`: postmaster where no owner is named.
  public func owners(at domain: [UInt8]) -> [Mailbox] {
    owners.isEmpty ? [Mailbox(Array("postmaster@".utf8) + domain)].compactMap { $0 } : owners
  }
}
