// The recipients that are left of a job, and what is told of each.

import Hosts
import Jobs
import SMTP
import Testing

struct OutstandingTests {
  @Test("A final verdict is told at once, another when no host is left")
  func finality() {
    var outstanding = Outstanding(job("a", "b", "c", "d"))
    _ = outstanding.begin()
    #expect(outstanding.take(report("a", .reply(250))) != nil)
    #expect(outstanding.take(report("b", .reply(550))) != nil)
    #expect(outstanding.take(report("c", .reply(450))) == nil)
    // Another host may take it.
    #expect(outstanding.take(report("d", .reply(554, .destination))) == nil)
    #expect(names(outstanding.begin()).sorted() == ["c", "d"])
    #expect(names(outstanding.tellAll(.timeout)).sorted() == ["c", "d"])
    #expect(outstanding.isEmpty)
  }

  @Test("Where the first word counts, that a recipient is deferred is final, and nothing else more")
  func firstWord() {
    var outstanding = Outstanding(job("a", "b", "c", "d"), takesFirstWord: true)
    _ = outstanding.begin()
    #expect(outstanding.take(report("a", .reply(450))) != nil)
    #expect(outstanding.hasSettled)
    #expect(outstanding.take(report("b", .reply(451, .message))) == nil)
    #expect(outstanding.take(report("c", .reply(421, .destination))) == nil)
    // Not the host's word.
    var failed = Verdict.reply(450)
    failed.code = nil
    #expect(outstanding.take(report("d", failed)) == nil)
    #expect(names(outstanding.begin()).sorted() == ["b", "c", "d"])
  }

  @Test("What nobody has asked about is passed over")
  func strangers() {
    var outstanding = Outstanding(job("a", "b"))
    _ = outstanding.begin()
    #expect(outstanding.take(report("z", .reply(250))) == nil)
    #expect(outstanding.take(report("a", .reply(450))) == nil)
    #expect(outstanding.take(report("a", .reply(250))) == nil)
    #expect(names(outstanding.begin()).sorted() == ["a", "b"])
  }

  @Test("What a host has said counts for more than that another could not be asked")
  func replyBeforeSilence() {
    var outstanding = Outstanding(job("a"))
    _ = outstanding.begin()
    _ = outstanding.take(report("a", .reply(451), at: "first"))
    outstanding.judge(.timeout, at: Array("second".utf8))
    #expect(outstanding.tellAll(.terminated).first?.host == Array("first".utf8))
  }

  @Test("Of two replies the later counts")
  func laterReply() {
    var outstanding = Outstanding(job("a"))
    _ = outstanding.take(report("a", .reply(451), at: "first"))
    outstanding.judge(.reply(554, .destination), at: Array("second".utf8))
    #expect(outstanding.tellAll(.terminated).first?.verdict == .reply(554, .destination))
  }

  @Test("A process that ends unexpectedly may have delivered to those that it has not reported on")
  func crash() {
    var outstanding = Outstanding(job("a", "b", "c"))
    _ = outstanding.begin()
    _ = outstanding.take(report("b", .reply(450)))
    var crashed = Verdict.reply(450)
    crashed.outcome = .unknown
    #expect(names(outstanding.judgeRest(crashed, at: [])).sorted() == ["a", "c"])
    #expect(names(outstanding.begin()) == ["b"])
    #expect(outstanding.judgeRest(.connectionClosed, at: []).isEmpty)
  }

  @Test("A host that has reported on some and not on others takes no more on this connection")
  func cutOff() {
    var outstanding = Outstanding(job("a", "b", "c"))
    _ = outstanding.begin()
    #expect(!outstanding.isCutOff)
    _ = outstanding.take(report("a", .reply(450)))
    #expect(outstanding.isCutOff && !outstanding.hasSettled)
    outstanding.rotate()
    #expect(names(outstanding.begin()).last == "a")
    #expect(!outstanding.isCutOff)
    _ = outstanding.take(report("b", .reply(250)))
    #expect(outstanding.isCutOff && outstanding.hasSettled)
    _ = outstanding.take(report("c", .reply(450)))
    _ = outstanding.take(report("a", .reply(450)))
    #expect(!outstanding.isCutOff)
  }

  @Test func lostConnection() {
    var outstanding = Outstanding(job("a", "b"))
    _ = outstanding.begin()
    _ = outstanding.judgeRest(.connectionClosed, at: [])
    #expect(outstanding.isConnectionLost)
    _ = outstanding.take(report("a", .reply(421, .destination)))
    #expect(!outstanding.isConnectionLost)
  }
}
