// The HTML of a message as a document of its own, which the page shows in a frame without rights. What would look up names
// or connect before any policy counts is made inert (InertHTML.swift); nothing else is washed out of it. The policy that goes with it allows no script, no form and nothing remote, and gives the document an origin of its own, also where
// it is opened alone. (Many cleaners of HTML have been outwitted; see the list in Roundcube's change log.)
//
// A frame without rights sends no password, so pictures of the mail itself (`cid:`, RFC 2392) are put in as `data:`.

public import HTTP
import MIME
import Octets

/// How the HTML of a message is shown.
public struct View: Sendable {
  /// Whether pictures of others may be fetched, which tells them that the mail is read.
  public var hasRemoteImages: Bool
  /// Whether light and dark change places.
  public var isDark: Bool

  public init(hasRemoteImages: Bool, isDark: Bool) {
    (self.hasRemoteImages, self.isDark) = (hasRemoteImages, isDark)
  }

  /// Octets of `data:` URLs for pictures of the mail, all references counted.
  private static let maximumPictures = 32 << 20

  /// The document; nil if the message has no HTML.
  public func answer(_ octets: Span<UInt8>) -> Response? {
    let message = Message(octets)
    guard let mail = message.html(in: octets, limit: maximumText)?.utf8 else { return nil }
    let html = InertHTML(mail).output
    var document: [UInt8] = []
    let start = endOfDoctype(html)
    document.append(contentsOf: html[..<start])
    document.append("<base target=\"_blank\">")
    if isDark { document.append(Self.darkStyle) }
    appendWithPictures(html, from: start, message, octets, to: &document)
    var response = Response(.ok, type: "text/html; charset=utf-8", body: document)
    response.set("Content-Security-Policy", policy)
    response.set("X-Content-Type-Options", "nosniff")
    // Names of links are looked up only when they are followed.
    response.set("X-DNS-Prefetch-Control", "off")
    return response
  }

  private static let darkStyle: StaticString =
    """
    <style>:root{color-scheme:light;background:#fff;filter:invert(1) hue-rotate(180deg)}\
    img,video,picture,svg{filter:invert(1) hue-rotate(180deg)}</style>
    """

  private var policy: StaticString {
    hasRemoteImages
      ? """
      default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; font-src data:; \
      form-action 'none'; base-uri 'none'; frame-ancestors 'self'; \
      sandbox allow-popups allow-popups-to-escape-sandbox
      """
      : """
      default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; \
      form-action 'none'; base-uri 'none'; frame-ancestors 'self'; \
      sandbox allow-popups allow-popups-to-escape-sandbox
      """
  }

  /// Where the document type ends, behind which an element may stand; 0 if there is none.
  private func endOfDoctype(_ html: [UInt8]) -> Int {
    var index = 0
    while index < html.count, html[index] <= 32 { index += 1 }
    guard html[index...].prefix(9).matches("<!doctype"),
      let end = html[index...].prefix(1024).firstIndex(of: UInt8(ascii: ">"))
    else { return 0 }
    return end + 1
  }

  /// Appends the HTML with each `cid:` of a picture of the mail replaced.
  private func appendWithPictures(
    _ html: [UInt8], from start: Int, _ message: Message, _ octets: Span<UInt8>,
    to document: inout [UInt8]
  ) {
    var pictures = Pictures(message, octets, room: Self.maximumPictures)
    var copied = start
    var references = ContentReferenceReader(from: start)
    while let reference = references.next(html.span) {
      guard let picture = pictures.url(reference.identifier, message, octets) else { continue }
      document.append(contentsOf: html[copied..<reference.range.lowerBound])
      document.append(contentsOf: picture)
      copied = reference.range.upperBound
    }
    document.append(contentsOf: html[copied...])
  }
}

/// The pictures of a mail as `data:` URLs. Each is decoded once, and only so much of them is put in.
private struct Pictures {
  /// The parts that are pictures, by their Content-ID; the first that has it.
  private var parts: [[UInt8]: Int] = [:]
  private var urls: [Int: [UInt8]] = [:]
  /// Octets that may still be put in.
  private var room: Int

  init(_ message: Message, _ octets: Span<UInt8>, room: Int) {
    self.room = room
    for (index, part) in message.structure.parts.enumerated() where !part.kind.isMultipart {
      guard let identifier = part.contentID(in: octets), parts[identifier] == nil else { continue }
      parts[identifier] = index
    }
  }

  /// The URL of the picture with a Content-ID; nil if there is none, or no room for it.
  mutating func url(
    _ identifier: [UInt8], _ message: Message, _ octets: Span<UInt8>
  ) -> [UInt8]? {
    guard let index = parts[identifier] else { return nil }
    if urls[index] == nil { urls[index] = url(message.structure.parts[index], octets) }
    guard let url = urls[index], !url.isEmpty, url.count <= room else { return nil }
    room -= url.count
    return url
  }

  /// Empty if the part is no picture, or too large.
  private func url(_ part: Part, _ octets: Span<UInt8>) -> [UInt8] {
    let type = part.mediaType(in: octets)
    guard type.starts(with: [UInt8]("image/")),
      type.dropFirst(6).allSatisfy({
        $0.isLetterOrDigit || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: ".")
      })
    else { return [] }
    var content: [UInt8] = []
    part.appendContent(in: octets, to: &content, limit: room / 4 * 3 + 1)
    guard content.count <= room / 4 * 3 else { return [] }
    var url = [UInt8]("data:") + type + [UInt8](";base64,")
    url.append(base64: content.span)
    return url
  }
}
