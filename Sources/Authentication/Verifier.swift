// Who may come in: the three places where accounts are kept.

import POSIX
public import SMTP

/// Says whether a login and a password belong together.
///
/// An unknown login takes as long as a wrong password.
public enum Verifier {
  case account(SingleAccount)
  case file(PasswordFile)
  case program(CheckPassword)

  public func verify(_ credentials: Credentials) throws(VerifierError) -> Bool {
    switch self {
    case .account(let account): account.verify(credentials)
    case .file(let file): try file.verify(credentials)
    case .program(let program): try program.verify(credentials)
    }
  }
}

/// Why nothing can be said: not the client's fault.
public struct VerifierError: Error {
  public let reason: String
}

/// One account, from the configuration.
public struct SingleAccount {
  private let login: [UInt8]
  private let secret: Secret

  private enum Secret {
    case plain([UInt8])
    case hash(String)
  }

  /// `password` is the password, or a hash of crypt(5) that names its scheme.
  public init(login: String, password: String) {
    self.login = Array(login.utf8)
    let hash = PasswordFile.withoutSchemePrefix(password)
    secret = PasswordHash.isHash(hash) ? .hash(hash) : .plain(Array(password.utf8))
  }

  /// Whether the password was given in clear text.
  public var isPlain: Bool {
    switch secret {
    case .plain: true
    case .hash: false
    }
  }

  public func verify(_ credentials: Credentials) -> Bool {
    let isLogin = PasswordHash.areEqual(credentials.login, login)
    let isPassword =
      switch secret {
      case .plain(let password): PasswordHash.areEqual(credentials.password, password)
      case .hash(let hash): PasswordHash.verify(credentials.password, against: hash)
      }
    return isLogin && isPassword
  }
}
