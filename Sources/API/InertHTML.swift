// HTML of a stranger, rewritten so that showing it looks up no name, opens no connection and leads nowhere by itself. The
// policy of `View` stops requests; it does not govern prefetching, preconnecting, and documents in frames.
//
// This is no parser. An element that would load something gets another name wherever its tag could begin, also in
// comments and attributes, where that does no harm. Behind the name nothing has to be understood. What a tag should have
// is put in front of its attributes: of two attributes with one name the first counts (WHATWG HTML §13.2.5.33). So only
// where a link leads depends on reading attributes: links open a new tab, those to a place in the mail stay, and `base`
// counts for links.

import HTTP
import Octets

struct InertHTML {
  private(set) var output: [UInt8] = []
  /// The value of `href` of the first `base` that is an URL of the web, up to its host, and up to its last slash.
  private var origin: [UInt8] = []
  private var folder: [UInt8] = []
  /// Where the tag of the last link ends, and that of the last base: no other begins in front of that.
  private var linkEnd = 0
  private var baseEnd = 0
  /// Octets that links may still get from the base, so that a mail of many links does not grow a hundredfold.
  private var allowance: Int

  /// What becomes of an element. `basefont` has no meaning and no end tag, and may stand in a head.
  private enum Element {
    case renamed(StaticString)
    case base, script, link

    init?(_ html: [UInt8], _ name: Range<Int>) {
      let name = html[name]
      switch name.count {
      case 1 where name.matches("a"): self = .link
      case 4 where name.matches("area"): self = .link
      case 4 where name.matches("link") || name.matches("meta"): self = .renamed("basefont")
      case 4 where name.matches("base"): self = .base
      case 5 where name.matches("frame") || name.matches("embed"): self = .renamed("basefont")
      case 6 where name.matches("iframe"), 6 where name.matches("object"),
        6 where name.matches("portal"), 6 where name.matches("applet"):
        self = .renamed("x-frame")
      case 6 where name.matches("script"): self = .script
      case 7 where name.matches("webview"): self = .renamed("x-frame")
      case 8 where name.matches("frameset"): self = .renamed("x-frame")
      case 11 where name.matches("fencedframe"): self = .renamed("x-frame")
      case 15 where name.matches("controlledframe"): self = .renamed("x-frame")
      default: return nil
      }
    }
  }

  init(_ html: [UInt8]) {
    allowance = html.count + (1 << 20)
    output.reserveCapacity(html.count + html.count / 8)
    var copied = 0
    var index = 0
    while index < html.count {
      guard html[index] == UInt8(ascii: "<") else {
        index += 1
        continue
      }
      index += 1
      let isEnd = index < html.count && html[index] == UInt8(ascii: "/")
      if isEnd { index += 1 }
      let start = index
      while index < html.count, index - start <= 16, html[index].isLetterOrDigit { index += 1 }
      guard index == html.count || Self.endsName(html[index]),
        let element = Element(html, start..<index)
      else { continue }
      output.append(contentsOf: html[copied..<start])
      copied = index
      switch element {
      case .renamed(let name): output.append(name)
      case .base:
        output.append("basefont")
        if !isEnd, origin.isEmpty, start >= baseEnd { readBase(html, from: index) }
      case .script:
        output.append("script")
        // A block of data, which is not looked at.
        if !isEnd { output.append(" type=\"text/plain\"") }
      case .link:
        output.append(contentsOf: html[start..<index])
        if !isEnd, start >= linkEnd { addTarget(html, from: index) }
      }
    }
    output.append(contentsOf: html[copied...])
  }

  private static func isWhite(_ octet: UInt8) -> Bool {
    octet == 0x20 || octet == 0x09 || octet == 0x0A || octet == 0x0C || octet == 0x0D
  }

  private static func endsName(_ octet: UInt8) -> Bool {
    isWhite(octet) || octet == UInt8(ascii: "/") || octet == UInt8(ascii: ">")
  }

