// Writes JSON (RFC 8259) a value at a time. The caller opens and closes objects and arrays; commas are put here.
//
// Strings are escaped as Go's encoder escapes them, since clients of Mailpit are used to that: `<`, `>`, `&`,
// U+2028 and U+2029 are escaped too, so that no answer that a browser took for HTML could hold an element.

import Octets

/// JSON text in the making.
public struct JSONWriter {
  public private(set) var octets: [UInt8] = []
  /// Whether a value stands in front in the same object or array.
  private var needsComma = false

  public init() { octets.reserveCapacity(4096) }

  public mutating func beginObject() { begin(UInt8(ascii: "{")) }
  public mutating func endObject() { end(UInt8(ascii: "}")) }
  public mutating func beginArray() { begin(UInt8(ascii: "[")) }
  public mutating func endArray() { end(UInt8(ascii: "]")) }

  /// The name of the member that follows, without anything that would have to be escaped.
  public mutating func key(_ name: StaticString) {
    separate()
    octets.append(UInt8(ascii: "\""))
    append(name)
    octets.append(UInt8(ascii: "\""))
    octets.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// The same for a name that comes from outside.
  public mutating func key(_ name: [UInt8]) {
    separate()
    appendString(name.span)
    octets.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Octets that are not UTF-8 become U+FFFD.
  public mutating func string(_ text: [UInt8]) {
    separate()
    appendString(text.span)
  }

  public mutating func string(_ text: StaticString) {
    separate()
    octets.append(UInt8(ascii: "\""))
    append(text)
    octets.append(UInt8(ascii: "\""))
  }

  public mutating func number(_ number: Int) {
    separate()
    octets.append(contentsOf: String(number).utf8)
  }

  public mutating func bool(_ value: Bool) {
    separate()
    append(value ? "true" : "false")
  }

  public mutating func null() {
    separate()
    append("null")
  }

  // A member in one call.

  public mutating func member(_ name: StaticString, _ text: [UInt8]) {
    key(name)
    string(text)
  }

  public mutating func member(_ name: StaticString, _ text: StaticString) {
    key(name)
    string(text)
  }

  public mutating func member(_ name: StaticString, _ value: Int) {
    key(name)
    number(value)
  }

  public mutating func member(_ name: StaticString, _ value: Bool) {
    key(name)
    bool(value)
  }

  public mutating func member(_ name: StaticString, _ texts: [[UInt8]]) {
    key(name)
    beginArray()
    for text in texts { string(text) }
    endArray()
  }

  /// Ends the text with a line feed, as Go's encoder does.
  public mutating func finish() -> [UInt8] {
    octets.append(10)
    return octets
  }

  private mutating func begin(_ bracket: UInt8) {
    separate()
    octets.append(bracket)
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    octets.append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { octets.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe octets.append(contentsOf: $0) }
  }

  private mutating func appendString(_ text: Span<UInt8>) {
    octets.append(UInt8(ascii: "\""))
    var index = 0
    while index < text.count {
      let octet = text[index]
      switch octet {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        octets.append(UInt8(ascii: "\\"))
        octets.append(octet)
      case 10: append("\\n")
      case 13: append("\\r")
      case 9: append("\\t")
      case 0..<32, 127, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
        appendEscape(UInt32(octet))
      case 32..<127: octets.append(octet)
      default:
        let length = text.characterLength(at: index)
        guard length > 0 else {
          octets.append(scalar: 0xFFFD)
          break
        }
        if length == 3, octet == 0xE2, text[index + 1] == 0x80, text[index + 2] & 0xFE == 0xA8 {
          appendEscape(0x2000 | UInt32(text[index + 2] & 0x3F))
        } else {
          for offset in 0..<length { octets.append(text[index + offset]) }
        }
        index += length - 1
      }
      index += 1
    }
    octets.append(UInt8(ascii: "\""))
  }

  private mutating func appendEscape(_ scalar: UInt32) {
    append("\\u")
    for shift in [12, 8, 4, 0] as [UInt32] {
      let digit = UInt8(truncatingIfNeeded: scalar >> shift & 15)
      octets.append(digit < 10 ? 48 + digit : 87 + digit)
    }
  }
}
