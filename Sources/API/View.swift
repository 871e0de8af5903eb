// The HTML of a message as a document of its own, which the page shows in a frame without rights. Nothing is washed out
// of it. The policy that goes with it allows no script, no form and nothing remote, and gives the document an origin of its own, also where
// it is opened alone. (Many cleaners of HTML have been outwitted; see the list in Roundcube's change log.)
//
// A frame without rights sends no password, so pictures of the mail itself (`cid:`, RFC 2392) are put in as `data:`.

public import HTTP
import MIME

/// How the HTML of a message is shown.
public struct View: Sendable {
  /// Whether pictures of others may be fetched, which tells them that the mail is read.
  public var hasRemoteImages: Bool
  /// Whether light and dark change places.
  public var isDark: Bool

  public init(hasRemoteImages: Bool, isDark: Bool) {
    (self.hasRemoteImages, self.isDark) = (hasRemoteImages, isDark)
  }

  /// Octets of pictures of the mail that are put in.
  private static let maximumPictures = 24 << 20

  /// The document; nil if the message has no HTML.
  public func answer(_ octets: Span<UInt8>) -> Response? {
    let message = Message(octets)
    guard let html = message.html(in: octets, limit: maximumText)?.utf8 else { return nil }
    var document: [UInt8] = []
    let start = endOfDoctype(html)
    document.append(contentsOf: html[..<start])
    document.append("<base target=\"_blank\">")
    if isDark { document.append(Self.darkStyle) }
    appendWithPictures(html, from: start, message, octets, to: &document)
    var response = Response(.ok, type: "text/html; charset=utf-8", body: document)
    response.set("Content-Security-Policy", policy)
    response.set("X-Content-Type-Options", "nosniff")
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
    var room = Self.maximumPictures
    var copied = start
    var index = start
    while index + 4 < html.count {
      guard html[index] == UInt8(ascii: ":"), index >= start + 4,
        html[(index - 3)..<index].matches("cid"), Self.canPrecede(html[index - 4])
      else {
        index += 1
        continue
      }
      var end = index + 1
      while end < html.count, end - index <= 1000, !Self.endsURL(html[end]) { end += 1 }
      if let part = picture(html[(index + 1)..<end], message, octets) {
        var content: [UInt8] = []
        part.appendContent(in: octets, to: &content, limit: room + 1)
        if content.count <= room {
          room -= content.count
          document.append(contentsOf: html[copied..<(index - 3)])
          document.append("data:")
          document.append(contentsOf: part.mediaType(in: octets))
          document.append(";base64,")
          var encoder = Base64Encoder(lineLength: nil)
          encoder.encode(content.span, 0..<content.count, into: &document)
          encoder.finish(into: &document)
          copied = end
        }
      }
      index = end
    }
    document.append(contentsOf: html[copied...])
  }

  /// The picture with a Content-ID, as a URL has it.
  private func picture(
    _ url: ArraySlice<UInt8>, _ message: Message, _ octets: Span<UInt8>
  ) -> Part? {
    let identifier = percentDecoded(url)
    guard !identifier.isEmpty else { return nil }
    for part in message.structure.parts
    where !part.kind.isMultipart && part.contentID(in: octets) == identifier {
      let type = part.mediaType(in: octets)
      guard type.starts(with: [UInt8]("image/")),
        type.dropFirst(6).allSatisfy({
          $0.isLetterOrDigit || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
            || $0 == UInt8(ascii: ".")
        })
      else { return nil }
      return part
    }
    return nil
  }

  private static func canPrecede(_ octet: UInt8) -> Bool {
    octet <= 32 || octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "'")
      || octet == UInt8(ascii: "=") || octet == UInt8(ascii: "(") || octet == UInt8(ascii: ";")
  }

  private static func endsURL(_ octet: UInt8) -> Bool {
    octet <= 32 || octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "'")
      || octet == UInt8(ascii: ">") || octet == UInt8(ascii: "<") || octet == UInt8(ascii: ")")
      || octet == UInt8(ascii: "&")
  }
}
