// The configuration: environment variables, and a file of the same for what the environment does
// not have. A value that is not understood is an error, never a silent default.

import Authentication
import POSIX
import SMTP

/// A variable whose value is not understood.
struct SettingsError: Error {
  let variable: String
  let value: String
  let reason: String
}

/// The configuration in force.
struct Settings {
  var session: SMTP.Configuration
  var mailDirectory: String
  /// Seconds that a command, or a piece of data, may take.
  var timeout: Int
  /// Seconds that a session may take.
  var sessionTimeout: Int
  /// Octets a second that content must bring on average, once it has taken `timeout`; 0 is any.
  var minimumRate: Int
  /// Seconds between the connection and the greeting.
  var greetingDelay: Int
  var logLevel: Log.Level
  /// Who may come in; nil where nobody has an account.
  var verifier: Verifier?
  /// The file that accounts are in, if they are in one.
  var passwordFile: String?
  /// Whether another program says who may come in.
  var hasCheckPassword = false
  /// Whether the process gives up what it does not need.
  var isConfined: Bool
  /// The configuration of stunnel for STARTTLS.
  var startTLS: String?
  /// A password in clear text that stands in the environment.
  var environmentPassword: String?

  /// Every variable as it was taken, for `--check`.
  let report: [Entry]
  /// Variables that look like ours and are not: most likely misspelt.
  func unknown(in file: EnvironmentFile?) -> [String] {
    let names = Process.environmentNames + (file?.names ?? [])
    return names.filter { name in
      name.hasPrefix("SMTP_") && !report.contains { $0.name.description == name }
    }
  }

  struct Entry {
    let name: StaticString
    let value: String
    let origin: Origin
  }

  enum Origin: String {
    case environment = "environment"
    case file = "file"
    case standard = "default"
  }

  init(file: EnvironmentFile?) throws(SettingsError) {
    var source = Source(file: file)
    logLevel = try source.read(
      "SMTP_LOG_LEVEL", default: "info", "one of error warning notice info debug"
    ) {
      text in Log.Level.allCases.first { $0.name == text }
    }
    session = SMTP.Configuration(
      hostname: try source.read("SMTP_HOSTNAME", default: Process.hostname, "a domain name") {
        Configuration.isHostname([UInt8]($0.utf8)) ? [UInt8]($0.utf8) : nil
      })
    mailDirectory = try source.read("SMTP_MAIL_DIR", default: "./emails", "a directory") {
      $0.isEmpty ? nil : $0
    }
    let hostname = session.hostname
    session.domains = try source.read(
      "SMTP_DOMAINS", default: "", "domain names or @hostname, space or comma between"
    ) {
      let names = $0.split { $0 == " " || $0 == "," || $0 == "\t" }.map { [UInt8]($0.utf8) }
      let own = [UInt8]("@hostname".utf8)
      let domains = names.compactMap { $0 == own ? hostname : Configuration.domain($0) }
      return domains.count == names.count ? domains : nil
    }
    session.maximumSize = try source.number("SMTP_MAX_SIZE", default: 52_428_800, 1...Int.max)
    session.maximumRecipients = try source.number("SMTP_MAX_RECIPIENTS", default: 1000, 1...100_000)
    session.maximumErrors = try source.number("SMTP_MAX_ERRORS", default: 20, 0...1_000_000)
    session.maximumTransactions = try source.number(
      "SMTP_MAX_MESSAGES", default: 10_000, 1...1_000_000_000)
    session.maximumIdleCommands = try source.number(
      "SMTP_MAX_IDLE_COMMANDS", default: 100_000, 1...1_000_000_000)
    timeout = try source.number("SMTP_TIMEOUT", default: 300, 1...86_400)
    sessionTimeout = try source.number("SMTP_SESSION_TIMEOUT", default: 14_400, 1...604_800)
    minimumRate = try source.number("SMTP_MIN_RATE", default: 100, 0...1_000_000_000)
    greetingDelay = try source.number("SMTP_GREETING_DELAY", default: 0, 0...300)
    session.bareLineEnds = try source.read(
      "SMTP_BARE_LF", default: "reject", "reject, keep or normalize"
    ) {
      ["reject": .reject, "keep": .keep, "normalize": .normalize][$0]
    }
    session.requiresAuthentication = try source.bool("SMTP_REQUIRE_AUTH")
    session.allowsInsecureAuthentication = try source.bool("SMTP_ALLOW_INSECURE_AUTH")
    startTLS = try source.read("SMTP_STARTTLS", default: "", "a file") { $0 }
    if startTLS?.isEmpty == true { startTLS = nil }
    isConfined = try source.bool("SMTP_CONFINEMENT", default: "true")
    verifier = try source.verifier(timeout: timeout)
    session.hasAccounts = verifier != nil
    if session.requiresAuthentication, verifier == nil {
      throw SettingsError(
        variable: "SMTP_REQUIRE_AUTH", value: "true",
        reason: "accounts expected: SMTP_USERNAME, SMTP_PASSWD_FILE or SMTP_CHECKPASSWORD")
    }
    switch verifier {
    case .account(let account):
      if account.isPlain { environmentPassword = Process.environment("SMTP_PASSWORD") }
    case .file(let file): passwordFile = file.path
    case .program: hasCheckPassword = true
    case nil: break
    }
    // These are for deploy/run, which asks `--check` for them.
    let others: [(StaticString, String)] = [
      ("SMTP_PLAIN_ADDR", "127.0.0.1:8025"), ("SMTP_TLS_ADDR", "127.0.0.1:8465"),
      ("CERT_PATH", ""), ("KEY_PATH", ""),
    ]
    for (name, value) in others {
      _ = try source.read(name, default: value, "text") { $0 }
    }
    report = source.report
  }
}

