// The settings of the queue: environment variables, and a file of the same. See postern.env(5).

import POSIX
import Routing
import SMTP
import Settings

struct QueueSettings {
  let queue: String
  /// What reports call this host.
  let hostname: [UInt8]
  /// Who is local here, and what aliases stand for.
  let routing: Routing
  /// Where the mail of local recipients goes.
  let mailDirectory: String
  /// Whether all mail for others goes to one server.
  let hasSmarthost: Bool
  /// How many programs may run at once.
  let concurrency: Int
  /// How many seconds a message is tried.
  let lifetime: Int
  let logLevel: Log.Level
  /// The variables as they were taken, for `--check`.
  let report: [SettingsSource.Entry]

  init(file: String?, isReporting: Bool = false) throws(SettingsError) {
    var source = try SettingsSource(prefixes: ["SMTP_"], option: file, isReporting: isReporting)
    logLevel = try source.logLevel()
    hostname = try source.read("SMTP_HOSTNAME", default: Process.hostname, "a domain name") {
      Configuration.isHostname([UInt8]($0.utf8)) ? [UInt8]($0.utf8) : nil
    }
    routing = try Routing(&source, hostname: hostname)
    let queue = try source.queueDirectory(routing) ?? ""
    if queue.isEmpty, !isReporting {
      throw SettingsError(variable: "SMTP_QUEUE_DIR", value: "", reason: "a directory expected")
    }
    self.queue = queue
    mailDirectory = try source.read("SMTP_MAIL_DIR", default: "./emails", "a directory") {
      $0.isEmpty ? nil : $0
    }
    hasSmarthost = !source.text("SMTP_SMARTHOST").isEmpty
    concurrency = try source.number("SMTP_QUEUE_CONCURRENCY", default: 20, 1...1000)
    lifetime = try source.number("SMTP_QUEUE_LIFETIME", default: 432_000, 60...31_536_000)
    report = source.report
  }
}
