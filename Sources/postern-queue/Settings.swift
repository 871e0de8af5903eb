// The settings: environment variables, and a file of the same. See postern.env(5).

import POSIX
import Program
import Routing
import SMTP
import Sendmail
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
    hasSmarthost = try !source.smarthosts().isEmpty
    if hasSmarthost { try source.refuseSmarthost(besides: routing) }
    concurrency = try source.number("SMTP_QUEUE_CONCURRENCY", default: 20, 1...1000)
    lifetime = try source.number("SMTP_QUEUE_LIFETIME", default: 432_000, 60...31_536_000)
  }
}

/// What sendmail(1) needs to know: where mail is handed in, who calls, and what this host is called.
struct SendmailSettings {
  /// The path of the submission socket.
  let socket: String
  let caller: Caller

  /// A user may be unable to read /etc/postern/postern.env, where passwords may be. For him the defaults are in force,
  /// and what his environment says.
  init() throws(SettingsError) {
    var source = try SettingsSource(option: nil, mayBeUnreadable: true)
    socket = source.submitSocket()
    // What is no name is no error of the caller's: he gets another.
    let hostname = try source.hostname { _ in true }
    let account = Account.current
    // The caller may be missing in the list of users.
    let user = Process.environment("LOGNAME") ?? "user\(Process.user)"
    let fullName = Process.environment("NAME").map { [UInt8]($0.utf8) }
    caller = Caller(
      user: account?.name ?? [UInt8](user.utf8), fullName: fullName ?? account?.fullName ?? [],
      domain: HostName.ofMail.flatMap { Self.domain($0) } ?? Self.domain(hostname)
        ?? [UInt8]("localhost".utf8))
  }

  private static func domain(_ name: [UInt8]) -> [UInt8]? {
    let isDomain = Mailbox(Array("a@".utf8) + name) != nil && name.first != UInt8(ascii: "[")
    return isDomain && ClientSession.Configuration(hostname: name).hasProperName ? name : nil
  }
}

extension SettingsSource {
  /// SMTP_SUBMIT_SOCKET.
  mutating func submitSocket() -> String {
    text("SMTP_SUBMIT_SOCKET", default: "/run/postern/submit")
  }

  /// SMTP_MAILQ_SOCKET.
  mutating func mailqSocket() -> String {
    text("SMTP_MAILQ_SOCKET", default: "/run/postern/mailq")
  }
}
