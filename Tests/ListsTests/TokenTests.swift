// The addresses of lists, and tokens: only ours are good, for what they were made for, and for as long.

import SMTP
import Testing

@testable import Lists

private let list = ListName(Array("friends".utf8))!
private let other = ListName(Array("foes".utf8))!
private let key = ListKey([UInt8](repeating: 7, count: 32))!
private let ann = member("ann@x.example")

private func address(_ text: String) -> ListAddress? { ListAddress(localPart: Array(text.utf8)) }

@Suite struct ListAddressTests {
  @Test(arguments: ["postmaster", "Abuse", "ABUSE", "postmaster-", "a b", ""])
  func namesThatNoListHas(name: String) {
    #expect(ListName(Array(name.utf8)) == nil)
    #expect(ListName(Array("postmasters".utf8)) != nil)
  }

  @Test(arguments: [
    ("friends", ListAddress.Purpose.post), ("FRIENDS", .post), ("friends+subscribe", .subscribe),
    ("Friends+UnSubscribe", .unsubscribe), ("friends+owner", .owner), ("friends+help", .help),
    ("friends+confirm-sAbc", .confirm(token: Array("sabc".utf8))),
    ("friends+bounces", .bounces(token: nil)),
    ("friends+bounces-a-b", .bounces(token: Array("a-b".utf8))),
    ("friends+moderate-x", .moderate(token: Array("x".utf8))),
  ])
  func purposes(_ text: String, _ purpose: ListAddress.Purpose) {
    #expect(address(text) == ListAddress(list, purpose))
  }

  @Test(arguments: [
    "", "+", "+owner", "friends+", "friends+confirm", "friends+subscribe-x", "friends+x",
    "../friends", ".friends",
    "friends.", "fri/ends", "\"friends\"", "fri ends", "früh", String(repeating: "a", count: 23),
  ])
  func none(_ text: String) { #expect(address(text) == nil) }

  /// RFC 5321 §4.5.3.1.1
  @Test func localPartsFit() throws {
    let list = try #require(ListName([UInt8](repeating: 97, count: ListName.limit)))
    let id = MemberID(list, ann)
    let purposes: [ListAddress.Purpose] = [
      .bounces(token: key.token(.bounces, list, id)),
      .confirm(token: key.confirmation(.subscribe, list, ann, day: 20_000)),
      .moderate(token: key.moderation(list, post: [UInt8](repeating: 48, count: 16))),
    ]
    for purpose in purposes {
      let localPart = ListAddress(list, purpose).localPart
      #expect(localPart.count <= 64)
      #expect(
        ListAddress(localPart: localPart.map { $0 &- 97 < 26 ? $0 - 32 : $0 })
          == ListAddress(list, purpose))
    }
  }
}

@Suite struct TokenTests {
  @Test func confirmation() {
    let token = key.confirmation(.subscribe, list, ann, day: 100)
    #expect(key.confirmed(token, list, ann, today: 100)?.action == .subscribe)
    #expect(
      key.confirmed(token, list, member("ANN@X.EXAMPLE"), today: 107)
        == .init(action: .subscribe, day: 100))
    #expect(key.confirmed(token, list, ann, today: 108) == nil)
    #expect(key.confirmed(token, list, ann, today: 99) == nil)
    #expect(key.confirmed(token, list, member("bob@x.example"), today: 100) == nil)
    #expect(key.confirmed(token, other, ann, today: 100) == nil)
    let stranger = ListKey([UInt8](repeating: 8, count: 32))
    #expect(stranger?.confirmed(token, list, ann, today: 100) == nil)
    let end = key.confirmation(.unsubscribe, list, ann, day: 100)
    #expect(key.confirmed(end, list, ann, today: 100)?.action == .unsubscribe)
  }

  /// A token for one thing is good for nothing else, and neither is one with a changed octet.
  @Test func nothingElse() {
    let id = MemberID(list, ann)
    let bounces = key.token(.bounces, list, id)
    let leave = key.token(.leave, list, id)
    #expect(key.member(.bounces, bounces, list) == id)
    #expect(key.member(.leave, leave, list) == id)
    for (use, token) in [(ListKey.MemberUse.bounces, leave), (.leave, bounces), (.probe, bounces)] {
      #expect(key.member(use, token, list) == nil)
    }
    #expect(key.member(.bounces, bounces, other) == nil)
    #expect(!key.isForReports(bounces, list) && key.isForReports(key.reports(list), list))
    for token in [
      bounces, key.confirmation(.subscribe, list, ann, day: 5), key.moderation(list, post: [48]),
    ] {
      for index in token.indices {
        var changed = token
        changed[index] ^= 1
        #expect(key.member(.bounces, changed, list) == nil)
        #expect(key.confirmed(changed, list, ann, today: 5) == nil)
        #expect(key.moderated(changed, list) == nil)
      }
      for end in 0..<token.count {
        #expect(key.member(.bounces, Array(token[..<end]), list) == nil)
      }
    }
  }

  @Test func moderation() {
    let id = Array("0123456789abcdef".utf8)
    #expect(key.moderated(key.moderation(list, post: id), list) == id)
    #expect(key.moderated(key.moderation(list, post: id), other) == nil)
  }

  @Test func shortKeys() { #expect(ListKey([UInt8](repeating: 1, count: 31)) == nil) }
}
