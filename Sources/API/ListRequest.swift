// What a request says of a mailing list, in the words of this API and of the first one of this project.

/// The body of a request about a list.
public struct ListRequest: Sendable {
  /// Empty if the body names none.
  public var name: [UInt8] = []
  /// Addresses of the members, or of those to be added.
  public var members: [[UInt8]] = []
  public var removed: [[UInt8]] = []

  /// Addresses in one request.
  private static let maximumMembers = 100_000

  public init(_ body: [UInt8]) throws(Failure) {
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
