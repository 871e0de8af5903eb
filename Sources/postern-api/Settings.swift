// The variables of the configuration, and what they mean for a request. postern.env(5) describes each of them. The module
// Settings reads them.

import POSIX
import Program
import Routing
import SMTP
import Settings

/// The configuration in force.
struct Settings {
  var hostname: [UInt8]
  var mailDirectory: String
  /// Where the index lies; nil: in the mail directory.
  var indexDirectory: String?
  /// Where the mail for an address goes.
  var routing: Routing
  /// The queue's directory; nil if nothing is sent on.
  var queueDirectory: String?
  /// Which reverse-paths a user may use; nil: any.
  var senders: Senders?
  /// Octets of a message.
  var maximumSize: Int
  /// Whether no user is needed.
  var isOpen: Bool
  /// What stands in front of every path.
  var root: [UInt8]
  var logLevel: Log.Level
  /// Where sessions are taken; empty if that is not known.
  var plainAddress: [UInt8]
  /// Whether the process gives up the rights that it does not need.
  var isConfined: Bool

  init(_ source: inout SettingsSource) throws(SettingsError) {
    logLevel = try source.logLevel()
    hostname = try source.hostname()
    mailDirectory = try source.mailDirectory()
    indexDirectory = source.path("POSTERN_API_INDEX_DIR")
    routing = try Routing(&source, hostname: hostname)
    queueDirectory = try source.queueDirectory(routing)
    senders = try Senders.read(&source)
    maximumSize = try source.maximumSize()
    isOpen = try source.bool("POSTERN_API_OPEN")
    root = try source.read("POSTERN_API_ROOT", default: "", "a path that begins with a slash") {
      var root = [UInt8]($0.utf8)
      while root.last == UInt8(ascii: "/") { root.removeLast() }
      return root.isEmpty || root.first == UInt8(ascii: "/") ? root : nil
    }
    isConfined = try source.isConfined()
    plainAddress = [UInt8](source.text("SMTP_PLAIN_ADDR").utf8)
    // Only deploy/run uses it. It gets its value from `--check`.
    _ = source.text("POSTERN_HTTP_ADDR", default: "127.0.0.1:8080")
  }
}
