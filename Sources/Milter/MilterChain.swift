// The milters of one session of ours, in their order. An event goes to all of them, each after the verdict of the one
// before, until one refuses; what a refused event was about is not shown to those behind. The content of a message goes
// to one after the other (`only`), so that each sees what those before it have made of it.
//
// A milter that cannot be asked is lost for the rest of the session. Without it the mail is accepted, or every message gets
// 451, as its configuration says. A client that only connects is not refused for that.

public struct MilterChain: Sendable {
  /// What holds where a milter cannot be asked.
  public enum Fallback: Sendable {
    case accept
    case temporaryFailure
  }

  public enum Step: Equatable, Sendable {
    /// Write `output` of this milter to it, read what it has sent, and give that to `receive`; or call `lose`. The time
    /// for its answer begins anew: it may have said that it is at work.
    case exchange(Int)
    /// A change by the milter that the content was sent to.
    case edit(Edit)
    case verdict(Verdict)
  }

  private struct Member: Sendable {
    var session = MilterSession()
    let fallback: Fallback
    var output: [UInt8] = []
    /// Whether it cannot be asked any more.
    var isLost = false

    mutating func begin() { session.begin(into: &output) }
    mutating func abort() { session.abort(into: &output) }
    mutating func quit() { session.quit(into: &output) }
    mutating func send(_ event: Event, _ macros: Macros) throws(MilterError) {
      try session.send(event, macros, into: &output)
    }
  }

  private var members: [Member]
  /// The milters that the event still has to be told to, and the one that has it.
  private var waiting: Range<Int> = 0..<0
  private var current: Int?
  private var event: (Event, Macros)?
  /// The verdict on the session, where a milter has refused it.
  private var sessionVerdict: Verdict?
  /// Whether the message is to be dropped with a 250: nobody is told any more of it.
  public private(set) var isDiscarded = false

  public init(_ fallbacks: [Fallback]) { members = fallbacks.map { Member(fallback: $0) } }

  public var count: Int { members.count }

  /// Whether a milter cannot be asked any more.
  public func isLost(_ index: Int) -> Bool { members[index].isLost }

  /// What holds for mail that a milter cannot be asked about.
  public func fallback(of index: Int) -> Fallback { members[index].fallback }

  /// Makes the offer to all; `next` ends with a verdict when they have answered.
  public mutating func begin() {
    for index in members.indices where !members[index].isLost {
      members[index].begin()
    }
    (event, waiting) = (nil, members.indices)
  }

  /// Tells all of an event, or only one of them.
  public mutating func send(_ event: Event, _ macros: Macros = Macros(), only index: Int? = nil) {
    precondition(current == nil && waiting.isEmpty, "one after the other")
    if event.kind == .mail { isDiscarded = false }
    self.event = (event, macros)
    waiting = index.map { $0..<$0 + 1 } ?? members.indices
  }

  /// Whether a milter is told of such an event.
  public func wants(_ event: Event, _ index: Int) -> Bool {
    !isDiscarded && !members[index].isLost && members[index].session.wants(event)
  }

  /// The message is over without its end: RSET, or something has refused it. Nothing is to be read for it.
  public mutating func abort() {
    for index in members.indices where !members[index].isLost {
      members[index].abort()
    }
    isDiscarded = false
  }

  public mutating func quit() {
    for index in members.indices where !members[index].isLost {
      members[index].quit()
    }
  }

  /// What is to be written to a milter; it counts as written.
  public mutating func takeOutput(of index: Int) -> [UInt8] {
    let output = members[index].output
    members[index].output = []
    return output
  }

  public mutating func receive(_ octets: Span<UInt8>, from index: Int) {
    members[index].session.receive(octets)
  }

  /// A milter cannot be connected to, has closed its connection, or takes too long.
  public mutating func lose(_ index: Int) { members[index].isLost = true }

  /// Throws what a milter has done against the protocol, after which it is lost; `next` goes on without it.
  public mutating func next() throws(MilterError) -> Step {
    while true {
      if let index = current {
        guard !members[index].isLost else {
          current = nil
          if let verdict = verdictWithout(index) { return end(verdict) }
          continue
        }
        let step: MilterSession.Step
        do throws(MilterError) { step = try members[index].session.next() } catch {
          lose(index)
          throw error
        }
        switch step {
        case .needInput: return .exchange(index)
        case .progress: continue
        case .edit(let edit): return .edit(edit)
        case .verdict(let verdict):
          current = nil
          if verdict.isRefusal || verdict == .discard { return end(verdict) }
        }
      } else if let index = waiting.first {
        waiting.removeFirst()
        try ask(index)
      } else {
        return .verdict(sessionVerdict ?? (isDiscarded ? .discard : .proceed))
      }
    }
  }

  private mutating func ask(_ index: Int) throws(MilterError) {
    current = index
    // The offer was made already.
    guard !members[index].isLost, let (event, macros) = event else { return }
    guard wants(event, index) else {
      current = nil
      return
    }
    do throws(MilterError) {
      try members[index].send(event, macros)
    } catch {
      lose(index)
      throw error
    }
  }

  /// The verdict on an event that a milter is lost for: nil where it does not matter.
  private func verdictWithout(_ index: Int) -> Verdict? {
    guard members[index].fallback == .temporaryFailure, let event = event?.0, !isDiscarded,
      !event.isOfSession
    else { return nil }
    return .temporaryFailure
  }

  private mutating func end(_ verdict: Verdict) -> Step {
    waiting = 0..<0
    if let event = event?.0, event.isOfSession, verdict.isRefusal { sessionVerdict = verdict }
    if verdict == .discard { isDiscarded = true }
    return .verdict(verdict)
  }
}

extension Event {
  /// Whether it is about no message.
  fileprivate var isOfSession: Bool {
    switch self {
    case .connect, .hello, .unknown: true
    case .mail, .recipient, .refusedRecipient, .data, .field, .endOfHeader, .body, .end: false
    }
  }
}
