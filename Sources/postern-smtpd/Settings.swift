// The variables of the configuration, and what they mean for a session. postern.env(5) describes each of them. The module
// Settings reads them.

import Authentication
import Milter
import POSIX
import Program
import Routing
import SMTP
import Serving
import Settings

/// The configuration in force.
struct Settings {
  var service: Service
  var logLevel: Log.Level
  /// Whether the process gives up the rights that it does not need.
  var isConfined: Bool
  /// The password, if the environment contains one in clear text.
  var environmentPassword: String?

  /// `isSubmission` is for a session with a program of this machine.
  init(_ source: inout SettingsSource, isSubmission: Bool) throws(SettingsError) {
    logLevel = try source.logLevel()
    let session = SMTP.Configuration(hostname: try source.hostname())
    let mailDirectory = try source.mailDirectory()
    let routing = try Routing(&source, hostname: session.hostname)
    service = Service(session, routing: routing, mailDirectory: mailDirectory)
    service.session.domains = service.routing.domains
    service.session.routesRecipients = !service.routing.isPlain
    service.queueDirectory = try source.queueDirectory(service.routing)
    service.session.relays = service.queueDirectory != nil
    service.session.offersDeliveryStatus = service.session.relays
    service.senders = try Senders.read(&source)
    service.session.maximumSize = try source.maximumSize()
    service.session.maximumRecipients = try source.number(
      "SMTP_MAX_RECIPIENTS", default: 1000, 1...100_000)
    service.session.maximumErrors = try source.number("SMTP_MAX_ERRORS", default: 20, 0...1_000_000)
    service.session.maximumTransactions = try source.number(
      "SMTP_MAX_MESSAGES", default: 10_000, 1...1_000_000_000)
    service.session.maximumIdleCommands = try source.number(
      "SMTP_MAX_IDLE_COMMANDS", default: 100_000, 1...1_000_000_000)
    service.limits.command = try source.number("SMTP_TIMEOUT", default: 300, 1...86_400)
    service.limits.session = try source.number("SMTP_SESSION_TIMEOUT", default: 14_400, 1...604_800)
    service.limits.minimumRate = try source.number("SMTP_MIN_RATE", default: 100, 0...1_000_000_000)
    service.greetingDelay = try source.number("SMTP_GREETING_DELAY", default: 0, 0...300)
    service.session.bareLineEnds = try source.read(
      "SMTP_BARE_LF", default: "reject", "reject, keep or normalize"
    ) {
      switch $0 {
      case "reject": .reject
      case "keep": .keep
      case "normalize": .normalize
      default: nil
      }
    }
    service.session.requiresAuthentication = try source.bool("SMTP_REQUIRE_AUTH")
    service.session.allowsInsecureAuthentication = try source.bool("SMTP_ALLOW_INSECURE_AUTH")
    service.startTLS = source.path("SMTP_STARTTLS")
    service.milters = try source.milters()
    isConfined = try source.isConfined()
    service.verifier = try source.verifier(
      mailDirectory: service.mailDirectory, timeout: service.limits.command)
    service.session.acceptsAnyLogin = try source.acceptsAnyLogin()
    service.session.hasAccounts = service.verifier != nil
    if service.session.acceptsAnyLogin { service.verifier = .anyLogin }
    if service.session.requiresAuthentication, service.verifier == nil {
      throw SettingsError(
        variable: "SMTP_REQUIRE_AUTH", value: "true",
        reason: "accounts expected: SMTP_USERNAME, SMTP_PASSWD_FILE or SMTP_CHECKPASSWORD")
    }
    // Only deploy/run uses these. It gets their values from `--check`.
    _ = source.text("SMTP_PLAIN_ADDR", default: "127.0.0.1:8025")
    _ = source.text("SMTP_TLS_ADDR", default: "127.0.0.1:8465")
    _ = source.text("CERT_PATH")
    _ = source.text("KEY_PATH")
    if isSubmission { service.becomeSubmission() }
    if case .account(let account) = service.verifier, account.isPlain {
      environmentPassword = Process.environment("SMTP_PASSWORD")
    }
  }
}

