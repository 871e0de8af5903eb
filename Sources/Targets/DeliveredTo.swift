// Who a message was delivered to before: its fields `Delivered-To`. Each delivery to a target that is no host adds one, so
// a message that comes to the same recipient again is in a loop.

import Octets
public import SMTP

/// Reads the header of a message that arrives in pieces.
public struct DeliveredTo: Sendable {
  private static let name: StaticString = "delivered-to:"
  /// Octets of a field that can have an address in it.
  private static let longestField = 1024
  /// So many deliveries are a loop, whoever they were for.
  private static let limit = 100

  private var addresses: [LocalAddress] = []
  private var count = 0
  /// The field so far, cut.
  private var field: [UInt8] = []
  /// Octets of the line so far.
  private var lineLength = 0
  /// Whether the header is over.
  public private(set) var isOver = false

  public init() {}

  public mutating func take(_ piece: Span<UInt8>) {
    var index = 0
    while index < piece.count, !isOver {
      let octet = piece[index]
      index += 1
      if octet == .carriageReturn { continue }
      if octet == .lineFeed {
        if lineLength == 0 { end() }
        lineLength = 0
        continue
      }
      // A line that does not begin with a blank begins a field.
      if lineLength == 0, !octet.isBlank { endField() }
      lineLength += 1
      if field.count < Self.longestField { field.append(octet) }
    }
  }

  /// The header, or the whole message, is over.
  public mutating func end() {
    endField()
    isOver = true
  }

  private mutating func endField() {
    defer { field.removeAll(keepingCapacity: true) }
    guard field.span.hasPrefix(Self.name, at: 0) else { return }
    count += 1
    guard count < Self.limit else { return }
    let value = field[Self.name.utf8CodeUnitCount...].trimmed()
    if let address = Mailbox(Array(value)).flatMap({ LocalAddress($0) }) {
      addresses.append(address)
    }
  }

  /// Whether the message was delivered to this recipient already.
  public func isLoop(for mailbox: Mailbox) -> Bool {
    if count >= Self.limit { return true }
    guard let address = LocalAddress(mailbox) else { return false }
    return addresses.contains(address)
  }
}

extension ClientSession.Verdict {
  /// What becomes of a message that is in a loop.
  public static let loop = Self(
    .refused, .recipient, .init(5, 4, 6),
    Array("Mail loop: the message was delivered to this address before".utf8))
}
