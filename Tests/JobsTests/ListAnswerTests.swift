// What is understood of what a program says that takes the mail of lists.

import Jobs
import SMTP
import Testing

struct ListAnswerTests {
  private static let id: UInt64 = 0x0123_4567_89ab_cdef

  private func answer(_ text: String) -> ListAnswer {
    ListAnswer(text.split(separator: "\n").map { Array($0.utf8) })
  }

  @Test(
    "A line is read as it was written", arguments: [ListLine.queued(id), .claimed("a.b c"), .done])
  func lines(_ line: ListLine) {
    #expect(ListLine(Array(line.octets.dropLast())) == line)
    #expect(line.octets.last == 10)
  }

  @Test(
    "What is no line",
    arguments: [
      "", "queued", "queued 1", "queued 0123456789ABCDEF", "claimed", "claimed ", "done ", "Queue",
    ])
  func others(_ text: String) { #expect(ListLine(Array(text.utf8)) == nil) }

  @Test func allIsWell() {
    let answer = answer("queued 0123456789abcdef\nclaimed a b\nqueued 0000000000000001\ndone")
    #expect(answer.verdict.outcome == .delivered)
    #expect(answer.queued == [Self.id, 1] && answer.claims == ["a b"])
  }

  @Test(
    "A mail is refused for good only by a status code of class 5",
    arguments: [
      ("5.1.1 no such list", ClientSession.Verdict.Outcome.refused, "5.1.1", "no such list"),
      ("5.7.1 not for you", .refused, "5.0.0", "5.7.1 not for you"),
      ("4.3.0 the disk is full", .deferred, "4.3.0", "4.3.0 the disk is full"),
      ("a\u{7}b", .deferred, "4.3.0", "a?b"),
      ("", .deferred, "4.3.0", "the program for lists has failed"),
      ("nonsense\ndone", .deferred, "4.3.0", "the program for lists says what is not understood"),
      ("done\ndone", .deferred, "4.3.0", "the program for lists says what is not understood"),
      ("nonsense\n5.1.1 no", .refused, "5.1.1", "no"),
    ])
  func verdicts(
    _ text: String, _ outcome: ClientSession.Verdict.Outcome, _ status: String, _ reason: String
  ) {
    let verdict = answer(text).verdict
    #expect(verdict.outcome == outcome && verdict.scope == .recipient)
    #expect(String(decoding: verdict.status.octets, as: UTF8.self) == status)
    #expect(String(decoding: verdict.text, as: UTF8.self) == reason)
  }

  @Test(
    "What was queued before a failure is known",
    arguments: [
      "queued 0123456789abcdef\n4.3.0 no", "nonsense\nqueued 0123456789abcdef\ndone",
      "queued 0123456789abcdef",
    ])
  func queued(_ text: String) {
    let answer = answer(text)
    #expect(answer.verdict.outcome == .deferred && answer.queued == [Self.id])
  }
}
