// postern-api: one request of a web server (CGI/1.1, RFC 3875) on standard input and output.

import API
import HTTP
import POSIX
import Program
import Queue
import Routing
import Settings
import Storage

@main
struct Program {
  /// Seconds that a request may take. A request that is killed leaves files and index right.
  private static let maximumSeconds = 120

  private static let synopsis = Synopsis(
    "postern-api", usage: [""],
    about: """
      Answers one request of a web server (CGI/1.1), which starts this program: the email API over a
      directory of mail. A web server sets POSTERN_ENV_FILE instead of --env-file.
      """)

  static func main() {
    // A web server may hand words of a query over as arguments (RFC 3875 §4.4), which are the client's. So the command
    // line is not read where there is a request.
    if Process.environment("REQUEST_METHOD") == nil {
      let line = synopsis.start()
      if line.request == .check { check(line) }
      synopsis.end(noRequest)
    }
    Signals.letFileSizeBeAnError()
    do throws(SettingsError) { Process.exit(try answer()) } catch {
      refuse(error)
      Process.exit(.configuration)
    }
  }

  private static var noRequest: UsageError {
    UsageError("", "a web server starts this program for each request, and sets REQUEST_METHOD")
  }

  private static func answer() throws(SettingsError) -> Process.ExitStatus {
    // What is opened from here on is to be neither of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1) else { return .ioError }
    Process.end(afterSeconds: maximumSeconds)
    var source = try SettingsSource(option: nil)
    let settings = try Settings(&source)
    guard var log = openLog() else { return .ioError }
    log.level = settings.logLevel
    do throws(Owner.Refusal) { try Owner.become(of: [settings.mailDirectory]) } catch {
      synopsis.complain(error.reason)
      return .noPermission
    }
    let request: Request
    do throws(RequestError) {
      request = try Request(root: settings.root) { name in
        Process.environment(name).map { [UInt8]($0.utf8) }
      }
    } catch {
      return refuse(error)
    }
    var service = Service(settings: settings, request: request, log: log)
    return service.run() ? .success : .ioError
  }

  static func openLog() -> Log? {
    let digits = Array(String(Process.random(), radix: 16).utf8)
    return try? Log.open(session: digits, isResumed: false)
  }

  /// Answers what is no request.
  private static func refuse(_ error: RequestError) -> Process.ExitStatus {
    guard let response = error.response else { synopsis.end(noRequest) }
    return send(response, hasBody: true) ? .success : .ioError
  }

  /// Tells the client that there is no service, and the log why.
  private static func refuse(_ error: SettingsError) {
    openLog()?.write(.error, "configuration") { line in
      line.add("variable", error.variable)
      line.add("value", error.value)
      line.add("reason", error.reason)
    }
    _ = send(
      Response(
        .internalServerError, text: "the configuration is not understood; the log says why\n"),
      hasBody: true)
  }

  /// Writes an answer. False if the web server does not take it.
  static func send(_ response: Response, hasBody: Bool) -> Bool {
    var output: [UInt8] = []
    response.append(to: &output, hasBody: hasBody)
    return write(output)
  }

  static func write(_ octets: [UInt8]) -> Bool {
    (try? FileDescriptor.write(octets.span, to: 1)) != nil
  }

  /// Looks at what requests work on.
  private static func check(_ line: CommandLine) -> Never {
    synopsis.check(line) { source throws(SettingsError) in
      try Settings(&source)
    } owned: { settings in
      [settings.mailDirectory]
    } examining: { settings, findings in
      findings.note(
        "mail directory", settings.mailDirectory,
        fault: MailDirectory.fault(at: settings.mailDirectory))
      if let queue = settings.queueDirectory {
        findings.note("queue", queue, fault: QueueDirectory.fault(at: queue))
      }
      settings.routing.examine(&findings)
    }
  }
}
