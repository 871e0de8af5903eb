// What the envelopes in queue/ are called:
//
//     001764036000-3-0123456789abcdef-8f1b2c3d4e5f6071
//     NEXT         N ID               DESTINATION
//
// NEXT is the time of the next attempt, in seconds since 1970; N how many attempts there have been; DESTINATION a hash of
// where the message goes, so that a run that finds 100,000 names knows which of them wait for the same host without
// opening a file. It is 0 where a message has several destinations or the destination is not known. It is only a hint:
// two destinations with the same hash wait for each other, and the envelope says which is which.

import Octets
public import Storage

public struct EntryName: Equatable, Sendable {
  public var id: MessageID
  /// Seconds since 1970; 0 for an entry that no run has looked at.
  public var next: Int64 = 0
  public var attempts = 0
  public var destination: UInt64 = 0
  /// Whether the name is an id alone, as in new/.
  public var isFresh = true

  /// More attempts than any schedule makes.
  static let maximumAttempts = 9999
  private static let maximumTime: Int64 = 999_999_999_999

  public init(id: MessageID) { self.id = id }

  public init(id: MessageID, next: Int64, attempts: Int, destination: UInt64) {
    self.id = id
    self.next = min(max(next, 0), Self.maximumTime)
    self.attempts = min(max(attempts, 0), Self.maximumAttempts)
    self.destination = destination
    isFresh = false
  }

  /// Nil if `text` is no name of an envelope.
  public init?(_ text: String) {
    let parts = text.utf8.split(separator: .hyphen, omittingEmptySubsequences: false)
    if parts.count == 1 {
      guard let id = MessageID(hexadecimal: parts[0]) else { return nil }
      self.init(id: id)
      return
    }
    guard parts.count == 4, parts[0].count == 12, let next = Int(decimal: parts[0]),
      parts[1].count <= 4, let attempts = Int(decimal: parts[1]),
      let id = MessageID(hexadecimal: parts[2]),
      let destination = MessageID(hexadecimal: parts[3])
    else { return nil }
    self.init(
      id: id, next: Int64(next), attempts: attempts, destination: destination.bits)
  }

  public var text: String {
    if isFresh { return id.text }
    let digits = String(next)
    let zeros = String(repeating: "0", count: 12 - digits.utf8.count)
    return "\(zeros)\(digits)-\(attempts)-\(id.text)-\(MessageID(destination).text)"
  }

  /// The hash of a destination (FNV-1a); not 0.
  public static func hash(of destination: [UInt8]) -> UInt64 {
    max(1, fnv1a(destination.span))
  }
}

extension MessageID {
  /// Sixteen hexadecimal digits, in lower case; nil for anything else.
  init?(hexadecimal digits: some Collection<UInt8>) {
    let octets = Array(digits)
    self.init(octets.span)
  }

  /// Parses sixteen hexadecimal digits in lower case.
  public init?(_ text: String) { self.init(hexadecimal: text.utf8) }

  public var text: String { String(decoding: octets, as: UTF8.self) }

  /// The id of the message number `count` that this one causes (a bounce, for example). It is always the same.
  public func derived(_ count: Int) -> MessageID {
    var mixed = bits &+ UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15 &+ 1
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return MessageID(mixed ^ (mixed >> 31))
  }
}
