// Who may come in: the three places where accounts are kept.

public import POSIX
public import SMTP

/// Says whether a login and a password belong together.
///
/// An unknown login takes as long as a wrong password.
public enum Verifier {
  case account(SingleAccount)
  case file(PasswordFile)
  case program(CheckPassword)

  /// Verification ends early when SIGTERM comes.
  public func verify(
    _ credentials: Credentials, unless termination: Termination
  ) throws(VerifierError) -> Bool {
    switch self {
    case .account(let account): try account.verify(credentials, unless: termination)
    case .file(let file): try file.verify(credentials, unless: termination)
    case .program(let program): try program.verify(credentials, unless: termination)
    }
  }

  /// Throws if nobody could come in. Else says in a few words what there is.
  public func check() throws(VerifierError) -> String {
    switch self {
    case .account(let account): return account.isPlain ? "one, in clear text" : "one"
    case .file(let file): return try file.check()
    case .program(let program):
      try program.check()
      return "a program is asked"
    }
  }
}

/// Why there is no answer. It is not the client's fault.
public enum VerifierError: Error {
  case unavailable(reason: String)
  /// SIGTERM has come.
  case terminated
}

extension FileDescriptor {
  /// Seconds that a session waits for others that hash passwords.
  private static let patience = 30

  /// Waits until this process may hash a password. `self` is what all sessions have open that verify against
  /// the same accounts, and `path` is its name.
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

  /// `password` is the password, or a hash of crypt(5) that names its scheme. Nil if it looks like a hash and
  /// is none that can be verified against: taken as a password, the hash itself would let in who has seen it.
  ///
  /// All sessions have the mail directory open, and nobody else can: see `FileDescriptor.waitToHash`.
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
      do throws(Errno) {
        directory = try FileDescriptor.directory(mailDirectory)
      } catch {
        throw .unavailable(reason: "\(mailDirectory): \(error)")
      }
      try directory.waitToHash(mailDirectory, unless: termination)
      return PasswordHash.verify(credentials.password, against: hash) && isLogin
    }
  }
}
