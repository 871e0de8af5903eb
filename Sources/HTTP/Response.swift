// The answer of a CGI program (RFC 3875 §6): a status, header fields, and a body.

import Octets

/// Status codes of RFC 9110 §15, as far as they are given.
public enum Status: Int, Equatable, Sendable {
  case ok = 200
  case found = 302
  case notModified = 304
  case badRequest = 400
  case forbidden = 403
  case notFound = 404
  case methodNotAllowed = 405
  case contentTooLarge = 413
  case unsupportedMediaType = 415
  case internalServerError = 500
  case serviceUnavailable = 503
  case insufficientStorage = 507

  var reason: StaticString {
    switch self {
    case .ok: "OK"
    case .found: "Found"
    case .notModified: "Not Modified"
    case .badRequest: "Bad Request"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .contentTooLarge: "Content Too Large"
    case .unsupportedMediaType: "Unsupported Media Type"
    case .internalServerError: "Internal Server Error"
    case .serviceUnavailable: "Service Unavailable"
    case .insufficientStorage: "Insufficient Storage"
    }
  }
}

/// An answer. A field's name is a literal and its value holds no control character, so no value can begin another field.
public struct Response: Equatable, Sendable {
  public var status: Status
  public private(set) var fields: [Field] = []
  public var body: [UInt8]

  public struct Field: Equatable, Sendable {
    public let name: [UInt8]
    public let value: [UInt8]
  }

  public init(_ status: Status, type: [UInt8], body: [UInt8]) {
    self.status = status
    self.body = body
    set("Content-Type", type)
  }

  public init(_ status: Status, type: StaticString, body: [UInt8]) {
    self.init(status, type: [UInt8](type), body: body)
  }

  /// Plain text.
  public init(_ status: Status, text: StaticString) {
    self.init(status, type: "text/plain", body: [UInt8](text))
  }

  /// Sets a field, in place of one of the same name. Control characters in the value are left out.
  public mutating func set(_ name: StaticString, _ value: [UInt8]) {
    let field = Field(name: [UInt8](name), value: value.filter { $0 >= 32 && $0 != 127 })
    fields.removeAll { $0.name == field.name }
    fields.append(field)
  }

  public mutating func set(_ name: StaticString, _ value: StaticString) {
    set(name, [UInt8](value))
  }

  /// Sets the fields of every answer: no other page may show, read or time it.
  public mutating func protect() {
    set("Referrer-Policy", "no-referrer")
    set("X-Content-Type-Options", "nosniff")
    set("Cross-Origin-Resource-Policy", "same-origin")
    set("Cache-Control", self["ETag"] == nil ? "no-store" : "private, no-cache")
    if self["Content-Security-Policy"] == nil {
      set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    }
  }

  public subscript(_ name: StaticString) -> [UInt8]? {
    let name = [UInt8](name)
    return fields.first { $0.name == name }?.value
  }

  /// Appends what a web server reads, the body only if `hasBody`. `length` is what the body will have that somebody else
  /// appends.
  public func append(to output: inout [UInt8], hasBody: Bool, length: Int? = nil) {
    output.reserveCapacity(output.count + body.count + 1024)
    output.append("Status: ")
    output.append(contentsOf: String(status.rawValue).utf8)
    output.append(32)
    output.append(status.reason)
    output.append("\r\n")
    for field in fields where status != .notModified || !field.name.matches("content-type") {
      output.append(contentsOf: field.name)
      output.append(": ")
      output.append(contentsOf: field.value)
      output.append("\r\n")
    }
    if status != .notModified {
      output.append("Content-Length: ")
      output.append(contentsOf: String(length ?? body.count).utf8)
      output.append("\r\n")
    }
    output.append("\r\n")
    if hasBody, status != .notModified { output.append(contentsOf: body) }
  }
}