extension Service {
  /// Nobody logs in, and nothing is waited for.
  fileprivate mutating func becomeSubmission() {
    session.isSubmission = true
    // Where the domains say who we are, this host is one of them.
    let names = HostNames(
      session.hostname, more: [HostName.ofMail, [UInt8](Process.hostname.utf8)].compactMap { $0 })
    session.otherHostnames = names.others.filter { !session.domains.contains($0) }
    if !session.domains.isEmpty { session.domains.append(names.hostname) }
    session.hasAccounts = false
    session.acceptsAnyLogin = false
    session.requiresAuthentication = false
    (verifier, startTLS, greetingDelay) = (nil, nil, 0)
  }

  /// Whether some mail of this session may go to the queue: from who may relay, or for our lists and aliases.
  var usesQueue: Bool {
    queueDirectory != nil
      && (session.isSubmission || session.hasAccounts || !milters.isEmpty
        || routing.aliases.count > 0
        || routing.lists != nil || routing.routes != nil)
  }
}

extension SettingsSource {
  /// Milters that a session has at most: the client waits for all of them.
  private static var mostMilters: Int { 8 }

  fileprivate mutating func milters() throws(SettingsError) -> [MilterAddress] {
    try read(
      "SMTP_MILTERS", default: "",
      "filters as unix:/path or inet:host:port, \(Self.mostMilters) at most"
    ) { text in
      if text.isEmpty { return [] }
      var addresses: [MilterAddress] = []
      for word in text.utf8.split(separator: 32) {
        guard let address = MilterAddress(Array(word)) else { return nil }
        addresses.append(address)
      }
      return addresses.count <= Self.mostMilters ? addresses : nil
    }
  }

  /// Whether every login is right. It is an error where a login decides something.
  fileprivate mutating func acceptsAnyLogin() throws(SettingsError) -> Bool {
    guard try bool("SMTP_AUTH_ANY") else { return false }
    let others: [StaticString] = [
      "SMTP_USERNAME", "SMTP_PASSWD_FILE", "SMTP_CHECKPASSWORD", "SMTP_QUEUE_DIR", "SMTP_SENDERS",
    ]
    for other in others {
      let value = value(of: other)
      if value.isEmpty { continue }
      let setting = "\(other)=\(value)"
      throw SettingsError(
        variable: "SMTP_AUTH_ANY", value: "true",
        reason: "every login would be right, and \(setting) is set too")
    }
    return true
  }

  /// Makes the verifier; nil if there are no accounts. It is an error if accounts are configured in two places.
  fileprivate mutating func verifier(
    mailDirectory: String, timeout: Int
  ) throws(SettingsError) -> Verifier? {
    let login = text("SMTP_USERNAME")
    // A longer password could not be hashed for stunnel (StartTLS.swift), and no hash is longer.
    let longest = PasswordHash.longestPassword
    let password = try read(
      "SMTP_PASSWORD", default: "", "a password of at most \(longest) octets, or a hash",
      isSecret: true
    ) {
      $0.utf8.count <= longest ? $0 : nil
    }
    let file = text("SMTP_PASSWD_FILE")
    let program = try read("SMTP_CHECKPASSWORD", default: "", "the path of a program") {
      $0.isEmpty || $0.first == "/" ? $0 : nil
    }
    if login.isEmpty != password.isEmpty {
      throw SettingsError(
        variable: login.isEmpty ? "SMTP_USERNAME" : "SMTP_PASSWORD", value: "",
        reason: "SMTP_USERNAME and SMTP_PASSWORD are set together")
    }
    var verifiers: [(name: String, value: String, verifier: Verifier)] = []
    if !login.isEmpty {
      guard
        let account = SingleAccount(login: login, password: password, mailDirectory: mailDirectory)
      else {
        throw SettingsError(
          variable: "SMTP_PASSWORD", value: "(set)",
          reason: "this begins like a hash and is none that libcrypt knows, or not a whole one")
      }
      verifiers.append(("SMTP_USERNAME", login, .account(account)))
    }
    if !file.isEmpty {
      verifiers.append(("SMTP_PASSWD_FILE", file, .file(PasswordFile(path: file))))
    }
    if !program.isEmpty {
      let verifier = CheckPassword(command: program, timeout: timeout)
      verifiers.append(("SMTP_CHECKPASSWORD", program, .program(verifier)))
    }
    if verifiers.count > 1 {
      throw SettingsError(
        variable: verifiers[1].name, value: verifiers[1].value,
        reason: "accounts are in one place, and \(verifiers[0].name) is set too")
    }
    return verifiers.first?.verifier
  }
}
