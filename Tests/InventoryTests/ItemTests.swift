// What lists say of an entry, in each form.

import Inventory
import Jobs
import Queueing
import SMTP
import Testing

let id = Array("0123456789abcdef".utf8)

func mailbox(_ text: String) -> Mailbox { Mailbox(Array(text.utf8))! }

func report(
  _ outcome: ClientSession.Verdict.Outcome = .deferred, at host: String = "mx.y.example",
  code: Int? = 450, _ text: String = "try later"
) -> Report {
  Report(
    Array("you@y.example".utf8), at: Array(host.utf8),
    ClientSession.Verdict(
      outcome, .recipient, code: code, EnhancedStatusCode(4, 2, 0), Array(text.utf8)))
}

func item(
  _ state: Item.State, _ content: Item.Content? = nil, _ recipients: Item.Recipients? = nil
) -> Item {
  let message = Item.Content.message(
    from: .mailbox(mailbox("me@x.example")), arrival: 1_800_000_000)
  var item = Item(id: id, state, size: 1024, attempts: 2, content ?? message)
  item.recipients = recipients
  return item
}

private func recipients(
  _ waiting: Int = 1, _ first: [String] = ["you@y.example"], _ reason: Item.Reason? = nil
) -> Item.Recipients {
  Item.Recipients(count: 12, waiting: waiting, first: first.map(mailbox), reason: reason)
}

private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

struct ItemTests {
  @Test(arguments: [
    (Item.State.new, "new"), (.held, "held"), (.pending, "pending"),
    (.waiting(next: 1_800_000_061), "attempt 3 2027-01-15 08:01:01Z"),
    // What was tried again by hand.
    (.waiting(next: 0), "attempt 3 1970-01-01 00:00:00Z"),
  ])
  func states(_ state: Item.State, _ expected: String) {
    #expect(
      text(item(state, nil, recipients()).text) == """
        0123456789abcdef 1024 octets, 2027-01-15 08:00:00Z, \(expected)
            from <me@x.example>
            to   <you@y.example>

        """)
  }

  @Test("Recipients that are not named are counted, and none is where none waits")
  func more() {
    let several = item(.held, .message(from: .null, arrival: 0), recipients(4, ["a@y.example"]))
    #expect(
      text(several.text).hasSuffix("    from <>\n    to   <a@y.example>\n    and 3 more\n"))
    #expect(text(item(.held, nil, recipients(0, [])).text).hasSuffix("    from <me@x.example>\n"))
  }

  static let reasons: [(Item.Reason, String)] = [
    (.report(report()), "host mx.y.example: 450 4.2.0 try later"),
    (
      .report(report(.unknown, at: "", code: nil, "no reply")),
      "perhaps delivered; 4.2.0 no reply"
    ),
    (
      .leftAlone(destination: Array("y.example".utf8), until: 1_800_000_000),
      "not tried: y.example is left alone until 2027-01-15 08:00:00Z, because it could not be reached or wants no more"
    ),
  ]

  @Test(arguments: reasons) func reason(_ reason: Item.Reason, _ expected: String) {
    let item = item(.new, nil, recipients(1, ["you@y.example"], reason))
    #expect(text(item.text).hasSuffix("    to   <you@y.example>\n    \(expected)\n"))
    #expect(text(item.json).hasSuffix(#""to":["you@y.example"],"reason":"\#(expected)"}"# + "\n"))
  }

  @Test(arguments: [
    (Item.State.new, "new", ""), (.held, "hold", ""), (.pending, "pending", ""),
    (.waiting(next: 7), "queue", #""next":7,"#),
  ])
  func json(_ state: Item.State, _ name: String, _ next: String) {
    let head = #"{"id":"0123456789abcdef","state":"\#(name)","size":1024,"attempts":2,"#
    #expect(
      text(item(state, nil, recipients(3)).json) == head + next
        + #""arrival":1800000000,"from":"me@x.example","recipients":12,"waiting":3,"#
        + #""to":["you@y.example"],"reason":null}"# + "\n")
    #expect(
      text(item(state, .newer(version: 3, reason: "newer")).json) == head + next
        + #""version":3,"reason":"newer"}"# + "\n")
    // When it is tried again is not known of what cannot be read.
    #expect(
      text(item(state, .unreadable(reason: "damaged")).json) == head + #""reason":"damaged"}"#
        + "\n")
  }

  @Test func whatCannotBeRead() {
    #expect(
      text(item(.waiting(next: 0), .newer(version: 3, reason: "newer")).text)
        == "0123456789abcdef 1024 octets, attempt 3 1970-01-01 00:00:00Z, newer\n")
    #expect(
      text(item(.waiting(next: 0), .unreadable(reason: "damaged")).text)
        == "0123456789abcdef 1024 octets, queue\n    damaged\n")
  }

  @Test func recipientLines() {
    let lines = [.waiting, .delivered, .refused, .told].map {
      text(Item.line(mailbox("a@y.example"), $0))
    }
    #expect(
      lines
        == ["waiting  ", "delivered", "refused  ", "returned "].map { "  \($0) <a@y.example>\n" })
  }

  @Test("Control characters of a header do not reach a terminal")
  func header() {
    let message = "A: \u{1b}[31mx\u{7f}\r\n\té\r\nB: 1\r\n\r\nbody"
    #expect(text(Item.header(of: Array(message.utf8))) == "\nA: [31mx\n\té\nB: 1\n")
    #expect(text(Item.header(of: Array("A: 1\r\n".utf8))) == "\nA: 1\n\n")
  }
}
