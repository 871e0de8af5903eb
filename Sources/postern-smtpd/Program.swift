// postern-smtpd: one SMTP session on standard input and output.

import Authentication
import POSIX
import PROXY
import Queue
import Routing
import SMTP
import Settings
import Storage

@main
struct Program {
  static let version = "0.1.0"

  static func main() {
    var request = Arguments.Request.session
    do throws(SettingsError) {
      let arguments = try Arguments(Process.arguments.dropFirst())
      request = arguments.request
      switch request {
      case .help: print(Arguments.help)
      case .version: print("postern-smtpd \(version)\n")
      case .check: Process.exit(try check(arguments))
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
    // What is opened from here on is to be neither of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1) else { return .ioError }
    var source = try source(arguments, isReporting: false)
    var settings = try Settings(&source)
    if arguments.isSubmission { settings.becomeSubmission() }
    guard var log = openLog(isResumed: arguments.isResumed), let connection = try? Connection()
    else { return .ioError }
    log.level = settings.logLevel
    // All that is opened by name is opened now; then the process narrows itself, and only then it
    // reads from the peer.
    var store: MailDirectory?
    do throws(StoreError) {
      store = try MailDirectory(path: settings.mailDirectory)
    } catch {
      log.failure(error, in: settings.mailDirectory)
    }
    var queue: QueueDirectory?
    if settings.usesQueue, let directory = settings.queueDirectory {
      do throws(StoreError) { queue = try QueueDirectory(path: directory) } catch {
        log.failure(error, in: directory)
      }
    }
    // A confined process cannot ask who has connected a socket.
    let local = arguments.isSubmission ? Peer.findLocal() : nil
    settings.session.canStartTLS = settings.startTLS != nil && FileDescriptor.isSocket(0)
    if settings.isConfined {
      confine(
        settings, isTLS: arguments.isTLS, hasStore: store != nil, hasQueue: queue != nil, log)
    }
    #if DEBUG
      if let attempt = Process.environment("POSTERN_TRESPASS") {
        log.write(.notice, "trespass") { line in
          line.add("attempt", attempt)
          line.add("result", Trespass.attempt(attempt))
        }
      }
    #endif
    var isTLS = arguments.isTLS
    let peer: Peer
    if arguments.isSubmission {
      guard let local else {
        throw SettingsError(
          variable: Arguments.unknown, value: "--local",
          reason: "the client came by a network, and anybody could send mail anywhere")
      }
      peer = local
    } else if arguments.hasProxy {
      guard let front = readProxyHeader(connection, log, isTLS: isTLS) else { return .success }
      (peer, isTLS) = front
    } else {
      peer = Peer.find(isBehindTLS: arguments.isTLS)
    }
    log.write(.info, "connect") { line in
      line.add("peer", peer.address?.text ?? "unknown")
      if let port = peer.port { line.add("port", port) }
      if let uid = peer.uid { line.add("uid", Int(uid)) }
      line.add("from", peer.source)
      line.add("tls", isTLS ? "yes" : "no")
    }
    var driver = Driver(
      settings: settings, peer: peer, isTLS: isTLS, isResumed: arguments.isResumed, log: log,
      store: store, queue: queue, connection: connection)
    return driver.run()
  }

  private static func source(
    _ arguments: Arguments, isReporting: Bool
  ) throws(SettingsError) -> SettingsSource {
    try SettingsSource(
      prefixes: Settings.prefixes, option: arguments.environmentFile, isReporting: isReporting)
  }

  /// Gives up what this session does not need. What is read by a name afterwards is in this table; everything else
  /// (the environment file, the aliases, the senders) is read before, and the directories that are written are open.
  ///
  ///     SMTP_PASSWD_FILE   at each AUTH       its directory is readable
  ///     SMTP_RECIPIENTS    at each RCPT       its directory is readable
  ///     SMTP_LISTS_DIR     at each RCPT       it is readable: NAME.csv and NAME.conf
  ///
  /// Programs (SMTP_CHECKPASSWORD, stunnel for STARTTLS) may read everything.
  private static func confine(
    _ settings: Settings, isTLS: Bool, hasStore: Bool, hasQueue: Bool, _ log: Log
  ) {
    var confinement = Confinement()
    confinement.mailDirectory = hasStore ? settings.mailDirectory : nil
    confinement.queueDirectory = hasQueue ? settings.queueDirectory : nil
    if let file = settings.passwordFile { confinement.readableFiles.append(file) }
    if let file = settings.routing.recipients?.path { confinement.readableFiles.append(file) }
    if let lists = settings.routing.lists?.path { confinement.readableFiles.append(lists + "/.") }
    // Where TLS is on already there is no STARTTLS.
    confinement.executes =
      settings.hasCheckPassword || (settings.session.canStartTLS && !isTLS)
    confinement.locks = settings.verifier != nil
    confinement.logsToSyslog = log.destination == .syslog
    for lack in confinement.apply() {
      log.write(.notice, "unconfined") { line in
        line.add("part", lack.part)
        line.add("reason", lack.errno.description)
      }
    }
  }

  /// Seconds that a PROXY header may take.
  private static let proxyTimeout = 10

  /// Reads the PROXY header and not an octet more, and gives who the peer is and whether there is TLS; nil,
  /// with a word in the log, if there is none.
  private static func readProxyHeader(
    _ connection: borrowing Connection, _ log: Log, isTLS: Bool
  ) -> (peer: Peer, isTLS: Bool)? {
    let deadline = Deadline(inSeconds: proxyTimeout)
    var octets: [UInt8] = []
    func fail(_ reason: String) {
      log.write(.warning, "proxy") { $0.add("reason", reason) }
    }
    while true {
      switch ProxyHeader.parse(octets.span) {
      case .header(let header):
        guard let peer = Peer(header, isBehindTLS: isTLS) else {
          fail(ProxyHeader.Malformation.addresses.rawValue)
          return nil
        }
        return (peer, isTLS || header.isTLS)
      case .malformed(let malformation):
        fail(malformation.rawValue)
        return nil
      case .needOctets(let count):
        guard (try? connection.read(into: &octets, atMost: count, until: deadline)) != nil else {
          fail("no PROXY header came")
          return nil
        }
      }
    }
  }

  /// Prints every variable and where its value is from, what is wrong with what they name, and the peer.
  ///
  /// Accounts and STARTTLS are what somebody has asked for, and a session can only say 454 to who uses them:
  /// if they cannot work, this is an error. A mail directory that cannot be written is none: a session that
  /// says 451 loses no mail, and scripts that make the directory ask first where it is.
  private static func check(_ arguments: Arguments) throws(SettingsError) -> Process.ExitStatus {
    var source = try source(arguments, isReporting: true)
    var settings = try Settings(&source)
    if arguments.isSubmission { settings.becomeSubmission() }
    var status = Process.ExitStatus.success
    let peer =
      (arguments.isSubmission ? Peer.findLocal() : nil)
      ?? Peer.find(isBehindTLS: arguments.isTLS)
    var text = ""
    for entry in source.report {
      text += "\(entry.name)=\(entry.value)\t# \(entry.origin.name)\n"
    }
    for name in source.unknown(beginningWith: "SMTP_") {
      text += "# \(name) is not a variable of Postern\n"
    }
    text += "# file: \(source.path ?? "none")\n"
    do throws(StoreError) {
      try MailDirectory(path: settings.mailDirectory).probe()
      text += "# mail directory: can be written\n"
    } catch {
      text += "# mail directory: \(error.call): \(error.errno)\n"
    }
    if !checkRouting(settings, &text) { status = .configuration }
    if let verifier = settings.verifier {
      do throws(VerifierError) {
        text += "# accounts: \(try verifier.check())\n"
      } catch {
        status = .configuration
        if case .unavailable(let reason) = error { text += "# accounts: error: \(reason)\n" }
      }
    }
    if let configuration = settings.startTLS {
      do throws(StartTLS.Impossibility) {
        _ = try StartTLS(configuration: configuration)
        text += "# STARTTLS: possible\n"
      } catch {
        status = .configuration
        text += "# STARTTLS: error: \(error.reason)\n"
      }
    }
    text += "# peer: \(peer.address?.text ?? "unknown")"
    if let port = peer.port { text += " port \(port)" }
    if let uid = peer.uid { text += " uid \(uid)" }
    text += ", from \(peer.source)\n"
    text += "# TLS: \(arguments.isTLS ? "yes, by --tls" : "no")\n"
    print(text)
    return status
  }

  /// Says what is to be found where mail goes; false if a file is wrong. A queue that cannot be written is as a mail
  /// directory that cannot be.
  private static func checkRouting(_ settings: Settings, _ text: inout String) -> Bool {
    if let directory = settings.queueDirectory {
      do throws(StoreError) {
        try QueueDirectory(path: directory).probe()
        text += "# queue: can be written\n"
      } catch {
        text += "# queue: \(error.call): \(error.errno)\n"
      }
    }
    if settings.routing.aliases.count > 0 {
      text += "# aliases: \(settings.routing.aliases.count)\n"
    }
    if let senders = settings.senders { text += "# senders: \(senders.count)\n" }
    guard let recipients = settings.routing.recipients else { return true }
    do throws(UnreadableFile) {
      let (count, fault) = try recipients.check()
      text += "# recipients: \(count)\n"
      guard let fault else { return true }
      text += "# recipients: error: \(recipients.path): line \(fault.line): \(fault.reason)\n"
    } catch {
      text += "# recipients: error: \(error.path): \(error.errno)\n"
    }
    return false
  }

  /// Tells the peer that there is no service, and the log why.
  private static func refuseService(_ error: SettingsError) {
    openLog(isResumed: false)?.write(.error, "configuration") { line in
      line.add("variable", error.variable)
      line.add("value", error.value)
      line.add("reason", error.reason)
    }
    print("\(Reply.misconfigured.text)\r\n")
  }

  /// The log, every line of which begins with an id of this session; nil if there is not even a
  /// /dev/null.
  private static func openLog(isResumed: Bool) -> Log? {
    let id = String(UInt32(truncatingIfNeeded: Process.random()), radix: 16)
    return try? Log.open(session: [UInt8](id.utf8), isResumed: isResumed)
  }

  private static func print(_ text: String) {
    FileDescriptor.print(text, to: 1)
  }
}
