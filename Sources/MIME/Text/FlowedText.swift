// text/plain; format=flowed (RFC 3676), undone: a paragraph that was sent in several lines is one again.

import Octets

/// The paragraphs of `text` (UTF-8, lines of LF or CR LF) with LF behind each. Quoted paragraphs have a `>` for
/// each level and a space in front. `deletesSpace` is the parameter DelSp=yes (§4.2).
public func unflowed(_ text: Span<UInt8>, deletesSpace: Bool = false) -> [UInt8] {
  var output: [UInt8] = []
  output.reserveCapacity(text.count + 1)
  /// The level of quotation of the paragraph that goes on, or nil.
  var level: Int?
  var index = 0
  while index < text.count {
    let feed = text.firstIndex(of: .lineFeed, from: index, to: text.count)
    var end = feed
    if end > index, text[end - 1] == .carriageReturn { end -= 1 }
    var start = index
    while start < end, text[start] == UInt8(ascii: ">") { start += 1 }
    let depth = start - index
    if start < end, text[start] == .space { start += 1 }  // space-stuffing (§4.4)
    index = feed + 1

    let isSignature = end - start == 3 && text.hasPrefix("-- ", at: start)
    if let open = level, open != depth || isSignature {
      // A paragraph ends with its level, though its last line is flowed (§4.5), and never runs into a
      // signature (§4.3).
      output.append(.lineFeed)
      level = nil
    }
    if level == nil, depth > 0 {
      for _ in 0..<depth { output.append(UInt8(ascii: ">")) }
      if start < end { output.append(.space) }
    }
    let isFlowed = end > start && text[end - 1] == .space && !isSignature
    output.append(text, start..<(isFlowed && deletesSpace ? end - 1 : end))
    if isFlowed {
      level = depth
    } else {
      output.append(.lineFeed)
      level = nil
    }
  }
  if level != nil { output.append(.lineFeed) }
  return output
}
