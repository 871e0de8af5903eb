// The variables that several programs read: postern.env(5).

public import Hosts
public import POSIX
import SMTP
public import Settings

extension SettingsSource {
  /// SMTP_HOSTNAME.
  public mutating func hostname() throws(SettingsError) -> [UInt8] {
    try hostname(where: Configuration.isHostname)
  }

  /// The same, where other names will do.
  public mutating func hostname(
    where isProper: ([UInt8]) -> Bool
  ) throws(SettingsError) -> [UInt8] {
    try read("SMTP_HOSTNAME", default: Process.hostname, "a domain name") {
      isProper([UInt8]($0.utf8)) ? [UInt8]($0.utf8) : nil
    }
  }

  /// SMTP_MAIL_DIR.
  public mutating func mailDirectory() throws(SettingsError) -> String {
    try read("SMTP_MAIL_DIR", default: "./emails", "a directory") { $0.isEmpty ? nil : $0 }
  }

  /// SMTP_MAX_SIZE, in octets.
  public mutating func maximumSize() throws(SettingsError) -> Int {
    try number("SMTP_MAX_SIZE", default: 52_428_800, 1...Int.max)
  }

  /// SMTP_CONFINEMENT: whether the process gives up the rights that it does not need.
  public mutating func isConfined() throws(SettingsError) -> Bool {
    try bool("SMTP_CONFINEMENT", default: true)
  }

  /// SMTP_SMARTHOST: the servers in order; none if mail goes to the hosts that the DNS names.
  public mutating func smarthosts() throws(SettingsError) -> [ServerURL] {
    let text = text("SMTP_SMARTHOST")
    do throws(ServerURL.Malformed) { return try ServerURL.list(text) } catch {
      throw SettingsError(
        variable: "SMTP_SMARTHOST", value: error.word, reason: ServerURL.expected)
    }
  }

  /// SMTP_CA_FILE: certificates of authorities, in PEM.
  public mutating func authorities() -> String {
    text("SMTP_CA_FILE", default: "/etc/ssl/certs/ca-certificates.crt")
  }

  /// SMTP_CONNECT_TIMEOUT, SMTP_SEND_TIMEOUT, SMTP_SEND_SESSION_TIMEOUT, in seconds.
  public mutating func clientTimeouts() throws(SettingsError) -> (
    connect: Int, reply: Int, session: Int
  ) {
    (
      try number("SMTP_CONNECT_TIMEOUT", default: 30, 1...3600),
      try number("SMTP_SEND_TIMEOUT", default: 600, 1...86_400),
      try number("SMTP_SEND_SESSION_TIMEOUT", default: 14_400, 1...604_800)
    )
  }

  /// SMTP_LOG_LEVEL.
  public mutating func logLevel(
    default standard: Log.Level = .info
  ) throws(SettingsError) -> Log.Level {
    try read(
      "SMTP_LOG_LEVEL", default: standard.name, "one of error warning notice info debug"
    ) { text in Log.Level.allCases.first { $0.name == text } }
  }

  /// A variable that may be empty; nil if it is.
  public mutating func path(_ name: StaticString) -> String? {
    let path = text(name)
    return path.isEmpty ? nil : path
  }
}