/// Where values come from: the environment first, then the file, then the default.
private struct Source {
  let file: EnvironmentFile?
  var report: [Settings.Entry] = []

  init(file: EnvironmentFile?) {
    self.file = file
    report.reserveCapacity(32)
  }

  mutating func read<Value>(
    _ name: StaticString, default standard: @autoclosure () -> String,
    _ expected: @autoclosure () -> String, isSecret: Bool = false, _ parse: (String) -> Value?
  ) throws(SettingsError) -> Value {
    let (text, origin): (String, Settings.Origin) =
      if let text = Process.environment(name) {
        (text, .environment)
      } else if let text = file?[name] { (text, .file) } else { (standard(), .standard) }
    let shown = isSecret && !text.isEmpty ? "(set)" : text
    guard let value = parse(text) else {
      throw SettingsError(
        variable: name.description, value: shown, reason: "\(expected()) expected")
    }
    report.append(Settings.Entry(name: name, value: shown, origin: origin))
    return value
  }

  mutating func bool(
    _ name: StaticString, default standard: String = "false"
  ) throws(SettingsError) -> Bool {
    try read(name, default: standard, "true or false") {
      switch $0 {
      case "true", "yes", "on", "1": true
      case "false", "no", "off", "0": false
      default: nil
      }
    }
  }

  /// The accounts, which are in one place.
  mutating func verifier(timeout: Int) throws(SettingsError) -> Verifier? {
    let login = try read("SMTP_USERNAME", default: "", "a name") { $0 }
    // A longer one could not be hashed for stunnel (StartTLS.swift), and no hash is as long.
    let longest = PasswordHash.longestPassword
    let password = try read(
      "SMTP_PASSWORD", default: "", "a password of at most \(longest) octets, or a hash",
      isSecret: true
    ) {
      $0.utf8.count <= longest ? $0 : nil
    }
    let file = try read("SMTP_PASSWD_FILE", default: "", "a file") { $0 }
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
      let account = SingleAccount(login: login, password: password)
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
        variable: verifiers[1].name.description, value: verifiers[1].value,
        reason: "accounts are in one place, and \(verifiers[0].name) is set too")
    }
    return verifiers.first?.verifier
  }

  mutating func number(
    _ name: StaticString, default standard: Int, _ range: ClosedRange<Int>
  ) throws(SettingsError) -> Int {
    try read(
      name, default: String(standard),
      "a number from \(range.lowerBound)"
        + (range.upperBound == Int.max ? "" : " to \(range.upperBound)")
    ) { text in
      guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
      return Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}
