// What is done with octets here, beside what HTTP has.

extension [UInt8] {
  mutating func append(decimal number: Int) {
    append(contentsOf: String(number).utf8)
  }
}

extension UInt8 {
  var isLetterOrDigit: Bool { self &- 48 < 10 || (self | 0x20) &- 97 < 26 }
}
