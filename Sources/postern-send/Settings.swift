// The settings: environment variables, and a file of the same. See postern.env(5).

import POSIX
import SMTP
import Settings

struct Settings {
  /// What EHLO says.
  let hostname: [UInt8]
  /// Where everything goes, unless the command line names a server; nil is the MX of each domain.
  let smarthost: ServerURL?
  let passwordFile: String?
  /// How much TLS the hosts of a domain need. A server that is named has its level in its URL.
  let level: TLSLevel
  /// Certificates of authorities, in PEM.
  let authorities: String
  /// Seconds that the server has for a reply at most. RFC 5321 §4.5.3.2 has seconds for each step, which
  /// count where they are fewer.
  let timeout: Int
  /// Seconds that a connection may take to be made.
  let connectTimeout: Int
  /// Seconds that a session may take.
  let sessionTimeout: Int
  let isConfined: Bool
  let logLevel: Log.Level

  /// Every variable as it was taken, for `--check`.
  let report: [SettingsSource.Entry]

  init(file: String?, isBatch: Bool, isReporting: Bool = false) throws(SettingsError) {
    var source = try SettingsSource(prefixes: ["SMTP_"], option: file, isReporting: isReporting)
    logLevel = try source.logLevel(default: isBatch ? .info : .warning)
    hostname = try source.read("SMTP_HOSTNAME", default: Process.hostname, "a domain name") {
      let name = [UInt8]($0.utf8)
      return ClientSession.Configuration(hostname: name).hasProperName ? name : nil
    }
    let smarthost = source.text("SMTP_SMARTHOST")
    self.smarthost = smarthost.isEmpty ? nil : ServerURL(smarthost)
    if !smarthost.isEmpty, self.smarthost == nil {
      throw SettingsError(
        variable: "SMTP_SMARTHOST", value: smarthost, reason: ServerURL.expected)
    }
    let passwordFile = source.text("SMTP_SMARTHOST_PASSWORD_FILE")
    self.passwordFile = passwordFile.isEmpty ? nil : passwordFile
    level = try source.read(
      "SMTP_SEND_TLS", default: "opportunistic", "one of opportunistic required verified none"
    ) { TLSLevel([UInt8]($0.utf8)) }
    authorities = source.text("SMTP_CA_FILE", default: "/etc/ssl/certs/ca-certificates.crt")
    timeout = try source.number("SMTP_SEND_TIMEOUT", default: 600, 1...86_400)
    connectTimeout = try source.number("SMTP_CONNECT_TIMEOUT", default: 30, 1...3600)
    sessionTimeout = try source.number("SMTP_SEND_SESSION_TIMEOUT", default: 14_400, 1...604_800)
    isConfined = try source.bool("SMTP_CONFINEMENT", default: true)
    report = source.report
  }

  /// Where files and sockets are made that lose their name at once.
  static var temporaryFolder: String { Process.environment("TMPDIR") ?? "/tmp" }
}
