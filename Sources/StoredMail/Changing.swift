// What clients change: read marks, tags, and which messages there are.

public import API
public import HTTP
import Index
import JSON
import Storage

extension StoredMail {
  /// "ok", as Mailpit says it.
  private static var done: Response { Response(.ok, text: "ok") }

  /// The messages that are meant. Ids that are none are passed over, as those of messages that are gone.
  private func selection(_ messages: MessageSelection.Messages) throws(APIError) -> Selection {
    switch messages {
    case .all: .all
    case .ids(let ids): .ids(ids.compactMap { MessageID($0.span) })
    case .found(let text): .matching(try search(for: text))
    }
  }

  public func mark(_ wanted: MessageSelection) throws(APIError) -> Response {
    let selection = try selection(try wanted.messages())
    try attempt(try index.setRead(wanted.isRead ?? false, of: selection))
    return Self.done
  }

  /// Deletes messages, and says how many.
  public func delete(
    _ messages: MessageSelection.Messages
  ) throws(APIError) -> (response: Response, count: Int) {
    let selection = try selection(messages)
    return (Self.done, try attempt(try index.delete(selection)))
  }
}

// Tags.
extension StoredMail {
  public func tags() throws(APIError) -> Response {
    try answer { (json) throws(APIError) in
      json.beginArray()
      for tag in try attempt(try index.tags()) { json.string(tag.tag) }
      json.endArray()
    }
  }

  private func tag(_ text: [UInt8]) throws(APIError) -> Tag {
    guard let tag = Tag(text) else {
      throw .badRequest(Array("invalid tag name: ".utf8) + text.prefix(100))
    }
    return tag
  }

  public func setTags(_ wanted: MessageSelection) throws(APIError) -> Response {
    let (names, ids) = try wanted.tagged()
    var tags: [Tag] = []
    for name in names { tags.append(try tag(name)) }
    try attempt(try index.setTags(tags, of: ids.compactMap { MessageID($0.span) }))
    return Self.done
  }

  public func renameTag(_ name: [UInt8], to wanted: [UInt8]?) throws(APIError) -> Response {
    let old = try tag(name)
    guard let wanted else { throw .badRequest("Name expected") }
    let new = try tag(wanted)
    switch try attempt(try index.renameTag(old, to: new)) {
    case .done: return Self.done
    case .notFound: throw Self.noTag(old)
    case .alreadyExists: throw .badRequest(Array("tag already exists: ".utf8) + new.octets)
    }
  }

  public func deleteTag(_ name: [UInt8]) throws(APIError) -> Response {
    let tag = try tag(name)
    guard try attempt(try index.deleteTag(tag)) else { throw Self.noTag(tag) }
    return Self.done
  }

  private static func noTag(_ tag: Tag) -> APIError {
    .badRequest(Array("tag not found: ".utf8) + tag.octets)
  }
}
