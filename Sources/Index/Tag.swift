// The names of tags, by Mailpit's rules.

import Octets

/// A tag: 1 to 100 of letters, digits, `- _ . @` and single spaces inside.
public struct Tag: Equatable, Sendable {
  public let octets: [UInt8]

  /// Makes a tag of what people write: other characters become spaces, and runs of spaces one. Nil if nothing is left or
  /// too much.
  public init?(_ text: [UInt8]) {
    var octets: [UInt8] = []
    var isBehindSpace = false
    for octet in text {
      guard Self.isAllowed(octet) else {
        isBehindSpace = !octets.isEmpty
        continue
      }
      if isBehindSpace { octets.append(0x20) }
      isBehindSpace = false
      octets.append(octet)
    }
    guard 1...100 ~= octets.count else { return nil }
    self.octets = octets
  }

  private static func isAllowed(_ octet: UInt8) -> Bool {
    octet.isLetterOrDigit || octet == .hyphen
      || octet == UInt8(ascii: "_") || octet == UInt8(ascii: ".") || octet == UInt8(ascii: "@")
  }
}
