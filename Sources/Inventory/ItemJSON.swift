// An entry as a line of JSON.

import JSON
import SMTP

extension Item {
  public var json: [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.member("id", id)
    json.member("state", state.name)
    json.member("size", size)
    json.member("attempts", attempts)
    // When it is tried again is not known of what cannot be read.
    let isReadable = if case .unreadable = content { false } else { true }
    if isReadable, case .waiting(let next) = state { json.member("next", Int(next)) }
    switch content {
    case .unreadable(let reason): json.member("reason", Array(reason.utf8))
    case .newer(let version, let reason):
      json.member("version", version)
      json.member("reason", Array(reason.utf8))
    case .message(let sender, let arrival):
      json.member("arrival", Int(arrival))
      json.member("from", sender.octets)
      if let recipients { add(recipients, to: &json) }
    }
    json.endObject()
    return json.finish()
  }

  private func add(_ recipients: Recipients, to json: inout JSONWriter) {
    json.member("recipients", recipients.count)
    json.member("waiting", recipients.waiting)
    json.member("to", recipients.first.map { $0.octets })
    json.key("reason")
    if let reason = recipients.reason { json.string(reason.text) } else { json.null() }
  }
}
