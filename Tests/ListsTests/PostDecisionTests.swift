// What becomes of a post, for each setting and each sender, and what the members get of it.

import MIME
import SMTP
import Testing

@testable import Lists

private let distribute = ["distribute"]
private func held(_ to: String = "owner@x.example") -> [String] { ["hold", "send held to \(to)"] }
private let automatic = ["ignore: sent by a program"]

@Suite struct PostDecisionTests {
  private static let senders: [(name: String, from: String, text: String?, isOurs: Bool)] = [
    ("member", "ann@y.example", nil, false),
    ("member, in capitals", "ANN@Y.example", nil, false),
    ("stranger", "eve@z.example", nil, false),
    ("owner, logged in", "owner@x.example", nil, true),
    ("owner, from outside", "owner@x.example", nil, false),
    ("two authors", "ann@y.example", "From: ann@y.example, bob@y.example\n\nhello", false),
    ("no author", "ann@y.example", "Subject: hello\n\nhello", false),
    ("stranger by a member's envelope", "ann@y.example", "From: eve@z.example\n\nhello", false),
    ("program", "ann@y.example", "From: ann@y.example\nAuto-Submitted: auto-replied\n\n", false),
    ("report", "", "From: ann@y.example\n\n", false),
    (
      "the list itself", "ann@y.example",
      "From: ann@y.example\nList-Id: <friends.x.example>\n\nhello", false
    ),
  ]
  private static let loop = ["ignore: the list has sent it before"]

  @Test(arguments: [
    (
      ListSettings.PostPolicy.anyone,
      [
        distribute, distribute, distribute, distribute, distribute, held(), held(), distribute,
        automatic, automatic, loop,
      ]
    ),
    (
      .members,
      [
        distribute, distribute, held(), distribute, held(), held(), held(), held(), automatic,
        automatic, loop,
      ]
    ),
    (
      .moderated,
      [
        held(), held(), held(), held(), held(), held(), held(), held(), automatic, automatic, loop,
      ]
    ),
  ])
  func table(_ policy: ListSettings.PostPolicy, _ expected: [[String]]) {
    for (sender, expected) in zip(Self.senders, expected) {
      var list = ListModel(members: "ann@y.example")
      list.settings.post = policy
      let mail = list.mail(1, from: sender.from, sender.text, isOurs: sender.isOurs)
      #expect(list.receive(mail) == expected, "\(sender.name)")
    }
  }

  /// What a session takes: the envelope's sender decides.
  @Test func takenBySession() {
    func takes(_ policy: ListSettings.PostPolicy, _ sender: String) -> Bool {
      var settings = ListSettings()
      settings.post = policy
      return settings.takesPost(from: ReversePath(Array(sender.utf8))!) {
        $0.identity == member("ann@y.example").identity
      }
    }
    for policy in ListSettings.PostPolicy.allCases {
      #expect(takes(policy, "Ann@y.example"))
      #expect(takes(policy, "eve@z.example") == (policy != .members))
      #expect(!takes(policy, ""))
    }
  }

  /// A stranger's question is answered by the owners only, and their answer lets this post out.
  @Test func heldAndReleased() {
    var list = ListModel(members: "ann@y.example")
    _ = list.receive(list.mail(0xabc, from: "eve@z.example"))
    let answer = { (list: ListModel, token: [UInt8], text: String?) in
      list.mail(2, to: .moderate(token: token), from: "owner@x.example", text)
    }
    #expect(list.receive(answer(list, list.token, nil)) == ["release 0000000000000abc"])
    let vacation = "From: owner@x.example\nAuto-Submitted: auto-replied\n\n"
    #expect(list.receive(answer(list, list.token, vacation)) == automatic)
    var other = list.token
    other[0] ^= 1
    #expect(list.receive(answer(list, other, nil)) == ["ignore: the token is not ours"])
  }

  @Test func heldCopyIsCut() throws {
    var list = ListModel()
    let text = "From: eve@z.example\n\n" + String(repeating: "x", count: 60_000)
    guard
      case .send(let question, _, .null) = list.decide(list.mail(1, from: "eve@z.example", text))[1],
      case .heldPost(_, .authorIsNoMember, let original) = question.kind
    else {
      Issue.record("not held")
      return
    }
    #expect(original == Array(crlf(text)[..<50_000]))
  }

