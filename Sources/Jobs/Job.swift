// What `postern-send --batch` is told: a message and who it is for, as lines of text. Each line ends in LF
// and begins with its kind; what a line may hold is printable ASCII and UTF-8, so addresses stand as they
// are and everything else that a sender has chosen is xtext (RFC 3461 §4).
//
//     message OFFSET PATH                    the message begins at OFFSET of the file PATH
//     from <ADDRESS> [BODY=8BITMIME|BINARYMIME] [SMTPUTF8] [RET=FULL|HDRS] [ENVID=XTEXT]
//     to <ADDRESS> [NOTIFY=...] [ORCPT=TYPE;XTEXT] [FROM=<ADDRESS>] [FIELDS=XTEXT] [TARGET=XTEXT]
//     to ...                                 any number
//     end
//
// FROM= is the reverse-path for this recipient (VERP), FIELDS= header fields to be put in front of the
// message for this recipient: lines that end in CR LF. Either gives the recipient a mail transaction of its
// own. TARGET= stands in envelopes alone: it says where the mail for the recipient goes, in the place of the routes (an
// alias that is a program). BODY says what the message is; without it, it is looked at.

import Octets
public import SMTP

public struct Job: Sendable {
  /// `-` where whoever gets the job has the file already.
  public var path: [UInt8] = [UInt8(ascii: "-")]
  public var offset = 0
  public var reversePath = ReversePath.null
  public var isBinary = false
  public var isUTF8 = false
  public var deliveryStatus = Envelope.DeliveryStatus()
  public var recipients: [Addressee] = []

  public struct Addressee: Sendable {
    public var recipient: Recipient
    /// The reverse-path, where it is not that of the job.
    public var reversePath: ReversePath?
    /// Header fields for this recipient alone.
    public var fields: [UInt8] = []
    /// Where the mail goes, as a target of SMTP_ROUTES; empty: where the routes say.
    public var target: [UInt8] = []

    public init(_ recipient: Recipient) { self.recipient = recipient }

    /// Whether it needs a mail transaction of its own.
    public var isSingle: Bool { reversePath != nil || !fields.isEmpty }
  }

  public init() {}
}

// Reading.
extension Job {
  /// What a line was.
  public enum Line: Equatable, Sendable {
    case read
    case end
    case malformed
  }

  /// Takes a line, without its LF.
  public mutating func read(_ line: ArraySlice<UInt8>) -> Line {
    var words = Words(line)
    switch words.next().map({ text($0) }) {
    case "message":
      guard let number = words.next().flatMap({ Int(text($0)) }), number >= 0, !words.rest.isEmpty
      else { return .malformed }
      offset = number
      path = Array(words.rest)
    case "from":
      guard let path = words.next().flatMap(Self.path) else { return .malformed }
      reversePath = path
      while let word = words.next() { guard readSenderParameter(word) else { return .malformed } }
    case "to":
      guard let word = words.next(), let mailbox = Mailbox(Array(Self.inner(word) ?? [])) else {
        return .malformed
      }
      guard let addressee = Self.addressee(mailbox, &words) else { return .malformed }
      recipients.append(addressee)
    case "end": return words.rest.isEmpty ? .end : .malformed
    default: return .malformed
    }
    return .read
  }

  private mutating func readSenderParameter(_ word: ArraySlice<UInt8>) -> Bool {
    let (name, value) = Self.parameter(word)
    switch name {
    case "BODY":
      isBinary = text(value) == "BINARYMIME"
      return ["7BIT", "8BITMIME", "BINARYMIME"].contains(text(value))
    case "SMTPUTF8": isUTF8 = true
    case "RET":
      switch text(value) {
      case "FULL": deliveryStatus.returned = .full
      case "HDRS": deliveryStatus.returned = .headers
      default: return false
      }
    case "ENVID":
      guard isXtext(value.span) else { return false }
      deliveryStatus.envelopeID = Array(value)
    default: return false
    }
    return true
  }

