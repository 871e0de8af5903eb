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
  private let route: (Mailbox) -> Session.Route
  /// What the one account may use.
  private let senders: AllowedSenders?
  private let acceptsAnyLogin: Bool

  package init(_ transcript: Transcript) {
    let configuration = Configuration(transcript)
    self.init(
      configuration, isTLS: transcript.arguments.contains("--tls"),
      routing: { transcript.route($0, configuration) }, senders: transcript.senders)
  }

  /// What filters say of a question, and of the whole message (nil).
  package var filtering: (FilterQuestion?) -> FilterRuling = { _ in .proceed }

  /// `storing` says how the storing of the n-th message ends; nil is well. `routing` says where the mail for a recipient
  /// goes.
  package init(
    _ configuration: Configuration, isTLS: Bool = false,
    storing outcome: @escaping (Int) -> Session.StoreFailure? = { _ in nil },
    routing route: @escaping (Mailbox) -> Session.Route = { _ in .local },
    senders: AllowedSenders? = nil
  ) {
    self.route = route
    self.senders = senders
    acceptsAnyLogin = configuration.acceptsAnyLogin
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
        let ruling = filtering(nil)
        if ruling != .proceed {
          session.filtered(ruling, into: &replying)
        } else if let failure = outcome(messages.count) {
          session.storeFailed(failure, into: &replying)
        } else {
          messages.append(open!)
          session.stored(as: Array("<id>".utf8), into: &replying)
        }
        open = nil
      case .abort:
        precondition(open != nil)
        open = nil
      case .route:
        let reply = session.routed(route(session.routedMailbox!), into: &replying)
        precondition(reply == nil || !replying.isEmpty)
      case .filter: session.filtered(filtering(session.filterQuestion), into: &replying)
      case .verify:
        let isRight =
          acceptsAnyLogin
          || session.credentials?.login == Self.login
            && session.credentials?.password == Self.password
        session.verified(isRight ? .accepted : .denied, senders: senders, into: &replying)
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
      recipients: envelope.recipients.filter { !$0.isQueued }.map(\.text),
      queued: envelope.recipients.filter(\.isQueued).map(\.text), content: [])
  }
}

extension Recipient {
  fileprivate var text: String { String(decoding: mailbox.octets, as: UTF8.self) }
}

// What the program finds in the files of a transcript, in few words: lines without comments and quotes.
extension Transcript {
  fileprivate func lines(_ setting: String) -> [String]? {
    settings[setting].map { name in
      files[name, default: ""].split(separator: "\n").map(String.init)
    }
  }

  fileprivate func route(_ mailbox: Mailbox, _ configuration: Configuration) -> Session.Route {
    guard mailbox.isAt(configuration.domains) else { return .foreign }
    let address = String(decoding: mailbox.octets, as: UTF8.self).lowercased()
    let parts = address.split(separator: "@")
    if lines("SMTP_ALIASES")?.contains(where: { $0.hasPrefix(parts[0] + ":") }) == true {
      return .queue
    }
    if parts[0] == "postmaster" { return .local }
    guard let recipients = lines("SMTP_RECIPIENTS") else { return .local }
    if settings["SMTP_RECIPIENTS"].map({ files[$0] == nil }) == true { return .unavailable }
    let meanings = [address, String(parts[0]), "@" + parts[1]]
    return meanings.contains { recipients.contains($0) } ? .local : .unknown
  }

  fileprivate var senders: AllowedSenders? {
    guard let lines = lines("SMTP_SENDERS") else { return nil }
    var senders = AllowedSenders()
    for line in lines where line.hasPrefix("user: ") {
      for sender in line.dropFirst(6).split(separator: ", ") { _ = senders.add(Array(sender.utf8)) }
    }
    return senders
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
      case "SMTP_QUEUE_DIR": (relays, offersDeliveryStatus) = (true, true)
      case "SMTP_RECIPIENTS", "SMTP_ALIASES": routesRecipients = true
      case "SMTP_SENDERS": break
      case "SMTP_USERNAME", "SMTP_PASSWORD": hasAccounts = true
      case "SMTP_AUTH_ANY": acceptsAnyLogin = value == "true"
      case "SMTP_REQUIRE_AUTH": requiresAuthentication = true
      case "SMTP_ALLOW_INSECURE_AUTH": allowsInsecureAuthentication = true
      case "SMTP_MAX_MESSAGES": maximumTransactions = Int(value)!
      case "SMTP_MAX_IDLE_COMMANDS": maximumIdleCommands = Int(value)!
      case "SMTP_BARE_LF":
        bareLineEnds = value == "keep" ? .keep : value == "normalize" ? .normalize : .reject
      default: fatalError("\(transcript): \(name)")
      }
    }
    isSubmission = transcript.arguments.contains("--local")
    if isSubmission { (hasAccounts, requiresAuthentication) = (false, false) }
  }
}
