// postern-send: one SMTP or LMTP session on the client's side.

import Jobs
import MIME
import POSIX
import SMTP
import Settings

@main
struct Program {
  static let version = "0.1.0"

  static func main() {
    do throws(SettingsError) {
      let arguments = try Arguments(Process.arguments.dropFirst())
      switch arguments.request {
      case .help: FileDescriptor.print(Arguments.help, to: 1)
      case .version: FileDescriptor.print("postern-send \(version)\n", to: 1)
      case .check: FileDescriptor.print(try check(arguments), to: 1)
      case .send, .batch: Process.exit(try run(arguments))
      }
    } catch {
      complain("\(error.variable) \(error.value): \(error.reason)")
      Process.exit(error.variable == Arguments.unknown ? .usage : .configuration)
    }
  }

  /// Every setting in force and where it is from, as `postern-smtpd --check` prints them.
  private static func check(_ arguments: Arguments) throws(SettingsError) -> String {
    let settings = try Settings(file: arguments.environmentFile, isBatch: false, isReporting: true)
    return settings.report.map { "\($0.name)=\($0.value)\t# \($0.origin.name)\n" }.joined()
  }

  private static func complain(_ text: String) {
    FileDescriptor.print("postern-send: \(text)\n", to: 2)
  }

  private static func run(_ arguments: Arguments) throws(SettingsError) -> Process.ExitStatus {
    // What is opened from here on is to be none of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2) else {
      return .ioError
    }
    let isBatch = arguments.request == .batch
    let settings = try Settings(file: arguments.environmentFile, isBatch: isBatch)
    let server = arguments.command == nil ? arguments.server ?? settings.smarthost : nil
    let password = server?.user == nil ? nil : try readPassword(settings)
    let id = String(UInt32(truncatingIfNeeded: Process.random()), radix: 16)
    guard let termination = try? Signals.block() else { return .ioError }
    var log = Log.onStandardError(session: [UInt8](id.utf8))
    log.level = settings.logLevel
    let destination = Destination(
      server: server, command: arguments.command, hostname: settings.hostname,
      level: settings.level)
    var courier = Courier(
      settings, password: password, isVerbose: arguments.isVerbose, log: log,
      termination: termination.value)
    let status =
      isBatch
      ? Batch.run(&courier, to: destination, termination: termination.value)
      : send(arguments, settings, &courier, to: destination)
    courier.close()
    return status
  }

  /// The first line of the file, with whatever octets.
  private static func readPassword(_ settings: Settings) throws(SettingsError) -> [UInt8] {
    let name = "SMTP_SMARTHOST_PASSWORD_FILE"
    guard let path = settings.passwordFile else {
      throw SettingsError(
        variable: name, value: "", reason: "the server's URL has a user, so a file expected")
    }
    do throws(Errno) {
      let content = try FileDescriptor.reading(path).readAll(limit: 65_536) ?? []
      let line = Array(content.prefix { $0 != 10 && $0 != 13 })
      if !line.isEmpty, !line.contains(0) { return line }
    } catch {
      throw SettingsError(variable: name, value: path, reason: error.description)
    }
    throw SettingsError(
      variable: name, value: path, reason: "a password in the first line expected")
  }

  /// Sends the message on standard input.
  private static func send(
    _ arguments: Arguments, _ settings: Settings, _ courier: inout Courier,
    to destination: Destination
  ) -> Process.ExitStatus {
    var job = Job()
    job.reversePath =
      arguments.sender ?? arguments.composition?.from.flatMap { ReversePath($0.address) }
      ?? standardSender(settings)
    let offset = arguments.composition == nil ? FileDescriptor.fileOffset(of: 0) : nil
    job.offset = offset ?? 0
    let file: FileDescriptor
    do throws(Composition.Failure) {
      let composed = try arguments.composition?.message(hostname: settings.hostname)
      guard let found = offset == nil ? spool(composed) : FileDescriptor(0) else {
        return .temporaryFailure
      }
      file = found
    } catch {
      complain("\(error.path): \(error.reason)")
      return .dataError
    }
    var output = Output(isJSON: arguments.isJSON)
    for group in destination.groups(of: arguments.recipients.map { Job.Addressee($0) }) {
      job.recipients = group.recipients
      courier.deliver(
        job, file, by: { destination.route(to: group.domain) }, { output.add($0) })
      courier.close()
    }
    output.end()
    return output.status
  }

  /// A file without a name, with a message or what comes through standard input.
  private static func spool(_ message: [UInt8]?) -> FileDescriptor? {
    do throws(Errno) {
      let file = try FileDescriptor.temporary(in: Settings.temporaryFolder)
      if let message {
        try file.write(message.span)
        return file
      }
      do {
        let input = FileDescriptor(0)
        var piece: [UInt8] = []
        while try input.read(into: &piece, atMost: 65_536) > 0 {
          try file.write(piece.span)
          piece.removeAll(keepingCapacity: true)
        }
      }
      // It is closed now; what is opened later is not to be standard input.
      try FileDescriptor.replaceWithNull(0)
      return file
    } catch {
      complain("the message could not be read: \(error)")
      return nil
    }
  }

  /// Who runs the program, at this host.
  private static func standardSender(_ settings: Settings) -> ReversePath {
    let user = Process.environment("LOGNAME") ?? Process.environment("USER") ?? "postmaster"
    return ReversePath([UInt8](user.utf8) + [UInt8(ascii: "@")] + settings.hostname) ?? .null
  }
}
