// The type of a body (RFC 2045 §5.1), read as far as the tree of parts needs it.

import Octets

/// What a part is, as far as reading it differs.
public enum MediaKind: Equatable, Sendable {
  case textPlain, textHTML, textOther
  case multipartAlternative, multipartRelated, multipartDigest, multipartOther
  /// `message/rfc822` and `message/global`: a message inside.
  case message
  /// `message/delivery-status` and its kin, `message/partial`, `message/external-body`.
  case messageOther
  case other

  public var isText: Bool { self == .textPlain || self == .textHTML || self == .textOther }
  public var isMultipart: Bool {
    switch self {
    case .multipartAlternative, .multipartRelated, .multipartDigest, .multipartOther: true
    case .textPlain, .textHTML, .textOther, .message, .messageOther, .other: false
    }
  }
}

/// A media type: where its two words stand.
struct MediaType {
  let type: Range<Int>
  let subtype: Range<Int>

  /// Reads the front of the value of a Content-Type field; nil if it is not `type/subtype`.
  init?(_ octets: Span<UInt8>, _ value: Range<Int>) {
    guard let type = Self.word(octets, value.lowerBound, value.upperBound) else { return nil }
    var index = type.upperBound
    index = octets.behindComments(from: index, to: value.upperBound)
    guard index < value.upperBound, octets[index] == UInt8(ascii: "/"),
      let subtype = Self.word(octets, index + 1, value.upperBound)
    else { return nil }
    (self.type, self.subtype) = (type, subtype)
  }

  private static func word(_ octets: Span<UInt8>, _ from: Int, _ end: Int) -> Range<Int>? {
    var start = octets.behindComments(from: from, to: end)
    while start < end, octets[start].isWhite || octets[start] == .quote { start += 1 }
    var index = start
    while index < end, octets[index] > .space, octets[index] < 0x7F, octets[index] != .semicolon,
      octets[index] != UInt8(ascii: "/"), octets[index] != .quote, octets[index] != .comma,
      octets[index] != UInt8(ascii: "("), octets[index] != .equals
    {
      index += 1
    }
    return index == start ? nil : start..<index
  }

  func kind(_ octets: Span<UInt8>) -> MediaKind {
    switch type.count {
    case 4 where octets.matches("text", in: type):
      if octets.matches("plain", in: subtype) { return .textPlain }
      if octets.matches("html", in: subtype) { return .textHTML }
      return .textOther
    case 7 where octets.matches("message", in: type):
      let isMessage =
        octets.matches("rfc822", in: subtype) || octets.matches("global", in: subtype)
      return isMessage ? .message : .messageOther
    case 9 where octets.matches("multipart", in: type):
      if octets.matches("alternative", in: subtype) { return .multipartAlternative }
      if octets.matches("related", in: subtype) { return .multipartRelated }
      if octets.matches("digest", in: subtype) { return .multipartDigest }
      return .multipartOther
    default: return .other
    }
  }
}
