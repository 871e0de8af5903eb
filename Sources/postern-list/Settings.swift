// The settings: environment variables, and a file of the same. See postern.env(5).

import POSIX
import Program
import Routing
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
  private var source: SettingsSource

  init(_ source: inout SettingsSource) throws(SettingsError) {
    lists = try source.read("SMTP_LISTS_DIR", default: "", "the directory of the lists") {
      $0.isEmpty ? nil : $0
    }
    queue = source.path("SMTP_QUEUE_DIR")
    hostname = try source.hostname()
    logLevel = try source.logLevel()
    self.source = source
  }

  /// Who else has names at our domains. Only who makes a list, or looks after one, has to know.
  func routing() throws(SettingsError) -> Routing {
    var source = source
    return try Routing(&source, hostname: hostname)
  }
}