  private static func addressee(_ mailbox: Mailbox, _ words: inout Words) -> Addressee? {
    var status = Recipient.DeliveryStatus()
    var reversePath: ReversePath?
    var fields: [UInt8] = []
    var target: [UInt8] = []
    while let word = words.next() {
      let (name, value) = parameter(word)
      switch name {
      case "NOTIFY":
        guard let notify = notify(value) else { return nil }
        status.notify = notify
      case "ORCPT":
        guard isXtext(value.span), value.contains(UInt8(ascii: ";")) else { return nil }
        status.originalRecipient = Array(value)
      case "FROM":
        guard let path = path(value) else { return nil }
        reversePath = path
      case "FIELDS":
        guard let decoded = decodedXtext(value.span) else { return nil }
        fields = decoded
      case "TARGET":
        guard let decoded = decodedXtext(value.span), !decoded.isEmpty else { return nil }
        target = decoded
      default: return nil
      }
    }
    var addressee = Addressee(Recipient(mailbox: mailbox, deliveryStatus: status))
    addressee.reversePath = reversePath
    addressee.fields = fields
    addressee.target = target
    return addressee
  }

  private static func notify(_ value: ArraySlice<UInt8>) -> Recipient.Notify? {
    var notify = Recipient.Notify()
    for word in value.split(separator: UInt8(ascii: ",")) {
      switch text(word) {
      case "NEVER": break
      case "SUCCESS": notify.insert(.success)
      case "FAILURE": notify.insert(.failure)
      case "DELAY": notify.insert(.delay)
      default: return nil
      }
    }
    return notify
  }

  private static func path(_ word: ArraySlice<UInt8>) -> ReversePath? {
    inner(word).flatMap { ReversePath(Array($0)) }
  }

  /// What stands between angle brackets.
  private static func inner(_ word: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard word.first == UInt8(ascii: "<"), word.last == UInt8(ascii: ">"), word.count >= 2 else {
      return nil
    }
    return word.dropFirst().dropLast()
  }

  private static func parameter(
    _ word: ArraySlice<UInt8>
  ) -> (name: String, value: ArraySlice<UInt8>) {
    guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return (text(word), []) }
    return (text(word[..<equals]), word[(equals + 1)...])
  }
}

// Writing. Who has more recipients than memory writes `head`, a `line` for each recipient, and `end`.
extension Job {
  /// All lines.
  public var octets: [UInt8] {
    var octets = head
    for addressee in recipients { octets += addressee.line }
    return octets + Self.end
  }

  /// The last line.
  public static let end = Array("end\n".utf8)

  /// The lines in front of those of the recipients.
  public var head: [UInt8] {
    var octets = Array("message \(offset) ".utf8) + path + [10]
    octets += Array("from <".utf8) + reversePath.octets + Array(">".utf8)
    if isBinary { octets += Array(" BODY=BINARYMIME".utf8) }
    if isUTF8 { octets += Array(" SMTPUTF8".utf8) }
    switch deliveryStatus.returned {
    case .full: octets += Array(" RET=FULL".utf8)
    case .headers: octets += Array(" RET=HDRS".utf8)
    case nil: break
    }
    if let id = deliveryStatus.envelopeID { octets += Array(" ENVID=".utf8) + id }
    octets.append(10)
    return octets
  }
}

extension Job.Addressee {
  /// The line of this recipient, with its LF.
  public var line: [UInt8] {
    var line = Array("to <".utf8) + recipient.mailbox.octets + Array(">".utf8)
    let status = recipient.deliveryStatus
    if let notify = status.notify {
      var words: [String] = []
      if notify.contains(.success) { words.append("SUCCESS") }
      if notify.contains(.failure) { words.append("FAILURE") }
      if notify.contains(.delay) { words.append("DELAY") }
      line += Array(" NOTIFY=".utf8)
      line += Array((words.isEmpty ? "NEVER" : words.joined(separator: ",")).utf8)
    }
    if let original = status.originalRecipient { line += Array(" ORCPT=".utf8) + original }
    if let reversePath {
      line += Array(" FROM=<".utf8) + reversePath.octets + Array(">".utf8)
    }
    if !fields.isEmpty { line += Array(" FIELDS=".utf8) + xtext(fields) }
    if !target.isEmpty { line += Array(" TARGET=".utf8) + xtext(target) }
    return line + [10]
  }
}
