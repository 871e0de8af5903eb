// Brings a message to a URL by curl(1), one request for each recipient. The body is read from the message's file while it is
// sent. `post` has the message as it is in the queue, with CR LF behind each line, and `Return-Path` and `Delivered-To` in
// front of it, so that a loop through the URL ends here. `post-json` has what the email API says of that.

import API
import Octets
import POSIX
import SMTP
import Targets

/// A request for one recipient.
struct Posting {
  let url: [UInt8]
  let isJSON: Bool
  let sender: ReversePath
  let recipient: Mailbox
  /// The name of the message's file in the queue.
  let id: [UInt8]
  let configuration: TargetCourier.Configuration

  /// Octets of a key's file.
  private static let longestKey = 65_536

  /// Seconds for curl to end by itself before it is ended.
  private static let grace = 10

  /// Nil if SIGTERM came.
  func deliver(
    _ content: MessageContent, of file: borrowing FileDescriptor, received seconds: Int64,
    unless termination: Termination
  ) -> ClientSession.Verdict? {
    guard let curl = Self.curl else { return .unstartable("there is no curl") }
    let body: Body
    var signature: WebSignature?
    do throws(SystemError) {
      guard let found = try Body(self, content, file, seconds) else { return .tooLargeForJSON }
      body = found
      if let path = configuration.keyFile {
        guard let key = Self.key(at: path) else {
          return .unstartable("POSTERN_WEBHOOK_KEY_FILE: a key in the first line expected")
        }
        signature = WebSignature(key: key, seconds: Clock.now().seconds)
        var pieces = body
        while let piece = try pieces.next(file) { signature?.take(piece.span) }
      }
    } catch {
      return .contentFailed
    }
    var request = WebRequest(
      url: url, contentType: isJSON ? "application/json" : "message/rfc822", size: body.size,
      id: id, sender: sender, recipient: recipient,
      authorities: Array(configuration.authorities.utf8))
    request.signature = signature?.text
    return run(curl, request, body, file, termination)
  }

  private func run(
    _ curl: String, _ request: WebRequest, _ body: Body, _ file: borrowing FileDescriptor,
    _ termination: Termination
  ) -> ClientSession.Verdict? {
    var answer = WebAnswer()
    var isTooLong = false
    var body = body
    do throws(SystemError) {
      let configuration = try FileDescriptor.pipe(holding: request.configuration)
      let arguments = WebRequest.arguments(
        connectTimeout: self.configuration.connectTimeout, timeout: self.configuration.timeout,
        sessionTimeout: self.configuration.sessionTimeout,
        configuration: "/dev/fd/\(configuration.value)")
      let command = Execution.Command(
        ([curl] + arguments).map { Array($0.utf8) },
        environment: ["PATH=/usr/bin:/bin", "LANG=C", "HOME=/"].map { Array($0.utf8) },
        seconds: self.configuration.sessionTimeout + Self.grace)
      let end = try Execution.run(command, extra: configuration.value, unless: termination) {
        () throws(SystemError) in
        try body.next(file)
      } output: { octets in
        let mayGoOn = answer.take(octets)
        if !mayGoOn { isTooLong = true }
        return mayGoOn
      }
      switch end {
      case .exited(let status): return answer.verdict(exitStatus: status)
      case .signalled(let signal): return .signalled(signal, [])
      case .timedOut: return .overtime(seconds: self.configuration.sessionTimeout)
      case .stopped: return isTooLong ? WebAnswer.tooLong : .contentFailed
      case .terminated: return nil
      }
    } catch {
      return .unstartable("\(curl): \(error.call): \(error.description)")
    }
  }

  /// The program that PATH finds.
  private static var curl: String? {
    let path = Process.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/curl" }.first(where: ChildProcess.isExecutable)
  }

  /// The first line of the file, with whatever octets; nil if there is none.
  private static func key(at path: String) -> [UInt8]? {
    guard let content = try? FileDescriptor.reading(path).readAll(limit: longestKey) else {
      return nil
    }
    let line = Array(content.prefix { $0 != .lineFeed && $0 != .carriageReturn })
    return line.isEmpty ? nil : line
  }
}

/// The body of a request, as often as it is needed.
private enum Body {
  case message(MessageContent)
  /// All of it, until it is given.
  case whole([UInt8])

  /// Octets of the fields that stand in front of a message since it was accepted.
  private static let traceRoom = 65_536

  /// Nil if the message is too large for what has to be in memory.
  init?(
    _ posting: Posting, _ content: MessageContent, _ file: borrowing FileDescriptor,
    _ seconds: Int64
  ) throws(SystemError) {
    guard posting.isJSON else {
      self = .message(content)
      return
    }
    guard content.size - Self.traceRoom <= posting.configuration.maximumSize else { return nil }
    var octets: [UInt8] = []
    octets.reserveCapacity(content.size)
    var content = content
    while let piece = try content.next(file) { octets.append(octets: piece) }
    let facts = StoredFacts(
      id: posting.id, created: (seconds, 0), size: octets.count, tags: [],
      recipients: [posting.recipient.octets])
    self = .whole(messageAnswer(octets.span, facts))
  }

  var size: Int {
    switch self {
    case .message(let content): content.size
    case .whole(let octets): octets.count
    }
  }

  mutating func next(_ file: borrowing FileDescriptor) throws(SystemError) -> [UInt8]? {
    switch self {
    case .message(var content):
      let piece = try content.next(file)
      self = .message(content)
      return piece
    case .whole(let octets):
      self = .whole([])
      return octets.isEmpty ? nil : octets
    }
  }
}

extension ClientSession.Verdict {
  fileprivate static let tooLargeForJSON = Self(
    .refused, .recipient, .init(5, 3, 4),
    Array("the message is larger than SMTP_MAX_SIZE".utf8))
}
