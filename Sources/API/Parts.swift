// The parts of a message as clients see them. They are named by their numbers: `0`, or `1`, `2.1` (Structure.swift).
//
// Mailpit does not list an attachment that has neither a name nor a Content-ID, so that a forwarded message is not to be
// seen there. Here each has a name, which its type suggests if it has none of its own.

import Digest
import HTTP
import JSON
public import MIME
import Octets

/// A part that is listed.
struct ListedPart {
  let part: Part
  let number: [UInt8]
  let fileName: [UInt8]
  let type: [UInt8]
  let contentID: [UInt8]

  init(_ message: borrowing Message, _ index: Int, _ octets: Span<UInt8>) {
    part = message.structure.parts[index]
    number = message.structure.number(of: index)
    type = part.mediaType(in: octets)
    contentID = part.contentID(in: octets) ?? []
    fileName = part.suggestedFileName(in: octets)
  }

  func append(to json: inout JSONWriter, _ octets: Span<UInt8>) {
    var content: [UInt8] = []
    part.appendContent(in: octets, to: &content)
    json.beginObject()
    json.member("PartID", number)
    json.member("FileName", fileName)
    json.member("ContentType", type)
    json.member("ContentID", contentID)
    json.member("Size", content.count)
    json.key("Checksums")
    json.beginObject()
    var md5 = MD5()
    md5.update(content.span)
    let md5Digest = md5.finish()
    json.member("MD5", hexadecimal(md5Digest.span))
    var sha1 = SHA1()
    sha1.update(content.span)
    let sha1Digest = sha1.finish()
    json.member("SHA1", hexadecimal(sha1Digest.span))
    var sha256 = SHA256()
    sha256.update(content.span)
    let sha256Digest = sha256.finish()
    json.member("SHA256", hexadecimal(sha256Digest.span))
    json.endObject()
    json.endObject()
  }
}

extension Message {
  /// The part with a number; nil if there is none, or if it is made of other parts.
  public func part(_ number: [UInt8]) -> Part? {
    guard number.count <= 200 else { return nil }
    for index in structure.parts.indices
    where !structure.parts[index].kind.isMultipart && structure.number(of: index) == number {
      return structure.parts[index]
    }
    return nil
  }
}
