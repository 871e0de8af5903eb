// A request as a web server hands it to a CGI program (RFC 3875): meta-variables and a body. The caller looks the
// variables up, so that nothing here knows an environment.

import Octets

/// What is asked.
public enum Method: Equatable, Sendable {
  case get, head, post, put, delete, options

  init?(_ name: [UInt8]) {
    switch name {
    case [UInt8]("GET"): self = .get
    case [UInt8]("HEAD"): self = .head
    case [UInt8]("POST"): self = .post
    case [UInt8]("PUT"): self = .put
    case [UInt8]("DELETE"): self = .delete
    case [UInt8]("OPTIONS"): self = .options
    default: return nil
    }
  }

  /// Whether the method changes nothing (RFC 9110 §9.2.1).
  public var isSafe: Bool {
    switch self {
    case .get, .head, .options: true
    case .post, .put, .delete: false
    }
  }

  public var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    }
  }
}

/// Why there is no request.
public enum RequestError: Error, Equatable, Sendable {
  /// REQUEST_METHOD is missing: this is no CGI.
  case notCGI
  case unknownMethod
  /// Longer than its bound.
  case tooLong
  /// Not a number.
  case badContentLength
  /// The path does not begin with the root.
  case outsideRoot

  /// What the client is told; nil where there is no client.
  public var response: Response? {
    switch self {
    case .notCGI: return nil
    case .unknownMethod:
      var response = Response(.methodNotAllowed, text: "Method Not Allowed\n")
      response.set("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
      return response
    case .tooLong, .badContentLength: return Response(.badRequest, text: "Bad Request\n")
    case .outsideRoot: return Response(.notFound, text: "404 page not found")
    }
  }
}

/// A request, without its body.
public struct Request: Sendable {
  public let method: Method
  /// The path behind the root, decoded by the web server; it begins with a slash. A web server divides a path into
  /// SCRIPT_NAME and PATH_INFO where its configuration has put the program, which says nothing here.
  public let path: [UInt8]
  public let query: Form
  /// The query as it came.
  public let rawQuery: [UInt8]
  public let contentType: MediaType
  /// Octets of the body.
  public let contentLength: Int
  /// Who the web server says the user is; nil if it says nothing.
  public let user: [UInt8]?
  // Header fields; nil where they are missing.
  public let host: [UInt8]?
  public let origin: [UInt8]?
  public let fetchSite: [UInt8]?
  public let ifNoneMatch: [UInt8]?

  /// Octets of a meta-variable that are looked at.
  public static let maximumVariable = 64 * 1024

  /// `variable` gives the value of a meta-variable; nil if it is not set. `root` stands in front of every path: empty, or
  /// with a slash in front and none behind.
  public init(
    root: [UInt8] = [], _ variable: (StaticString) -> [UInt8]?
  ) throws(RequestError) {
    func value(_ name: StaticString) throws(RequestError) -> [UInt8]? {
      guard let value = variable(name) else { return nil }
      if value.count > Self.maximumVariable { throw .tooLong }
      return value.isEmpty ? nil : value
    }
    guard let name = try value("REQUEST_METHOD") else { throw .notCGI }
    guard let method = Method(name) else { throw .unknownMethod }
    self.method = method
    var path = try value("SCRIPT_NAME") ?? []
    path += try value("PATH_INFO") ?? []
    guard path.starts(with: root) else { throw .outsideRoot }
    path.removeFirst(root.count)
    self.path = path.first == UInt8(ascii: "/") ? path : [UInt8(ascii: "/")] + path
    rawQuery = try value("QUERY_STRING") ?? []
    guard let query = Form(urlEncoded: rawQuery) else { throw .tooLong }
    self.query = query
    contentType = MediaType(try value("CONTENT_TYPE") ?? [])
    if let length = try value("CONTENT_LENGTH") {
      guard let number = Int(decimal: length) else { throw .badContentLength }
      contentLength = number
    } else {
      contentLength = 0
    }
    user = try value("REMOTE_USER")
    host = try value("HTTP_HOST")
    origin = try value("HTTP_ORIGIN")
    fetchSite = try value("HTTP_SEC_FETCH_SITE")
    ifNoneMatch = try value("HTTP_IF_NONE_MATCH")
  }
}

extension Request {
  /// What stands between the slashes of the path.
  public var segments: [[UInt8]] {
    path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
      .map { Array($0) }
  }
}

extension Int {
  /// A number in decimal digits and nothing else; nil if it is none or has more than 18 digits.
  public init?(decimal digits: [UInt8]) {
    guard digits.count <= 18 else { return nil }
    self.init(decimal: digits.span)
  }
}
