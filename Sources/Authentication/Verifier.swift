// Verifies a login and a password. Accounts are kept in one of three places, or every login is right.

public import POSIX
public import SMTP

/// Says whether a login and a password belong together.
///
/// An unknown login takes as long as a wrong password.
public enum Verifier {
  case account(SingleAccount)
  case file(PasswordFile)
  case program(CheckPassword)
  /// Every login is right.
  case anyLogin

  /// Whether the password is right. Throws early when SIGTERM comes.
  public func verify(
    _ credentials: Credentials, unless termination: Termination
  ) throws(VerifierError) -> Bool {
    switch self {
    case .account(let account): try account.verify(credentials, unless: termination)
    case .file(let file): try file.verify(credentials, unless: termination)
    case .program(let program): try program.verify(credentials, unless: termination)
    case .anyLogin: true
    }
  }

  /// Throws if nobody could log in. Otherwise describes the accounts in a few words.
  public func check() throws(VerifierError) -> String {
    switch self {
    case .account(let account): return account.isPlain ? "one, in clear text" : "one"
    case .file(let file): return try file.check()
    case .program(let program):
      try program.check()
      return "a program is asked"
    case .anyLogin: return "every login is right"
    }
  }
}

/// Why the password could not be verified. This is never the client's fault.
public enum VerifierError: Error {
  case unavailable(reason: String)
  /// SIGTERM has come.
  case terminated
}

extension FileDescriptor {
  /// How many seconds a session waits for its turn to hash a password.
  private static let patience = 30

  /// Waits until this process may hash a password (POSIX/Slot.swift). `self` must be a file that all sessions with the
  /// same accounts have open, and `path` is its name for error messages.
  func waitToHash(_ path: String, unless termination: Termination) throws(VerifierError) {
    do throws(SlotError) {
      try takeSlot(
        of: PasswordHash.limitAtOnce, until: Deadline(inSeconds: Self.patience),
        unless: termination)
    } catch {
      switch error {
      case .timeout:
        throw .unavailable(reason: "too many others authenticate")
      case .terminated: throw .terminated
      case .failed(let errno): throw .unavailable(reason: "\(path): lock: \(errno)")
      }
    }
  }
}

/// One account, from the configuration.
public struct SingleAccount {
  private let login: [UInt8]
  private let secret: Secret
  private let mailDirectory: String

  private enum Secret {
    case plain([UInt8])
    case hash(String)
  }

  /// `password` is either the password or a hash of crypt(5) that names its scheme. Nil if it looks like a hash but
  /// libcrypt cannot verify it: if it were taken as the password, everybody who has seen the hash could log in.
  ///
  /// The mail directory is the file for `FileDescriptor.waitToHash`: every session can open it.
  public init?(login: String, password: String, mailDirectory: String) {
    self.login = Array(login.utf8)
    self.mailDirectory = mailDirectory
    let hash = PasswordFile.withoutSchemePrefix(password)
    if PasswordHash.isHash(hash) {
      secret = .hash(hash)
    } else if PasswordHash.looksLikeHash(password) {
      return nil
    } else {
      secret = .plain(Array(password.utf8))
    }
  }

  /// Whether the password was given in clear text.
  public var isPlain: Bool {
    switch secret {
    case .plain: true
    case .hash: false
    }
  }

  public func verify(
    _ credentials: Credentials, unless termination: Termination = .never
  ) throws(VerifierError) -> Bool {
    let isLogin = PasswordHash.areEqual(credentials.login, login)
    switch secret {
    case .plain(let password):
      return PasswordHash.areEqual(credentials.password, password) && isLogin
    case .hash(let hash):
      let directory: FileDescriptor
      do throws(SystemError) {
        directory = try FileDescriptor.directory(mailDirectory)
      } catch {
        throw .unavailable(reason: "\(mailDirectory): \(error)")
      }
      try directory.waitToHash(mailDirectory, unless: termination)
      do throws(SystemError) {
        return try PasswordHash.verify(credentials.password, against: hash) && isLogin
      } catch {
        throw .unavailable(reason: "\(mailDirectory): \(error)")
      }
    }
  }
}
