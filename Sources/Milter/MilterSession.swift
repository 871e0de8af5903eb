// One milter in one session of ours: a machine. Events go in and frames come out; what the milter has sent goes in, and its
// changes and verdicts come out. The caller reads and writes, and has the deadlines.
//
//     begin            then `next` until it gives a verdict: the milter has answered the offer
//     send(event)      then `next` until it gives a verdict on the event
//     abort            there is no verdict on it: the message is over, and another may follow
//     quit
//
// `next` asks for what the milter has sent (`needInput`), and gives changes (after `end` alone) and the verdict. An event
// that the milter did not want, or gives no verdict on, has the verdict `proceed` at once. After an error the milter is out
// of step: the caller closes its connection.

public struct MilterSession: Sendable {
  public enum Step: Equatable, Sendable {
    case needInput
    /// The milter is still at work: its time for the answer begins anew.
    case progress
    case edit(Edit)
    case verdict(Verdict)
  }

  private enum State: Equatable {
    case offered
    /// A verdict on this event is to come.
    case asked(EventKind)
    case idle
  }

  private var state = State.idle
  private var options: Options?
  private var reader = FrameReader()
  /// Kinds of events that the milter wants no more of in this message.
  private var skipped: EventKind = []
  /// Whether it has accepted the session, or the message.
  private var hasAcceptedSession = false
  private var hasAcceptedMessage = false

  public init() {}

  /// Makes the offer.
  public mutating func begin(into output: inout [UInt8]) {
    Options.offer(to: &output)
    state = .offered
  }

  /// Tells the milter of an event, if it wants to know. The offer must have been answered.
  public mutating func send(
    _ event: Event, _ macros: Macros, into output: inout [UInt8]
  ) throws(MilterError) {
    guard let options, state == .idle else { preconditionFailure("one after the other") }
    if event.kind == .mail { endMessage() }
    guard wants(event) else { return }
    // Something has come that nothing was asked for.
    if !reader.isEmpty, let frame = try reader.next() { throw .unexpected(frame.letter) }
    macros.write(for: event, options, to: &output)
    event.write(to: &output, keepsSpace: options.keepsSpace)
    if !options.unanswered.contains(event.kind) { state = .asked(event.kind) }
  }

  /// Whether the milter is told of such an event: what it does not want need not be made.
  public func wants(_ event: Event) -> Bool {
    guard let options, !hasAcceptedSession, !hasAcceptedMessage else { return false }
    if case .refusedRecipient = event, !options.wantsRefusedRecipients { return false }
    return !options.unwanted.contains(event.kind) && !skipped.contains(event.kind)
  }

  /// The message is over without a verdict of this milter.
  public mutating func abort(into output: inout [UInt8]) {
    endMessage()
    if !hasAcceptedSession { output.appendFrame(UInt8(ascii: "A")) { _ in } }
  }

  public func quit(into output: inout [UInt8]) {
    output.appendFrame(UInt8(ascii: "Q")) { _ in }
  }

  private mutating func endMessage() {
    hasAcceptedMessage = false
    skipped = []
  }

  /// Takes what the milter has sent.
  public mutating func receive(_ octets: Span<UInt8>) { reader.append(octets) }

  public mutating func next() throws(MilterError) -> Step {
    switch state {
    case .idle: return .verdict(.proceed)
    case .offered:
      guard let frame = try reader.next() else { return .needInput }
      options = try Options(frame)
      state = .idle
      return .verdict(.proceed)
    case .asked(let kind):
      guard let frame = try reader.next() else { return .needInput }
      return try step(frame, kind)
    }
  }

  private mutating func step(_ frame: Frame, _ kind: EventKind) throws(MilterError) -> Step {
    if frame.letter == UInt8(ascii: "p") { return .progress }
    if let edit = try Edit(frame, keepsSpace: options?.keepsSpace == true) {
      guard kind == .end else { throw .unexpected(frame.letter) }
      let missing = edit.action.subtracting(options?.actions ?? [])
      guard missing.isEmpty else { throw .actions(missing.rawValue) }
      return .edit(edit)
    }
    let verdict = try verdict(frame, kind)
    state = .idle
    // What comes behind a verdict answers nothing.
    if kind == .end { endMessage() }
    return .verdict(verdict)
  }

  private mutating func verdict(_ frame: Frame, _ kind: EventKind) throws(MilterError) -> Verdict {
    guard frame.data.isEmpty || frame.letter == UInt8(ascii: "y") else {
      throw .malformed(frame.letter)
    }
    let isSession = kind == .connect || kind == .hello
    switch frame.letter {
    case UInt8(ascii: "c"): return .proceed
    case UInt8(ascii: "a"):
      if isSession { hasAcceptedSession = true } else { hasAcceptedMessage = true }
      return .accept
    case UInt8(ascii: "r"): return .reject
    case UInt8(ascii: "t"): return .temporaryFailure
    case UInt8(ascii: "d") where !isSession: return .discard
    case UInt8(ascii: "s") where kind != .end:
      skipped.insert(kind)
      return .proceed
    case UInt8(ascii: "y"):
      guard let reply = MilterReply(frame.data) else { throw .malformed(frame.letter) }
      return .reply(reply)
    case UInt8(ascii: "4"): return .shutDown
    default: throw .unexpected(frame.letter)
    }
  }
}
