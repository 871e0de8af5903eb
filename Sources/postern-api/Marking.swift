// What clients change: read marks, tags, and which messages there are.

import API
import HTTP
import Index
import JSON
import POSIX
import SMTP
import Storage

extension Service {
  /// "ok", as Mailpit says it.
  private static var done: Response { Response(.ok, text: "ok") }

  /// The messages that a request is about. Ids that are none are passed over, as those of messages that are gone.
  private func selection(_ wanted: MessageSelection) throws(Failure) -> Selection {
    if wanted.ids != nil, wanted.search != nil {
      throw .badRequest("You may specify either IDs or a search query, not both")
    }
    if let ids = wanted.ids { return .ids(ids.compactMap { MessageID($0.span) }) }
    if let search = wanted.search { return .matching(try query(search)) }
    return .all
  }

  func markMessages() throws(Failure) -> Response {
    let wanted = try MessageSelection(body, request.contentType)
    let selection = try selection(wanted)
    let index = try openIndex()
    try attempt { () throws(IndexError) in
      try index.setRead(wanted.isRead ?? false, of: selection)
    }
    return Self.done
  }

  func deleteMessages() throws(Failure) -> Response {
    let wanted = try MessageSelection(body, request.contentType)
    guard wanted.isRead == nil, wanted.tags == nil, wanted.name == nil else {
      throw .badRequest("IDs expected")
    }
    return try delete(try selection(wanted))
  }

  func deleteSearch() throws(Failure) -> Response {
    try delete(.matching(try query(request.query["query"])))
  }

  private func delete(_ selection: Selection) throws(Failure) -> Response {
    let index = try openIndex()
    let count = try attempt { () throws(IndexError) in try index.delete(selection) }
    log.write(.info, "delete") { line in
      line.add("messages", count)
      line.add("user", request.user?.prefix(200) ?? [])
    }
    return Self.done
  }
}

// Tags.
extension Service {
  func tags() throws(Failure) -> Response {
    let index = try openIndex()
    let tag = try entityTag(index)
    if let response = notModified(tag) { return response }
    let tags = try attempt { () throws(IndexError) in try index.tags() }
    var json = JSONWriter()
    json.beginArray()
    for tag in tags { json.string(tag.tag) }
    json.endArray()
    var response = Response(.ok, type: "application/json", body: json.finish())
    response.set("ETag", tag)
    return response
  }

  private func tag(_ text: [UInt8]) throws(Failure) -> Tag {
    guard let tag = Tag(text) else {
      throw .badRequest(Array("invalid tag name: ".utf8) + text.prefix(100))
    }
    return tag
  }

  func setTags() throws(Failure) -> Response {
    let wanted = try MessageSelection(body, request.contentType)
    guard let names = wanted.tags, let ids = wanted.ids else {
      throw .badRequest("Tags and IDs expected")
    }
    guard names.count <= 100 else { throw .badRequest("too many tags") }
    var tags: [Tag] = []
    for name in names { tags.append(try tag(name)) }
    let index = try openIndex()
    try attempt { () throws(IndexError) in
      try index.setTags(tags, of: ids.compactMap { MessageID($0.span) })
    }
    return Self.done
  }

  func renameTag(_ name: [UInt8]) throws(Failure) -> Response {
    let old = try tag(name)
    guard let text = try MessageSelection(body, request.contentType).name else {
      throw .badRequest("Name expected")
    }
    let new = try tag(text)
    let index = try openIndex()
    switch try attempt({ () throws(IndexError) in try index.renameTag(old, to: new) }) {
    case .done: return Self.done
    case .notFound: throw Self.noTag(old)
    case .alreadyExists:
      throw .badRequest(Array("tag already exists: ".utf8) + new.octets)
    }
  }

  func deleteTag(_ name: [UInt8]) throws(Failure) -> Response {
    let tag = try tag(name)
    let index = try openIndex()
    guard try attempt({ () throws(IndexError) in try index.deleteTag(tag) }) else {
      throw Self.noTag(tag)
    }
    return Self.done
  }

  private static func noTag(_ tag: Tag) -> Failure {
    .badRequest(Array("tag not found: ".utf8) + tag.octets)
  }
}
