// postern-smtpd: one SMTP session on standard input and output.

import Authentication
import ListStore
import POSIX
import PROXY
import Program
import Queue
import Routing
import SMTP
import Serving
import Settings
import Storage

@main
struct Program {
  static let synopsis = Synopsis(
    "postern-smtpd",
    usage: ["[--tls] [--proxy] [--resumed] [--env-file FILE]", "--local [--env-file FILE]"],
    about: """
      One SMTP session on standard input and output. Mail is stored as .eml files. Configuration is
      by SMTP_* environment variables; --check lists them, and says who the peer is taken to be.
      """,
    options: [
      Option("--tls", "TLS protects this session: whoever listens in front says so"),
      Option("--proxy", "a PROXY protocol header (v1 or v2) comes first, and is believed"),
      Option("--resumed", "TLS was started inside a session (SMTP_STARTTLS): no greeting"),
      Option("--local", "a program of this machine hands mail in: it may send anywhere"),
    ])

  static func main() {
    Signals.letFileSizeBeAnError()
    do throws(UsageError) {
      let line = try CommandLine(Process.arguments.dropFirst(), synopsis)
      synopsis.answer(line)
      if line.has("--local"), line.has("--tls") || line.has("--proxy") || line.has("--resumed") {
        throw UsageError(
          "--local", "not with --tls, --proxy or --resumed: the client is on this machine")
      }
      if line.request == .check { check(line) }
      Process.exit(try run(line))
    } catch {
      refuseService("argument", error.argument, error.reason)
      Process.exit(.usage)
    }
  }

  private static func run(_ line: CommandLine) throws(UsageError) -> Process.ExitStatus {
    // What is opened from here on is to be neither of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1) else { return .ioError }
    let settings: Settings
    do throws(SettingsError) {
      var source = try SettingsSource(option: line.environmentFile)
      settings = try Settings(&source, isSubmission: line.has("--local"))
    } catch {
      refuseService(error.variable, error.value, error.reason)
      return .configuration
    }
    return try serve(settings, line)
  }

  /// Runs a session.
  private static func serve(
    _ settings: consuming Settings, _ line: CommandLine
  ) throws(UsageError) -> Process.ExitStatus {
    let isResumed = line.has("--resumed")
    var isTLS = line.has("--tls")
    guard var log = openLog(isResumed: isResumed), let connection = try? Connection() else {
      return .ioError
    }
    log.level = settings.logLevel
    // All that is opened by name is opened now; then the process narrows itself, and only then it
    // reads from the peer.
    var store: MailDirectory?
    do throws(SystemError) {
      store = try MailDirectory(path: settings.service.mailDirectory)
    } catch {
      log.failure(error, in: settings.service.mailDirectory)
    }
    var queue: QueueDirectory?
    if settings.service.usesQueue, let directory = settings.service.queueDirectory {
      do throws(SystemError) { queue = try QueueDirectory(path: directory) } catch {
        log.failure(error, in: directory)
      }
    }
    let inquirer = settings.service.routing.askedServers.first.map {
      Inquirer($0, hostname: settings.service.session.hostname)
    }
    let milters =
      settings.service.milters.isEmpty ? nil : Milters(settings.service.milters, log: log)
    settings.service.session.hasFilters = milters != nil
    let quarantine = milters != nil && queue == nil ? openQuarantine(settings.service, log) : nil
    // A confined process cannot ask who has connected a socket.
    let isSubmission = settings.service.session.isSubmission
    let local = isSubmission ? Peer.findLocal() : nil
    settings.service.session.canStartTLS =
      settings.service.startTLS != nil && FileDescriptor.isSocket(0)
    if settings.isConfined {
      confine(settings.service, isTLS: isTLS, hasStore: store != nil, hasQueue: queue != nil, log)
    }
    #if DEBUG
      if let attempt = Process.environment("POSTERN_TRESPASS") {
        log.write(.notice, "trespass") { line in
          line.add("attempt", attempt)
          line.add("result", Trespass.attempt(attempt))
        }
      }
    #endif
    let peer: Peer
    if isSubmission {
      guard let local else {
        throw UsageError(
          "--local", "the client came by a network, and anybody could send mail anywhere")
      }
      peer = local
    } else if line.has("--proxy") {
      guard let front = readProxyHeader(connection, log, isTLS: isTLS) else { return .success }
      (peer, isTLS) = front
    } else {
      peer = Peer.find(isBehindTLS: isTLS)
    }
    let password = settings.environmentPassword
    var conversation = Conversation(
      settings.service, with: peer, isTLS: isTLS, over: connection, store: store, queue: queue,
      asking: inquirer, filteredBy: milters, quarantine: quarantine, log: log)
    return conversation.run(isResumed: isResumed) { peer.environment(hiding: password) }
  }

  /// Opens the folder for mail that milters hold back; nil if it cannot be made.
  private static func openQuarantine(_ service: Service, _ log: Log) -> MailDirectory? {
    let path = service.mailDirectory + "/.quarantine"
    do throws(SystemError) {
      try FileDescriptor.makeFolder(path)
      return try MailDirectory(path: path)
    } catch {
      log.failure(error, in: path)
      return nil
    }
  }

  /// Gives up what this session does not need. What is read by a name afterwards is in this table; everything else
  /// (the environment file, the aliases, the senders) is read before, and the directories that are written are open.
  ///
  ///     SMTP_PASSWD_FILE   at each AUTH       its directory is readable
  ///     SMTP_RECIPIENTS    at each RCPT       its directory is readable
  ///     SMTP_ROUTES        at each RCPT       its directory is readable
  ///     SMTP_LISTS_DIR     at each RCPT       it is readable: NAME.csv and NAME.conf
  ///
  /// Programs (SMTP_CHECKPASSWORD, stunnel for STARTTLS) may read everything.
  private static func confine(
    _ service: Service, isTLS: Bool, hasStore: Bool, hasQueue: Bool, _ log: Log
  ) {
    var confinement = Confinement()
    confinement.mailDirectory = hasStore ? service.mailDirectory : nil
    confinement.queueDirectory = hasQueue ? service.queueDirectory : nil
    confinement.editsMail = !service.milters.isEmpty
    // Where TLS is on already there is no STARTTLS.
    confinement.executes = service.session.canStartTLS && !isTLS
    switch service.verifier {
    case .file(let file): confinement.readableFiles.append(file.path)
    case .program: confinement.executes = true
    case .account, .anyLogin, nil: break
    }
    confinement.readableFiles += service.routing.filesOfRecipients
    if let lists = service.routing.lists?.path { confinement.readableFiles.append(lists + "/.") }
    confinement.locks = service.session.hasAccounts
    confinement.logsToSyslog = log.destination == .syslog
    log.unconfined(confinement.apply())
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

  /// Tells the peer that there is no service, and the log why.
  private static func refuseService(_ variable: String, _ value: String, _ reason: String) {
    openLog(isResumed: false)?.write(.error, "configuration") { line in
      line.add("variable", variable)
      line.add("value", value)
      line.add("reason", reason)
    }
    FileDescriptor.print("\(Reply.misconfigured.text)\r\n", to: 1)
  }

  /// The log, every line of which begins with an id of this session; nil if there is not even a
  /// /dev/null.
  private static func openLog(isResumed: Bool) -> Log? {
    let id = String(UInt32(truncatingIfNeeded: Process.random()), radix: 16)
    return try? Log.open(session: [UInt8](id.utf8), isResumed: isResumed)
  }
}
