// What a parameter of MAIL or RCPT, or of an extension, may have as its value: RFC 5321 §4.1.2, RFC 3461 §4.

import Octets

extension Span<UInt8> {
  /// `addr-type ";" xtext`.
  func isTypedAddress(_ range: Range<Int>) -> Bool {
    var index = range.lowerBound
    while index < range.upperBound, self[index].isLetterOrDigit || self[index] == UInt8(ascii: "-")
    {
      index += 1
    }
    guard index > range.lowerBound, index < range.upperBound, self[index] == UInt8(ascii: ";")
    else {
      return false
    }
    return isXtext(extracting(index + 1..<range.upperBound))
  }
}