  @Test func toOwners() {
    var list = ListModel()
    let mail = list.mail(1, to: .owner, from: "eve@z.example")
    let mark = "Delivered-To: friends+owner@x.example"
    #expect(list.receive(mail) == ["forward to owner@x.example: \(mark)"])
    let again = list.mail(
      1, to: .owner, from: "eve@z.example", mark.uppercased() + "\nFrom: eve@z.example\n\n")
    #expect(list.receive(again) == ["refuse: 5.4.6 the mail has been here before"])
    list.settings.owners = []
    #expect(
      list.receive(list.mail(1, to: .owner, from: "eve@z.example")) == [
        "forward to postmaster@x.example: \(mark)"
      ])
  }

  /// The same mail makes the same entries; another mail, or the same at another address of the list, makes others.
  @Test func entries() {
    func entries(_ mail: ReceivedMail, _ list: ListModel) -> [UInt64] {
      var list = list
      _ = list.receive(mail)
      return list.entries
    }
    let list = ListModel(members: "ann@y.example")
    let posted = entries(list.mail(1, from: "ann@y.example"), list)
    let held = entries(list.mail(1, from: "eve@z.example"), list)
    let owners = entries(list.mail(1, to: .owner, from: "ann@y.example"), list)
    let help = entries(list.mail(1, to: .help, from: "ann@y.example"), list)
    #expect(posted.count == 1 && held.count == 1 && owners.count == 1 && help.count == 1)
    #expect(Set(posted + held + owners + help).count == 4)
    #expect(posted == entries(list.mail(1, from: "ann@y.example"), list))
    #expect(held == entries(list.mail(1, from: "eve@z.example"), list))
    #expect(posted != entries(list.mail(2, from: "ann@y.example"), list))
    // What earlier versions have queued is found again.
    #expect(
      posted + held + owners + help == [
        0x7548_2fae_7761_8516, 0x6937_90f5_5a76_0c3c, 0xa656_4cfa_09f0_af87, 0x11a3_0348_a637_7b9a,
      ])
  }
}

@Suite struct DistributionTests {
  private func distribution(_ list: ListModel, _ text: String) throws -> Distribution {
    var list = list
    let action = list.decide(list.mail(1, from: "ann@y.example", text))[0]
    guard case .distribute(let distribution) = action else { throw Skipped() }
    return distribution
  }
  private struct Skipped: Error {}

  private static let plain = "From: ann@y.example\n\nhello\n"

