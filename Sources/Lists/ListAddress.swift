// The addresses of a list: `NAME` and what follows a plus sign, at any of our domains.
//
//     NAME                       a post
//     NAME+subscribe             asks for a membership; the answer goes to NAME+confirm-TOKEN
//     NAME+unsubscribe           asks for its end; likewise
//     NAME+confirm-TOKEN         confirms either
//     NAME+owner                 the people who look after the list
//     NAME+help                  how to use the list
//     NAME+bounces, NAME+bounces-TOKEN    where the reports on a post go
//     NAME+moderate-TOKEN        lets a held post go out

import Octets
import SMTP

/// The name of a list: letters, digits and inner dots, hyphens and underscores, in lower case. It has at most 22 octets,
/// so that the longest address of a list has a local part of 64 octets (RFC 5321 §4.5.3.1.1).
public struct ListName: Equatable, Sendable {
  public static let limit = 22

  public let octets: [UInt8]

  /// Mailboxes that each domain or machine has (RFC 5321 §4.5.1, RFC 2142 §4): a list must not take their mail.
  private static let reserved = ["postmaster", "abuse", "root", "mailer-daemon"].map {
    Array($0.utf8)
  }

  /// Takes a name in any case; nil if it cannot be one.
  public init?(_ name: some Collection<UInt8>) {
    guard 1...Self.limit ~= name.count else { return nil }
    var octets: [UInt8] = []
    for octet in name {
      let isInner =
        octet == UInt8(ascii: ".") || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
      guard octet.isLetterOrDigit || isInner && !octets.isEmpty else { return nil }
      octets.append(octet.lowercased)
    }
    guard let last = octets.last, last.isLetterOrDigit else { return nil }
    guard !Self.reserved.contains(octets) else { return nil }
    self.octets = octets
  }

  public var text: String { String(decoding: octets, as: UTF8.self) }
}

/// What a local part that belongs to a list is for.
public struct ListAddress: Equatable, Sendable {
  public let list: ListName
  public let purpose: Purpose

  public enum Purpose: Equatable, Sendable {
    case post
    case subscribe
    case unsubscribe
    case confirm(token: [UInt8])
    case owner
    case help
    /// Nil for a report that does not say whom it is about.
    case bounces(token: [UInt8]?)
    case moderate(token: [UInt8])
  }

  /// Reads a local part in any case; nil if it cannot be a list's. Whether there is such a list is another question.
  public init?(localPart: some Collection<UInt8>) {
    let plus = localPart.firstIndex(of: UInt8(ascii: "+"))
    guard let list = ListName(localPart[..<(plus ?? localPart.endIndex)]) else { return nil }
    self.list = list
    guard let plus else {
      purpose = .post
      return
    }
    let words = localPart[localPart.index(after: plus)...].lowercased()
    let hyphen = words.firstIndex(of: UInt8(ascii: "-"))
    let token = hyphen.map { Array(words[($0 + 1)...]) }
    switch (String(decoding: words[..<(hyphen ?? words.endIndex)], as: UTF8.self), token) {
    case ("subscribe", nil): purpose = .subscribe
    case ("unsubscribe", nil): purpose = .unsubscribe
    case ("confirm", let token?): purpose = .confirm(token: token)
    case ("owner", nil): purpose = .owner
    case ("help", nil): purpose = .help
    case ("bounces", let token): purpose = .bounces(token: token)
    case ("moderate", let token?): purpose = .moderate(token: token)
    default: return nil
    }
  }

  public init(_ list: ListName, _ purpose: Purpose) {
    (self.list, self.purpose) = (list, purpose)
  }

  public var localPart: [UInt8] {
    func with(_ word: String, _ token: [UInt8]? = nil) -> [UInt8] {
      list.octets + Array("+".utf8) + Array(word.utf8) + (token.map { Array("-".utf8) + $0 } ?? [])
    }
    return switch purpose {
    case .post: list.octets
    case .subscribe: with("subscribe")
    case .unsubscribe: with("unsubscribe")
    case .confirm(let token): with("confirm", token)
    case .owner: with("owner")
    case .help: with("help")
    case .bounces(let token): with("bounces", token)
    case .moderate(let token): with("moderate", token)
    }
  }
}
