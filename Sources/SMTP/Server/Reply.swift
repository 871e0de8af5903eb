// Every reply whose text does not depend on the session, in one place: the manual and the tests
// quote this file. Codes are those of RFC 5321 §4.2 and, behind them, RFC 3463. As RFC 2034 §4
// has it, the greeting and the replies to HELO and EHLO carry no enhanced status code.

import Octets

/// A reply. A command that is refused throws the reply that refuses it.
public struct Reply: Error, Equatable, Sendable {
  /// One line without its CR LF.
  public let text: StaticString

  private init(_ text: StaticString) { self.text = text }

  private var firstDigit: UInt8 { text.withUTF8Buffer { unsafe $0[0] } }

  /// Whether this is a 4xx or 5xx reply.
  var isFailure: Bool { firstDigit >= UInt8(ascii: "4") }
  /// Whether this is a 5xx reply, of which a session may draw only so many.
  var isPermanentFailure: Bool { firstDigit == UInt8(ascii: "5") }

  public static func == (left: Reply, right: Reply) -> Bool {
    left.text.withUTF8Buffer { left in
      right.text.withUTF8Buffer { right in unsafe left.elementsEqual(right) }
    }
  }
}

extension [UInt8] {
  mutating func append(_ reply: Reply) {
    append(reply.text, isLine: true)
  }
}

// Success.
extension Reply {
  static let ok = Reply("250 2.0.0 OK")
  static let senderOK = Reply("250 2.1.0 Sender OK")
  static let recipientOK = Reply("250 2.1.5 Recipient OK")
  static let startContent = Reply("354 End data with <CR><LF>.<CR><LF>")
  static let goodbye = Reply("221 2.0.0 Goodbye")
  static let cannotVerify = Reply("252 2.0.0 Not verified; send mail and see")
}

// The command line.
extension Reply {
  static let unknownCommand = Reply("500 5.5.2 Command not recognized")
  static let lineTooLong = Reply("500 5.5.2 Command line too long")
  static let bareLineFeed = Reply("500 5.5.2 Bare LF in a command; end lines with CR LF")
  static let bareCarriageReturn = Reply("500 5.5.2 Bare CR in a command; end lines with CR LF")
  static let heloSyntax = Reply("501 Syntax: HELO domain")
  static let ehloSyntax = Reply("501 Syntax: EHLO domain")
  static let mailSyntax = Reply("501 5.5.4 Syntax: MAIL FROM:<address> [parameters]")
  static let rcptSyntax = Reply("501 5.5.4 Syntax: RCPT TO:<address> [parameters]")
  static let vrfySyntax = Reply("501 5.5.4 Syntax: VRFY address")
  static let noArguments = Reply("501 5.5.4 This command takes no arguments")
  static let parameterSyntax = Reply("501 5.5.4 Parameter value missing, malformed or repeated")
  static let unknownParameter = Reply("555 5.5.4 Parameter not recognized")
  static let notImplemented = Reply("502 5.5.1 Command not implemented")
}

// Sequence.
extension Reply {
  static let helloFirst = Reply("503 5.5.1 Send EHLO or HELO first")
  static let nestedMail = Reply("503 5.5.1 Sender already given")
  static let mailFirst = Reply("503 5.5.1 Send MAIL first")
  static let recipientFirst = Reply("503 5.5.1 Send RCPT first: no recipient was accepted")
}

// Authentication (RFC 4954 §4 and §6) and TLS (RFC 3207 §4).
extension Reply {
  static let authenticated = Reply("235 2.7.0 Authentication succeeded")
  static let authenticationFailed = Reply("535 5.7.8 Authentication failed")
  static let authenticationUnavailable = Reply("454 4.7.0 Authentication not possible now")
  static let authenticationCancelled = Reply("501 5.7.0 Authentication cancelled")
  static let authenticationLineTooLong = Reply("500 5.5.6 Authentication line too long")
  static let malformedResponse = Reply("501 5.5.2 Authentication response not understood")
  static let authSyntax = Reply("501 5.5.4 Syntax: AUTH mechanism [initial response]")
  static let unknownMechanism = Reply("504 5.5.4 Authentication mechanism not offered")
  static let alreadyAuthenticated = Reply("503 5.5.1 Already authenticated")
  static let authenticationRequired = Reply("530 5.7.0 Authentication required")
  static let encryptionRequired = Reply("538 5.7.11 Encryption required for authentication")
  static let ehloFirst = Reply("503 5.5.1 Send EHLO first")
  static let inTransaction = Reply("503 5.5.1 Not during a mail transaction")
  static let startTLS = Reply("220 2.0.0 Ready to start TLS")
  static let alreadyTLS = Reply("503 5.5.1 TLS is on already")
  static let noTLS = Reply("454 4.7.0 TLS not available now")
}

