// The command line of sendmail(1), as the programs of a system call it. Options are letters as getopt(3) reads them:
// several in one word, a value in the same word or in the next one. They may stand behind recipients too, up to `--`.
// Flags that other sendmails have and that mean nothing here are taken and ignored, since a caller that is
// refused loses a mail.

import Octets
public import SMTP

public struct Invocation: Sendable {
  public enum Mode: Equatable, Sendable {
    /// Sends the message on standard input (`-bm`).
    case send
    /// Speaks SMTP on standard input and output (`-bs`).
    case serve
    /// Prints the queue (`-bp`, `mailq`).
    case list
    /// Attempts what waits in the queue (`-q`).
    case run(Selection)
    /// Says what is wrong with the aliases, which need no database (`-bi`, `newaliases`).
    case checkAliases
    /// There is nothing to do: hosts have no status (`-bh`, `-bH`, `hoststat`, `purgestat`).
    case nothing
  }

  /// Which messages `-q` is about.
  public enum Selection: Equatable, Sendable {
    case all
    /// A part of the id (`-qI`), of a recipient's address (`-qR`), of the sender's (`-qS`).
    case id(String)
    case recipient(String)
    case sender(String)
  }

  /// A command line that cannot be obeyed.
  public struct Misuse: Error, Equatable, Sendable {
    public let reason: String
  }

  public var mode = Mode.send
  /// `-f` or `-r`, as given; empty or `<>` is the null path.
  public var sender: String?
  /// `-F`
  public var fullName: String?
  /// Whether the header names recipients (`-t`). Those of the command line are recipients as well.
  public var readsRecipients = false
  /// Whether a line with nothing but a dot is content (`-i`); else it ends the message.
  public var ignoresDots = false
  public var isVerbose = false
  /// Whether SMTPUTF8 is asked for although no address needs it (`-O smtputf8=yes`).
  public var requestsUTF8 = false
  /// `-N`
  public var notify: Recipient.Notify?
  /// `-R` and `-V`
  public var deliveryStatus = Envelope.DeliveryStatus()
  /// What is no option.
  public var recipients: [String] = []

  /// Reads the words behind the program's name. `name` is the last part of the path it was called by.
  public init(name: String, _ arguments: some Sequence<String>) throws(Misuse) {
    switch name {
    case "mailq": mode = .list
    case "newaliases": mode = .checkAliases
    case "hoststat", "purgestat": mode = .nothing
    default: break
    }
    var rest = Array(arguments)[...]
    while let word = rest.popFirst() {
      let octets = Array(word.utf8)
      if word == "--" { break }
      if octets.first == UInt8(ascii: "-"), octets.count > 1 {
        try readOptions(octets.dropFirst(), &rest)
      } else {
        recipients.append(word)
      }
    }
    recipients += rest
  }

  /// Whether an option has a value.
  private enum Value {
    case none
    case required
    /// Only if it stands in the same word.
    case attached
  }

  private static func value(of option: UInt8) -> Value? {
    switch option {
    case UInt8(ascii: "t"), UInt8(ascii: "i"), UInt8(ascii: "v"), UInt8(ascii: "G"),
      UInt8(ascii: "I"), UInt8(ascii: "m"), UInt8(ascii: "n"), UInt8(ascii: "s"),
      UInt8(ascii: "U"), UInt8(ascii: "x"):
      Value.none
    case UInt8(ascii: "d"), UInt8(ascii: "E"), UInt8(ascii: "J"), UInt8(ascii: "q"): .attached
    case UInt8(ascii: "A"), UInt8(ascii: "b"), UInt8(ascii: "B"), UInt8(ascii: "C"),
      UInt8(ascii: "e"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "h"),
      UInt8(ascii: "L"), UInt8(ascii: "N"), UInt8(ascii: "o"), UInt8(ascii: "O"),
      UInt8(ascii: "p"), UInt8(ascii: "r"), UInt8(ascii: "R"), UInt8(ascii: "V"),
      UInt8(ascii: "X"):
      .required
    default: nil
    }
  }

