// A transcript of the client's side. It is written as those of the server's (Transcript.swift), in the order
// in which things happen, with these lines beside C:, C>, S:, M: and M>, and S> as C>:
//
//     @ lmtp                       a setting; `ClientTranscript.configure` knows which there are
//     M: <a@b> <c@d>               a message to send; all of them come first, their content behind each
//     T: verified | encrypted      TLS begins
//     E: closed | timeout | tls    the connection is lost
//     V: <c@d> delivered message 250 2.0.0 OK      a verdict, in the order in which they come
//     V: <c@d> postponed
//     V: needs conversion
//     V: failed deferred destination 421 4.3.2 Shutting down      the session ends by it
//
// Some transcripts of the server's are the client's, too: what the server stores is to be sent, and the client
// sends what it got, though it may not wait for each reply. It always says EHLO.

import Foundation
package import SMTP

package struct ClientTranscript: Sendable, CustomStringConvertible {
  package enum Step: Sendable {
    case server([UInt8])
    case client([UInt8])
    case startTLS(isVerified: Bool)
    case fail(ClientSession.Verdict)
  }

  package let name: String
  package var description: String { name }

  /// Whether this is a transcript of the server's.
  package let isShared: Bool
  package private(set) var steps: [Step] = []
  package private(set) var verdicts = ""
  private var settings: [String: String] = [:]
  private var messages: [StoredMessage] = []

  /// All files of Tests/Transcripts/client, and those of the server's that the client can play.
  package static let all: [ClientTranscript] = {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Transcripts")
    let own = try! FileManager.default.contentsOfDirectory(
      atPath: folder.appending(path: "client").path
    ).filter { $0.hasSuffix(".txt") }.sorted().map { "client/\($0)" }
    let shared = [
      "one-message.txt", "two-messages.txt", "empty-message.txt", "long-local-parts.txt",
    ]
    return (own + shared).map { name in
      let text = try! String(contentsOf: folder.appending(path: name), encoding: .utf8)
      return shared.contains(name)
        ? ClientTranscript(
          name: name, text: text.replacing("C: HELO", with: "C: EHLO"), isShared: true)
        : ClientTranscript(name: name, text: text)
    }
  }()

  private init(name: String, text: String, isShared: Bool = false) {
    self.name = name
    self.isShared = isShared
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    // In a transcript of the server's what it stores comes last.
    for line in lines where line.hasPrefix("M") { takeMessage(line) }
    for line in lines where !line.hasPrefix("M") {
      let rest = String(line.dropFirst(3))
      switch line.prefix(2) {
      case "@ ":
        let setting = line.dropFirst(2).split(separator: "=", maxSplits: 1)
        settings[String(setting[0])] = setting.count == 2 ? String(setting[1]) : ""
      case "S:": addServer(Transcript.unescape(rest.replacing("<id>", with: "x")) + [13, 10])
      case "S>": addServer(Transcript.unescape(rest))
      case "C:": addClient(Transcript.unescape(rest) + [13, 10])
      case "C>": addClient(Transcript.unescape(rest))
      case "T:": steps.append(.startTLS(isVerified: rest == "verified"))
      case "E:":
        steps.append(
          .fail(rest == "closed" ? .connectionClosed : rest == "tls" ? .tlsFailed : .timeout))
      case "V:": verdicts += rest + "\n"
      default: fatalError("\(name): \(line)")
      }
    }
  }

  private mutating func takeMessage(_ line: Substring) {
    let rest = String(line.dropFirst(3))
    if rest.hasPrefix("<"), line.hasPrefix("M:") {
      messages.append(StoredMessage(paths: rest))
    } else {
      messages[messages.count - 1].content +=
        Transcript.unescape(rest) + (line.hasPrefix("M:") ? [13, 10] : [])
    }
  }

  private mutating func addServer(_ octets: [UInt8]) {
    if case .server(let before) = steps.last {
      steps[steps.count - 1] = .server(before + octets)
    } else {
      steps.append(.server(octets))
    }
  }

  private mutating func addClient(_ octets: [UInt8]) {
    if case .client(let before) = steps.last {
      steps[steps.count - 1] = .client(before + octets)
    } else {
      steps.append(.client(octets))
    }
  }

  /// What the server sends, in all.
  package var server: [UInt8] {
    steps.flatMap { if case .server(let octets) = $0 { octets } else { [UInt8]() } }
  }

  /// A machine that is to play the client.
  package func machine(pieceSize: Int = 65_536, knowsEnd: Bool = true) -> ClientMachine {
    var configuration = ClientSession.Configuration(hostname: Array("client.example".utf8))
    var protection = ClientSession.Protection.none
    var login: [UInt8]?
    var outgoing = messages.map { message in
      OutgoingMessage(
        ClientSession.Transaction(
          from: ReversePath(Array(message.reversePath.utf8))!,
          to: message.recipients.map { Recipient(mailbox: Mailbox(Array($0.utf8))!) }),
        message.content)
    }
    for (name, value) in settings {
      for index in outgoing.indices { outgoing[index].transaction.set(name, value) }
      switch name {
      case "lmtp": configuration.isLMTP = true
      case "starttls":
        configuration.startTLS =
          value == "never" ? .never : value == "verified" ? .verified : .required
      case "protection": protection = value == "verified" ? .verified : .encrypted
      case "insecure": configuration.allowsInsecureAuthentication = true
      case "chunks": configuration.usesChunks = true
      case "recipients": configuration.maximumRecipients = Int(value)!
      case "login": login = Array(value.utf8)
      default: break
      }
    }
    let session = ClientSession(
      configuration, protection: protection,
      account: login.map { .init(login: $0, password: Array("secret".utf8)) })
    return ClientMachine(session, sending: outgoing, pieceSize: pieceSize, knowsEnd: knowsEnd)
  }
}

