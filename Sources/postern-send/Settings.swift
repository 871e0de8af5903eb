// The settings: environment variables, and a file of the same. See postern.env(5).

import Hosts
import POSIX
import Program
import SMTP
import Sending
import Settings

struct Settings {
  /// What EHLO says.
  let hostname: [UInt8]
  /// Where everything goes, unless the command line names a server; without any, the MX of each domain.
  let smarthosts: [ServerURL]
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

  init(_ source: inout SettingsSource, isBatch: Bool = false) throws(SettingsError) {
    logLevel = try source.logLevel(default: isBatch ? .info : .warning)
    hostname = try source.hostname { ClientSession.Configuration(hostname: $0).hasProperName }
    smarthosts = try source.smarthosts()
    passwordFile = source.path("SMTP_SMARTHOST_PASSWORD_FILE")
    level = try source.read(
      "SMTP_SEND_TLS", default: "opportunistic", "one of opportunistic required verified none"
    ) { TLSLevel([UInt8]($0.utf8)) }
    authorities = source.authorities()
    let timeouts = try source.clientTimeouts()
    (timeout, connectTimeout, sessionTimeout) = (
      timeouts.reply, timeouts.connect, timeouts.session
    )
    isConfined = try source.isConfined()
  }

  /// What they say about connections.
  func client(password: [UInt8]?, isVerbose: Bool) -> Transport.Configuration {
    var client = Transport.Configuration(hostname: hostname)
    client.authorities = authorities
    client.timeout = timeout
    client.connectTimeout = connectTimeout
    client.sessionTimeout = sessionTimeout
    client.isConfined = isConfined
    client.isVerbose = isVerbose
    client.password = password
    return client
  }
}