  /// Each member once, whom the file has in several ways; the suspended not at all.
  @Test func copies() throws {
    var list = ListModel(
      members: "ann@y.example", "bob@y.example", "eve@z.example", "ANN@y.example")
    list.states.suspend(member("eve@z.example"), day: 5)
    var distribution = try distribution(list, Self.plain)
    let lines = list.members.map { MemberLine.member($0) } + [.bad, .other]
    let copies = lines.compactMap { distribution.copy(for: $0, list.states) }
    #expect(
      copies.map { String(decoding: $0.mailbox.octets, as: UTF8.self) } == [
        "ann@y.example", "bob@y.example",
      ])
    #expect(copies.allSatisfy { $0.reversePath == nil && $0.fields.isEmpty })
    let path = ReversePath(
      Array("friends+bounces-".utf8) + ListModel.key.reports(ListModel.name)
        + Array("@x.example".utf8))
    #expect(distribution.reversePath == path)
  }

  /// What is different for a member names this member, and serves for nothing else.
  @Test func tokensOfMembers() throws {
    var list = ListModel(members: "ann@y.example")
    list.settings.usesVERP = true
    list.settings.url = Array("https://x.example".utf8)
    var distribution = try distribution(list, Self.plain)
    let copy = distribution.copy(for: .member(list.members[0]), list.states)
    let id = MemberID(ListModel.name, list.members[0])
    let bounces = ListModel.key.token(.bounces, ListModel.name, id)
    let leave = ListModel.key.token(.leave, ListModel.name, id)
    #expect(
      copy?.reversePath == ReversePath(list.fields.address(.bounces(token: bounces))))
    #expect(copy?.fields == list.fields.oneClick(list.settings.url!, token: leave))
  }

  @Test(arguments: [
    ("", "", ""), ("Bye", "", "\r\n-- \r\nBye\r\n"),
    ("Tschüß", "", ""),
    ("Tschüß", "Content-Type: text/plain; charset=UTF-8\n", "\r\n-- \r\nTschüß\r\n"),
    ("Bye", "Content-Type: text/html\n", ""),
    ("Bye", "Content-Transfer-Encoding: base64\n", ""),
  ])
  func footer(_ footer: String, _ field: String, _ expected: String) throws {
    var list = ListModel(members: "ann@y.example")
    list.settings.footer = footer
    let distribution = try distribution(list, "From: ann@y.example\n\(field)\nhello\n")
    #expect(String(decoding: distribution.footer, as: UTF8.self) == expected)
  }

  @Test func headerAndBody() throws {
    let list = ListModel(members: "ann@y.example")
    let distribution = try distribution(list, Self.plain)
    #expect(distribution.bodyStart == "From: ann@y.example\r\n\r\n".utf8.count)
    #expect(distribution.header.suffix(4).elementsEqual([13, 10, 13, 10]))
    #expect(!distribution.isUTF8)
    #expect(try self.distribution(list, "From: ann@y.example\nSubject: ü\n\n").isUTF8)
    var model = list
    let large = "From: ann@y.example\nX: \(String(repeating: "x", count: Limits.header))"
    #expect(
      model.receive(list.mail(1, from: "ann@y.example", large)) == [
        "refuse: 5.3.4 the header of the post is too large"
      ])
  }

  /// Who stands in the From field, by the setting and the policy of the author's domain (RFC 7489 §6.3, §6.6.3).
  @Test(arguments: [
    (ListSettings.FromPolicy.keep, "_dmarc.a.b.example", "v=DMARC1; p=reject", false),
    (.rewrite, "none", "", true), (.auto, "none", "", false),
    (.auto, "_dmarc.a.b.example", "v=DMARC1; p=reject", true),
    (.auto, "_dmarc.a.b.example", "v=DMARC1; p=quarantine; sp=none", true),
    (.auto, "_dmarc.a.b.example", "v=DMARC1; p=none; sp=reject", false),
    (.auto, "_dmarc.a.b.example", "v=spf1 -all", false),
    (.auto, "_dmarc.b.example", "v=DMARC1; p=none; sp=reject", true),
    (.auto, "_dmarc.b.example", "v=DMARC1; p=reject; sp=none", false),
    (.auto, "_dmarc.example", "v=DMARC1; p=reject", false),
  ])
  func author(
    _ policy: ListSettings.FromPolicy, _ name: String, _ text: String, _ isReplaced: Bool
  ) throws {
    var list = ListModel()
    (list.settings.post, list.settings.from) = (.anyone, policy)
    list.texts[name] = text
    let actions = list.decide(list.mail(1, from: "ann@a.b.example"))
    guard case .distribute(let distribution) = actions[0] else { throw Skipped() }
    let header = String(decoding: distribution.header, as: UTF8.self)
    #expect(header.contains("From: friends <friends@x.example>\r\n") == isReplaced)
    #expect(list.asked.isEmpty == (policy != .auto))
  }

  /// A domain of many labels causes few questions.
  @Test func questionsToTheDNS() {
    var list = ListModel()
    (list.settings.post, list.settings.from) = (.anyone, .auto)
    _ = list.decide(list.mail(1, from: "ann@a.b.c.d.e.f.g.example"))
    #expect(
      list.asked == [
        "_dmarc.a.b.c.d.e.f.g.example", "_dmarc.b.c.d.e.f.g.example", "_dmarc.c.d.e.f.g.example",
        "_dmarc.d.e.f.g.example", "_dmarc.e.f.g.example",
      ])
  }
}
