// What became of a recipient: what a server's reply means (RFC 5321 §4.2.1), and why there was none.

import Octets

extension ClientSession {
  /// What is known of a recipient at the end of a mail transaction.
  public struct Verdict: Equatable, Sendable {
    public enum Outcome: Sendable {
      /// The server has taken the message for this recipient: a 2xx reply to the end of the content.
      case delivered
      /// Try again later, or at another host.
      case deferred
      /// The message cannot be delivered.
      case refused
      /// The whole message was sent, but no reply came. It may have been delivered: a second attempt may
      /// deliver it twice.
      case unknown
    }

    /// What a verdict is about. A verdict on a destination says nothing about other hosts.
    public enum Scope: Sendable {
      case recipient
      /// All recipients of the transaction.
      case message
      /// Whatever is sent to this host: there is no use in trying more on this connection, or the host
      /// lacks what this message needs.
      case destination
    }

    public var outcome: Outcome
    public var scope: Scope
    /// The code of the reply; nil if no reply has led to this.
    public var code: Int?
    /// Made up from the code (`5.0.0`) where the server gave none.
    public var status: EnhancedStatusCode
    /// The text of the reply, or the reason why no reply came: printable ASCII in one line, cut.
    public var text: [UInt8]

    public init(
      _ outcome: Outcome, _ scope: Scope, code: Int? = nil, _ status: EnhancedStatusCode,
      _ text: [UInt8]
    ) {
      self.outcome = outcome
      self.scope = scope
      self.code = code
      self.status = status
      self.text = text
    }
  }
}

/// An enhanced status code: RFC 3463.
public struct EnhancedStatusCode: Equatable, Sendable {
  /// 2, 4 or 5.
  public var category: Int
  public var subject: Int
  public var detail: Int

  public init(_ category: Int, _ subject: Int, _ detail: Int) {
    self.category = category
    self.subject = subject
    self.detail = detail
  }

  /// `5.1.1`
  public var octets: [UInt8] {
    var octets: [UInt8] = []
    octets.append(decimal: category)
    octets.append(".")
    octets.append(decimal: subject)
    octets.append(".")
    octets.append(decimal: detail)
    return octets
  }
}

extension ClientSession.Verdict {
  init(_ outcome: Outcome, _ scope: Scope, _ status: EnhancedStatusCode, reason: StaticString) {
    var text: [UInt8] = []
    text.append(reason)
    self.init(outcome, scope, status, text)
  }

  // The session cannot go on.
  static let protocolError = Self(
    .deferred, .destination, .init(4, 5, 0), reason: "The server's reply is not SMTP")
  static let unexpectedReply = Self(
    .deferred, .destination, .init(4, 5, 0), reason: "The server sent a reply that it did not owe")
  static let tlsNotOffered = Self(
    .deferred, .destination, .init(4, 7, 4),
    reason: "TLS is required, but the server has no STARTTLS")
  static let inputBehindStartTLS = Self(
    .deferred, .destination, .init(4, 7, 4),
    reason: "The server sent more than a reply to STARTTLS; somebody may have put it there")
  static let passwordNeedsTLS = Self(
    .deferred, .destination, .init(4, 7, 0),
    reason: "The password is not sent: no TLS has verified the server's name")
  static let authenticationNotOffered = Self(
    .deferred, .destination, .init(4, 7, 0), reason: "The server has neither AUTH PLAIN nor LOGIN")

  // What the caller says, by `fail`.
  public static let connectionClosed = Self(
    .deferred, .destination, .init(4, 4, 2), reason: "The server closed the connection")
  public static let timeout = Self(
    .deferred, .destination, .init(4, 4, 2), reason: "The server did not reply in time")
  public static let terminated = Self(
    .deferred, .message, .init(4, 3, 2), reason: "The sending was interrupted")
  public static let tlsFailed = Self(
    .deferred, .destination, .init(4, 7, 5), reason: "TLS could not be started or verified")
  public static let contentFailed = Self(
    .deferred, .message, .init(4, 3, 0), reason: "The message could not be read to its end")

  // The host lacks what the message needs.
  static let tooBig = Self(
    .refused, .destination, .init(5, 3, 4), reason: "The message is bigger than the server takes")
  static let needsUTF8 = Self(
    .refused, .destination, .init(5, 6, 7),
    reason: "The message needs SMTPUTF8, which the server lacks")
  static let needsConversion = Self(
    .refused, .destination, .init(5, 6, 3),
    reason: "The message is binary, which the server does not take, and cannot be converted"
  )
}
