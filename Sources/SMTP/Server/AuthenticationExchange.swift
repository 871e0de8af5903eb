// The exchange that AUTH begins: RFC 4954, with PLAIN (RFC 4616) and LOGIN
// (draft-murchison-sasl-login). Names and passwords are octets; nothing is normalised. An empty one is
// malformed (RFC 4616 §2) and nobody is asked about it: a directory might take an empty password for an
// anonymous login, and that for a success (RFC 4513 §5.1.2).

/// A SASL mechanism that is offered.
public enum Mechanism: Sendable {
  case plain
  case login

  public var name: StaticString {
    switch self {
    case .plain: "PLAIN"
    case .login: "LOGIN"
    }
  }
}

/// What a client says to prove who it is.
public struct Credentials: Sendable {
  public let mechanism: Mechanism
  public let login: [UInt8]
  /// Without NUL. To be overwritten after use.
  public var password: [UInt8]

  public init(mechanism: Mechanism, login: [UInt8], password: [UInt8]) {
    self.mechanism = mechanism
    self.login = login
    self.password = password
  }
}

/// Where an exchange stands: what the next line from the client is.
enum AuthenticationExchange: Sendable {
  /// `[authzid] NUL authcid NUL passwd`.
  case plain
  /// The user name of LOGIN. To `password`.
  case userName
  /// The password of LOGIN.
  case password(login: [UInt8])

  /// What follows.
  enum Next {
    /// Send the challenge of this exchange, and wait for a line.
    case challenge(AuthenticationExchange)
    case verify(Credentials)
  }

  /// The exchange that begins with `AUTH mechanism`; nil for a mechanism that is not offered.
  init?(mechanism line: Span<UInt8>, _ range: Range<Int>) {
    if line.matches("plain", in: range) {
      self = .plain
    } else if line.matches("login", in: range) {
      self = .userName
    } else {
      return nil
    }
  }

  /// What is sent to ask for the next line.
  var challenge: StaticString {
    switch self {
    case .plain: "334 \r\n"
    case .userName: "334 VXNlcm5hbWU6\r\n"  // "Username:"
    case .password: "334 UGFzc3dvcmQ6\r\n"  // "Password:"
    }
  }

  /// Goes on with a line, or the initial response, in base64. Throws the reply that refuses it.
  func respond(_ line: Span<UInt8>, _ range: Range<Int>) throws(Reply) -> Next {
    guard var response = decodeBase64(line, range) else { throw .malformedResponse }
    switch self {
    case .plain: return .verify(try plain(&response))
    case .userName:
      guard response.isProper else { throw .malformedResponse }
      return .challenge(.password(login: response))
    case .password(let login):
      guard response.isProper else { throw .malformedResponse }
      return .verify(Credentials(mechanism: .login, login: login, password: response))
    }
  }

  /// The authorization identity may be empty or the login itself: nobody acts for another.
  private func plain(_ message: inout [UInt8]) throws(Reply) -> Credentials {
    defer { message.wipe() }
    guard let first = message.firstIndex(of: 0),
      let second = message[(first + 1)...].firstIndex(of: 0), second > first + 1,
      second + 1 < message.count, !message[(second + 1)...].contains(0)
    else { throw .malformedResponse }
    let login = [UInt8](message[first + 1..<second])
    guard first == 0 || message[..<first].elementsEqual(login) else { throw .authenticationFailed }
    let password = [UInt8](message[(second + 1)...])
    return Credentials(mechanism: .plain, login: login, password: password)
  }
}

extension [UInt8] {
  /// Whether this can be a name or a password: an octet at least, and no NUL.
  fileprivate var isProper: Bool { !isEmpty && !contains(0) }
}
