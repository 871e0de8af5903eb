// What sendmail(1) needs to know: where mail is handed in, who calls, and what this host is called.

import POSIX
import SMTP
import Sendmail
import Settings

struct SendmailSettings {
  /// The path of the submission socket.
  let socket: String
  let caller: Caller
  /// The variables as they were taken, for `--check`.
  let report: [SettingsSource.Entry]

  /// A user may be unable to read /etc/postern/postern.env, where passwords may be. For him the defaults are in force,
  /// and what his environment says.
  init(isReporting: Bool = false) throws(SettingsError) {
    var source = try SettingsSource(
      prefixes: ["SMTP_"], option: nil, isReporting: isReporting, mayBeUnreadable: true)
    socket = source.text("SMTP_SUBMIT_SOCKET", default: "/run/postern/submit")
    let hostname = source.text("SMTP_HOSTNAME", default: Process.hostname)
    let account = Account.current
    caller = Caller(
      user: account?.name ?? Self.user, fullName: Self.fullName ?? account?.fullName ?? [],
      domain: Self.mailName ?? Self.domain([UInt8](hostname.utf8)) ?? [UInt8]("localhost".utf8))
    report = source.report
  }

  /// The domain of the mail of this host, as Debian's policy has it (§11.6).
  private static var mailName: [UInt8]? {
    guard let file = try? FileDescriptor.reading("/etc/mailname"),
      let content = try? file.readAll(limit: 4096)
    else { return nil }
    return content.split(whereSeparator: { $0 <= 32 }).first.flatMap { domain(Array($0)) }
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
