// Hexadecimal digits, and octets that are written as two of them behind a mark: `%41`, `=41`, `+41`.

extension UInt8 {
  /// The value of a hexadecimal digit in either case.
  @inlinable public var hexValue: UInt8? {
    if isDigit { return self &- 48 }
    let letter = (self | 0x20) &- 97
    return letter < 6 ? letter + 10 : nil
  }

  /// The digit of `value`, which is below 16.
  @inlinable public static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? 48 + value : 55 + value
  }
  @inlinable public static func lowerHexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? 48 + value : 87 + value
  }
}

/// Whether hexadecimal digits may be letters of either case.
public enum HexCase {
  case any, upper
}

extension Span<UInt8> {
  /// The octet that two hexadecimal digits at `index` mean; nil if there are not two in front of `end`.
  @inlinable public func hexOctet(at index: Int, to end: Int, _ digits: HexCase = .any) -> UInt8? {
    guard end - index >= 2, let high = self[index].hexValue, let low = self[index + 1].hexValue,
      digits == .any || self[index] < 97 && self[index + 1] < 97
    else { return nil }
    return high << 4 | low
  }
}

extension [UInt8] {
  /// Appends a mark and two hexadecimal digits in upper case.
  @inlinable public mutating func append(_ mark: UInt8, hex octet: UInt8) {
    append(mark)
    append(.hexDigit(octet >> 4))
    append(.hexDigit(octet & 15))
  }
}

/// Each octet as two hexadecimal digits in lower case.
public func hexadecimal(_ octets: Span<UInt8>) -> [UInt8] {
  var text: [UInt8] = []
  text.reserveCapacity(2 * octets.count)
  for index in 0..<octets.count {
    text.append(.lowerHexDigit(octets[index] >> 4))
    text.append(.lowerHexDigit(octets[index] & 15))
  }
  return text
}

extension UInt64 {
  /// The number of 16 hexadecimal digits, letters in lower case; nil for anything else.
  public init?(hexadecimal digits: Span<UInt8>) {
    guard digits.count == 16 else { return nil }
    self = 0
    for index in 0..<16 {
      guard let value = digits[index].hexValue, digits[index] &- 65 > 5 else { return nil }
      self = self << 4 | UInt64(value)
    }
  }

  /// The 16 digits, letters in lower case.
  public var hexadecimal: [UInt8] {
    (0..<16).map { .lowerHexDigit(UInt8(truncatingIfNeeded: self >> UInt64(60 - 4 * $0)) & 15) }
  }
}
