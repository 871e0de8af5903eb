// The calls of the API: one table that says of each all there is to know before it is carried out. The description for
// people (openapi.json) says the same, and a test compares the two. The page and that description are files, which the
// web server serves itself.

public import HTTP
import Octets

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
}

/// A call: a line of the table.
public struct Route: Sendable {
  public let method: Method
  /// Segments between slashes; `{name}` is a parameter, which may have something fixed around it.
  public let pattern: StaticString
  public let endpoint: Endpoint
  /// What it needs. The process gives up its right to all else before it begins.
  public let reach: Reach
  public let body: Body
  /// The fields of the query that count.
  public let query: [StaticString]
  /// Whether it is answered to anybody, not only to users.
  public let isOpen: Bool
  /// Whether it says its errors in JSON.
  public let saysErrorsInJSON: Bool

  /// Files that a call works on.
  public struct Reach: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The stored messages, their index and their marks.
    public static let mail = Reach(rawValue: 1)
    /// The queue, which mail goes to.
    public static let queue = Reach(rawValue: 2)
    /// The mailing lists.
    public static let lists = Reach(rawValue: 4)
    /// What the queue keeps of the lists: the key of their tokens.
    public static let tokens = Reach(rawValue: 8)
  }

  /// What the body of a request may be.
  public enum Body: Equatable, Sendable {
    case none
    /// A form of a few words.
    case form
    /// Names, addresses, words: anything but mail.
    case values
    /// A mail with its attachments, in JSON.
    case mail

    /// How many octets it may have, where a message may have `message`.
    public func limit(message: Int) -> Int {
      switch self {
      case .none: 0
      case .form: 1024
      case .values: 5 << 20
      // Base64 makes three octets four.
      case .mail: min(message, 1 << 30) / 3 * 4 + (1 << 20)
      }
    }
  }

  private init(
    _ method: Method, _ pattern: StaticString, _ endpoint: Endpoint, _ reach: Reach,
    body: Body? = nil, query: [StaticString] = [], isOpen: Bool = false,
    saysErrorsInJSON: Bool = false
  ) {
    (self.method, self.pattern, self.endpoint) = (method, pattern, endpoint)
    (self.reach, self.query, self.isOpen) = (reach, query, isOpen)
    self.body = body ?? (method == .get ? .none : .values)
    self.saysErrorsInJSON = saysErrorsInJSON
  }

  /// Of a message that a path names: the id `latest` may have a search.
  private init(
    _ method: Method, message pattern: StaticString, _ endpoint: Endpoint, _ reach: Reach = .mail,
    query: [StaticString] = []
  ) {
    self.init(method, pattern, endpoint, reach, query: query + ["query", "tz"])
  }

  public static var table: [Route] {
    let page: [StaticString] = ["start", "limit", "before", "tz"]
    return [
      Route(.get, "/api/v1/messages", .listMessages, .mail, query: page),
      Route(.put, "/api/v1/messages", .markMessages, .mail, query: ["tz"]),
      Route(.delete, "/api/v1/messages", .deleteMessages, .mail, query: ["tz"]),
      Route(.get, "/api/v1/search", .search, .mail, query: page + ["query"]),
      Route(.delete, "/api/v1/search", .deleteSearch, .mail, query: ["query", "tz"]),
      Route(.get, message: "/api/v1/message/{id}", .message, query: ["peek"]),
      Route(.get, message: "/api/v1/message/{id}/headers", .headers),
      Route(.get, message: "/api/v1/message/{id}/raw", .raw, query: ["dl"]),
      Route(.get, message: "/api/v1/message/{id}/part/{part}", .part),
      Route(.post, message: "/api/v1/message/{id}/release", .release, [.mail, .queue]),
      Route(
        .post, "/api/v1/send", .send, [.mail, .queue], body: .mail, saysErrorsInJSON: true),
      Route(.get, "/api/v1/tags", .tags, .mail),
      Route(.put, "/api/v1/tags", .setTags, .mail),
      Route(.put, "/api/v1/tags/{tag}", .renameTag, .mail),
      Route(.delete, "/api/v1/tags/{tag}", .deleteTag, .mail),
      Route(.get, "/api/v1/info", .information, .mail),
      Route(.get, "/api/v1/webui", .interface, .mail),
      Route(.get, message: "/api/v1/message/{id}/thread", .thread),
      Route(.get, "/api/v1/recipients", .recipients, .mail, query: ["query", "limit"]),
      Route(.get, "/api/v1/lists", .lists, .lists),
      Route(.post, "/api/v1/lists", .createList, .lists),
      Route(.get, "/api/v1/lists/{name}", .list, .lists),
      Route(.put, "/api/v1/lists/{name}", .changeList, .lists),
      Route(.delete, "/api/v1/lists/{name}", .deleteList, .lists),
      Route(.post, "/api/v1/lists/{name}/send", .sendToList, [.mail, .queue, .lists]),
      // Who may leave is what the token in the path says.
      Route(
        .post, "/lists/{name}/unsubscribe/{token}", .unsubscribe, [.lists, .tokens], body: .form,
        isOpen: true),
      Route(.get, message: "/view/{id}.html", .viewHTML, query: ["peek", "images", "dark"]),
      Route(.get, message: "/view/{id}.txt", .viewText, query: ["peek"]),
      Route(.get, "/livez", .alive, [], isOpen: true),
      Route(.get, "/readyz", .ready, .mail, isOpen: true),
      Route(.post, "/send-email", .sendEmail, [.mail, .queue], saysErrorsInJSON: true),
      Route(.post, "/create-mailing-list", .createMailingList, .lists),
      Route(.post, "/send-to-mailing-list", .sendToMailingList, [.mail, .queue, .lists]),
    ]
  }
}

/// What the table has for a request.
public enum Match: Sendable {
  case route(Route, parameters: [[UInt8]])
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
        self = .route(route, parameters: parameters)
        return
      }
      if !others.contains(route.method) { others.append(route.method) }
    }
    self = others.isEmpty ? .notFound : .methodNotAllowed(others)
  }
}

extension Response {
  /// The answer to a method that a path does not have: which ones it has.
  public init(to method: Method, allowing methods: [Method]) {
    var names = methods.map { [UInt8]($0.name) }
    if methods.contains(.get) { names.append([UInt8]("HEAD")) }
    names.append([UInt8]("OPTIONS"))
    if method == .options {
      self.init(.ok, text: "")
    } else {
      self.init(.methodNotAllowed, text: "Method Not Allowed\n")
    }
    set("Allow", Array(names.joined(separator: [UInt8](", "))))
  }
}

extension Route {
  /// The parameters of a path that this route has; nil if it is another.
  func parameters(of segments: [[UInt8]]) -> [[UInt8]]? {
    let pattern = [UInt8](pattern)
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
