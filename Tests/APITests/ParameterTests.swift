import API
import Foundation
import HTTP
import Testing

private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

private func form(_ query: String) -> Form { Form(urlEncoded: Array(query.utf8))! }

struct ParameterTests {
  @Test func pages() {
    let standard = PageRequest(form(""))
    #expect(standard.start == 0 && standard.limit == 50 && standard.before == nil)
    let page = PageRequest(form("start=3&limit=7&before=2026"))
    #expect(page.start == 3 && page.limit == 7 && page.before.map(text) == "2026")
    #expect(PageRequest(form("start=x&limit=-1&before=")) == standard)
    // No limit is none of what is found, but all messages from the first on.
    #expect(PageRequest(form("start=3&limit=0")).limit == 0)
    let all = PageRequest(ofAll: form("start=3&limit=0"))
    #expect(all.start == 0 && all.limit == .max)
    #expect(PageRequest(ofAll: form("start=3&limit=1")).start == 3)
    #expect(PageRequest.recipients(form("")) == 50)
    #expect(PageRequest.recipients(form("limit=5000")) == 1000)
  }

  @Test func fieldsThatDoNotCountAreNotSeen() {
    var query = form("a=1&b=2&c=3&A=4")
    query.keep(["a", "c"])
    #expect(query["b"] == nil && query["c"].map(text) == "3" && query.values("a").count == 2)
    query.keep([])
    #expect(query == Form())
  }

  @Test func whatMarksAsRead() throws {
    func marks(_ variables: [String: String]) throws -> Bool {
      let all = ["REQUEST_METHOD": "GET", "HTTP_HOST": "x"].merging(variables) { $1 }
      return try Request { name in all["\(name)"].map { Array($0.utf8) } }.marksAsRead
    }
    #expect(try marks([:]))
    #expect(try marks(["QUERY_STRING": "peek=0"]))
    for variables in [
      ["QUERY_STRING": "peek=1"], ["REQUEST_METHOD": "HEAD"], ["HTTP_ORIGIN": "https://y"],
      ["HTTP_SEC_FETCH_SITE": "same-site"],
    ] {
      #expect(try !marks(variables))
    }
  }

  @Test func entityTagsTellRequestsAndStatesApart() throws {
    func tag(_ path: String, _ query: String, _ seed: UInt64, _ revision: Int) throws -> [UInt8] {
      let all = ["REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query]
      return try Request { name in all["\(name)"].map { Array($0.utf8) } }
        .entityTag(seed: seed, revision: revision)
    }
    let tags = [
      try tag("/a", "", 1, 1), try tag("/b", "", 1, 1), try tag("/a", "b", 1, 1),
      try tag("/ab", "", 1, 1), try tag("/a", "", 2, 1), try tag("/a", "", 1, 2),
    ]
    #expect(Set(tags).count == tags.count)
    #expect(try tag("/a", "", 1, 1) == tags[0])
    for tag in tags { #expect(tag.first == 0x22 && tag.last == 0x22) }
  }
}

struct ErrorTests {
  /// The client's faults are 4xx with words, ours are 5xx without reasons.
  @Test func eachHasItsAnswer() {
    for (error, status, words) in [
      (.badRequest("why"), 400, "why"), (.forbidden(Array("no".utf8)), 403, "no"),
      (.noPage, 404, "404 page not found"), (.noMessage, 404, "Message not found"),
      (.noHTML, 404, "This message does not contain a HTML part"),
      (.noPart, 404, "Attachment not found"), (.noLists, 404, "no lists here"),
      (.noList, 404, "no such list"), (.tooLarge, 413, "http: request body too large"),
      (
        .failed(call: "open", reason: Array("/secret".utf8)), 503,
        "the mail cannot be read or stored now; the log says why"
      ),
      (.noSpace, 507, "there is no space left for mail"),
    ] as [(APIError, Int, String)] {
      let response = error.response(inJSON: false)
      #expect(response.status.rawValue == status && text(response.body) == words)
      #expect(response["Content-Type"].map(text) == "text/plain")
      let json = error.response(inJSON: true)
      #expect(json.status == response.status && text(json.body) == "{\"Error\":\"\(words)\"}\n")
    }
  }

  /// No other page may show, read or time an answer.
  @Test func everyAnswerIsProtected() {
    var response = Response(.ok, text: "")
    response.protect()
    #expect(response["Cache-Control"].map(text) == "no-store")
    #expect(response["Referrer-Policy"].map(text) == "no-referrer")
    #expect(response["X-Content-Type-Options"].map(text) == "nosniff")
    #expect(response["Cross-Origin-Resource-Policy"].map(text) == "same-origin")
    #expect(
      response["Content-Security-Policy"].map(text) == "default-src 'none'; frame-ancestors 'none'")
    var tagged = Response(.ok, text: "")
    tagged.set("ETag", "\"x\"")
    tagged.set("Content-Security-Policy", "its own")
    tagged.protect()
    #expect(tagged["Cache-Control"].map(text) == "private, no-cache")
    #expect(tagged["Content-Security-Policy"].map(text) == "its own")
  }
}

struct SelfDescriptionTests {
  private func json(_ response: Response) throws -> [String: Any] {
    #expect(response["Content-Type"].map(text) == "application/json")
    return try #require(JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
  }

