// Tokens: who has one was sent it by us. They hold all that there is to know, so nothing is stored for them. A token is a
// part of an address, so it has lower-case letters and digits only.
//
//     token    | stands for                                   | good for
//     ---------|----------------------------------------------|----------------------------
//     confirm  | list, action, day and address                | a week
//     moderate | list and the id of the held post             | as long as the post is held
//     bounces  | list and the member's short id               | as long as the key
//     probe    | likewise, for the mail that asks if the       |
//              | member's address works                       | as long as the key
//     reports  | list                                         | as long as the key
//     leave    | list and the member's short id (RFC 8058)    | as long as the key
//
// Each ends with 80 bits of an HMAC-SHA-256 over what it stands for, which only the holder of the key can make.

import Digest
import Octets
import SMTP

/// The secret of all lists of a machine.
public struct ListKey: Sendable {
  /// What a new key should have, in octets.
  public static let length = 32

  private let octets: [UInt8]

  /// Nil if the key is too short to be one.
  public init?(_ octets: [UInt8]) {
    guard octets.count >= Self.length else { return nil }
    self.octets = octets
  }

  /// What a confirmation does.
  public enum Action: UInt8, Sendable {
    case subscribe = 0x73  // s
    case unsubscribe = 0x75  // u
  }

  /// How many days a confirmation is good for.
  private static let days = 7
  private static let macLength = 16
  private static let dayLength = 4

  // The confirmation of an action for `address`.

  public func confirmation(_ action: Action, _ list: ListName, _ member: Member, day: Int)
    -> [UInt8]
  {
    let stamp = [action.rawValue] + base32(UInt64(clamping: day), length: Self.dayLength)
    return stamp + mac("confirm", list, stamp + member.identity)
  }

  /// What `token` confirms for a member whose address is that of the mail; nil if it confirms nothing.
  public func confirmed(
    _ token: [UInt8], _ list: ListName, _ member: Member, today: Int
  ) -> Confirmation? {
    guard token.count == 1 + Self.dayLength + Self.macLength,
      let action = token.first.flatMap(Action.init(rawValue:)),
      let number = base32Value(token[1...Self.dayLength])
    else { return nil }
    let day = Int(number)
    guard today - Self.days...today ~= day else { return nil }
    let expected = confirmation(action, list, member, day: day)
    guard isEqualInConstantTime(token.span, expected.span) else { return nil }
    return Confirmation(action: action, day: day)
  }

  /// What a confirmation confirms, and when its question was asked, in days since 1970.
  public struct Confirmation: Equatable, Sendable {
    public let action: Action
    public let day: Int
  }

  // The approval of a held post.

  public func moderation(_ list: ListName, post: [UInt8]) -> [UInt8] {
    post + mac("moderate", list, post)
  }

  /// The id of the post that `token` lets go out; nil if it is not of this list.
  public func moderated(_ token: [UInt8], _ list: ListName) -> [UInt8]? {
    opened("moderate", token, list)
  }

  // The member whom a report or a click is about.

  public enum MemberUse: Sendable {
    case bounces
    case probe
    case leave
  }

  public func token(_ use: MemberUse, _ list: ListName, _ member: MemberID) -> [UInt8] {
    member.octets + mac(Self.name(use), list, member.octets)
  }

  /// The member whom `token` names; nil if nobody. Whether the list has this member is another question.
  public func member(_ use: MemberUse, _ token: [UInt8], _ list: ListName) -> MemberID? {
    opened(Self.name(use), token, list).flatMap { MemberID($0) }
  }

  private static func name(_ use: MemberUse) -> StaticString {
    switch use {
    case .bounces: "bounces"
    case .probe: "probe"
    case .leave: "leave"
    }
  }

  // Reports on posts that all members get alike.

  public func reports(_ list: ListName) -> [UInt8] { mac("reports", list, []) }

  public func isForReports(_ token: [UInt8], _ list: ListName) -> Bool {
    let expected = reports(list)
    return isEqualInConstantTime(token.span, expected.span)
  }

  private func opened(_ kind: StaticString, _ token: [UInt8], _ list: ListName) -> [UInt8]? {
    guard token.count > Self.macLength else { return nil }
    let subject = Array(token.dropLast(Self.macLength))
    let given = Array(token.suffix(Self.macLength))
    let expected = mac(kind, list, subject)
    return isEqualInConstantTime(given.span, expected.span) ? subject : nil
  }

  private func mac(_ kind: StaticString, _ list: ListName, _ subject: [UInt8]) -> [UInt8] {
    var code = HMACSHA256(key: octets.span)
    // NUL stands in none of them, so no two lists of values have the same octets.
    let message = [UInt8](kind) + [0] + list.octets + [0] + subject
    code.update(message.span)
    return Array(base32(code.finish()).prefix(Self.macLength))
  }
}

/// 60 bits that name a member of a list, in 12 letters and digits. Two members of a list of 100,000 have the same with a
/// probability of one in 200 million.
public struct MemberID: Hashable, Sendable {
  public let octets: [UInt8]

  public init(_ list: ListName, _ member: Member) {
    var digest = SHA256()
    let subject = list.octets + [0] + member.identity
    digest.update(subject.span)
    octets = Array(base32(digest.finish()).prefix(12))
  }

  init?(_ octets: [UInt8]) {
    guard octets.count == 12 else { return nil }
    self.octets = octets
  }
}

// Base 32 (RFC 4648 §6) in lower case without padding.

private func base32Digit(_ value: UInt8) -> UInt8 {
  value < 26 ? UInt8(ascii: "a") + value : UInt8(ascii: "2") - 26 + value
}

/// Whole groups of five bits; what is left over is dropped.
private func base32(_ octets: [UInt8]) -> [UInt8] {
  var (digits, bits, count): ([UInt8], UInt16, Int) = ([], 0, 0)
  for octet in octets {
    bits = bits << 8 | UInt16(octet)
    count += 8
    while count >= 5 {
      count -= 5
      digits.append(base32Digit(UInt8(truncatingIfNeeded: bits >> UInt16(count)) & 31))
    }
  }
  return digits
}

private func base32(_ number: UInt64, length: Int) -> [UInt8] {
  (0..<length).map {
    base32Digit(UInt8(truncatingIfNeeded: number >> UInt64(5 * (length - 1 - $0))) & 31)
  }
}

/// The number of at most 12 digits; nil if they are none.
private func base32Value(_ digits: ArraySlice<UInt8>) -> UInt64? {
  var number: UInt64 = 0
  for digit in digits.prefix(12) {
    switch digit {
    case UInt8(ascii: "a")...UInt8(ascii: "z"):
      number = number << 5 | UInt64(digit - UInt8(ascii: "a"))
    case UInt8(ascii: "2")...UInt8(ascii: "7"):
      number = number << 5 | UInt64(digit - UInt8(ascii: "2") + 26)
    default: return nil
    }
  }
  return number
}
