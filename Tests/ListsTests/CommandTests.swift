// What becomes of commands: which mail answers them, what is noted, and who joins or leaves.

import SMTP
import Testing

@testable import Lists

private func answered(_ kind: String, _ address: String, _ id: Int = 1, day: Int = 100) -> [String]
{
  let number = String(id, radix: 16)
  let cause = String(repeating: "0", count: 16 - number.utf8.count) + number
  return [
    "note answers of \(day): friends \(kind) \(cause)", "send \(kind) to \(address)",
    "log answer \(address)",
  ]
}
private let ann = "ann@y.example"

@Suite struct CommandTests {
  @Test(arguments: [
    (ListAddress.Purpose.subscribe, "eve@z.example", "subscribe"), (.subscribe, ann, "member"),
    (.unsubscribe, ann, "unsubscribe"), (.unsubscribe, "eve@z.example", "nomember"),
    (.help, ann, "help"), (.help, "eve@z.example", "help"),
  ])
  func questions(_ purpose: ListAddress.Purpose, _ sender: String, _ kind: String) {
    var list = ListModel(members: ann)
    #expect(list.receive(list.mail(1, to: purpose, from: sender)) == answered(kind, sender))
    #expect(list.members == [member(ann)])
  }

  /// RFC 3834 §2: programs and reports are not answered; who has no single author with a domain cannot be.
  @Test(arguments: [
    ("", "From: ann@y.example\n\n", "sent by a program"),
    (ann, "From: ann@y.example\nPrecedence: bulk\n\n", "sent by a program"),
    (ann, "From: ann@y.example, bob@y.example\n\n", "no single author with a domain"),
    (ann, "From: postmaster\n\n", "no single author with a domain"),
    (ann, "Subject: x\n\n", "no single author with a domain"),
  ])
  func left(_ sender: String, _ text: String, _ reason: String) {
    for purpose: ListAddress.Purpose in [
      .subscribe, .unsubscribe, .help, .confirm(token: [0x73]),
    ] {
      var list = ListModel(members: ann)
      #expect(list.receive(list.mail(1, to: purpose, from: sender, text)) == ["ignore: \(reason)"])
    }
  }

  private func asked(_ purpose: ListAddress.Purpose, _ list: inout ListModel) -> [UInt8] {
    _ = list.receive(list.mail(1, to: purpose, from: ann))
    return list.token
  }

