// Words of lines, and xtext: RFC 3461 §4.

func text(_ octets: some Sequence<UInt8>) -> String {
  String(decoding: Array(octets), as: UTF8.self)
}

/// Words with a space between them; a quoted local part may hold spaces, so a word that begins with `<` ends
/// behind the `>` outside of quotes.
struct Words {
  private(set) var rest: ArraySlice<UInt8>

  init(_ line: ArraySlice<UInt8>) { rest = line }

  mutating func next() -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    var isQuoted = false
    var isEscaped = false
    var isPath = false
    var index = rest.startIndex
    while index < rest.endIndex {
      let octet = rest[index]
      if isEscaped {
        isEscaped = false
      } else if isQuoted, octet == UInt8(ascii: "\\") {
        isEscaped = true
      } else if octet == UInt8(ascii: "<"), !isQuoted {
        isPath = true
      } else if isPath, octet == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if octet == 32, !isQuoted {
        break
      }
      index += 1
    }
    let word = rest[..<index]
    rest = rest[min(index + 1, rest.endIndex)...]
    return word
  }
}

public func xtext(_ octets: some Sequence<UInt8>) -> [UInt8] {
  var text: [UInt8] = []
  for octet in octets {
    if 33...126 ~= octet, octet != UInt8(ascii: "+"), octet != UInt8(ascii: "=") {
      text.append(octet)
    } else {
      text += [UInt8(ascii: "+"), hexadecimal(octet >> 4), hexadecimal(octet & 15)]
    }
  }
  return text
}

func isXtext(_ text: ArraySlice<UInt8>) -> Bool { decodedXtext(text) != nil }

public func decodedXtext(_ text: ArraySlice<UInt8>) -> [UInt8]? {
  var octets: [UInt8] = []
  var rest = text
  while let octet = rest.popFirst() {
    guard 33...126 ~= octet, octet != UInt8(ascii: "=") else { return nil }
    guard octet == UInt8(ascii: "+") else {
      octets.append(octet)
      continue
    }
    guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
      return nil
    }
    octets.append(high << 4 | low)
  }
  return octets
}

private func hexadecimal(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
}

private func digit(_ octet: UInt8) -> UInt8? {
  switch octet {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
  case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
  default: nil
  }
}
