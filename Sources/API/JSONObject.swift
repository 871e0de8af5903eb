// The object that a request's body is, with what is wrong with it in words.

public import HTTP
public import JSON
import Octets

/// An object of a JSON text, with the text.
struct JSONObject {
  private let octets: [UInt8]
  private let value: JSONValue

  init(_ body: [UInt8]) throws(APIError) {
    octets = body
    do throws(JSONError) { value = try JSONValue(body.span) } catch {
      throw .badRequest([UInt8](error.text))
    }
    switch value {
    case .object, .array([]): break
    default: throw .badRequest("an object expected")
    }
  }

  private init(_ octets: [UInt8], _ value: JSONValue) {
    (self.octets, self.value) = (octets, value)
  }

  var isEmptyArray: Bool { value == .array([]) }
  var isEmpty: Bool { value == .object([]) }

  // Names are in lower case. A null is as if the member were missing, but for `has`.

  func has(_ name: StaticString) -> Bool { value.hasMember(name, in: octets.span) }

  func text(_ name: StaticString) throws(APIError) -> [UInt8]? {
    switch value.member(name, in: octets.span) {
    case nil: nil
    case .string(let string)?: string.utf8(in: octets.span)
    default: throw Self.unexpected(name, "a string")
    }
  }

  /// What `body` makes of a text, which is not copied if the JSON has it octet for octet; nil if it is missing.
  func read<Value>(
    _ name: StaticString, _ body: (Span<UInt8>) -> Value
  ) throws(APIError) -> Value? {
    guard case .string(let string)? = value.member(name, in: octets.span), string.isPlain else {
      return try text(name).map { body($0.span) }
    }
    return body(octets.span.extracting(string.range))
  }

  func bool(_ name: StaticString) throws(APIError) -> Bool? {
    switch value.member(name, in: octets.span) {
    case nil: nil
    case .bool(let value)?: value
    default: throw Self.unexpected(name, "true or false")
    }
  }

  /// An array of strings.
  func texts(_ name: StaticString) throws(APIError) -> [[UInt8]]? {
    guard let values = try array(name) else { return nil }
    var texts: [[UInt8]] = []
    for value in values {
      guard case .string(let string) = value else { throw Self.unexpected(name, "strings") }
      texts.append(string.utf8(in: octets.span))
    }
    return texts
  }

  /// An array of strings, or a string with commas, spaces or line ends between.
  func words(_ name: StaticString) throws(APIError) -> [[UInt8]]? {
    if case .string(let string)? = value.member(name, in: octets.span) {
      return string.utf8(in: octets.span).split { $0 == UInt8(ascii: ",") || $0 <= 32 }
        .map { Array($0) }
    }
    return try texts(name)
  }

  /// An array of objects.
  func objects(_ name: StaticString) throws(APIError) -> [JSONObject]? {
    guard let values = try array(name) else { return nil }
    var objects: [JSONObject] = []
    for value in values {
      guard case .object = value else { throw Self.unexpected(name, "objects") }
      objects.append(JSONObject(octets, value))
    }
    return objects
  }

  func object(_ name: StaticString) throws(APIError) -> JSONObject? {
    switch value.member(name, in: octets.span) {
    case nil: return nil
    case .object(let members)?: return JSONObject(octets, .object(members))
    default: throw Self.unexpected(name, "an object")
    }
  }

  /// The names and values of an object whose values are strings.
  func pairs(_ name: StaticString) throws(APIError) -> [(name: [UInt8], value: [UInt8])] {
    guard let object = try object(name), case .object(let members) = object.value else {
      return []
    }
    var pairs: [(name: [UInt8], value: [UInt8])] = []
    for member in members {
      guard case .string(let string) = member.value else { throw Self.unexpected(name, "strings") }
      pairs.append((member.name.utf8(in: octets.span), string.utf8(in: octets.span)))
    }
    return pairs
  }

  private func array(_ name: StaticString) throws(APIError) -> [JSONValue]? {
    switch value.member(name, in: octets.span) {
    case nil: nil
    case .array(let values)?: values
    default: throw Self.unexpected(name, "an array")
    }
  }

  static func unexpected(_ name: StaticString, _ what: StaticString) -> APIError {
    .badRequest([UInt8](name) + [UInt8](": ") + [UInt8](what) + [UInt8](" expected"))
  }
}

extension JSONWriter {
  /// The answer, which ends the text.
  public mutating func response(tag: [UInt8]? = nil) -> Response {
    var response = Response(.ok, type: "application/json", body: finish())
    if let tag { response.set("ETag", tag) }
    return response
  }
}
