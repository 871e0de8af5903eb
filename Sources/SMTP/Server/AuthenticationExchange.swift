// The exchange that AUTH begins: RFC 4954, with PLAIN (RFC 4616) and LOGIN
// (draft-murchison-sasl-login). Names and passwords are octets; nothing is normalised. An empty one is
// malformed (RFC 4616 §2) and nobody is asked about it: a directory might take an empty password for an
// anonymous login, and that for a success (RFC 4513 §5.1.2).
//
// Where every login is right, empty ones are too, and so is CRAM-MD5 (RFC 2195): the digest is not verified.

import Octets

/// A SASL mechanism that is offered.
public enum Mechanism: Sendable {
  case plain
  case login
  case cramMD5

  public var name: StaticString {
    switch self {
    case .plain: "PLAIN"
    case .login: "LOGIN"
    case .cramMD5: "CRAM-MD5"
    }
  }
}

/// What a client says to prove who it is.
public struct Credentials: Sendable {
  public let mechanism: Mechanism
  public let login: [UInt8]
  /// Without NUL; of CRAM-MD5 the digest. To be overwritten after use.
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
  /// `login digest`.
  case digest

  /// What follows.
  enum Next {
    /// Send the challenge of this exchange, and wait for a line.
    case challenge(AuthenticationExchange)
    case verify(Credentials)
  }

  /// The exchange that begins with `AUTH mechanism`; nil for a mechanism that is not offered.
  init?(mechanism line: Span<UInt8>, _ range: Range<Int>, acceptsAnyLogin: Bool) {
    if line.matches("plain", in: range) {
      self = .plain
    } else if line.matches("login", in: range) {
      self = .userName
    } else if acceptsAnyLogin, line.matches("cram-md5", in: range) {
      self = .digest
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
    // "<postern@localhost>". It needs no random part, because no digest of it proves anything.
    case .digest: "334 PHBvc3Rlcm5AbG9jYWxob3N0Pg==\r\n"
    }
  }

  /// Whether the client has nothing to say before it knows the challenge.
  var hasServerFirst: Bool {
    switch self {
    case .digest: true
    case .plain, .userName, .password: false
    }
  }

  /// Goes on with a line, or the initial response, in base64. Throws the reply that refuses it.
  func respond(
    _ line: Span<UInt8>, _ range: Range<Int>, acceptsAnyLogin: Bool
  ) throws(Reply) -> Next {
    guard var response = decodedBase64(line.extracting(range), .exact) else {
      throw .malformedResponse
    }
    switch self {
    case .plain: return .verify(try plain(&response, acceptsAnyLogin))
    case .userName:
      guard response.isProper(orEmpty: acceptsAnyLogin) else { throw .malformedResponse }
      return .challenge(.password(login: response))
    case .password(let login):
      guard response.isProper(orEmpty: acceptsAnyLogin) else { throw .malformedResponse }
      return .verify(Credentials(mechanism: .login, login: login, password: response))
    case .digest:
      guard !response.contains(0), let space = response.lastIndex(of: .space) else {
        throw .malformedResponse
      }
      return .verify(
        Credentials(
          mechanism: .cramMD5, login: Array(response[..<space]),
          password: Array(response[(space + 1)...])))
    }
  }

  /// The authorization identity may be empty or the login itself: nobody acts for another.
  private func plain(
    _ message: inout [UInt8], _ acceptsAnyLogin: Bool
  ) throws(Reply) -> Credentials {
    defer { message.wipe() }
    guard let first = message.firstIndex(of: 0),
      let second = message[(first + 1)...].firstIndex(of: 0)
    else { throw .malformedResponse }
    let login = [UInt8](message[first + 1..<second])
    let password = [UInt8](message[(second + 1)...])
    guard login.isProper(orEmpty: acceptsAnyLogin), password.isProper(orEmpty: acceptsAnyLogin)
    else { throw .malformedResponse }
    guard first == 0 || acceptsAnyLogin || message[..<first].elementsEqual(login) else {
      throw .authenticationFailed
    }
    return Credentials(mechanism: .plain, login: login, password: password)
  }
}

extension [UInt8] {
  /// Whether this can be a name or a password: an octet at least, unless it may be empty, and no NUL.
  fileprivate func isProper(orEmpty: Bool) -> Bool { (orEmpty || !isEmpty) && !contains(0) }
}
