// The queue as mailq(1) prints it.

import Inventory
import SMTP
import Testing

struct TraditionalListTests {
  private func print(_ body: (inout TraditionalList) -> [[UInt8]]) -> String {
    var list = TraditionalList()
    return String(decoding: body(&list).joined() + list.end, as: UTF8.self)
  }

  @Test func empty() {
    #expect(print { _ in [] } == "Mail queue is empty\n")
  }

  @Test("A reason stands above the recipients that have it, once")
  func messages() {
    let text = print { list in
      [
        list.lines(of: item(.waiting(next: 0))),
        list.lines(of: mailbox("a@y.example"), nil),
        list.lines(of: mailbox("b@y.example"), report()),
        list.lines(of: mailbox("c@y.example"), report()),
        list.lines(of: mailbox("d@y.example"), report(.unknown, at: "", code: nil, "gone")),
        list.lines(of: item(.held, .message(from: .null, arrival: 0))),
        list.lines(of: mailbox("d@y.example"), report(.unknown, at: "", code: nil, "gone")),
      ]
    }
    let gap = String(repeating: " ", count: 42)
    #expect(
      text == """
        -Queue ID-        --Size-- ----Arrival Time---- -Sender/Recipient-------
        0123456789abcdef      1024 Fri Jan 15 08:00:00  me@x.example
        \(gap)a@y.example
                                            (host mx.y.example: 450 4.2.0 try later)
        \(gap)b@y.example
        \(gap)c@y.example
                                            (4.2.0 gone; it may have been delivered)
        \(gap)d@y.example

        0123456789abcdef!     1024 Thu Jan  1 00:00:00  MAILER-DAEMON
                                            (4.2.0 gone; it may have been delivered)
        \(gap)d@y.example

        -- 2 Kbytes in 2 Requests.

        """)
  }

  @Test func whatCannotBeRead() {
    let text = print { list in
      [
        list.lines(of: item(.new, .newer(version: 3, reason: "newer"))),
        list.lines(of: item(.pending, .unreadable(reason: "it is damaged"))),
      ]
    }
    #expect(
      text.hasSuffix(
        "0123456789abcdef      1024 newer\n\n0123456789abcdef      1024 \n"
          + String(repeating: " ", count: 61) + "(it is damaged)\n\n-- 2 Kbytes in 2 Requests.\n"))
    #expect(print { [$0.lines(of: item(.new))] }.hasSuffix("\n-- 1 Kbytes in 1 Request.\n"))
  }
}
