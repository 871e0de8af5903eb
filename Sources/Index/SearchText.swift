// Text as it is searched: in lower case, with what separates words as one space, so that a term is found wherever it
// occurs. A term of a query is treated in the same way.

import Octets

/// Collects folded text up to a limit.
struct SearchText {
  private(set) var octets: [UInt8] = []
  /// Whether a space is due in front of what comes.
  private var isBehindSpace = false

  /// Appends `text` (valid UTF-8), behind a space, until there are `limit` octets in all.
  mutating func append(_ text: Span<UInt8>, limit: Int = .max) {
    isBehindSpace = true
    var index = 0
    while index < text.count, octets.count < limit {
      let octet = text[index]
      if octet < 0x80 {
        index += 1
        put(asciiFolding[Int(octet)])
        continue
      }
      let length = octet >= 0xF0 ? 4 : octet >= 0xE0 ? 3 : 2
      guard index + length <= text.count else { return }
      var scalar = UInt32(octet) & (0x7F >> UInt32(length))
      for next in index + 1..<index + length { scalar = scalar << 6 | UInt32(text[next]) & 0x3F }
      index += length
      if scalar == 0xFEFF || scalar == 0xA0 || scalar == 0x3000 || 0x80..<0xA0 ~= scalar {
        isBehindSpace = true
      } else {
        put(scalar: lowercase(scalar))
      }
    }
  }

  mutating func append(_ text: [UInt8], limit: Int = .max) { append(text.span, limit: limit) }

  private mutating func put(_ octet: UInt8) {
    if octet == 0x20 {
      isBehindSpace = true
    } else {
      endSpace()
      octets.append(octet)
    }
  }

  private mutating func put(scalar: UInt32) {
    endSpace()
    octets.append(scalar: scalar)
  }

  private mutating func endSpace() {
    if isBehindSpace, !octets.isEmpty { octets.append(0x20) }
    isBehindSpace = false
  }
}

/// `text`, folded.
func folded(_ text: [UInt8]) -> [UInt8] {
  var folded = SearchText()
  folded.append(text)
  return folded.octets
}

/// Whether `word` occurs in `text`. Where its first and its last octet are in their places, 32 places are looked at at once.
func contains(_ word: Span<UInt8>, in text: Span<UInt8>) -> Bool {
  guard word.count > 0 else { return true }
  let distance = word.count - 1
  let octets = unsafe text.bytes
  let first = SIMD32<UInt8>(repeating: word[0])
  let last = SIMD32<UInt8>(repeating: word[distance])
  var index = 0
  while text.count - distance - index >= 32 {
    let starts = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
    let ends = unsafe octets.unsafeLoadUnaligned(
      fromByteOffset: index + distance, as: SIMD32<UInt8>.self)
    let mask = (starts .== first) .& (ends .== last)
    if mask.hasAny {
      for lane in 0..<32 where mask[lane] && isWord(word, at: index + lane, of: text) {
        return true
      }
    }
    index += 32
  }
  while text.count - distance - index >= 1 {
    if isWord(word, at: index, of: text) { return true }
    index += 1
  }
  return false
}

private func isWord(_ word: Span<UInt8>, at start: Int, of text: Span<UInt8>) -> Bool {
  for offset in 0..<word.count where text[start + offset] != word[offset] { return false }
  return true
}

extension SIMDMask<SIMD32<Int8>> {
  fileprivate var hasAny: Bool {
    let words = unsafe unsafeBitCast(self, to: SIMD4<UInt64>.self)
    return words.lowHalf | words.highHalf != .zero
  }
}

/// What each ASCII octet becomes: control characters and `< > " , ; ( )` are spaces.
private let asciiFolding: [128 of UInt8] = {
  var table = [128 of UInt8](repeating: 0x20)
  for octet in UInt8(0x21)..<0x7F {
    switch octet {
    case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: ","),
      UInt8(ascii: ";"), UInt8(ascii: "("), UInt8(ascii: ")"):
      break
    default: table[Int(octet)] = octet.lowercased
    }
  }
  return table
}()

/// The lower-case letter of a letter above ASCII, or the character itself.
private func lowercase(_ scalar: UInt32) -> UInt32 {
  var low = 0
  var high = foldingRuns.count
  while low < high {
    let middle = (low + high) / 2
    if foldingRuns[middle].last < scalar { low = middle + 1 } else { high = middle }
  }
  guard low < foldingRuns.count else { return scalar }
  let run = foldingRuns[low]
  guard run.first <= scalar, (scalar - run.first) % run.step == 0 else { return scalar }
  return UInt32(Int32(scalar) + run.added)
}
