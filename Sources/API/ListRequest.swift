// What a request says of a mailing list, in the words of this API and of the first one of this project, and what it is told.

public import HTTP
import JSON
import Octets

/// The body of a request about a list.
public struct ListRequest: Sendable {
  /// Empty if the body names none.
  public var name: [UInt8] = []
  /// Addresses of the members, or of those to be added.
  public var members: [[UInt8]] = []
  public var removed: [[UInt8]] = []

  /// Addresses in one request.
  private static let maximumMembers = 100_000

  public init(_ body: [UInt8]) throws(APIError) {
    let object = try JSONObject(body)
    if let text = try object.text("name") {
      name = text
    } else if let text = try object.text("list_name") {
      name = text
    }
    members = try object.words("members") ?? []
    members += try object.words("emails") ?? []
    members += try object.words("add") ?? []
    removed = try object.words("remove") ?? []
    guard members.count + removed.count <= Self.maximumMembers else {
      throw .badRequest("too many members")
    }
  }
}

/// What is said of a mailing list.
public struct ListFacts: Sendable {
  public var name: [UInt8]
  public var address: [UInt8]
  public var description: [UInt8] = []
  public var members: [(name: [UInt8], address: [UInt8])] = []

  public init(name: [UInt8], address: [UInt8]) {
    (self.name, self.address) = (name, address)
  }

  /// The list, with its members.
  public var response: Response {
    var json = JSONWriter()
    begin(&json)
    json.beginArray()
    for member in members { json.person(name: member.name, address: member.address) }
    json.endArray()
    json.endObject()
    return json.response()
  }

  /// Lists, of whose members only the number is said.
  public static func response(_ lists: [ListFacts]) -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.key("lists")
    json.beginArray()
    for list in lists {
      list.begin(&json)
      json.number(list.members.count)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.response()
  }

  private func begin(_ json: inout JSONWriter) {
    json.beginObject()
    json.member("Name", name)
    json.member("Address", address)
    json.member("Description", description)
    json.key("Members")
  }
}

/// Whether the body of a request is what a mail program sends for one click on "unsubscribe" (RFC 8058 §3.2).
public func isOneClick(_ body: [UInt8], _ type: MediaType) -> Bool {
  let form =
    if let boundary = type.boundary, type.isMultipartForm {
      Form(multipart: body, boundary: boundary)
    } else {
      Form(urlEncoded: body)
    }
  return form?["list-unsubscribe"] == [UInt8]("One-Click")
}
