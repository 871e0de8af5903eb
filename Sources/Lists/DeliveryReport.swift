// Whom a report on a mail names: RFC 3464, and the forms that Exim and qmail have had longer. A report is what any server
// of the world sends, so what cannot be read names nobody.

import MIME
import Octets
public import SMTP

public struct DeliveryReport: Sendable {
  /// Who did not get the mail and will not. At most 1,000 are read.
  public private(set) var failed: [Mailbox] = []
  /// Whether it only says that the mail is late, or has arrived.
  public private(set) var isHarmless = false

  private static let limit = 1000

  public init(_ octets: Span<UInt8>) {
    let message = Message(octets)
    var isReport = false
    for part in message.structure.parts
    where Self.isStatus(part.mediaType(in: octets)) {
      isReport = true
      var content: [UInt8] = []
      part.appendContent(in: octets, to: &content)
      readStatus(content)
    }
    if isReport {
      isHarmless = failed.isEmpty
      return
    }
    var reader = HeaderReader(octets, message.structure.parts[0].header)
    while let field = reader.next(octets) {
      guard field.isNamed("x-failed-recipients", in: octets) else { continue }
      for address in field.addresses(in: octets).addresses { add(address.address) }
    }
    if failed.isEmpty { readQmail(message.text(in: octets, limit: 64 * 1024).utf8) }
  }

  private static func isStatus(_ type: [UInt8]) -> Bool {
    let type = type.lowercased()
    return type.elementsEqual("message/delivery-status".utf8)
      || type.elementsEqual("message/global-delivery-status".utf8)
  }

  private mutating func add(_ address: [UInt8]) {
    guard failed.count < Self.limit, let mailbox = Mailbox(address), !failed.contains(mailbox)
    else { return }
    failed.append(mailbox)
  }

  /// Reads groups of fields with a blank line between each two. The first is about the message, the others about one
  /// recipient each (RFC 3464 §2.1).
  private mutating func readStatus(_ content: [UInt8]) {
    var group: [UInt8] = []
    for line in content.split(separator: 10, omittingEmptySubsequences: false) {
      if line.isEmpty || line.elementsEqual([13]) {
        readGroup(group)
        group = []
      } else {
        group += line + [10]
      }
    }
    readGroup(group)
  }

  private mutating func readGroup(_ group: [UInt8]) {
    let octets = group.span
    var reader = HeaderReader(octets, 0..<octets.count, skipsJunk: true)
    var (original, final): ([UInt8]?, [UInt8]?) = (nil, nil)
    var hasFailed = false
    while let field = reader.next(octets) {
      let value = field.unfolded(in: octets)
      if field.isNamed("action", in: octets) {
        hasFailed = value.lowercased().starts(with: "failed".utf8)
      } else if field.isNamed("original-recipient", in: octets) {
        original = Self.address(value)
      } else if field.isNamed("final-recipient", in: octets) {
        final = Self.address(value)
      }
    }
    if hasFailed, let address = original ?? final { add(address) }
  }

  /// What follows the type: `rfc822; ann@example.org`.
  private static func address(_ value: [UInt8]) -> [UInt8]? {
    guard let semicolon = value.firstIndex(of: UInt8(ascii: ";")) else { return nil }
    var address = value[(semicolon + 1)...].filter { $0 > 32 }
    if address.first == UInt8(ascii: "<"), address.last == UInt8(ascii: ">") {
      address = address.dropFirst().dropLast()
    }
    return Array(address)
  }

  /// The form of qmail (cr.yp.to/proto/qsbmf.txt): a paragraph `<address>:` for each recipient, before one that begins
  /// with a hyphen.
  private mutating func readQmail(_ text: [UInt8]) {
    let lines = text.split(separator: 10, omittingEmptySubsequences: false).map {
      $0.last == 13 ? $0.dropLast() : $0
    }
    guard let first = lines.first, first.starts(with: "Hi. This is the".utf8) else { return }
    for line in lines.dropFirst() {
      if line.first == UInt8(ascii: "-") { return }
      guard line.first == UInt8(ascii: "<"), line.suffix(2).elementsEqual(">:".utf8) else {
        continue
      }
      add(Array(line.dropFirst().dropLast(2)))
    }
  }
}
