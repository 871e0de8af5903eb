// The settings: environment variables, and a file of the same. See postern.env(5).

import POSIX
import SMTP
import Settings

struct Settings {
  /// Where the lists are.
  let lists: String
  /// Where posts go to; nil if there is no queue, so that lists can be looked after but take no mail.
  let queue: String?
  /// What stands in the Message-ID of a list's own mails.
  let hostname: [UInt8]
  let logLevel: Log.Level

  init(file: String?) throws(SettingsError) {
    var source = try SettingsSource(prefixes: ["SMTP_"], option: file, isReporting: false)
    lists = try source.read("SMTP_LISTS_DIR", default: "", "the directory of the lists") {
      $0.isEmpty ? nil : $0
    }
    let queue = source.text("SMTP_QUEUE_DIR")
    self.queue = queue.isEmpty ? nil : queue
    hostname = try source.read("SMTP_HOSTNAME", default: Process.hostname, "a domain name") {
      Configuration.isHostname([UInt8]($0.utf8)) ? [UInt8]($0.utf8) : nil
    }
    logLevel = try source.logLevel()
  }
}
