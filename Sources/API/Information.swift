// What the API says of itself: to programs (GET /api/v1/info), and to the page, which offers what there is (GET
// /api/v1/webui).

public import HTTP
import JSON
import Octets

/// How much mail there is in the mail directory `database`.
public func information(
  version: [UInt8], database: [UInt8], total: Int, unread: Int, tags: [(tag: [UInt8], count: Int)]
) -> Response {
  var json = JSONWriter()
  json.beginObject()
  json.member("Version", [UInt8]("Postern ") + version)
  json.member("LatestVersion", "disabled")
  json.member("Database", database)
  json.member("DatabaseSize", 0)
  json.member("Messages", total)
  json.member("Unread", unread)
  json.key("Tags")
  json.beginObject()
  for tag in tags {
    json.key(tag.tag)
    json.number(tag.count)
  }
  json.endObject()
  // There is no daemon that could count.
  json.key("RuntimeStats")
  json.beginObject()
  for name in [
    "Uptime", "Memory", "MessagesDeleted", "SMTPAccepted", "SMTPAcceptedSize", "SMTPRejected",
    "SMTPIgnored",
  ] as [StaticString] {
    json.member(name, 0)
  }
  json.endObject()
  json.endObject()
  return json.response()
}

/// What a page may offer. `user` is who is logged in, and empty for nobody; `sender` who sends where a request does not say;
/// `plainAddress` where sessions are taken, and empty if that is not known; `domain` the first domain of ours, and nil if
/// every domain is.
public func offer(
  hostname: [UInt8], hasQueue: Bool, hasLists: Bool, user: [UInt8], sender: [UInt8],
  plainAddress: [UInt8], domain: [UInt8]?
) -> Response {
  var json = JSONWriter()
  json.beginObject()
  json.member("Label", hostname)
  json.key("MessageRelay")
  json.beginObject()
  json.member("Enabled", hasQueue)
  for name in [
    "SMTPServer", "ReturnPath", "AllowedRecipients", "BlockedRecipients", "OverrideFrom",
    "RecipientAllowlist",
  ] as [StaticString] {
    json.member(name, "")
  }
  json.member("PreserveMessageIDs", true)
  json.endObject()
  json.member("SpamAssassin", false)
  json.member("ChaosEnabled", false)
  json.member("DuplicatesIgnored", false)
  json.member("HideDeleteAllButton", false)
  json.member("Lists", hasLists)
  json.member("User", user)
  json.member("Sender", sender)
  json.member("SMTPAddress", plainAddress)
  // Who is sure to get a first mail: anybody, or a postmaster where not every domain is ours.
  json.member(
    "SMTPRecipient", domain.map { [UInt8]("postmaster@") + $0 } ?? [UInt8]("me@example.org"))
  json.endObject()
  return json.response()
}
