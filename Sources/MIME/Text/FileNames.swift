// Names for parts that have none.

import Octets

extension Part {
  /// A name for the file that the part is saved as: its own, else one that its type suggests. Never empty.
  public func suggestedFileName(in octets: Span<UInt8>) -> [UInt8] {
    if let name = fileName(in: octets), !name.isEmpty { return name }
    let type = mediaType(in: octets)
    let span = type.span
    let names = suggestedNames
    for index in names.indices where span.matches(names[index].type, in: 0..<span.count) {
      return [UInt8](names[index].name)
    }
    var name: [UInt8] = []
    name.append(span.hasPrefix("image/", at: 0) ? "image" : "attachment")
    let extensions = suggestedExtensions
    for index in extensions.indices where span.matches(extensions[index].type, in: 0..<span.count) {
      name.append(".")
      name.append(extensions[index].ending)
      return name
    }
    if span.hasPrefix("text/", at: 0) { name.append(".txt") }
    return name
  }
}

extension [UInt8] {
  fileprivate init(_ text: StaticString) {
    self.init()
    append(text)
  }
}

/// Whole names for what is known by another word than "attachment".
private var suggestedNames: [10 of (type: StaticString, name: StaticString)] {
  [
    ("text/calendar", "invite.ics"), ("text/vcard", "contact.vcf"), ("text/x-vcard", "contact.vcf"),
    ("message/rfc822", "message.eml"), ("message/global", "message.eml"),
    ("message/delivery-status", "delivery-status.txt"), ("text/rfc822-headers", "headers.txt"),
    ("application/pgp-signature", "signature.asc"),
    ("application/pkcs7-signature", "smime.p7s"), ("application/pkcs7-mime", "smime.p7m"),
  ]
}

/// The endings that programs know files of a type by.
private var suggestedExtensions: [44 of (type: StaticString, ending: StaticString)] {
  [
    ("application/pdf", "pdf"), ("application/zip", "zip"), ("application/gzip", "gz"),
    ("application/x-zip-compressed", "zip"), ("application/x-gzip", "gz"),
    ("application/x-tar", "tar"), ("application/x-7z-compressed", "7z"),
    ("application/json", "json"), ("application/xml", "xml"), ("application/rtf", "rtf"),
    ("application/javascript", "js"), ("application/msword", "doc"),
    ("application/vnd.ms-excel", "xls"), ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/pgp-encrypted", "asc"), ("application/pgp-keys", "asc"),
    ("application/ics", "ics"), ("text/csv", "csv"), ("text/html", "html"), ("text/plain", "txt"),
    ("text/xml", "xml"), ("text/css", "css"), ("text/javascript", "js"), ("text/markdown", "md"),
    ("text/tab-separated-values", "tsv"), ("image/png", "png"), ("image/jpeg", "jpg"),
    ("image/jpg", "jpg"), ("image/gif", "gif"), ("image/webp", "webp"), ("image/svg+xml", "svg"),
    ("image/bmp", "bmp"), ("image/tiff", "tiff"), ("image/heic", "heic"), ("image/avif", "avif"),
    ("audio/mpeg", "mp3"), ("audio/ogg", "ogg"), ("video/mp4", "mp4"), ("video/webm", "webm"),
  ]
}
