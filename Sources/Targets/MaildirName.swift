// What a message is called in a Maildir (https://cr.yp.to/proto/maildir.html, and `S=` of Maildir++):
//
//     1796000000.Q0123456789abcdefR0123456789abcdef0123456789abcdef.host,S=1234:2,RS
//     SECONDS    ENTRY            RECIPIENT                         HOST   SIZE FLAGS
//
// A message has the same name for the same recipient, however often it is brought: so what is there already is found.
// SECONDS is when the message came into the queue, ENTRY the name of its file there, RECIPIENT a hash of the address that
// nobody can find twice. Who reads the mail moves it from new/ to cur/, and puts the flags behind the name.

import Digest
import Octets

public struct MaildirName: Sendable {
  /// What stands in front of the size.
  private let base: [UInt8]

  /// Octets of an entry's name and of a host's that are in the name. The hash is of all of the entry's.
  private static let longestEntry = 32
  private static let longestHost = 100

  /// `entry` is the name of the message's file in the queue.
  public init(entry: some Sequence<UInt8>, recipient: [UInt8], seconds: Int64, host: [UInt8]) {
    let entry = Array(entry)
    var digest = SHA256()
    let whole = entry + [0] + recipient
    digest.update(whole.span)
    var base = Array("\(max(0, seconds)).Q".utf8)
    for octet in entry.prefix(Self.longestEntry) where octet.isLetterOrDigit { base.append(octet) }
    base.append(UInt8(ascii: "R"))
    base += hexadecimal(digest.finish().span).prefix(32)
    base.append(UInt8(ascii: "."))
    self.base = base + Self.escaped(host).prefix(Self.longestHost)
  }

  /// A host's name with `\057` for `/` and `\072` for `:`, and so on for all that is in no host's name.
  static func escaped(_ host: [UInt8]) -> [UInt8] {
    var escaped: [UInt8] = []
    for octet in host.isEmpty ? Array("localhost".utf8) : host {
      if octet.isLetterOrDigit || octet == UInt8(ascii: ".") || octet == .hyphen
        || octet == UInt8(ascii: "_")
      {
        escaped.append(octet)
      } else {
        escaped.append(.backslash)
        for shift in [6, 3, 0] as [UInt8] { escaped.append(48 + (octet >> shift & 7)) }
      }
    }
    return escaped
  }

  /// The name of a file of so many octets.
  public func name(size: Int) -> String {
    String(decoding: base, as: UTF8.self) + ",S=\(size)"
  }

  /// Whether a name in new/ or cur/ is that of the same message for the same recipient, whatever its flags.
  public func isName(_ name: Span<UInt8>) -> Bool {
    guard name.count >= base.count, name.equals(base, in: 0..<base.count) else { return false }
    return name.count == base.count || name[base.count] == .comma || name[base.count] == .colon
  }

  /// The size that a name says; nil if it says none.
  public static func size(of name: Span<UInt8>) -> Int? {
    var index = 0
    while index < name.count, name[index] != .colon {
      if name[index] == .comma, name.hasPrefix("s=", at: index + 1),
        name[index + 1] == UInt8(ascii: "S")
      {
        let start = index + 3
        var end = start
        let size = name.decimal(from: &end, to: name.count)
        let isWhole = end == name.count || name[end] == .comma || name[end] == .colon
        return end > start && isWhole ? size : nil
      }
      index += 1
    }
    return nil
  }
}
