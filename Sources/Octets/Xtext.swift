// xtext: RFC 3461 §4. What prints stands for itself, but `+` and `=`; `+` and two hexadecimal digits in upper case
// are any octet.

/// `octets` as xtext.
@inlinable public func xtext(_ octets: some Sequence<UInt8>) -> [UInt8] {
  var text: [UInt8] = []
  for octet in octets {
    if octet.isXtextCharacter { text.append(octet) } else { text.append(.plus, hex: octet) }
  }
  return text
}

/// The octets that xtext means; nil if `text` is not xtext. Nothing is the xtext of nothing.
public func decodedXtext(_ text: Span<UInt8>) -> [UInt8]? {
  var octets: [UInt8] = []
  var index = 0
  while index < text.count {
    if text[index].isXtextCharacter {
      octets.append(text[index])
      index += 1
    } else {
      guard text[index] == .plus,
        let octet = text.hexOctet(at: index + 1, to: text.count, .upper)
      else { return nil }
      octets.append(octet)
      index += 3
    }
  }
  return octets
}

/// Whether `text` has octets, and is xtext.
public func isXtext(_ text: Span<UInt8>) -> Bool { decodedXtext(text)?.isEmpty == false }

extension UInt8 {
  /// `xchar` of RFC 3461 §4.
  @inlinable var isXtextCharacter: Bool {
    isPrintable && self != .space && self != .plus && self != .equals
  }
}
