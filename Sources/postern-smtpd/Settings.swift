// The configuration: environment variables, and a file of the same for what the environment does
// not have. A value that is not understood is an error, never a silent default.

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
  var logLevel: Log.Level

  /// Every variable as it was taken, for `--check`.
  let report: [Entry]
  /// Variables that look like ours and are not: most likely misspelt.
  let unknown: [String]

  struct Entry {
    let name: String
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
    session.domains = try source.read(
      "SMTP_DOMAINS", default: "", "domain names, space or comma between"
    ) {
      let domains = $0.split { $0 == " " || $0 == "," || $0 == "\t" }.map { [UInt8]($0.utf8) }
      return domains.allSatisfy(Configuration.isDomain) ? domains : nil
    }
    session.maximumSize = try source.number("SMTP_MAX_SIZE", default: 52_428_800, 1...Int.max)
    session.maximumRecipients = try source.number("SMTP_MAX_RECIPIENTS", default: 1000, 1...100_000)
    session.maximumErrors = try source.number("SMTP_MAX_ERRORS", default: 20, 0...1_000_000)
    timeout = try source.number("SMTP_TIMEOUT", default: 300, 1...86_400)
    session.bareLineEnds = try source.read("SMTP_BARE_LF", default: "reject", "reject or keep") {
      ["reject": .reject, "keep": .keep][$0]
    }
    // These are for deploy/run, which asks `--check` for them.
    for (name, value) in [
      ("SMTP_PLAIN_ADDR", "127.0.0.1:8025"), ("SMTP_TLS_ADDR", "127.0.0.1:8465"),
      ("CERT_PATH", ""), ("KEY_PATH", ""),
    ] {
      _ = try source.read(name, default: value, "text") { $0 }
    }
    report = source.report
    unknown = source.unknown
  }
}

/// Where values come from: the environment first, then the file, then the default.
private struct Source {
  let file: EnvironmentFile?
  var report: [Settings.Entry] = []

  init(file: EnvironmentFile?) { self.file = file }

  mutating func read<Value>(
    _ name: String, default standard: @autoclosure () -> String, _ expected: String,
    _ parse: (String) -> Value?
  ) throws(SettingsError) -> Value {
    let (text, origin): (String, Settings.Origin) =
      if let text = Process.environment(name) {
        (text, .environment)
      } else if let text = file?[name] { (text, .file) } else { (standard(), .standard) }
    guard let value = parse(text) else {
      throw SettingsError(variable: name, value: text, reason: "\(expected) expected")
    }
    report.append(Settings.Entry(name: name, value: text, origin: origin))
    return value
  }

  /// Names that begin with `SMTP_` and have not been read.
  var unknown: [String] {
    let names = Process.environmentNames + (file?.names.map { $0 } ?? [])
    return names.filter { name in
      name.hasPrefix("SMTP_") && !report.contains { $0.name == name }
    }
  }

  mutating func number(
    _ name: String, default standard: Int, _ range: ClosedRange<Int>
  ) throws(SettingsError) -> Int {
    let upper = range.upperBound == Int.max ? "" : " to \(range.upperBound)"
    return try read(
      name, default: String(standard), "a number from \(range.lowerBound)\(upper)"
    ) { text in
      guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
      return Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}
