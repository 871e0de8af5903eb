// Decimal numbers.

extension Span<UInt8> {
  /// Reads decimal digits from `index` on, and moves it behind them, at most to `end`. Nil if no digit stands there. A
  /// number too large for an `Int` is `Int.max`.
  @inlinable public func decimal(from index: inout Int, to end: Int) -> Int? {
    let start = index
    var number = 0
    while index < end, self[index].isDigit {
      let (tens, isLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isLarger) = tens.addingReportingOverflow(Int(self[index] &- 48))
      number = isLarge || isLarger ? .max : sum
      index += 1
    }
    return index == start ? nil : number
  }
}

extension Int {
  /// The number of decimal digits; nil if there are none, or other octets among them. A number too large for an `Int` is
  /// `Int.max`.
  @inlinable public init?(decimal digits: Span<UInt8>) {
    var index = 0
    guard let number = digits.decimal(from: &index, to: digits.count), index == digits.count else {
      return nil
    }
    self = number
  }

  /// The same of any collection.
  @inlinable public init?(decimal digits: some Collection<UInt8>) {
    let digits = Array(digits)
    self.init(decimal: digits.span)
  }
}

extension [UInt8] {
  /// Appends `number`, which is not negative, in decimal, with zeros in front up to `width` digits.
  public mutating func append(decimal number: Int, width: Int = 1) {
    let start = count
    var rest = UInt(number)
    while rest > 0 || count - start < width {
      append(48 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    }
    self[start...].reverse()
  }
}