  /// The value of the first `href` of the tag whose name ends at `start`, and where the tag ends.
  private func reference(_ html: [UInt8], from start: Int) -> (value: Range<Int>?, end: Int) {
    var index = start
    var found: Range<Int>?
    while index < html.count, html[index] != UInt8(ascii: ">") {
      while index < html.count, Self.isWhite(html[index]) || html[index] == UInt8(ascii: "/") {
        index += 1
      }
      let name = index
      while index < html.count, !Self.endsName(html[index]),
        html[index] != UInt8(ascii: "=") || index == name
      {
        index += 1
      }
      let end = index
      while index < html.count, Self.isWhite(html[index]) { index += 1 }
      guard index < html.count, html[index] == UInt8(ascii: "=") else { continue }
      index += 1
      while index < html.count, Self.isWhite(html[index]) { index += 1 }
      var value = index..<index
      if index < html.count, html[index] == UInt8(ascii: "\"") || html[index] == UInt8(ascii: "'") {
        let quote = html[index]
        index += 1
        let first = index
        while index < html.count, html[index] != quote { index += 1 }
        value = first..<index
        index = min(index + 1, html.count)
      } else {
        while index < html.count, !Self.isWhite(html[index]), html[index] != UInt8(ascii: ">") {
          index += 1
        }
        value = value.lowerBound..<index
      }
      let isReference =
        html[name..<end].matches("href") || html[name..<end].matches("xlink:href")
      if isReference, found == nil { found = value }
    }
    guard var value = found else { return (nil, index) }
    while !value.isEmpty, html[value.lowerBound] <= 0x20 {
      value = value.lowerBound + 1..<value.upperBound
    }
    while !value.isEmpty, html[value.upperBound - 1] <= 0x20 {
      value = value.lowerBound..<value.upperBound - 1
    }
    return (value, index)
  }

  private mutating func readBase(_ html: [UInt8], from start: Int) {
    let (value, tagEnd) = reference(html, from: start)
    baseEnd = tagEnd
    guard let value, value.count <= 2000 else { return }
    let url = html[value]
    let isWeb = url.prefix(8).matches("https://") || url.prefix(7).matches("http://")
    guard isWeb, let slashes = url.firstIndex(of: UInt8(ascii: "/")) else { return }
    let host = slashes + 2
    let path = url[host...].prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    let end = path.firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
    origin = Array(url[..<end])
    let last = path.lastIndex(of: UInt8(ascii: "/"))
    folder = last.map { Array(url[...$0]) } ?? origin + [UInt8(ascii: "/")]
  }

  /// Puts in front of the attributes of a link where it opens and, if the mail has a base, where it leads.
  private mutating func addTarget(_ html: [UInt8], from start: Int) {
    let (value, end) = reference(html, from: start)
    linkEnd = end
    guard let value else { return }
    guard !value.isEmpty, html[value.lowerBound] == UInt8(ascii: "#") else {
      output.append(" target=\"_blank\" rel=\"noopener noreferrer\" ping=\"\"")
      if !origin.isEmpty, value.count <= 8000 { addReference(html[value]) }
      return
    }
    output.append(" target=\"_self\" ping=\"\"")
  }

  private mutating func addReference(_ value: ArraySlice<UInt8>) {
    var front: [UInt8] = []
    if value.starts(with: [UInt8]("//")) {
      front = Array(origin.prefix { $0 != UInt8(ascii: "/") })
    } else if value.first == UInt8(ascii: "/") {
      front = origin
    } else if value.isEmpty || Self.hasScheme(value) {
      return
    } else {
      front = folder
    }
    guard front.count + value.count <= allowance else { return }
    allowance -= front.count + value.count
    output.append(" href=\"")
    for octet in front + value {
      if octet == UInt8(ascii: "\"") { output.append("&quot;") } else { output.append(octet) }
    }
    output.append("\"")
  }

  private static func hasScheme(_ value: ArraySlice<UInt8>) -> Bool {
    let scheme = value.prefix {
      $0.isLetterOrDigit || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E || $0 == 0x26 || $0 == 0x23
        || $0 == 0x3B
    }
    return scheme.endIndex < value.endIndex && value[scheme.endIndex] == UInt8(ascii: ":")
      || value.starts(with: [UInt8]("&"))
  }
}
