// postern-queue as sendmail(1), mailq(1) and newaliases(1), called by one of these names or as `postern-queue sendmail`.
// What the command line means and what becomes of a message is decided in the module Sendmail.
//
// A message is read to its end before anything is sent, so that a caller who fails in the middle sends nothing. Its body
// is in memory if it is small, else in a file without a name. Then it is given to the local submission socket
// (postern(7)), which every user may write to: nothing here has rights that its caller lacks.

import Jobs
import POSIX
import Routing
import SMTP
import Sendmail
import Settings

enum SendmailProgram {
  /// The names that the program may be called by, as the last part of a path.
  static func isName(_ name: String) -> Bool {
    ["sendmail", "send-mail", "mailq", "newaliases", "hoststat", "purgestat"].contains(name)
  }

  /// Does what the command line says; gives the exit status.
  static func run(name: String, _ arguments: some Sequence<String>) -> Process.ExitStatus {
    let invocation: Invocation
    do throws(Invocation.Misuse) {
      invocation = try Invocation(name: name, arguments)
    } catch {
      complain(error.reason)
      return .usage
    }
    switch invocation.mode {
    case .nothing: return .success
    case .checkAliases: return checkAliases()
    case .list: return SendmailQueue.list()
    case .run(let selection): return SendmailQueue.run(selection)
    case .send, .serve: break
    }
    let settings: SendmailSettings
    do throws(SettingsError) {
      settings = try SendmailSettings()
    } catch {
      complain("\(error.variable) \(error.value): \(error.reason)")
      return .configuration
    }
    return invocation.mode == .serve
      ? serve(settings) : send(invocation, settings)
  }

  static func complain(_ text: String) {
    FileDescriptor.print("sendmail: \(text)\n", to: 2)
  }

  static func complain(_ text: [UInt8]) { complain(String(decoding: text, as: UTF8.self)) }

  /// `-bi`: says what is wrong with the aliases.
  private static func checkAliases() -> Process.ExitStatus {
    do throws(SettingsError) {
      let aliases = try QueueSettings(file: nil, needsQueue: false).routing.aliases
      for fault in aliases.faults {
        complain("\(aliases.path): line \(fault.line): \(fault.reason)")
      }
      return aliases.faults.isEmpty ? .success : .dataError
    } catch {
      complain("\(error.variable) \(error.value): \(error.reason)")
      return .configuration
    }
  }

  /// `-bs`: the caller speaks SMTP with the submission socket.
  private static func serve(_ settings: SendmailSettings) -> Process.ExitStatus {
    let socket: FileDescriptor
    do throws(Interruption) {
      socket = try connect(settings)
    } catch {
      return unavailable(settings, error)
    }
    var exchange = Exchange(with: socket)
    do throws(Errno) {
      try exchange.run()
      return .success
    } catch {
      complain(error.description)
      return .ioError
    }
  }

  private static func connect(_ settings: SendmailSettings) throws(Interruption)
    -> FileDescriptor
  {
    try Socket.connect(
      to: .unix(settings.socket), until: Deadline(inSeconds: 60), termination: .never)
  }

  private static func unavailable(
    _ settings: SendmailSettings, _ interruption: Interruption
  ) -> Process.ExitStatus {
    switch interruption {
    case .timeout, .terminated, .endOfInput: complain("\(settings.socket): no answer")
    case .failed(let errno): complain("\(settings.socket): \(errno.description)")
    }
    return .temporaryFailure
  }
}

// Sending.
extension SendmailProgram {
  private static func send(
    _ invocation: Invocation, _ settings: SendmailSettings
  ) -> Process.ExitStatus {
    var reader = MessageReader(ignoresDots: invocation.ignoresDots)
    var spool = SendmailSpool()
    do throws(Errno) {
      try spool.fill(from: &reader)
    } catch {
      complain("the message: \(error.description)")
      return .ioError
    }
    let preparation: Preparation
    do throws(Preparation.Refusal) {
      if reader.isHeaderTooLong { throw .headerTooLong }
      preparation = try Preparation(
        invocation, header: reader.header, caller: settings.caller, now: Clock.now().seconds,
        unique: unique())
    } catch {
      return refuse(error)
    }
    let socket: FileDescriptor
    do throws(Interruption) {
      socket = try connect(settings)
    } catch {
      return unavailable(settings, error)
    }
    var job = Job()
    job.reversePath = preparation.sender
    job.recipients = preparation.recipients.map { Job.Addressee($0) }
    job.isUTF8 = invocation.requestsUTF8
    job.deliveryStatus = invocation.deliveryStatus
    let submission = SendmailSubmission(
      job,
      spool.message(
        preparation.header, bodySize: reader.bodySize, isEightBit: reader.isEightBit),
      over: socket, hostname: settings.caller.domain)
    let status = conclude(submission, of: preparation, isVerbose: invocation.isVerbose)
    for text in preparation.unreadable { complainNotAddress(text) }
    return status == .success && !preparation.unreadable.isEmpty ? .dataError : status
  }

  private static func unique() -> [UInt8] {
    [UInt8]((String(Process.random(), radix: 36) + String(Process.random(), radix: 36)).utf8)
  }

  private static func refuse(_ refusal: Preparation.Refusal) -> Process.ExitStatus {
    switch refusal {
    case .noRecipient:
      complain("no recipient is named")
      return .usage
    case .notAddress(let text): complainNotAddress(text)
    case .headerTooLong: complain("the header is too long")
    }
    return .dataError
  }

  private static func complainNotAddress(_ text: [UInt8]) {
    complain(Array("not an address: ".utf8) + text.map { 0x20...0x7E ~= $0 ? $0 : 0x3F })
  }

  /// Says what was refused. Who got nothing for now decides, since the caller can try again for them.
  private static func conclude(
    _ submission: SendmailSubmission, of preparation: Preparation, isVerbose: Bool
  ) -> Process.ExitStatus {
    var status = Process.ExitStatus.success
    for recipient in preparation.recipients {
      let verdict = submission.verdict(on: recipient)
      if verdict.outcome != .delivered || isVerbose {
        let code = verdict.code.map { "\($0) " } ?? ""
        complain(
          Array("<".utf8) + recipient.mailbox.octets + Array(">: \(code)".utf8)
            + verdict.status.octets + [32] + verdict.text)
      }
      switch verdict.outcome {
      case .delivered: break
      case .deferred, .unknown: status = .temporaryFailure
      case .refused: if status != .temporaryFailure { status = verdict.exitStatus }
      }
    }
    return status
  }
}

extension ClientSession.Verdict {
  /// The exit status for a refusal.
  fileprivate var exitStatus: Process.ExitStatus {
    switch (status.subject, status.detail) {
    case (1, _): .noUser
    case (3, 4), (6, _): .dataError
    case (7, _): .noPermission
    default: .unavailable
    }
  }
}