  @Test func joining() {
    var list = ListModel()
    list.states.suspend(member(ann), day: 1)
    let token = asked(.subscribe, &list)
    #expect(
      list.receive(list.mail(2, to: .confirm(token: token), from: ann, day: 103)) == [
        "note confirmations of 100: 0000000000000002", "add \(ann)", "log subscribe \(ann)",
      ] + answered("welcome", ann, 2, day: 103))
    #expect(list.members == [member(ann)])
    #expect(list.states.state(of: member(ann)) == .active)
  }

  @Test func leaving() {
    var list = ListModel(members: ann)
    let token = asked(.unsubscribe, &list)
    #expect(
      list.receive(list.mail(2, to: .confirm(token: token), from: "Ann@Y.example")) == [
        "note confirmations of 100: 0000000000000002", "remove Ann@Y.example",
        "log unsubscribe Ann@Y.example",
      ] + answered("goodbye", "Ann@Y.example", 2))
    #expect(list.members.isEmpty)
  }

  /// A token serves its author, once, for a week.
  @Test func tokenOfAnother() {
    var list = ListModel()
    let token = asked(.subscribe, &list)
    let refused = ["ignore: the token is not ours, or not for this author, or too old"]
    let confirm = ListAddress.Purpose.confirm(token: token)
    #expect(list.receive(list.mail(2, to: confirm, from: "eve@z.example")) == refused)
    #expect(list.receive(list.mail(2, to: confirm, from: ann, day: 108)) == refused)
    #expect(list.receive(list.mail(2, to: confirm, from: ann, day: 107)).contains("add \(ann)"))
  }

  @Test func tokenTwice() {
    var list = ListModel()
    let token = asked(.subscribe, &list)
    let first = list.mail(2, to: .confirm(token: token), from: ann)
    _ = list.receive(first)
    let leave = list.receive(list.mail(3, to: .unsubscribe, from: ann))
    _ = list.receive(list.mail(4, to: .confirm(token: list.token), from: ann))
    #expect(!leave.isEmpty && list.members.isEmpty)
    #expect(
      list.receive(list.mail(5, to: .confirm(token: token), from: ann)) == [
        "ignore: the token was used before"
      ])
    #expect(list.members.isEmpty)
  }

  /// Killed behind any of its actions, a mail that is received again does the rest, and makes the same entries.
  @Test(arguments: [ListAddress.Purpose.subscribe, .unsubscribe])
  func receivedTwice(_ purpose: ListAddress.Purpose) {
    var asked = purpose == .subscribe ? ListModel() : ListModel(members: ann)
    let token = self.asked(purpose, &asked)
    asked.entries = []
    let mail = asked.mail(2, to: .confirm(token: token), from: ann)
    var whole = asked
    let actions = whole.receive(mail)
    #expect(whole.entries.count == 1)
    for count in 0...actions.count {
      var list = asked
      _ = list.receive(mail, doing: count)
      let rest = list.receive(mail)
      #expect(rest.filter { !$0.hasPrefix("note") } == actions.filter { !$0.hasPrefix("note") })
      #expect(list.members == whole.members)
      #expect(list.notes == whole.notes)
      #expect(Set(list.entries) == Set(whole.entries))
    }
  }

  /// An address is sent one answer of a kind a day by a list, and five by all; a day has so many in all.
  @Test func enoughAnswers() {
    let enough = ["ignore: the address has been sent this answer, or enough, today"]
    var list = ListModel(members: ann)
    func help(_ id: Int, _ sender: String = ann, day: Int = 100) -> ReceivedMail {
      list.mail(id, to: .help, from: sender, day: day)
    }
    #expect(list.receive(help(1)) == answered("help", ann))
    #expect(list.receive(help(2)) == enough)
    #expect(list.receive(help(1)) == Array(answered("help", ann).dropFirst()))
    #expect(list.receive(help(2, "Ann@Y.EXAMPLE")) == enough)
    #expect(list.receive(help(2, "bob@y.example")) == answered("help", "bob@y.example", 2))
    #expect(list.receive(help(2, day: 101)) == answered("help", ann, 2, day: 101))
    let key = NoteKey.answers(to: member(ann).identity, on: 100)
    for number in 1...4 { list.notes[key]?.append(Array("list\(number) help x".utf8)) }
    #expect(list.receive(list.mail(3, to: .unsubscribe, from: ann)) == enough)
    #expect(list.receive(help(1)) == Array(answered("help", ann).dropFirst()))
  }

  @Test func enoughForAll() {
    let words = Array("friends help ".utf8)
    #expect(Notes(total: 99_999).answer(words, to: [1]) == .first)
    #expect(Notes(total: 100_000).answer(words, to: [1]) == .refused)
    #expect(Notes([words + [1]], total: 100_000).answer(words, to: [1]) == .again)
  }

  @Test func noteKeys() {
    let list = ListModel.name
    let other = ListName(Array("other".utf8))!
    let keys = [
      NoteKey.answers(to: member(ann).identity, on: 1),
      .answers(to: member("bob@y.example").identity, on: 1),
      .confirmation([1], list, madeOn: 1), .confirmation([1], other, madeOn: 1),
      .confirmation([2], list, madeOn: 1),
    ]
    #expect(Set(keys.map { $0.name }).count == 5)
    #expect(keys.allSatisfy { $0.name.utf8.count == 40 })
    // Longer than a question is good for.
    #expect(keys[2].kind.daysKept > 7)
  }
}
