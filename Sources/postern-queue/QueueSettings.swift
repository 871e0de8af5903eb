// The settings of the queue: environment variables, and a file of the same. See postern.env(5).

import POSIX
import Program
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

  /// `needsQueue` says whether it is an error if there is no queue.
  init(file: String?, needsQueue: Bool = true) throws(SettingsError) {
    var source = try SettingsSource(option: file)
    try self.init(&source, needsQueue: needsQueue)
  }

  init(_ source: inout SettingsSource, needsQueue: Bool = true) throws(SettingsError) {
    logLevel = try source.logLevel()
    hostname = try source.hostname()
    routing = try Routing(&source, hostname: hostname)
    let queue = try source.queueDirectory(routing) ?? ""
    if queue.isEmpty, needsQueue {
      throw SettingsError(variable: "SMTP_QUEUE_DIR", value: "", reason: "a directory expected")
    }
    self.queue = queue
    mailDirectory = try source.mailDirectory()
    hasSmarthost = !source.text("SMTP_SMARTHOST").isEmpty
    concurrency = try source.number("SMTP_QUEUE_CONCURRENCY", default: 20, 1...1000)
    lifetime = try source.number("SMTP_QUEUE_LIFETIME", default: 432_000, 60...31_536_000)
  }
}
