// Asks a server whether it takes mail for a recipient, and sends none: MAIL, RCPT and RSET, as often as is asked, on one
// connection (RFC 5321 §3.3, RFC 2033 for LMTP). The caller brings what has arrived, and writes what is to be said.
//
//     state      | waits for the reply to | then
//     -----------|------------------------|---------------------------------------------------
//     greeting   | the connection         | hello
//     hello      | EHLO or LHLO           | ready
//     ready      | nothing                | `ask` says MAIL: mail
//     mail       | MAIL                   | recipient; ready, if the sender is refused
//     recipient  | RCPT                   | reset
//     reset      | RSET                   | ready: the answer is that to RCPT
//     failed     | nothing                | it answers no more
//
// A server that says something else than what is waited for has failed.

import Octets

public struct Inquiry: Sendable {
  public enum Answer: Equatable, Sendable {
    case taken
    /// A 4xx or 5xx reply. The text is printable ASCII.
    case refused(code: Int, EnhancedStatusCode, [UInt8])
    /// The server does not say.
    case unknown
  }

  /// Octets of a reply's text that are passed on, so that a line of ours has room for them (RFC 5321 §4.5.3.1.5).
  static let longestText = 400

  private enum State {
    case greeting
    case hello
    case ready
    case mail
    case recipient
    case reset
    case failed
  }

  /// What is to be written.
  public private(set) var output: [UInt8] = []
  private var state = State.greeting
  private var reader = ReplyReader()
  private let hello: [UInt8]
  private var takesUTF8 = false
  private var question: (sender: ReversePath, recipient: Mailbox, isUTF8: Bool)?
  private var answer: Answer?

  /// `hostname` is what the server is told.
  public init(hostname: [UInt8], isLMTP: Bool) {
    hello = Array((isLMTP ? "LHLO " : "EHLO ").utf8) + hostname
  }

  /// Asks. The answer comes by `take`, which says when.
  public mutating func ask(from sender: ReversePath, for recipient: Mailbox, isUTF8: Bool) {
    question = (sender, recipient, isUTF8)
    answer = nil
    if state == .ready { sayMail() }
  }

  /// All of the output has been written.
  public mutating func clearOutput() { output.removeAll() }

  /// Takes what has arrived. Gives the answer to what was asked; nil if more is needed.
  public mutating func take(_ input: Span<UInt8>) -> Answer? {
    var position = 0
    while state != .failed, position < input.count {
      switch reader.next(in: input, &position) {
      case .needInput: break
      case .malformed: state = .failed
      case .line(_, let isLast):
        if state == .hello, reader.line.span.isKeyword("SMTPUTF8") { takesUTF8 = true }
        if isLast { takeReply() }
      }
    }
    if state == .failed { return .unknown }
    return state == .ready ? answer : nil
  }

  private mutating func takeReply() {
    let isSuccess = 200...299 ~= reader.code
    switch state {
    // It closes the connection: that is about no recipient.
    case _ where reader.code == 421: state = .failed
    case .greeting where reader.code == 220:
      state = .hello
      say(hello)
    case .hello where isSuccess:
      state = .ready
      if question != nil { sayMail() }
    case .mail where isSuccess:
      state = .recipient
      say(Array("RCPT TO:<".utf8) + (question?.recipient.octets ?? []) + Array(">".utf8))
    case .mail where reader.code >= 400:
      answer = refusal
      state = .ready
    case .recipient where isSuccess || reader.code >= 400:
      answer = isSuccess ? .taken : refusal
      state = .reset
      say(Array("RSET".utf8))
    case .reset where isSuccess: state = .ready
    case .greeting, .hello, .mail, .recipient, .reset, .ready, .failed: state = .failed
    }
  }

  private var refusal: Answer {
    let category = reader.code / 100
    return .refused(
      code: reader.code, reader.status ?? EnhancedStatusCode(category, 0, 0),
      Array(reader.text.prefix(Self.longestText)))
  }

  private mutating func sayMail() {
    guard let question else { return }
    if question.isUTF8, !takesUTF8 {
      answer = .refused(
        code: 550, EnhancedStatusCode(5, 6, 7), Array("The mailbox takes no SMTPUTF8".utf8))
      return
    }
    state = .mail
    say(
      Array("MAIL FROM:<".utf8) + question.sender.octets
        + Array((question.isUTF8 ? "> SMTPUTF8" : ">").utf8))
  }

  private mutating func say(_ line: [UInt8]) { output += line + [.carriageReturn, .lineFeed] }
}

extension Span<UInt8> {
  /// Whether the line of a reply to EHLO names an extension (RFC 5321 §4.1.1.1).
  fileprivate func isKeyword(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard count == length || count > length && self[length] == .space else { return false }
    return word.withUTF8Buffer { octets in
      octets.indices.allSatisfy { unsafe self[$0].uppercased == octets[$0] }
    }
  }
}