  @Test func information() throws {
    let said = try json(
      API.information(
        version: Array("1.0".utf8), database: Array("/mail".utf8), total: 3, unread: 2,
        tags: [(Array("a".utf8), 1)]))
    #expect(said["Version"] as? String == "Postern 1.0")
    #expect(said["Messages"] as? Int == 3 && said["Unread"] as? Int == 2)
    #expect(said["Tags"] as? [String: Int] == ["a": 1])
    #expect((said["RuntimeStats"] as? [String: Int])?.count == 7)
  }

  @Test func whatAPageMayOffer() throws {
    func offer(domain: [UInt8]?) throws -> [String: Any] {
      try json(
        API.offer(
          hostname: Array("mx.example".utf8), hasQueue: true, hasLists: false,
          user: Array("ann".utf8), sender: Array("ann@x.example".utf8),
          plainAddress: Array("127.0.0.1:25".utf8), domain: domain))
    }
    let said = try offer(domain: nil)
    #expect((said["MessageRelay"] as? [String: Any])?["Enabled"] as? Bool == true)
    #expect(said["Lists"] as? Bool == false)
    #expect(said["Label"] as? String == "mx.example" && said["User"] as? String == "ann")
    #expect(said["Sender"] as? String == "ann@x.example")
    #expect(said["SMTPAddress"] as? String == "127.0.0.1:25")
    // Who is sure to get a first mail.
    #expect(said["SMTPRecipient"] as? String == "me@example.org")
    #expect(
      try offer(domain: Array("x.example".utf8))["SMTPRecipient"] as? String
        == "postmaster@x.example")
  }

  @Test func lists() throws {
    var list = ListFacts(name: Array("news".utf8), address: Array("news@x.example".utf8))
    list.members = [(Array("Ann".utf8), Array("ann@x.example".utf8)), ([], Array("b@x".utf8))]
    #expect(
      text(list.response.body)
        == #"{"Name":"news","Address":"news@x.example","Description":"","Members":["#
        + #"{"Name":"Ann","Address":"ann@x.example"},{"Name":"","Address":"b@x"}]}"# + "\n")
    #expect(
      text(ListFacts.response([list, list]).body)
        == #"{"lists":[{"Name":"news","Address":"news@x.example","Description":"","Members":2},"#
        + #"{"Name":"news","Address":"news@x.example","Description":"","Members":2}]}"# + "\n")
  }

  /// RFC 8058 §3.2.
  @Test func oneClick() {
    let form = MediaType(Array("application/x-www-form-urlencoded".utf8))
    #expect(isOneClick(Array("List-Unsubscribe=One-Click".utf8), form))
    #expect(isOneClick(Array("a=b&list-unsubscribe=One-Click".utf8), MediaType([])))
    for body in ["", "List-Unsubscribe=", "List-Unsubscribe=one-click", "x=One-Click"] {
      #expect(!isOneClick(Array(body.utf8), form))
    }
    let parts =
      "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--"
    #expect(isOneClick(Array(parts.utf8), MediaType(Array("multipart/form-data; boundary=b".utf8))))
    #expect(!isOneClick(Array(parts.utf8), form))
  }
}
