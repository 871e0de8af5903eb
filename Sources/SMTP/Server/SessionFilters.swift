// What filters are asked about in a session: each command that goes on with mail, once the session itself has nothing
// against it, and the message when all of it is there. Without filters (`Configuration.hasFilters`) nothing here is used.

import Octets

/// What a filter is asked about.
public enum FilterQuestion: Sendable {
  /// HELO or EHLO.
  case hello(Hello)
  /// MAIL.
  case mail(Envelope)
  /// RCPT.
  case recipient(Recipient)
  /// DATA, or the first BDAT with what it has announced.
  case data(Envelope, ChunkArguments?)
  /// A command line that the session does not know.
  case unknown([UInt8])
}

/// What a BDAT command announces (RFC 3030 §2).
public struct ChunkArguments: Sendable {
  let size: Int
  let isLast: Bool
}

/// What filters say.
public enum FilterRuling: Equatable, Sendable {
  case proceed
  /// A 4xx or 5xx reply, a line each, without CR LF; 421 ends the session.
  case refused([[UInt8]])

  /// A filter refuses without words of its own.
  public static let rejected = FilterRuling(.filterRefused)
  /// A filter refuses for now, or cannot be asked.
  public static let deferred = FilterRuling(.filterDeferred)
  /// A filter ends the session.
  public static let shutDown = FilterRuling(.filterClosed)

  private init(_ reply: Reply) { self = .refused([[UInt8](reply.text)]) }
}

extension Session {
  /// What the caller asks its filters about; nil except after `filter`.
  public var filterQuestion: FilterQuestion? {
    guard case .filtering(let question, _) = state else { return nil }
    return question
  }

  /// Reports what the filters have said, after `filter`, or of the whole message after `commit`. A refused message is
  /// over, and the caller has dropped it.
  public mutating func filtered(_ ruling: FilterRuling, into output: inout [UInt8]) {
    switch (state, ruling) {
    case (.filtering(let question, let refused), .proceed):
      state = refused
      goOn(with: question, into: &output)
    case (.filtering(let question, let refused), .refused(let lines)):
      state = refused
      switch question {
      case .hello: hello = nil
      case .data(_, let chunk): refusedOctets = chunk?.size ?? 0
      case .mail, .recipient, .unknown: break
      }
      refuse(lines, into: &output)
    case (.storing, .refused(let lines)):
      state = .ready
      refuse(lines, into: &output)
    case (.storing, .proceed): break
    default: preconditionFailure("no filter was to be asked")
    }
  }

  private mutating func goOn(with question: FilterQuestion, into output: inout [UInt8]) {
    switch question {
    case .hello(let hello): greetBack(isExtended: hello.isExtended, into: &output)
    case .mail(let envelope):
      state = .mail(envelope)
      output.append(.senderOK)
    case .recipient(let recipient):
      guard case .mail(var envelope) = state else { return }
      state = .ready  // so that the envelope is not copied to be changed
      envelope.add(recipient)
      state = .mail(envelope)
      idleCommands -= 1
      output.append(.recipientOK)
    case .data(let envelope, let chunk): state = .opening(envelope, chunk)
    case .unknown: _ = refuse(.unknownCommand, into: &output)
    }
  }

  /// Answers with the words of a filter, which count as an error of the client's as words of ours do.
  private mutating func refuse(_ lines: [[UInt8]], into output: inout [UInt8]) {
    let code = lines.first?.prefix(3) ?? []
    if code.elementsEqual(Array("421".utf8)) { dismiss(.filterClosed) }
    let isPermanent = code.first == UInt8(ascii: "5")
    let start = output.count
    _ = refuse(isPermanent ? .filterRefused : .filterDeferred, into: &output)
    // Too many errors end the session with words of ours.
    if isPermanent, dismissal != nil { return }
    output.removeSubrange(start...)
    for line in lines { output += line + [.carriageReturn, .lineFeed] }
  }
}

extension Span<UInt8> {
  /// The words between spaces, from `start` on.
  func words(from start: Int) -> [[UInt8]] {
    copy(start..<count).split(separator: .space).map { Array($0) }
  }
}
