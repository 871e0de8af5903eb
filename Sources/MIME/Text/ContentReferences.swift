// The `cid:` URLs of an HTML text (RFC 2392): which parts of its message it shows.

import Octets

/// A `cid:` URL.
public struct ContentReference: Equatable, Sendable {
  /// Where it stands, `cid:` included.
  public let range: Range<Int>
  /// The Content-ID that it names, without percent-encoding; at most 1,000 octets.
  public let identifier: [UInt8]
}

/// Finds the references of one HTML text, one after the other. Time is linear in its size.
public struct ContentReferenceReader {
  private var index: Int

  /// Begins at `start`.
  public init(from start: Int = 0) { index = start }

  /// The next reference in `html`; nil at the end.
  public mutating func next(_ html: Span<UInt8>) -> ContentReference? {
    while true {
      let colon = html.firstIndex(of: .colon, from: index, to: html.count)
      guard colon < html.count else {
        index = html.count
        return nil
      }
      index = colon + 1
      let start = colon - 3
      guard start >= 0, html.hasPrefix("cid", at: start),
        start == 0 || Self.canPrecede(html[start - 1])
      else { continue }
      while index < html.count, index - colon <= 1000, !Self.endsURL(html[index]) { index += 1 }
      let identifier = percentDecoded(html.extracting(colon + 1..<index))
      if !identifier.isEmpty {
        return ContentReference(range: start..<index, identifier: identifier)
      }
    }
  }

  private static func canPrecede(_ octet: UInt8) -> Bool {
    octet <= .space || octet == .quote || octet == 0x27 || octet == .equals
      || octet == UInt8(ascii: "(") || octet == .semicolon
  }

  private static func endsURL(_ octet: UInt8) -> Bool {
    octet <= .space || octet == .quote || octet == 0x27 || octet == UInt8(ascii: ">")
      || octet == UInt8(ascii: "<") || octet == UInt8(ascii: ")") || octet == UInt8(ascii: "&")
  }
}
