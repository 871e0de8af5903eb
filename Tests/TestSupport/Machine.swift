// Runs the session machine over a client's octets, cut as the test likes, and keeps what it said.

package import SMTP

package struct Machine {
  package private(set) var output: [UInt8] = []
  package private(set) var messages: [StoredMessage] = []
  package private(set) var envelopes: [Envelope] = []
  package private(set) var isClosed = false

  private var session: Session
  private var pending: [UInt8] = []
  /// What the machine has said and has not asked to be written yet.
  private var replying: [UInt8] = []
  private var open: StoredMessage?
  /// Counts what is stored, for ids.
  private let outcome: (Int) -> Session.StoreFailure?

  package init(_ transcript: Transcript) {
    self.init(Configuration(transcript), isTLS: transcript.arguments.contains("--tls"))
  }

  /// `storing` says how the storing of the n-th message ends; nil is well.
  package init(
    _ configuration: Configuration, isTLS: Bool = false,
    storing outcome: @escaping (Int) -> Session.StoreFailure? = { _ in nil }
  ) {
    session = Session(configuration: configuration, isTLS: isTLS)
    self.outcome = outcome
    session.greet(into: &output)
  }

  /// The one account.
  private static let login = Array("user".utf8)
  private static let password = Array("secret".utf8)

  package var replies: String { String(decoding: output, as: UTF8.self) }

  /// Brings more input and follows the machine until it needs more.
  package mutating func receive(_ octets: some Sequence<UInt8>) {
    if isClosed { return }
    let input = pending + octets
    var position = 0
    while true {
      let before = position
      let action = session.advance(input.span, &position, into: &replying)
      precondition(before...input.count ~= position)
      switch action {
      case .needInput:
        write()
        pending = Array(input[position...])
        precondition(pending.count <= Session.minimumInput, "the machine wants a larger buffer")
        return
      case .proceed, .refused: break
      case .flush: write()
      case .open(let envelope, _):
        precondition(open == nil)
        envelopes.append(envelope)
        open = StoredMessage(envelope)
      case .append(let range):
        precondition(before...position ~= range.lowerBound && range.upperBound == position)
        open!.content += input[range]
      case .appendLineEnd: open!.content += [13, 10]
      case .commit:
        if let failure = outcome(messages.count) {
          session.storeFailed(failure, into: &replying)
        } else {
          messages.append(open!)
          session.stored(as: Array("<id>".utf8), into: &replying)
        }
        open = nil
      case .abort:
        precondition(open != nil)
        open = nil
      case .verify:
        let isRight =
          session.credentials?.login == Self.login
          && session.credentials?.password == Self.password
        session.verified(isRight ? .accepted : .denied, into: &replying)
      case .startTLS: session.startTLS(isPossible: false, into: &replying)
      case .close:
        write()
        isClosed = true
        return
      }
    }
  }

  private mutating func write() {
    output += replying
    replying = []
  }
}

extension StoredMessage {
  init(_ envelope: Envelope) {
    let sender: [UInt8] =
      switch envelope.reversePath {
      case .null: []
      case .mailbox(let mailbox): mailbox.octets
      }
    self.init(
      reversePath: String(decoding: sender, as: UTF8.self),
      recipients: envelope.recipients.map { String(decoding: $0.mailbox.octets, as: UTF8.self) },
      content: [])
  }
}

extension Configuration {
  /// The settings of a transcript as the program would understand them.
  package init(_ transcript: Transcript) {
    self.init(hostname: Array(Transcript.hostname.utf8))
    for (name, value) in transcript.settings {
      switch name {
      case "SMTP_DOMAINS":
        domains = value.split(separator: " ").map { Configuration.domain(Array($0.utf8))! }
      case "SMTP_MAX_SIZE": maximumSize = Int(value)!
      case "SMTP_MAX_RECIPIENTS": maximumRecipients = Int(value)!
      case "SMTP_MAX_ERRORS": maximumErrors = Int(value)!
      case "SMTP_USERNAME", "SMTP_PASSWORD": hasAccounts = true
      case "SMTP_REQUIRE_AUTH": requiresAuthentication = true
      case "SMTP_ALLOW_INSECURE_AUTH": allowsInsecureAuthentication = true
      case "SMTP_MAX_MESSAGES": maximumTransactions = Int(value)!
      case "SMTP_MAX_IDLE_COMMANDS": maximumIdleCommands = Int(value)!
      case "SMTP_BARE_LF":
        bareLineEnds = value == "keep" ? .keep : value == "normalize" ? .normalize : .reject
      default: fatalError("\(transcript): \(name)")
      }
    }
  }
}
