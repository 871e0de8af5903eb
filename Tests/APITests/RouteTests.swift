import API
import Foundation
import HTTP
import Testing

struct RouteTests {
  /// openapi.json has the calls of the table and no other. (It is itself one that the web server answers.)
  @Test func theDescriptionHasTheTable() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/postern-api/openapi.json")
    let description = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let paths = try #require(description["paths"] as? [String: [String: Any]])
    let described = paths.flatMap { path, calls in calls.keys.map { "\($0.uppercased()) \(path)" } }
    let routed = Route.table.map { "\($0.method.name) \($0.pattern)" }
    #expect(described.sorted() == routed.sorted())
    for calls in paths.values {
      for call in calls.values {
        let responses = try #require((call as? [String: Any])?["responses"] as? [String: Any])
        #expect(responses["200"] != nil)
      }
    }
  }

  private func match(_ method: HTTP.Method, _ path: String) -> Match {
    Match(
      method,
      path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        .map { Array($0.utf8) })
  }

  @Test func pathsAreFound() {
    let id = Array("0123456789abcdef".utf8)
    #expect(match(.get, "/api/v1/messages") == .endpoint(.listMessages, parameters: []))
    #expect(match(.head, "/api/v1/messages") == .endpoint(.listMessages, parameters: []))
    #expect(
      match(.get, "/api/v1/message/0123456789abcdef/part/2.1")
        == .endpoint(.part, parameters: [id, Array("2.1".utf8)]))
    #expect(match(.get, "/view/0123456789abcdef.html") == .endpoint(.viewHTML, parameters: [id]))
    #expect(match(.get, "/view/0123456789abcdef.txt") == .endpoint(.viewText, parameters: [id]))
    for path in [
      "/", "", "/api", "/api/v1", "/api/v1/", "/api/v1/messages/", "//api/v1/messages",
      "/view/.html",
      "/api/v1/message/", "/api/v1/message//raw", "/view/x.htm", "/API/v1/messages", "/view/x",
    ] {
      #expect(match(.get, path) == .notFound, "\(path)")
    }
    #expect(match(.post, "/api/v1/messages") == .methodNotAllowed([.get, .put, .delete]))
  }

  /// Nobody but these is served without a user.
  @Test func fewEndpointsAreOpen() {
    let open = Route.table.filter { $0.endpoint.isOpen }.map { "\($0.method.name) \($0.pattern)" }
    #expect(
      open.sorted() == ["GET /livez", "GET /readyz", "POST /lists/{name}/unsubscribe/{token}"])
  }
}
