// Percent-encoding: RFC 3986 §2.1.

/// Undoes percent-encoding; `%` without two hexadecimal digits behind it is itself. With `plusIsSpace`, `+` is a space.
public func percentDecoded(_ text: Span<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
  var decoded: [UInt8] = []
  decoded.reserveCapacity(text.count)
  var index = 0
  while index < text.count {
    if text[index] == .percent, let octet = text.hexOctet(at: index + 1, to: text.count) {
      decoded.append(octet)
      index += 3
    } else {
      decoded.append(plusIsSpace && text[index] == .plus ? .space : text[index])
      index += 1
    }
  }
  return decoded
}

/// Undoes percent-encoding; nil if two hexadecimal digits of that case do not follow each `%`.
public func strictlyPercentDecoded(_ text: Span<UInt8>, _ digits: HexCase = .any) -> [UInt8]? {
  var decoded: [UInt8] = []
  decoded.reserveCapacity(text.count)
  var index = 0
  while index < text.count {
    if text[index] == .percent {
      guard let octet = text.hexOctet(at: index + 1, to: text.count, digits) else { return nil }
      decoded.append(octet)
      index += 3
    } else {
      decoded.append(text[index])
      index += 1
    }
  }
  return decoded
}
