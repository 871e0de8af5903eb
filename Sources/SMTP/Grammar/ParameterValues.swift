// What a parameter of MAIL or RCPT, or of an extension, may have as its value: RFC 5321 §4.1.2, RFC 3461 §4.

extension Span<UInt8> {
  /// The value of decimal digits; nil if there are none, or other octets among them. A number too large
  /// for an `Int` becomes `Int.max`.
  func number(_ range: Range<Int>) -> Int? {
    var number = 0
    for index in range {
      guard self[index].isDigit else { return nil }
      let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(self[index] - UInt8(ascii: "0")))
      number = overflow || carry ? Int.max : sum
    }
    return range.isEmpty ? nil : number
  }

  /// `xtext` (RFC 3461 §4): printable without space and `=`; two upper-case hexadecimal digits must follow
  /// each `+`.
  func isXtext(_ range: Range<Int>) -> Bool {
    var index = range.lowerBound
    while index < range.upperBound {
      if self[index] == UInt8(ascii: "+") {
        guard index + 2 < range.upperBound, self[index + 1].isUpperHexDigit,
          self[index + 2].isUpperHexDigit
        else { return false }
        index += 2
      }
      guard self[index].isPrintable, self[index] != .space, self[index] != UInt8(ascii: "=")
      else { return false }
      index += 1
    }
    return !range.isEmpty
  }

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
    return isXtext(index + 1..<range.upperBound)
  }
}

extension UInt8 {
  fileprivate var isUpperHexDigit: Bool { isDigit || self &- 65 < 6 }
}
