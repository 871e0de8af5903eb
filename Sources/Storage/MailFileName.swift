// The names of stored messages:
//
//     20261122T065412.123456Z-0123456789abcdef-user@example.org.eml
//
// A name consists of the time of acceptance in UTC, the message's id and the recipient. The recipient is
// percent-encoded. So whatever octets the address contains, the name is one component of a path and at most 255 octets
// long. Decoding gives the recipient's address, octet for octet.
//
// An address that would make the name too long is cut. Such a name ends in "~N.eml", and no other name contains a "~".
// The whole address is then in the file (MailDirectory.swift).

import Octets
import SMTP

/// A message's id: 64 random bits in 16 hexadecimal digits.
public struct MessageID: Hashable, Sendable {
  public let bits: UInt64

  public init(_ bits: UInt64) { self.bits = bits }

  /// Reads the 16 digits, letters in lower case; nil if `octets` is anything else.
  public init?(_ octets: Span<UInt8>) {
    guard let bits = UInt64(hexadecimal: octets) else { return nil }
    self.bits = bits
  }

  /// The 16 digits.
  public var octets: [UInt8] { bits.hexadecimal }
}

/// The names of one message, one for each recipient.
struct MailFileNames {
  /// The longest name in octets (NAME_MAX), which is the same for all common file systems.
  private static let limit = 255
  static let suffix = ".eml"
  /// Octets of `prefix`.
  static let prefixLength = 41
  /// How many octets an encoded address may have.
  private static var room: Int { limit - prefixLength - suffix.utf8.count }

  /// `<time>-<id>-`
  let prefix: String

  init(time: Timestamp, id: MessageID) {
    var octets: [UInt8] = []
    time.appendSortable(to: &octets)
    prefix = String(decoding: octets + [UInt8(ascii: "-")] + id.octets, as: UTF8.self) + "-"
  }

  /// Whether the name for `recipient` can hold the whole address.
  static func canHold(_ recipient: Mailbox) -> Bool {
    let octets = recipient.octets
    return octets.count * 3 <= room || encode(octets, room: .max).utf8.count <= room
  }

  /// The name for a recipient whose address fits into a name. With `inFull` every octet is encoded, letters too.
  func name(for recipient: Mailbox, inFull: Bool = false) -> String {
    prefix + Self.encode(recipient.octets, room: .max, inFull: inFull) + Self.suffix
  }

  /// The name for a recipient whose address does not fit into a name. `ordinal` makes these names of a message different.
  func cutName(for recipient: Mailbox, ordinal: Int) -> String {
    let mark = "~\(ordinal)"
    return prefix + Self.encode(recipient.octets, room: Self.room - mark.utf8.count) + mark
      + Self.suffix
  }

  /// Percent-encodes as many octets as fit into `room`.
  static func encode(_ octets: [UInt8], room: Int, inFull: Bool = false) -> String {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(octets.count * 3)
    for (index, octet) in octets.enumerated() {
      let isPlain = isPlain(octet) && !inFull && !(index == 0 && octet == UInt8(ascii: "."))
      guard encoded.count + (isPlain ? 1 : 3) <= room else { break }
      if isPlain { encoded.append(octet) } else { encoded.append(.percent, hex: octet) }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func isPlain(_ octet: UInt8) -> Bool {
    switch octet {
    case .at, .plus, .equals, .hyphen, UInt8(ascii: "."), UInt8(ascii: "_"): true
    default: octet.isLetterOrDigit
    }
  }
}