extension ClientSession.Transaction {
  fileprivate mutating func set(_ name: String, _ value: String) {
    switch name {
    case "body": body = value == "binary" ? .binary : .eightBit
    case "utf8": isUTF8 = true
    case "header": header = value == "utf8" ? .utf8 : .unknown
    case "long": hasLongLines = true
    case "convert": canConvert = true
    case "size": size = Int(value)!
    case "ret": deliveryStatus.returned = value == "HDRS" ? .headers : .full
    case "envid": deliveryStatus.envelopeID = Array(value.utf8)
    case "notify", "orcpt":
      recipients = recipients.map { recipient in
        var status = recipient.deliveryStatus
        if name == "orcpt" {
          status.originalRecipient = Array(value.utf8)
        } else {
          status.notify = []
          if value.contains("SUCCESS") { status.notify!.insert(.success) }
          if value.contains("FAILURE") { status.notify!.insert(.failure) }
          if value.contains("DELAY") { status.notify!.insert(.delay) }
        }
        return Recipient(mailbox: recipient.mailbox, deliveryStatus: status)
      }
    case "lmtp", "starttls", "protection", "insecure", "chunks", "recipients", "login": break
    default: fatalError("no setting \(name)")
    }
  }
}

extension ClientMachine {
  /// The verdicts as a transcript has them.
  package var verdicts: String {
    events.map { event in
      switch event {
      case .settled(_, let recipient, let verdict):
        "<\(String(decoding: recipient, as: UTF8.self))> \(verdict.line)\n"
      case .postponed(_, let recipient):
        "<\(String(decoding: recipient, as: UTF8.self))> postponed\n"
      case .needsConversion: "needs conversion\n"
      case .failed(let verdict): "failed \(verdict.line)\n"
      }
    }.joined()
  }
}

extension ClientSession.Verdict {
  fileprivate var line: String {
    let words = ["\(outcome)", "\(scope)", code.map { "\($0)" } ?? "-"]
    return (words + [status.octets, text].map { String(decoding: $0, as: UTF8.self) })
      .joined(separator: " ")
  }
}
