// A part of a message by itself. It is what a stranger has sent, and is served from the origin of the page: so a browser
// shows pictures and plain text at most, saves everything else, and runs nothing of it (facts of Roundcube's and Mailpit's
// advisories: HTML, SVG and XML as attachments, types that browsers guess).

public import HTTP
public import MIME
import Octets

extension Part {
  /// The answer that has this part.
  public func answer(in octets: Span<UInt8>) -> Response {
    var type = mediaType(in: octets)
    // A multipart that could not be divided is text, whatever it calls itself.
    if kind.isText, !type.starts(with: [UInt8]("text/")) { type = [UInt8]("text/plain") }
    var content: [UInt8] = []
    var shownType = type
    if kind.isText {
      content = text(in: octets, limit: .max).utf8
      shownType += [UInt8]("; charset=utf-8")
    } else {
      appendContent(in: octets, to: &content)
    }
    var response = Response(.ok, type: shownType, body: content)
    response.set("X-Content-Type-Options", "nosniff")
    response.set("Content-Security-Policy", "default-src 'none'; sandbox")
    let name = suggestedFileName(in: octets)
    let mode: StaticString = isShown(type) ? "inline" : "attachment"
    response.set("Content-Disposition", contentDisposition(mode, fileName: name))
    return response
  }

  /// Whether a browser may show it: a picture of a format that holds no scripts, or plain text.
  private func isShown(_ type: [UInt8]) -> Bool {
    for harmless in [
      "text/plain", "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp",
    ] as [StaticString] where type.matches(harmless) {
      return true
    }
    return false
  }
}

/// The value of Content-Disposition with the name of a file (RFC 6266), which may hold anything: in `filename` what is
/// not a letter, a digit or one of `.-_ ` is percent-encoded.
public func contentDisposition(_ mode: StaticString, fileName: [UInt8]) -> [UInt8] {
  var encoded: [UInt8] = []
  for octet in fileName.prefix(255) {
    if octet.isLetterOrDigit || octet == UInt8(ascii: ".") || octet == .hyphen
      || octet == UInt8(ascii: "_")
    {
      encoded.append(octet)
    } else {
      encoded.append(.percent, hex: octet)
    }
  }
  return [UInt8](mode) + [UInt8]("; filename=\"") + encoded + [UInt8]("\"; filename*=UTF-8''")
    + encoded
}