  /// Reads the options of one word, without its hyphen.
  private mutating func readOptions(
    _ word: ArraySlice<UInt8>, _ rest: inout ArraySlice<String>
  ) throws(Misuse) {
    var word = word
    while let option = word.popFirst() {
      let name = "-" + String(decoding: [option], as: UTF8.self)
      switch Self.value(of: option) {
      case nil: throw Misuse(reason: "\(name): no such option")
      case .some(Value.none): try take(option, "")
      case .attached:
        return try take(option, String(decoding: word, as: UTF8.self))
      case .required:
        if !word.isEmpty { return try take(option, String(decoding: word, as: UTF8.self)) }
        guard let next = rest.popFirst() else { throw Misuse(reason: "\(name): a value expected") }
        return try take(option, next)
      }
    }
  }

  private mutating func take(_ option: UInt8, _ value: String) throws(Misuse) {
    switch option {
    case UInt8(ascii: "t"): readsRecipients = true
    case UInt8(ascii: "i"): ignoresDots = true
    case UInt8(ascii: "v"): isVerbose = true
    case UInt8(ascii: "o"): if value == "i" { ignoresDots = true }
    case UInt8(ascii: "f"), UInt8(ascii: "r"): sender = value
    case UInt8(ascii: "F"): fullName = value
    case UInt8(ascii: "b"): try takeMode(value)
    case UInt8(ascii: "B"):
      guard ["7bit", "8bitmime"].contains(lowercased(value)) else {
        throw Misuse(reason: "-B: 7BIT or 8BITMIME expected")
      }
    case UInt8(ascii: "N"): notify = try Self.notify(value)
    case UInt8(ascii: "O"):
      if lowercased(value).hasPrefix("smtputf8=") {
        requestsUTF8 = lowercased(value) == "smtputf8=yes"
      }
    case UInt8(ascii: "q"): takeRun(value)
    case UInt8(ascii: "R"):
      switch lowercased(value) {
      case "full": deliveryStatus.returned = .full
      case "hdrs": deliveryStatus.returned = .headers
      default: throw Misuse(reason: "-R: full or hdrs expected")
      }
    case UInt8(ascii: "V"):
      // RFC 3461 §4.4 has 100 octets of xtext.
      let identifier = xtext(value.utf8)
      guard 1...100 ~= identifier.count else {
        throw Misuse(reason: "-V: an identifier of at most 100 characters expected")
      }
      deliveryStatus.envelopeID = identifier
    default: break
    }
  }

  private mutating func takeMode(_ value: String) throws(Misuse) {
    switch value {
    case "m": mode = .send
    case "s": mode = .serve
    case "p": mode = .list
    case "i": mode = .checkAliases
    case "h", "H": mode = .nothing
    case "d", "D":
      throw Misuse(reason: "-b\(value): there is no daemon; a listener starts postern-smtpd")
    default: throw Misuse(reason: "-b\(value): no such mode")
    }
  }

  /// An interval (`-q30m`) would be for a daemon.
  private mutating func takeRun(_ value: String) {
    let first = value.utf8.first
    let rest = String(decoding: value.utf8.dropFirst(), as: UTF8.self)
    switch first {
    case UInt8(ascii: "I"): mode = .run(.id(rest))
    case UInt8(ascii: "R"): mode = .run(.recipient(rest))
    case UInt8(ascii: "S"): mode = .run(.sender(rest))
    case .some(UInt8(ascii: "0")...UInt8(ascii: "9")): break
    default: mode = .run(.all)
    }
  }

  private static func notify(_ value: String) throws(Misuse) -> Recipient.Notify {
    var notify = Recipient.Notify()
    let words = lowercased(value).utf8.split(separator: UInt8(ascii: ","))
    for word in words {
      switch String(decoding: Array(word), as: UTF8.self) {
      case "success": notify.insert(.success)
      case "failure": notify.insert(.failure)
      case "delay": notify.insert(.delay)
      case "never" where words.count == 1: break
      default: throw Misuse(reason: "-N: never, or some of success,failure,delay expected")
      }
    }
    if words.isEmpty { throw Misuse(reason: "-N: a condition expected") }
    return notify
  }
}

/// ASCII letters in lower case, everything else as it is.
func lowercased(_ text: String) -> String {
  String(decoding: text.utf8.lowercased(), as: UTF8.self)
}
