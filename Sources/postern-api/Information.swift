// What the API says of itself.

import API
import HTTP
import Index
import JSON
import POSIX
import Routing
import SMTP
import Storage

extension Service {
  func information() throws(Failure) -> Response {
    let index = try openIndex()
    let (counts, tags) = try attempt { () throws(IndexError) in
      (try index.counts(), try index.tags())
    }
    var json = JSONWriter()
    json.beginObject()
    json.member("Version", Array(("Postern " + Program.version).utf8))
    json.member("LatestVersion", "disabled")
    json.member("Database", Array(settings.mailDirectory.utf8))
    json.member("DatabaseSize", 0)
    json.member("Messages", counts.total)
    json.member("Unread", counts.unread)
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
    return Response(.ok, type: "application/json", body: json.finish())
  }

  /// What a page may offer.
  func interface() -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.member("Label", settings.hostname)
    json.key("MessageRelay")
    json.beginObject()
    json.member("Enabled", true)
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
    json.member("Lists", settings.routing.lists != nil)
    json.member("User", request.user ?? [])
    json.member("Sender", defaultSender)
    json.endObject()
    return Response(.ok, type: "application/json", body: json.finish())
  }

  func ready() -> Response {
    do throws(StoreError) {
      _ = try MailDirectory(path: settings.mailDirectory)
      return Response(.ok, text: "")
    } catch {
      return Response(.serviceUnavailable, text: "Service Unavailable\n")
    }
  }
}
