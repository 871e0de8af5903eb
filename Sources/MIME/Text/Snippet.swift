// The beginning of a text, for a list of messages.

import Octets

/// The first `length` characters of `text` (UTF-8) on one line, each run of white space and control characters
/// as one space.
public func snippet(of text: Span<UInt8>, length: Int) -> [UInt8] {
  var snippet: [UInt8] = []
  var characters = 0
  var isBehindSpace = false
  for index in 0..<text.count {
    let octet = text[index]
    if octet <= .space || octet == 0x7F {
      isBehindSpace = !snippet.isEmpty
      continue
    }
    if octet & 0xC0 != 0x80 {
      characters += isBehindSpace ? 2 : 1
      guard characters <= length else { break }
      if isBehindSpace { snippet.append(.space) }
      isBehindSpace = false
    }
    snippet.append(octet)
  }
  return snippet
}
