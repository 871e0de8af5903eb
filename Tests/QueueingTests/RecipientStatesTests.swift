// Where recipients stand after verdicts and notices.

import SMTP
import Testing

@testable import Queueing

@Suite struct RecipientStatesTests {
  @Test func verdictsAndNotices() {
    var states = RecipientStates(count: 4)
    #expect(states.hasWaiting && !states.isFinished)
    states.take(.delivered, of: 0)
    states.take(.refused, of: 1)
    states.take(.deferred, of: 2)
    states.take(.unknown, of: 3)
    #expect((0..<4).map { states[$0] } == [.delivered, .refused, .waiting, .waiting])
    states.take(.delivered, of: 2)
    states.take(.delivered, of: 3)
    #expect(!states.hasWaiting && !states.isFinished)
    states.tell(of: 1)
    #expect(states.isFinished)
  }

  /// A line of a journal may say anything.
  @Test func whatSaysNothingIsPassedOver() {
    var states = RecipientStates(count: 1)
    states.take(.delivered, of: 1)
    states.take(.refused, of: -1)
    states.tell(of: 7)
    #expect(states[0] == .waiting)
    // Of whom the sender was told is told for good.
    states.tell(of: 0)
    states.take(.refused, of: 0)
    #expect(states[0] == .told)
  }
}
