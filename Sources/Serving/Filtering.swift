// What a session tells its milters of the connection and of commands, and what becomes of their verdicts. The message is
// told in FilteredMessage.swift.

import Milter
import Octets
import POSIX
import SMTP
import Storage

extension Conversation {
  /// Tells the milters who has connected. A refusal is the reply to HELO and EHLO, unless it ends the session.
  mutating func filterConnection() {
    guard let milters else { return }
    let client = milterClient
    var macros = Macros()
    macros.set("j", service.session.hostname)
    macros.set("daemon_name", service.session.hostname)
    macros.set("v", Array("Postern".utf8))
    macros.set("_", client.name)
    macros.set("client_addr", peer.address.map { Array($0.text.utf8) })
    macros.set("client_port", peer.port.map { Array(String($0).utf8) })
    if milters.ask(.connect(client), macros).endsSession {
      session.interrupt(.filterClosed, into: &output)
    }
  }

  private var milterClient: Event.Client {
    guard let address = peer.address else {
      // Filters take mail of this machine for ours.
      let name = service.session.isSubmission ? "localhost" : "unknown"
      return Event.Client(name: Array(name.utf8), address: .unknown)
    }
    let text = Array(address.text.utf8)
    let port = UInt16(clamping: peer.port ?? 0)
    let name = Array("[".utf8) + text + Array("]".utf8)
    return Event.Client(
      name: name, address: address.isIPv6 ? .ipv6(text, port: port) : .ipv4(text, port: port))
  }

  /// Asks the milters about a command.
  mutating func filter() {
    guard let milters, let question = session.filterQuestion else { return }
    let verdict: Verdict
    switch question {
    case .hello(let hello):
      milters.endMessage()
      verdict = milters.ask(.hello(hello.name))
    case .mail(let envelope):
      nextID = MessageID(Process.random())
      verdict = milters.ask(
        .mail(envelope.reversePath.octets.inBrackets, parameters: session.filterParameters),
        mailMacros(envelope))
    case .recipient(let recipient):
      let address = recipient.mailbox
      var macros = messageMacros
      macros.set("rcpt_addr", address.octets)
      macros.set("rcpt_host", Array(address.domain))
      macros.set("rcpt_mailer", Array((recipient.isQueued ? "queue" : "local").utf8))
      verdict = milters.ask(
        .recipient(address.octets.inBrackets, parameters: session.filterParameters), macros)
    case .data: verdict = milters.ask(.data, messageMacros)
    case .unknown(let line): verdict = milters.ask(.unknown(line))
    }
    let ruling = verdict.ruling
    session.filtered(ruling, into: &output)
    logRefusal(ruling)
  }

  /// Logs what milters have refused.
  func logRefusal(_ ruling: FilterRuling) {
    guard case .refused(let lines) = ruling else { return }
    log.write(.notice, "refuse") { line in
      line.add("reply", lines[0])
      line.add("by", "a milter")
    }
  }

  /// The id that the message will have.
  var messageMacros: Macros {
    var macros = Macros()
    macros.set("i", nextID?.octets)
    return macros
  }

  private func mailMacros(_ envelope: Envelope) -> Macros {
    var macros = messageMacros
    if let login = session.login {
      macros.set("auth_type", session.mechanism.map { [UInt8]($0.name) })
      macros.set("auth_authen", login)
    }
    if case .mailbox(let mailbox) = envelope.reversePath {
      macros.set("mail_addr", mailbox.octets)
      macros.set("mail_host", Array(mailbox.domain))
    }
    return macros
  }
}

extension [UInt8] {
  fileprivate var inBrackets: [UInt8] { [UInt8(ascii: "<")] + self + [UInt8(ascii: ">")] }
}

extension Verdict {
  /// What the session answers. A message that is to be dropped goes on to its 250.
  var ruling: FilterRuling {
    switch self {
    case .proceed, .accept, .discard: .proceed
    case .reject: .rejected
    case .temporaryFailure: .deferred
    case .reply(let reply): .refused(reply.lines)
    case .shutDown: .shutDown
    }
  }

  /// Whether the session ends with it, whatever it is about.
  fileprivate var endsSession: Bool {
    switch self {
    case .shutDown: true
    case .reply(let reply): reply.endsSession
    case .proceed, .accept, .discard, .reject, .temporaryFailure: false
    }
  }
}
