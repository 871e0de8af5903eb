// Macros: what a milter is told of beside the events, by names that come from sendmail.

import Octets

/// The stages that a milter may choose macros for, with the protocol's numbers.
enum MacroStage: UInt32, Sendable {
  case connect = 0
  case hello = 1
  case mail = 2
  case recipient = 3
  case data = 4
  case end = 5
  case endOfHeader = 6
}

/// The values of the macros at an event. What is not known is not there: milters tell an empty value from none.
public struct Macros: Sendable {
  private var values: [(name: [UInt8], value: [UInt8])] = []

  public init() {}

  /// Sets a value; an empty or missing one is none. A name is written without braces.
  public mutating func set(_ name: StaticString, _ value: [UInt8]?) {
    guard let value, !value.isEmpty else { return }
    let name = [UInt8](name)
    values.removeAll { $0.name == name }
    values.append((name, value))
  }

  /// Appends the frame that goes before an event, if there is anything in it.
  func write(for event: Event, _ options: Options, to output: inout [UInt8]) {
    guard let stage = event.macroStage else { return }
    let names = options.macroNames[stage] ?? stage.usualNames
    let known = values.filter { names.contains($0.name) }
    if known.isEmpty { return }
    output.appendFrame(UInt8(ascii: "D")) { data in
      data.append(event.letter)
      for (name, value) in known {
        // A name of one letter stands alone.
        data.append(
          string: name.count == 1 ? name : [UInt8(ascii: "{")] + name + [UInt8(ascii: "}")])
        data.append(string: value)
      }
    }
  }

  /// A name without the braces that some milters write around it.
  static func bare(_ name: ArraySlice<UInt8>) -> [UInt8] {
    guard name.first == UInt8(ascii: "{"), name.last == UInt8(ascii: "}") else {
      return Array(name)
    }
    return Array(name.dropFirst().dropLast())
  }
}

extension Event {
  /// Fields, pieces of the body and unknown commands have no macros of their own: those of the stage before still hold.
  var macroStage: MacroStage? {
    switch self {
    case .connect: .connect
    case .hello: .hello
    case .mail: .mail
    case .recipient, .refusedRecipient: .recipient
    case .data: .data
    case .endOfHeader: .endOfHeader
    case .end: .end
    case .field, .body, .unknown: nil
    }
  }
}

extension MacroStage {
  /// What a milter gets that has not chosen: what Postfix sends, and what rspamd and SpamAssassin's milter ask for.
  var usualNames: [[UInt8]] {
    let names: [StaticString] =
      switch self {
      case .connect: ["j", "daemon_name", "daemon_addr", "v", "_", "client_addr", "client_port"]
      case .hello: ["tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer"]
      case .mail:
        ["i", "auth_type", "auth_authen", "auth_author", "mail_addr", "mail_host", "mail_mailer"]
      case .recipient: ["i", "rcpt_addr", "rcpt_host", "rcpt_mailer"]
      case .data, .endOfHeader, .end: ["i"]
      }
    return names.map { [UInt8]($0) }
  }
}
