// What sendmail(1) needs to know: where mail is handed in, who calls, and what this host is called.

import POSIX
import Program
import SMTP
import Sendmail
import Settings

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
    caller = Caller(
      user: account?.name ?? Self.user, fullName: Self.fullName ?? account?.fullName ?? [],
      domain: HostName.ofMail.flatMap { Self.domain($0) } ?? Self.domain(hostname)
        ?? [UInt8]("localhost".utf8))
  }

  private static func domain(_ name: [UInt8]) -> [UInt8]? {
    let isDomain = Mailbox(Array("a@".utf8) + name) != nil && name.first != UInt8(ascii: "[")
    return isDomain && ClientSession.Configuration(hostname: name).hasProperName ? name : nil
  }

  private static var fullName: [UInt8]? { Process.environment("NAME").map { [UInt8]($0.utf8) } }

  /// Who is not in the list of users.
  private static var user: [UInt8] {
    [UInt8]((Process.environment("LOGNAME") ?? "user\(Process.user)").utf8)
  }
}

extension SettingsSource {
  /// SMTP_SUBMIT_SOCKET.
  mutating func submitSocket() -> String {
    text("SMTP_SUBMIT_SOCKET", default: "/run/postern/submit")
  }
}
