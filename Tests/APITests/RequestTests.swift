import HTTP
import Testing

struct RequestTests {
  private func request(
    root: String = "", _ variables: [String: String]
  ) throws(RequestError) -> Request {
    let all = ["REQUEST_METHOD": "GET", "PATH_INFO": "/"].merging(variables) { $1 }
    return try Request(root: Array(root.utf8)) { name in
      all["\(name)"].map { Array($0.utf8) }
    }
  }

  @Test func pathIsWhatTheWebServerDividedInAnyWay() throws {
    for (script, path) in [
      ("", "/mail/api/x"), ("/mail", "/api/x"), ("/mail/api", "/x"), ("/mail/api/x", ""),
    ] {
      let read = try request(root: "/mail", ["SCRIPT_NAME": script, "PATH_INFO": path])
      #expect(read.segments == [Array("api".utf8), Array("x".utf8)])
    }
    #expect(throws: RequestError.outsideRoot) {
      _ = try request(root: "/mail", ["PATH_INFO": "/other"])
    }
    #expect(try request([:]).segments == [[]])
  }

  @Test(arguments: ["-1", "x", "", " 1", "1 ", "0x1", "1e3", "9999999999999999999"])
  func lengthIsANumber(text: String) throws {
    if text.isEmpty {
      #expect(try request(["CONTENT_LENGTH": text]).contentLength == 0)
    } else {
      #expect(throws: RequestError.badContentLength) {
        _ = try request(["CONTENT_LENGTH": text])
      }
    }
  }

  @Test func whatIsNoRequestIsRefused() {
    #expect(throws: RequestError.unknownMethod) { _ = try request(["REQUEST_METHOD": "get"]) }
    #expect(throws: RequestError.notCGI) { _ = try request(["REQUEST_METHOD": ""]) }
    #expect(throws: RequestError.tooLong) {
      _ = try request(["QUERY_STRING": String(repeating: "x", count: Request.maximumVariable + 1)])
    }
  }

  @Test func whoeverAsksForNothingIsTold() {
    #expect(RequestError.notCGI.response == nil)
    #expect(RequestError.unknownMethod.response?.status == .methodNotAllowed)
    #expect(
      RequestError.unknownMethod.response?["Allow"]
        == Array("GET, HEAD, POST, PUT, DELETE, OPTIONS".utf8))
    #expect(RequestError.tooLong.response?.status == .badRequest)
    #expect(RequestError.badContentLength.response?.status == .badRequest)
    #expect(RequestError.outsideRoot.response?.status == .notFound)
  }

  @Test func queryIsDecoded() throws {
    let form = try #require(Form(urlEncoded: Array("a=b+c&A=%C3%A4&b&=x&&p=100%&q=%zz%4".utf8)))
    #expect(form["a"] == Array("ä".utf8))
    #expect(form.values("a").count == 2)
    #expect(form.values("a")[0] == Array("b c".utf8))
    #expect(form["b"] == [])
    #expect(form["p"] == Array("100%".utf8))
    #expect(form["q"] == Array("%zz%4".utf8))
    #expect(form["c"] == nil)
    #expect(Form(urlEncoded: [UInt8](repeating: 0x61, count: 10))?.fields.count == 1)
    let many = Array(String(repeating: "a&", count: Form.maximumFields + 1).utf8)
    #expect(Form(urlEncoded: many) == nil)
  }

  /// RFC 8058 §3.2: the click may come as multipart/form-data.
  @Test func multipartFormIsRead() {
    let body = Array(
      """
      preamble\r
      --x y\r
      Content-Type: text/plain\r
      Content-Disposition: form-data; name="List-Unsubscribe"\r
      \r
      One-Click\r
      --x y\r
      Content-Disposition: form-data; name="empty"\r
      \r
      \r
      --x y--\r

      """.utf8)
    let type = MediaType(Array("Multipart/Form-Data; charset=x; boundary=\"x y\"".utf8))
    #expect(type.isMultipartForm)
    let form = Form(multipart: body, boundary: type.boundary ?? [])
    #expect(form?["list-unsubscribe"] == Array("One-Click".utf8))
    #expect(form?["empty"] == [])
    for length in 0..<body.count - 4 {
      _ = Form(multipart: Array(body[..<length]), boundary: type.boundary ?? [])
    }
    #expect(Form(multipart: body, boundary: Array("y".utf8)) == nil)
    #expect(Form(multipart: body, boundary: []) == nil)
    #expect(Form(multipart: Array("--x y".utf8), boundary: Array("x y".utf8)) == nil)
  }

  // Who is served. More of this is tested behind a web server: Tests/API/security.py.

  @Test func nobodyIsServedWithoutAUser() throws {
    let anonymous = try request(["HTTP_HOST": "localhost"])
    #expect(anonymous.refusal(isOpen: false) == .noUser)
    #expect(anonymous.refusal(isOpen: true) == nil)
    #expect(try request(["REMOTE_USER": ""]).refusal(isOpen: false) == .noUser)
    #expect(try request(["REMOTE_USER": "me", "HTTP_HOST": "x"]).refusal(isOpen: false) == nil)
    #expect(try request(["HTTP_HOST": "evil.example"]).refusal(isOpen: true) == .foreignHost)
    #expect(try request([:]).refusal(isOpen: true) == .foreignHost)
  }

  @Test func foreignPagesChangeNothing() throws {
    let own = [
      "REMOTE_USER": "me", "HTTP_HOST": "Mail.example:8443", "CONTENT_TYPE": "application/json",
    ]
    func refusal(_ method: String, _ fields: [String: String]) throws -> Refusal? {
      try request(own.merging(fields) { $1 }.merging(["REQUEST_METHOD": method]) { $1 })
        .refusal(isOpen: false)
    }
    for method in ["POST", "PUT", "DELETE"] {
      #expect(try refusal(method, [:]) == nil)
      #expect(try refusal(method, ["HTTP_ORIGIN": "https://mail.example:8443"]) == nil)
      #expect(try refusal(method, ["HTTP_SEC_FETCH_SITE": "same-origin"]) == nil)
      for origin in [
        "null", "https://mail.example", "https://mail.example:8443.evil.example",
        "mail.example:8443",
        "ftp://mail.example:8443", "https://mail.example:8443/",
      ] {
        #expect(try refusal(method, ["HTTP_ORIGIN": origin]) == .foreignOrigin)
        #expect(try refusal("GET", ["HTTP_ORIGIN": origin]) == nil)
      }
      #expect(try refusal(method, ["HTTP_SEC_FETCH_SITE": "cross-site"]) == .foreignOrigin)
    }
    #expect(try refusal("POST", ["CONTENT_TYPE": "Application/JSON; charset=utf-8"]) == nil)
    for type in ["", "text/plain", "application/jsonx", "text/plain; a=application/json"] {
      #expect(try refusal("POST", ["CONTENT_TYPE": type]) == .notJSON)
      #expect(try refusal("PUT", ["CONTENT_TYPE": type]) == nil)
    }
  }

  // Answers.

  @Test func noValueBeginsAFieldOfAnAnswer() {
    var response = Response(.ok, type: "text/plain", body: Array("body".utf8))
    response.set("Content-Disposition", Array("a\r\nSet-Cookie: x\n\0y".utf8))
    var output: [UInt8] = []
    response.append(to: &output, hasBody: true)
    #expect(
      String(decoding: output, as: UTF8.self) == """
        Status: 200 OK\r
        Content-Type: text/plain\r
        Content-Disposition: aSet-Cookie: xy\r
        Content-Length: 4\r
        \r
        body
        """)
  }

  @Test func entityTagsAreCompared() throws {
    let tag = Array("\"a\"".utf8)
    for field in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", " \"b\" , W/\"a\" "] {
      #expect(try request(["HTTP_IF_NONE_MATCH": field]).has(tag))
    }
    for field in ["a", "\"A\"", "\"b\"", "W/a"] {
      #expect(try !request(["HTTP_IF_NONE_MATCH": field]).has(tag))
    }
    #expect(try !request([:]).has(tag))
  }
}
