// Internationalized domain names: a label in UTF-8 (U-label) and its form in ASCII (A-label,
// RFC 5890 §2.3.2.1) name the same domain. The A-label is "xn--" and the Punycode (RFC 3492) of the
// U-label.
//
// What is not done: no normalisation (NFC), so that an accent that is a character of its own makes
// another domain; capital letters become small ones in ASCII, Latin-1, Greek and Cyrillic only. Users
// type what that misses, but registries and mail programs write names in their normal form.

import Octets

/// The domain with each U-label as its A-label and in lower case: two ways to write a domain give the
/// same. An address literal is only put in lower case. Nil if a label becomes longer than 63 octets,
/// which no domain has (RFC 1035 §2.3.4).
public func aLabelDomain(_ domain: ArraySlice<UInt8>) -> [UInt8]? {
  if domain.allSatisfy({ $0 < 0x80 }) { return domain.lowercased() }
  var result: [UInt8] = []
  for label in domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
    let start = result.count
    if start > 0 { result.append(UInt8(ascii: ".")) }
    if label.allSatisfy({ $0 < 0x80 }) {
      result += label.lowercased()
    } else {
      let characters = String(decoding: label, as: UTF8.self).unicodeScalars
      let encoded = punycode(characters.map { lowercase(Int($0.value)) })
      guard 4 + encoded.count <= PathLimit.label else { return nil }
      result.append("xn--")
      result += encoded
    }
  }
  return result
}

/// The small letter of a capital one, where it stands at the same distance for a whole alphabet.
private func lowercase(_ character: Int) -> Int {
  switch character {
  case 0x41...0x5A: character + 0x20  // ASCII
  case 0xC0...0xD6, 0xD8...0xDE: character + 0x20  // Latin-1, without the multiplication sign
  case 0x391...0x3A1, 0x3A3...0x3AB: character + 0x20  // Greek
  case 0x400...0x40F: character + 0x50  // Cyrillic
  case 0x410...0x42F: character + 0x20
  default: character
  }
}

/// The Punycode of characters, which are Unicode code points: RFC 3492 §6.3. The ASCII characters come
/// first as they are; then, for each of the others in ascending order, how far the decoder has to count
/// through all code points and places until it inserts it.
func punycode(_ characters: [Int]) -> [UInt8] {
  var output: [UInt8] = []
  for character in characters where character < 0x80 {
    output.append(UInt8(truncatingIfNeeded: character))
  }
  let basic = output.count
  if basic > 0 { output.append(UInt8(ascii: "-")) }
  var handled = basic
  var delta = 0
  var bias = 72
  var next = 0x80  // all characters below this are handled
  while handled < characters.count {
    var smallest = Int.max
    for character in characters where character >= next { smallest = min(smallest, character) }
    delta += (smallest - next) * (handled + 1)
    next = smallest
    for character in characters {
      if character < next { delta += 1 }
      if character == next {
        appendPunycode(number: delta, bias: bias, to: &output)
        handled += 1
        bias = punycodeBias(after: delta, handled: handled, isFirst: handled == basic + 1)
        delta = 0
      }
    }
    delta += 1
    next += 1
  }
  return output
}

/// Appends a number whose digits have places of varying value, the least first: RFC 3492 §3.3.
private func appendPunycode(number: Int, bias: Int, to output: inout [UInt8]) {
  var rest = number
  var place = 36
  while true {
    let threshold = max(1, min(26, place - bias))
    if rest < threshold { break }
    let base = 36 - threshold
    output.append(punycodeDigit(threshold + (rest - threshold) % base))
    rest = (rest - threshold) / base
    place += 36
  }
  output.append(punycodeDigit(rest))
}

private func punycodeDigit(_ value: Int) -> UInt8 {
  UInt8(truncatingIfNeeded: value) + (value < 26 ? UInt8(ascii: "a") : UInt8(ascii: "0") - 26)
}

/// How large the next number is expected to be: RFC 3492 §6.1.
private func punycodeBias(after delta: Int, handled: Int, isFirst: Bool) -> Int {
  var rest = isFirst ? delta / 700 : delta / 2
  rest += rest / handled
  var places = 0
  while rest > (36 - 1) * 26 / 2 {
    rest /= 36 - 1
    places += 36
  }
  return places + 36 * rest / (rest + 38)
}
