// What a stored message is called:
//
//     20261122T065412.123456Z-0123456789abcdef-user@example.org.eml
//
// The time of acceptance in UTC, the message's id, the recipient. Whatever a recipient holds, its
// name is one component of a path, does not begin with a dot, and is at most 255 octets long.

import SMTP

/// A message's id: 64 random bits in 16 hexadecimal digits.
public struct MessageID: Equatable, Sendable {
  public let octets: [UInt8]

  public init(_ bits: UInt64) {
    let digits = String(bits, radix: 16)
    octets = [UInt8](repeating: UInt8(ascii: "0"), count: 16 - digits.utf8.count) + digits.utf8
  }
}

/// The names of one message, a recipient each.
struct MailFileNames {
  /// NAME_MAX of every file system in question, in octets.
  static let limit = 255
  private static let suffix = ".eml"

  /// `<time>-<id>-`
  private let prefix: String

  init(time: Timestamp, id: MessageID) {
    var octets: [UInt8] = []
    time.appendSortable(to: &octets)
    prefix = String(decoding: octets + [UInt8(ascii: "-")] + id.octets, as: UTF8.self) + "-"
  }

  /// The name for `recipient`. Recipients whose names come out the same, because they were cut,
  /// are told apart by `ordinal`, above 1.
  func name(for recipient: Mailbox, ordinal: Int) -> String {
    let tail = (ordinal > 1 ? "~\(ordinal)" : "") + Self.suffix
    let room = Self.limit - prefix.utf8.count - tail.utf8.count
    return prefix + Self.encode(recipient.octets, room: room) + tail
  }

  /// Percent-encoded, and cut where an octet begins that has no room.
  private static func encode(_ octets: [UInt8], room: Int) -> String {
    var encoded = ""
    for (index, octet) in octets.enumerated() {
      let character = Unicode.Scalar(octet)
      let isPlain = isPlain(octet) && !(index == 0 && octet == UInt8(ascii: "."))
      guard encoded.utf8.count + (isPlain ? 1 : 3) <= room else { break }
      if isPlain {
        encoded.unicodeScalars.append(character)
      } else {
        encoded += (octet < 16 ? "%0" : "%") + String(octet, radix: 16, uppercase: true)
      }
    }
    return encoded
  }

  private static func isPlain(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "@"),
      UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
