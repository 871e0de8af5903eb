// postern-smtpd: one SMTP session on standard input and output.

import POSIX
import SMTP
import Storage

@main
struct Program {
  static let version = "0.1.0"

  static func main() {
    var request = Arguments.Request.session
    do throws(SettingsError) {
      let arguments = try Arguments(CommandLine.arguments.dropFirst())
      request = arguments.request
      switch request {
      case .help: print(Arguments.help)
      case .version: print("postern-smtpd \(version)\n")
      case .check: print(try check(arguments))
      case .session: Process.exit(try serve(arguments))
      }
    } catch {
      if request == .check {
        print("\(error.variable)=\(error.value): \(error.reason)\n")
      } else {
        refuseService(error)
      }
      Process.exit(error.variable == Arguments.unknown ? .usage : .configuration)
    }
  }

  /// Runs a session.
  private static func serve(_ arguments: Arguments) throws(SettingsError) -> Process.ExitStatus {
    let settings = try Settings(file: arguments.environmentFile)
    guard var log = openLog(), let connection = try? Connection() else { return .ioError }
    log.level = settings.logLevel
    let peer = Peer.find()
    log.write(.info, "connect") { line in
      line.add("peer", peer.address?.text ?? "unknown")
      if let port = peer.port { line.add("port", port) }
      line.add("from", peer.source)
      line.add("tls", arguments.isTLS ? "yes" : "no")
    }
    var driver = Driver(
      settings: settings, client: peer.client(isTLS: arguments.isTLS), log: log,
      connection: connection)
    return driver.run()
  }

  /// What `--check` prints: every variable and where its value is from, then the peer.
  private static func check(_ arguments: Arguments) throws(SettingsError) -> String {
    let settings = try Settings(file: arguments.environmentFile)
    let peer = Peer.find()
    var text = ""
    for entry in settings.report {
      text += "\(entry.name)=\(entry.value)\t# \(entry.origin.rawValue)\n"
    }
    for name in settings.unknown {
      text += "# \(name) is not a variable of this program\n"
    }
    do throws(StoreError) {
      _ = try MailDirectory(path: settings.mailDirectory).open(id: MessageID(Process.random()))
      text += "# mail directory: can be written\n"
    } catch {
      text += "# mail directory: \(error.call): \(error.errno)\n"
    }
    text += "# peer: \(peer.address?.text ?? "unknown")"
    if let port = peer.port { text += " port \(port)" }
    text += ", from \(peer.source)\n"
    text += "# TLS: \(arguments.isTLS ? "yes, by --tls" : "no")\n"
    return text
  }

  /// Tells the peer that there is no service, and the log why.
  private static func refuseService(_ error: SettingsError) {
    openLog()?.write(.error, "configuration") { line in
      line.add("variable", error.variable)
      line.add("value", error.value)
      line.add("reason", error.reason)
    }
    print("\(Reply.misconfigured.text)\r\n")
  }

  /// The log, every line of which begins with an id of this session; nil if there is not even a
  /// /dev/null.
  private static func openLog() -> Log? {
    let id = String(UInt32(truncatingIfNeeded: Process.random()), radix: 16)
    return try? Log.open(session: [UInt8](id.utf8))
  }

  private static func print(_ text: String) {
    try? FileDescriptor(1).write([UInt8](text.utf8).span)
  }
}
