// Brings the mail of jobs to a target that is no host, one recipient after the other. Each recipient has a verdict of his
// own; a verdict on the target is that of all that are left.
//
// A Maildir finds what it has already, so nothing is waited for there. A program or a URL would get a message twice, so the
// reports so far are safe before it gets another.

public import Couriers
public import Jobs
import Octets
public import POSIX
public import Routes
import SMTP
import Targets

public struct TargetCourier: Deliverer {
  /// What the courier's owner decides.
  public struct Configuration: Sendable {
    /// What this host is called.
    public var hostname: [UInt8]
    /// Seconds that a program may take for a message.
    public var seconds = 1000
    /// Octets of memory that a program may take; 0: as many as there are.
    public var memory = 0
    /// Seconds that a connection to a URL may take to be made, that its server may be silent, and that all may take.
    public var connectTimeout = 30
    public var timeout = 600
    public var sessionTimeout = 14_400
    /// Certificates of authorities, in PEM.
    public var authorities = ""
    /// The file of the key that signs requests; nil: they are not signed.
    public var keyFile: String?
    /// Octets of a message that has to be in memory, for JSON.
    public var maximumSize = 52_428_800

    public init(hostname: [UInt8]) { self.hostname = hostname }
  }

  private enum Target {
    case maildir(path: [UInt8], size: Int?)
    case exec([[UInt8]])
    case post(url: [UInt8], isJSON: Bool)
  }

  private let target: Target
  private let configuration: Configuration
  private let termination: Termination
  /// Whether SIGTERM has come.
  public private(set) var isTerminated = false

  /// Nil if the target is a host, or one of those that the runner needs no courier for.
  public init?(to target: RouteTarget, _ configuration: Configuration, termination: Termination) {
    switch target {
    case .maildir(let path, let size): self.target = .maildir(path: path, size: size)
    case .exec(let words): self.target = .exec(words)
    case .post(let url, let isJSON): self.target = .post(url: url, isJSON: isJSON)
    case .mail, .servers, .exchangers, .discard, .refuse: return nil
    }
    self.configuration = configuration
    self.termination = termination
  }

  public mutating func deliver(
    _ job: Job, _ file: borrowing FileDescriptor, to listener: any Listener
  ) {
    var common: ClientSession.Verdict?
    var facts: MessageFacts?
    do throws(SystemError) { facts = try MessageFacts(of: file, from: job.offset) } catch {
      common = .contentFailed
    }
    for addressee in job.recipients {
      let mailbox = addressee.recipient.mailbox
      let verdict: ClientSession.Verdict
      if let common {
        verdict = common
      } else if let facts {
        verdict = deliver(job, addressee, file, facts, listener)
        if verdict.scope != .recipient { common = verdict }
      } else {
        verdict = .contentFailed
      }
      listener.tell(Report(mailbox.octets, at: [], verdict))
    }
  }

  private mutating func deliver(
    _ job: Job, _ addressee: Job.Addressee, _ file: borrowing FileDescriptor,
    _ facts: MessageFacts, _ listener: any Listener
  ) -> ClientSession.Verdict {
    let mailbox = addressee.recipient.mailbox
    if facts.deliveredTo.isLoop(for: mailbox) { return .loop }
    let sender = addressee.reversePath ?? job.reversePath
    let fields = deliveryFields(sender: sender, recipient: mailbox, fields: addressee.fields)
    if case .maildir(let path, let size) = target {
      let content = MessageContent(facts, fields: fields, form: .file)
      return store(content, of: file, facts, for: mailbox, entry: job.path, at: path, size)
    }
    guard !isTerminated, listener.mayGoOn() else {
      isTerminated = true
      return .terminated
    }
    switch target {
    case .maildir: return .contentFailed
    case .exec(let words):
      let content = MessageContent(facts, fields: fields, form: .file)
      return execute(words, content, of: file, from: sender, for: mailbox)
    case .post(let url, let isJSON):
      let content = MessageContent(facts, fields: fields, form: .wire)
      let posting = Posting(
        url: url, isJSON: isJSON, sender: sender, recipient: mailbox, id: Self.name(job.path),
        configuration: configuration)
      if let verdict = posting.deliver(
        content, of: file, received: facts.seconds, unless: termination)
      {
        return verdict
      }
      isTerminated = true
      return .terminated
    }
  }

  /// The last part of a path.
  private static func name(_ path: [UInt8]) -> [UInt8] {
    Array(path[(path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...])
  }
}

// A Maildir.
extension TargetCourier {
  private func store(
    _ content: MessageContent, of file: borrowing FileDescriptor, _ facts: MessageFacts,
    for mailbox: Mailbox, entry: [UInt8], at template: [UInt8], _ size: Int?
  ) -> ClientSession.Verdict {
    guard let address = LocalAddress(mailbox), let path = MaildirPath(template, for: address) else {
      return .noMaildir
    }
    let name = MaildirName(
      entry: Self.name(entry), recipient: mailbox.octets, seconds: facts.seconds,
      host: configuration.hostname)
    do throws(SystemError) {
      return .init(try Maildir(path).deliver(content, of: file, as: name, limit: size))
    } catch {
      return .init(error, in: "the Maildir")
    }
  }
}

// A program.
extension TargetCourier {
  private mutating func execute(
    _ words: [[UInt8]], _ content: MessageContent, of file: borrowing FileDescriptor,
    from sender: ReversePath, for mailbox: Mailbox
  ) -> ClientSession.Verdict {
    if Process.isRoot { return .unstartable("no program is run as root") }
    var command = Execution.Command(
      words,
      environment: deliveryEnvironment(
        sender: sender, recipient: mailbox, home: Account(ofUser: Process.user)?.home ?? []),
      seconds: configuration.seconds)
    command.memory = configuration.memory
    var content = content
    var line = LastLine()
    do throws(SystemError) {
      let end = try Execution.run(command, unless: termination) { () throws(SystemError) in
        try content.next(file)
      } output: { octets in
        line.append(octets)
        return true
      }
      switch end {
      case .exited(let status): return .exited(status, line.text)
      case .signalled(let signal): return .signalled(signal, line.text)
      case .timedOut: return .overtime(seconds: configuration.seconds)
      case .stopped: return .contentFailed
      case .terminated:
        isTerminated = true
        return .terminated
      }
    } catch {
      let program = String(decoding: words.first ?? [], as: UTF8.self)
      return .unstartable("\(program): \(error.call): \(error.description)")
    }
  }
}
