// Which messages a request is about: ids or a search, as JSON or as a form. The published Python client sends forms, other
// clients send JSON with its keys in any case.

public import HTTP
import JSON
import Octets

/// What PUT and DELETE of messages ask for.
public struct MessageSelection: Equatable, Sendable {
  /// As they came; nil if none is named, which means all messages.
  public var ids: [[UInt8]]?
  public var search: [UInt8]?
  public var isRead: Bool?
  public var tags: [[UInt8]]?
  public var name: [UInt8]?

  /// Reads a body. An empty one, `{}` and `[]` name nothing. An object that names something else than it can is refused,
  /// since it would mean all messages.
  public init(_ body: [UInt8], _ type: MediaType) throws(APIError) {
    if body.allSatisfy({ $0 <= 32 }) { return }
    if type.isForm {
      guard let form = Form(urlEncoded: body) else { throw .badRequest("too many fields") }
      let values = form.values("ids")
      if !values.isEmpty { ids = values }
      search = form["search"].flatMap { $0.isEmpty ? nil : $0 }
      if let read = form["read"] {
        guard read.matches("true") || read.matches("false") else {
          throw .badRequest("Read: true or false expected")
        }
        isRead = read.matches("true")
      }
      guard ids != nil || search != nil || isRead != nil else {
        throw .badRequest("IDs expected")
      }
      return
    }
    let object = try JSONObject(body)
    if object.isEmptyArray { return }
    if let texts = try object.texts("ids"), !texts.isEmpty { ids = texts }
    search = try object.text("search").flatMap { $0.isEmpty ? nil : $0 }
    isRead = try object.bool("read")
    tags = try object.texts("tags")
    name = try object.text("name")
    let names: [StaticString] = ["ids", "search", "read", "tags", "name"]
    guard object.isEmpty || names.contains(where: { object.has($0) }) else {
      throw .badRequest("IDs expected")
    }
  }
}

// What is meant by it.
extension MessageSelection {
  /// The messages that a request is about.
  public enum Messages: Equatable, Sendable {
    case all
    case ids([[UInt8]])
    /// What a search finds.
    case found([UInt8])
  }

  /// Which are to be marked.
  public func messages() throws(APIError) -> Messages {
    switch (ids, search) {
    case (_?, _?):
      throw .badRequest("You may specify either IDs or a search query, not both")
    case (let ids?, nil): return .ids(ids)
    case (nil, let search?): return .found(search)
    case (nil, nil): return .all
    }
  }

  /// Which are to be deleted. What belongs to another call is refused: it could have been meant otherwise.
  public func deleted() throws(APIError) -> Messages {
    guard isRead == nil, tags == nil, name == nil else { throw .badRequest("IDs expected") }
    return try messages()
  }

  /// Which tags which messages are to have.
  public func tagged() throws(APIError) -> (tags: [[UInt8]], ids: [[UInt8]]) {
    guard let tags, let ids else { throw .badRequest("Tags and IDs expected") }
    guard tags.count <= 100 else { throw .badRequest("too many tags") }
    return (tags, ids)
  }
}
