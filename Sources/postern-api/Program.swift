// postern-api: one request of a web server (CGI/1.1, RFC 3875) on standard input and output.

import API
import HTTP
import POSIX
import Settings

@main
struct Program {
  static let version = "0.1.0"

  /// Seconds that a request may take. A request that is killed leaves files and index right.
  private static let maximumSeconds = 120

  static func main() {
    var isCheck = false
    do throws(SettingsError) {
      let arguments = try Arguments(Process.arguments.dropFirst())
      switch arguments.request {
      case .help: FileDescriptor.print(Arguments.help, to: 1)
      case .version: FileDescriptor.print("postern-api \(version)\n", to: 1)
      case .check:
        isCheck = true
        try check(arguments)
      case .answer: Process.exit(try answer(arguments))
      }
    } catch {
      let words = "\(error.variable)=\(error.value): \(error.reason)\n"
      if isCheck || error.variable == Arguments.unknown {
        FileDescriptor.print(isCheck ? words : "postern-api: " + words, to: isCheck ? 1 : 2)
      } else {
        refuse(error)
      }
      Process.exit(error.variable == Arguments.unknown ? .usage : .configuration)
    }
  }

  private static func answer(_ arguments: Arguments) throws(SettingsError) -> Process.ExitStatus {
    // What is opened from here on is to be neither of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1) else { return .ioError }
    Process.end(afterSeconds: maximumSeconds)
    var source = try SettingsSource(
      prefixes: Settings.prefixes, option: arguments.environmentFile, isReporting: false)
    let settings = try Settings(&source)
    guard var log = openLog() else { return .ioError }
    log.level = settings.logLevel
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
    var response: Response
    switch error {
    case .notCGI:
      FileDescriptor.print(
        "postern-api: REQUEST_METHOD is not set: a web server starts this program\n", to: 2)
      return .usage
    case .unknownMethod:
      response = Response(.methodNotAllowed, text: "Method Not Allowed\n")
      response.set("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
    case .tooLong, .badContentLength:
      response = Response(.badRequest, text: "Bad Request\n")
    case .outsideRoot:
      response = Response(.notFound, text: "404 page not found")
    }
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

  /// Prints every variable and where its value is from.
  private static func check(_ arguments: Arguments) throws(SettingsError) {
    var source = try SettingsSource(
      prefixes: Settings.prefixes, option: arguments.environmentFile, isReporting: true)
    _ = try Settings(&source)
    var text = ""
    for entry in source.report {
      text += "\(entry.name)=\(entry.value)\t# \(entry.origin.name)\n"
    }
    for name in source.unknown(beginningWith: "SMTP_")
      + source.unknown(beginningWith: "POSTERN_API_")
    {
      text += "# \(name) is not a variable of Postern\n"
    }
    text += "# file: \(source.path ?? "none")\n"
    FileDescriptor.print(text, to: 1)
  }
}
