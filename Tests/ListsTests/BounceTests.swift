// What becomes of reports on posts: whose state changes, who is asked whether the address works, and who is suspended.

import SMTP
import Testing

@testable import Lists

private let ann = "ann@y.example"
private let key = ListModel.key
private let name = ListModel.name

private func report(_ addresses: String...) -> String {
  "From: mailer-daemon@y.example\nX-Failed-Recipients: \(addresses.joined(separator: ", "))\n\nfailed\n"
}

@Suite struct BounceTests {
  private let list = ListModel(members: ann, "bob@y.example")

  private func token(_ use: ListKey.MemberUse, _ address: String) -> [UInt8] {
    key.token(use, name, MemberID(name, member(address)))
  }

  private func decide(
    _ token: [UInt8]?, _ text: String, from sender: String = "", _ list: ListModel? = nil
  ) -> [String] {
    var list = list ?? self.list
    return list.decide(list.mail(1, to: .bounces(token: token), from: sender, text)).map(describe)
  }

  /// Whom a report counts for: the token of a member's own address decides, then what the report says.
  @Test func whom() {
    let verp = token(.bounces, ann)
    #expect(decide(verp, report("bob@y.example")) == ["count \(ann)"])
    #expect(
      decide(token(.probe, ann), "From: x@y.example\n\nfailed") == ["count \(ann) by a probe"])
    let reports = key.reports(name)
    #expect(
      decide(reports, report("BOB@y.example", ann, "eve@z.example")) == [
        "count BOB@y.example \(ann)"
      ])
    #expect(decide(reports, report("eve@z.example")) == [])
    #expect(decide(token(.bounces, "eve@z.example"), report(ann)) == [])
  }

  @Test func whatIsNone() {
    let verp = token(.bounces, ann)
    #expect(decide(verp, report(ann), from: ann) == ["ignore: not a report on a post"])
    #expect(decide(nil, report(ann)) == ["ignore: not a report on a post"])
    #expect(decide(token(.leave, ann), report(ann)) == ["ignore: the token is not ours"])
    let late = """
      Content-Type: multipart/report; boundary=b

      --b
      Content-Type: message/delivery-status

      Reporting-MTA: dns; y.example

      Final-Recipient: rfc822; ann@y.example
      Action: delayed
      --b--

      """
    #expect(decide(verp, late) == ["ignore: the report says nothing of a failure"])
  }

  /// Four days with a report, the probe, and the report on the probe; the owners are told.
  @Test func upToSuspension() {
    var list = list
    for day in 1...3 {
      let mail = list.mail(
        day, to: .bounces(token: token(.bounces, ann)), from: "", report(ann), day: day)
      #expect(list.receive(mail) == ["count \(ann)", "log report \(ann)"])
    }
    let fourth = list.mail(
      4, to: .bounces(token: token(.bounces, ann)), from: "", report(ann), day: 4)
    let asked = ["count \(ann)", "log report \(ann)", "send probe to \(ann)", "log probe \(ann)"]
    #expect(list.receive(fourth) == asked)
    #expect(list.states.state(of: member(ann)) == .probed)
    #expect(list.token == token(.probe, ann))
    let probe = list.mail(5, to: .bounces(token: list.token), from: "", "failed", day: 5)
    let suspended = [
      "count \(ann) by a probe", "send suspended to owner@x.example", "log suspend \(ann)",
    ]
    #expect(list.receive(probe) == suspended)
    #expect(list.states.state(of: member(ann)) == .suspended)
    #expect(list.states.state(of: member("bob@y.example")) == .active)
    // Received again, both cause the same entries, and nothing more.
    let (states, entries) = (list.states, list.entries)
    #expect(list.receive(fourth) == asked && list.receive(probe) == suspended)
    #expect(list.states == states && list.entries == entries + entries)
  }

  /// A probe that comes back suspends nobody who was not asked.
  @Test func probeOfTheWell() {
    var list = list
    let mail = list.mail(1, to: .bounces(token: token(.probe, ann)), from: "", "failed")
    #expect(list.receive(mail) == ["count \(ann) by a probe"])
    #expect(list.states.state(of: member(ann)) == .active)
  }
}