// CHUNKING and BINARYMIME (RFC 3030), SMTPUTF8 (RFC 6531 §3.5).
extension Reply {
  static let bdatSyntax = Reply(
    "501 5.5.4 Syntax: BDAT octets [LAST]; closing, as what follows is unclear")
  static let afterChunk = Reply("503 5.5.1 Not after BDAT")
  static let binaryNeedsChunks = Reply("503 5.5.1 BODY=BINARYMIME needs BDAT")
  static let needsUTF8 = Reply("553 5.6.7 Address needs SMTPUTF8")
}

// Addresses and limits.
extension Reply {
  static let badSender = Reply("501 5.1.7 Sender address not understood")
  static let badRecipient = Reply("501 5.1.3 Recipient address not understood")
  static let relayingDenied = Reply("550 5.7.1 Mail for this domain is not accepted here")
  static let routeDenied = Reply(
    "550 5.7.1 Addresses with a route to another host are not accepted")
  static let noMailbox = Reply("550 5.1.1 No such mailbox here")
  /// The code and the text are those of the configuration, or of the server that was asked.
  static let recipientRefused = Reply("550 5.7.1 A route refuses mail for this address")
  static let recipientDeferred = Reply("450 4.2.0 A route takes no mail for this address now")
  static let postDenied = Reply("550 5.7.2 This sender may not post to the list")
  static let faultyLine = Reply("451 4.3.5 A line of the configuration for this address is wrong")
  static let notRouted = Reply("451 4.3.0 Recipient not checked; try again later")
  static let senderDenied = Reply("553 5.7.1 This login may not use this sender address")
  static let tooManyRecipients = Reply("452 4.5.3 Too many recipients")
  static let tooBig = Reply("552 5.3.4 Message too big")
}

// The message.
extension Reply {
  static let bareLineEnd = Reply(
    "550 5.6.11 Bare CR or LF in the message; end lines with CR LF")
  static let loop = Reply("554 5.4.6 Too many Received fields: this is a mail loop")
  static let noSpace = Reply("452 4.3.1 Insufficient storage")
  static let notStored = Reply("451 4.3.0 Message not stored; try again later")
}

// What filters say that have no words of their own.
extension Reply {
  static let filterRefused = Reply("550 5.7.1 Refused by a filter")
  static let filterDeferred = Reply("451 4.7.1 A filter takes no mail now; try again later")
  public static let filterClosed = Reply("421 4.7.0 A filter has ended the session")
}

// The end, by the machine.
extension Reply {
  static let tooManyFailures = Reply("421 4.7.0 Too many authentication failures")
  static let inputBehindStartTLS = Reply("421 4.7.0 Input behind STARTTLS")
  static let notSMTP = Reply("421 4.7.0 This is SMTP, not HTTP")
  static let spokeFirst = Reply("554 5.5.1 You spoke before the greeting")
  static let tooManyCommands = Reply("421 4.7.0 Too many commands without mail")
  static let tooManyTransactions = Reply(
    "421 4.7.0 Too many messages in one session; connect again")
  static let tooManyErrors = Reply("421 4.7.0 Too many errors")
}

// The end, by the caller: with `Session.interrupt`, or in the place of a session.
extension Reply {
  public static let timeout = Reply("421 4.4.2 Timeout")
  public static let slow = Reply("421 4.4.2 Message comes too slowly")
  public static let tooLong = Reply("421 4.4.2 Session takes too long")
  public static let shuttingDown = Reply("421 4.3.2 Shutting down; try again later")
  public static let misconfigured = Reply("421 4.3.5 This server is not configured correctly")
}
