// Which endpoint a request is for: a table of methods and paths. OpenAPI's description (openapi.json) says the same,
// and a test compares the two. The page and that description are files, which the web server serves itself.

public import HTTP

/// What a request asks for.
public enum Endpoint: Equatable, Sendable {
  // Mailpit's API v1.
  case listMessages, markMessages, deleteMessages
  case search, deleteSearch
  case message, headers, raw, part, release
  case send
  case tags, setTags, renameTag, deleteTag
  case information, interface
  case viewHTML, viewText
  case alive, ready
  // Ours.
  case thread, recipients
  case lists, createList, list, changeList, deleteList, sendToList
  case unsubscribe
  // The calls of the first email API of this project, by their names.
  case sendEmail, createMailingList, sendToMailingList

  /// Whether it is answered to anybody. The path of `unsubscribe` says who may do what.
  public var isOpen: Bool {
    switch self {
    case .alive, .ready, .unsubscribe: true
    case .listMessages, .markMessages, .deleteMessages, .search, .deleteSearch, .message, .headers,
      .raw, .part, .release, .send, .tags, .setTags, .renameTag, .deleteTag, .information,
      .interface, .viewHTML, .viewText, .thread, .recipients, .lists, .createList, .list,
      .changeList, .deleteList, .sendToList, .sendEmail, .createMailingList, .sendToMailingList:
      false
    }
  }
}

/// A line of the table.
public struct Route: Sendable {
  public let method: Method
  /// Segments between slashes; `{name}` is a parameter, which may have something fixed around it.
  public let pattern: StaticString
  public let endpoint: Endpoint

  private init(_ method: Method, _ pattern: StaticString, _ endpoint: Endpoint) {
    (self.method, self.pattern, self.endpoint) = (method, pattern, endpoint)
  }

  public static var table: [Route] {
    [
      Route(.get, "/api/v1/messages", .listMessages),
      Route(.put, "/api/v1/messages", .markMessages),
      Route(.delete, "/api/v1/messages", .deleteMessages),
      Route(.get, "/api/v1/search", .search),
      Route(.delete, "/api/v1/search", .deleteSearch),
      Route(.get, "/api/v1/message/{id}", .message),
      Route(.get, "/api/v1/message/{id}/headers", .headers),
      Route(.get, "/api/v1/message/{id}/raw", .raw),
      Route(.get, "/api/v1/message/{id}/part/{part}", .part),
      Route(.post, "/api/v1/message/{id}/release", .release),
      Route(.post, "/api/v1/send", .send),
      Route(.get, "/api/v1/tags", .tags),
      Route(.put, "/api/v1/tags", .setTags),
      Route(.put, "/api/v1/tags/{tag}", .renameTag),
      Route(.delete, "/api/v1/tags/{tag}", .deleteTag),
      Route(.get, "/api/v1/info", .information),
      Route(.get, "/api/v1/webui", .interface),
      Route(.get, "/api/v1/message/{id}/thread", .thread),
      Route(.get, "/api/v1/recipients", .recipients),
      Route(.get, "/api/v1/lists", .lists),
      Route(.post, "/api/v1/lists", .createList),
      Route(.get, "/api/v1/lists/{name}", .list),
      Route(.put, "/api/v1/lists/{name}", .changeList),
      Route(.delete, "/api/v1/lists/{name}", .deleteList),
      Route(.post, "/api/v1/lists/{name}/send", .sendToList),
      Route(.post, "/lists/{name}/unsubscribe/{token}", .unsubscribe),
      Route(.get, "/view/{id}.html", .viewHTML),
      Route(.get, "/view/{id}.txt", .viewText),
      Route(.get, "/livez", .alive),
      Route(.get, "/readyz", .ready),
      Route(.post, "/send-email", .sendEmail),
      Route(.post, "/create-mailing-list", .createMailingList),
      Route(.post, "/send-to-mailing-list", .sendToMailingList),
    ]
  }
}

/// What the table has for a request.
public enum Match: Equatable, Sendable {
  case endpoint(Endpoint, parameters: [[UInt8]])
  case notFound
  /// There is something at this path, by these methods.
  case methodNotAllowed([Method])

  /// Looks a path up. HEAD is GET here.
  public init(_ method: Method, _ segments: [[UInt8]]) {
    let wanted = method == .head ? .get : method
    var others: [Method] = []
    for route in Route.table {
      guard let parameters = route.parameters(of: segments) else { continue }
      if route.method == wanted {
        self = .endpoint(route.endpoint, parameters: parameters)
        return
      }
      if !others.contains(route.method) { others.append(route.method) }
    }
    self = others.isEmpty ? .notFound : .methodNotAllowed(others)
  }
}

extension Route {
  /// The parameters of a path that this route has; nil if it is another.
  func parameters(of segments: [[UInt8]]) -> [[UInt8]]? {
    let pattern = pattern.withUTF8Buffer { unsafe Array($0) }
      .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
    guard pattern.count == segments.count else { return nil }
    var parameters: [[UInt8]] = []
    for (wanted, segment) in zip(pattern, segments) {
      guard let open = wanted.firstIndex(of: UInt8(ascii: "{")),
        let close = wanted.firstIndex(of: UInt8(ascii: "}"))
      else {
        guard segment.elementsEqual(wanted) else { return nil }
        continue
      }
      let (front, back) = (wanted[..<open], wanted[(close + 1)...])
      guard segment.count > front.count + back.count, segment.starts(with: front),
        segment.suffix(back.count).elementsEqual(back)
      else { return nil }
      parameters.append(Array(segment.dropFirst(front.count).dropLast(back.count)))
    }
    return parameters
  }
}
