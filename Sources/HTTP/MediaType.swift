// The Content-Type of a request (RFC 9110 §8.3): its type, and the boundary of a multipart form.

import Octets

/// What a body says that it is.
public struct MediaType: Equatable, Sendable {
  /// `type/subtype` in lower case; empty if the field is missing.
  public let essence: [UInt8]
  /// The parameter `boundary`.
  public let boundary: [UInt8]?

  public init(_ value: [UInt8]) {
    let words = value.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
    essence = words.first?.trimmed().lowercased() ?? []
    var boundary: [UInt8]?
    for word in words.dropFirst() {
      let parameter = word.trimmed()
      guard let equals = parameter.firstIndex(of: UInt8(ascii: "=")),
        parameter[..<equals].trimmed().matches("boundary")
      else { continue }
      var text = parameter[(equals + 1)...].trimmed()
      if text.count >= 2, text.first == UInt8(ascii: "\""), text.last == UInt8(ascii: "\"") {
        text = text.dropFirst().dropLast()
      }
      boundary = Array(text)
    }
    self.boundary = boundary
  }

  public var isJSON: Bool { essence.matches("application/json") }
  public var isForm: Bool { essence.matches("application/x-www-form-urlencoded") }
  public var isMultipartForm: Bool { essence.matches("multipart/form-data") }
}
