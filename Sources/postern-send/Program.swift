// postern-send: one SMTP or LMTP session on the client's side.

import Couriers
import Hosts
import Jobs
import MIME
import POSIX
import Program
import SMTP
import Sending
import Settings

@main
struct Program {
  static func main() {
    let line = Arguments.synopsis.start()
    if line.request == .check { check(line) }
    do throws(UsageError) {
      let arguments = try Arguments(line)
      do throws(SettingsError) { Process.exit(try run(arguments)) } catch {
        Arguments.synopsis.end(error)
      }
    } catch {
      Arguments.synopsis.end(error)
    }
  }

  private static func check(_ line: CommandLine) -> Never {
    Arguments.synopsis.check(line) { source throws(SettingsError) in
      try Settings(&source)
    } examining: { settings, findings in
      // A host may be sent to without TLS, or without its certificate being looked at.
      let isVerified = settings.smarthosts.contains { $0.level == .verified }
      if settings.level == .verified || isVerified,
        !FileDescriptor.exists(settings.authorities)
      {
        findings.complain("SMTP_CA_FILE", "\(settings.authorities): \(SystemError.noSuchFile)")
      }
      do throws(SettingsError) {
        _ = try password(for: settings.smarthosts, settings)
      } catch {
        findings.complain(error.variable, "\(error.value): \(error.reason)")
      }
    }
  }

  private static func complain(_ text: String) { Arguments.synopsis.complain(text) }

  private static func run(_ arguments: Arguments) throws(SettingsError) -> Process.ExitStatus {
    // What is opened from here on is to be none of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2) else {
      return .ioError
    }
    let isBatch = arguments.isBatch
    // Whoever names the server needs nobody else's configuration. Without it, mail must not go another way.
    var source = try SettingsSource(
      option: arguments.environmentFile,
      mayBeUnreadable: !isBatch && (!arguments.servers.isEmpty || arguments.command != nil))
    let settings = try Settings(&source, isBatch: isBatch)
    let servers =
      arguments.servers.isEmpty && !arguments.isByDNS ? settings.smarthosts : arguments.servers
    let password = arguments.command == nil ? try password(for: servers, settings) : nil
    let id = String(UInt32(truncatingIfNeeded: Process.random()), radix: 16)
    guard let termination = try? Signals.block() else { return .ioError }
    var log = Log.onStandardError(session: [UInt8](id.utf8))
    log.level = settings.logLevel
    let target =
      arguments.command.map { Target.command($0) }
      ?? (servers.isEmpty ? .exchangers(settings.level) : .servers(servers))
    var transport = Transport(
      to: target, settings.client(password: password, isVerbose: arguments.isVerbose), log: log,
      termination: Termination(termination))
    guard !isBatch else {
      let batch = Batch(of: "postern-send", termination: Termination(termination))
      let status = batch.run(&transport)
      // The caller sees the end of this process, by the end of the batch's descriptors, only when the next may begin.
      withExtendedLifetime(batch) { transport.finish() }
      return status
    }
    let status = send(arguments, settings, &transport)
    transport.close()
    return status
  }

  /// The password of the user whom the URLs name; nil if they name none. It is in the first line of the file, with whatever
  /// octets.
  private static func password(
    for servers: [ServerURL], _ settings: Settings
  ) throws(SettingsError) -> [UInt8]? {
    let name = "SMTP_SMARTHOST_PASSWORD_FILE"
    let users = servers.compactMap { $0.user }
    guard let user = users.first else { return nil }
    let areOthers = users.contains { $0 != user }
    if areOthers {
      throw SettingsError(
        variable: name, value: settings.passwordFile ?? "",
        reason: "one password, so the same user in the URLs of all servers expected")
    }
    guard let path = settings.passwordFile else {
      throw SettingsError(
        variable: name, value: "", reason: "the server's URL has a user, so a file expected")
    }
    do throws(SystemError) {
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
    _ arguments: Arguments, _ settings: Settings, _ transport: inout Transport
  ) -> Process.ExitStatus {
    var job = Job()
    job.reversePath =
      arguments.sender ?? arguments.composition?.from.flatMap { ReversePath($0.address) }
      ?? standardSender(settings)
    let offset = arguments.composition == nil ? FileDescriptor.fileOffset(of: 0) : nil
    job.offset = offset ?? 0
    let file: FileDescriptor
    do throws(CompositionError) {
      let composed = try arguments.composition?.message(hostname: settings.hostname)
      guard let found = offset == nil ? spool(composed) : FileDescriptor(0) else {
        return .temporaryFailure
      }
      file = found
    } catch {
      complain("\(error.path): \(error.reason)")
      return .dataError
    }
    let output = Output(isJSON: arguments.isJSON)
    // Who is named twice gets one copy.
    for recipient in arguments.recipients
    where !job.recipients.contains(where: {
      $0.recipient.mailbox.canonical == recipient.mailbox.canonical
    }) {
      job.recipients.append(Job.Addressee(recipient))
    }
    transport.deliver(job, file, to: output)
    output.end()
    return output.status
  }

  /// A file without a name, with a message or what comes through standard input.
  private static func spool(_ message: [UInt8]?) -> FileDescriptor? {
    do throws(SystemError) {
      let file = try FileDescriptor.temporary(in: Process.temporaryFolder)
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
