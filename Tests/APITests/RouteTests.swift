import API
import Foundation
import HTTP
import Testing

struct RouteTests {
  private static func description() throws -> [String: Any] {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/postern-api/openapi.json")
    return try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
  }

  /// openapi.json has the calls of the table and no other, and says the same of each. (It is itself one that the web
  /// server answers.)
  @Test func theDescriptionHasTheTable() throws {
    let paths = try #require(try Self.description()["paths"] as? [String: [String: Any]])
    let described = paths.flatMap { path, calls in calls.keys.map { "\($0.uppercased()) \(path)" } }
    let routed = Route.table.map { "\($0.method.name) \($0.pattern)" }
    #expect(described.sorted() == routed.sorted())
  }

  @Test(arguments: Route.table.indices)
  func theDescriptionSaysOfACallWhatTheTableSays(index: Int) throws {
    let route = Route.table[index]
    let name = "\(route.method.name) \(route.pattern)"
    let description = try Self.description()
    let paths = try #require(description["paths"] as? [String: [String: [String: Any]]])
    let call = try #require(paths["\(route.pattern)"]?["\(route.method.name)".lowercased()])

    // Parameters: those of the query, and those between braces in the path.
    let components = try #require(description["components"] as? [String: [String: Any]])
    var (query, path): ([String], [String]) = ([], [])
    for reference in call["parameters"] as? [[String: Any]] ?? [] {
      let key = try #require((reference["$ref"] as? String)?.split(separator: "/").last)
      let parameter = try #require(
        components["parameters"]?[String(key)] as? [String: Any], "\(name): \(key)")
      let word = try #require(parameter["name"] as? String)
      if parameter["in"] as? String == "query" { query.append(word) } else { path.append(word) }
    }
    #expect(query.sorted() == route.query.map { "\($0)" }.sorted(), "\(name)")
    let braces = "\(route.pattern)".split(separator: "{").dropFirst().map {
      String($0.prefix { $0 != "}" })
    }
    #expect(path == braces, "\(name)")

    // Bodies, users, and what may fail.
    let answers = try #require(call["responses"] as? [String: Any])
    #expect(answers["200"] != nil, "\(name)")
    #expect(route.body != .none || call["requestBody"] == nil, "\(name)")
    #expect((answers["413"] != nil) == (route.body != .none), "\(name)")
    #expect((answers["415"] != nil) == (route.method == .post && !route.isOpen), "\(name)")
    #expect((call["security"] as? [Any] != nil) == route.isOpen, "\(name)")
    let refused = (answers["413"] as? [String: Any])?["content"] as? [String: Any]
    #expect((refused?["application/json"] != nil) == route.saysErrorsInJSON, "\(name)")
  }

  private func match(_ method: HTTP.Method, _ path: String) -> Match {
    Match(
      method,
      path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        .map { Array($0.utf8) })
  }

  private func endpoint(_ method: HTTP.Method, _ path: String) -> (Endpoint, [String])? {
    guard case .route(let route, let parameters) = match(method, path) else { return nil }
    return (route.endpoint, parameters.map { String(decoding: $0, as: UTF8.self) })
  }

  @Test func pathsAreFound() throws {
    let id = "0123456789abcdef"
    for (method, path, endpoint, parameters) in [
      (.get, "/api/v1/messages", .listMessages, []),
      (.head, "/api/v1/messages", .listMessages, []),
      (.put, "/api/v1/messages", .markMessages, []),
      (.get, "/api/v1/message/\(id)/part/2.1", .part, [id, "2.1"]),
      (.get, "/view/\(id).html", .viewHTML, [id]),
      (.get, "/view/\(id).txt", .viewText, [id]),
    ] as [(HTTP.Method, String, Endpoint, [String])] {
      let found = try #require(self.endpoint(method, path), "\(path)")
      #expect(found == (endpoint, parameters), "\(path)")
    }
    for path in [
      "/", "", "/api", "/api/v1", "/api/v1/", "/api/v1/messages/", "//api/v1/messages",
      "/view/.html",
      "/api/v1/message/", "/api/v1/message//raw", "/view/x.htm", "/API/v1/messages", "/view/x",
    ] {
      guard case .notFound = match(.get, path) else {
        Issue.record("\(path)")
        continue
      }
    }
  }

  @Test func aPathSaysWhichMethodsItHas() throws {
    guard case .methodNotAllowed(let methods) = match(.post, "/api/v1/messages") else {
      Issue.record("found")
      return
    }
    #expect(methods == [.get, .put, .delete])
    let refusal = Response(to: .post, allowing: methods)
    #expect(refusal.status == .methodNotAllowed)
    #expect(refusal["Allow"] == Array("GET, PUT, DELETE, HEAD, OPTIONS".utf8))
    #expect(Response(to: .options, allowing: [.post]).status == .ok)
    #expect(Response(to: .options, allowing: [.post])["Allow"] == Array("POST, OPTIONS".utf8))
  }

  /// Nobody but these is served without a user.
  @Test func fewCallsAreOpen() {
    let open = Route.table.filter { $0.isOpen }.map { "\($0.method.name) \($0.pattern)" }
    #expect(
      open.sorted() == ["GET /livez", "GET /readyz", "POST /lists/{name}/unsubscribe/{token}"])
  }

  /// What sends mail, and nothing else, reaches the queue; what is about lists reaches them; an open call reaches no mail but
  /// to see whether it is there.
  @Test func callsReachWhatTheyNeed() {
    for route in Route.table {
      let pattern = "\(route.pattern)"
      let sends = ["send", "release"].contains { pattern.contains($0) }
      #expect(route.reach.contains(.queue) == sends, "\(pattern)")
      #expect(route.reach.contains(.lists) == pattern.contains("list"), "\(pattern)")
      #expect(route.reach.contains(.tokens) == pattern.contains("token"), "\(pattern)")
      #expect(
        route.reach.contains(.mail) == (sends || !pattern.contains("list")) || pattern == "/livez",
        "\(pattern)")
    }
  }

  @Test func bodiesAreBounded() {
    for route in Route.table {
      #expect((route.body == .none) == route.method.isSafe, "\(route.pattern)")
    }
    #expect(Route.Body.form.limit(message: 50_000_000) == 1024)
    #expect(Route.Body.values.limit(message: 50_000_000) == 5 << 20)
    // A message of three million octets has four million in base64; a megabyte is for the rest.
    #expect(Route.Body.mail.limit(message: 3_000_000) == 4_000_000 + 1_048_576)
    #expect(Route.Body.mail.limit(message: .max) < 3 << 30)
  }
}
