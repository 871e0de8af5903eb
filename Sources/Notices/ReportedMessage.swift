// The message that a report is about: what the queue knows of it, and how much of it a report returns (RFC 3461
// §4.3).

import MIME
import Octets
public import SMTP

public struct ReportedMessage: Sendable {
  /// Who is told.
  public var reversePath: ReversePath
  /// RET and ENVID.
  public var deliveryStatus = Envelope.DeliveryStatus()
  /// Whether it came with SMTPUTF8.
  public var isUTF8 = false
  /// Whether its sender has authenticated or is local. Of anyone else's message only header fields are returned, and
  /// no delay or success is reported: else a stranger could have us mail his text to whom he likes.
  public var isOurs = false
  /// Whether it is a delivery report that we have made.
  public var isReport = false
  /// When it came, in seconds since 1970.
  public var arrival: Int64 = 0
  /// The message from its first header field on, at most `contentLimit` + 1 octets of it.
  public var content: [UInt8] = []

  /// The octets up to which a message is returned whole. This many and one more are all that is looked at.
  public static let contentLimit = 50_000

  public init(from reversePath: ReversePath) { self.reversePath = reversePath }
}

extension ReportedMessage {
  /// What a report returns.
  enum Returned {
    case whole([UInt8])
    case header([UInt8])
  }

  /// The whole message if it may be returned, as far as it can be; else the header.
  func returned(isFailure: Bool) -> Returned {
    isOurs && isFailure && deliveryStatus.returned != .headers ? whole : .header(header)
  }

  /// The whole message if it can be a part of another; else the header.
  var whole: Returned {
    content.count <= Self.contentLimit && content.span.isOfLines
      ? .whole(content) : .header(header)
  }

  /// The header section without the blank line, as lines that end in CR LF and have at most 998 octets. An octet
  /// that cannot be in a header becomes `?`.
  private var header: [UInt8] {
    let octets = content.span
    let mayBeUTF8 = isUTF8 && octets.extracting(0..<octets.headerEnd).isValidUTF8
    var header: [UInt8] = []
    var line = 0
    for index in 0..<octets.headerEnd {
      let octet = octets[index]
      if octet == 10 {
        header += [13, 10]
        line = 0
      } else if octet != 13, line < 900 || line < 998 && octet & 0xC0 == 0x80 {
        // A longer line is cut, in front of a character.
        let isAllowed = octet >= 0x80 ? mayBeUTF8 : octet != 0
        header.append(isAllowed ? octet : UInt8(ascii: "?"))
        line += 1
      }
    }
    if line > 0 { header += [13, 10] }
    return header
  }

  /// Whether a program has sent it, or a list: nobody waits for its delivery, so no delay is reported unless that
  /// was asked for (RFC 3834 §2; RFC 2919, RFC 2369).
  var isAutomatic: Bool {
    let octets = content.span
    var reader = HeaderReader(octets, 0..<octets.headerEnd)
    while let field = reader.next(octets) {
      if field.isNamed("list-id", in: octets) || field.isNamed("list-post", in: octets)
        || field.isNamed("list-unsubscribe", in: octets)
      {
        return true
      }
      if field.isNamed("auto-submitted", in: octets) {
        if !field.unfolded(in: octets).lowercased().starts(with: "no".utf8) { return true }
      }
      if field.isNamed("precedence", in: octets) {
        let word = field.unfolded(in: octets).lowercased()
        if ["bulk", "junk", "list"].contains(where: { word.elementsEqual($0.utf8) }) {
          return true
        }
      }
    }
    return false
  }
}

/// What a report says of the message that it answers.
struct Origin {
  /// Decoded, on one line, at most 200 octets and whole characters of it.
  private(set) var subject: [UInt8] = []
  private(set) var messageID: MessageIdentifier?
  /// The last twenty.
  private(set) var references: [MessageIdentifier] = []

  init(_ content: [UInt8]) {
    let octets = content.span
    var reader = HeaderReader(octets, 0..<octets.headerEnd)
    while let field = reader.next(octets) {
      if field.isNamed("subject", in: octets), subject.isEmpty {
        subject = field.text(in: octets)
        if subject.count > 200 {
          var end = 200
          while end > 0, subject[end] & 0xC0 == 0x80 { end -= 1 }
          subject.removeSubrange(end...)
        }
      } else if field.isNamed("message-id", in: octets), messageID == nil {
        messageID = field.messageIDs(in: octets).first.flatMap { try? MessageIdentifier($0) }
      } else if field.isNamed("references", in: octets), references.isEmpty {
        let identifiers = field.messageIDs(in: octets).suffix(20)
        references = identifiers.compactMap { try? MessageIdentifier($0) }
      }
    }
  }
}

extension Span<UInt8> {
  /// Where the header section ends, in front of the blank line.
  var headerEnd: Int {
    var start = 0
    for index in 0..<count where self[index] == 10 {
      if index == start || index == start + 1 && self[start] == 13 { return start }
      start = index + 1
    }
    return count
  }

  /// Whether all lines end with CR LF and have at most 998 octets, without NUL: what may be a part of a message.
  var isOfLines: Bool {
    var start = 0
    for index in 0..<count {
      switch self[index] {
      case 0: return false
      case 10:
        guard index > 0, self[index - 1] == 13, index - 1 - start <= 998 else { return false }
        start = index + 1
      case 13: guard index + 1 < count, self[index + 1] == 10 else { return false }
      default: break
      }
    }
    return count - start <= 998
  }
}
