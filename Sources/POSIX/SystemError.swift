// Errors of the C library. Calls that EINTR interrupts are repeated here and nowhere else.

import CSystem

/// A system call that failed: its name, as in the manual, and its errno. Two errors are equal if their errnos are, so that
/// `catch .noSuchFile` is for any call.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  public let call: StaticString
  public let number: CInt

  init(_ call: StaticString, number: CInt) { (self.call, self.number) = (call, number) }

  /// The same errno, of another call.
  public init(call: StaticString, errno: SystemError) {
    self.init(call, number: errno.number)
  }

  private init(_ number: CInt) { self.init("", number: number) }

  /// What the last call, which was `call`, has left in `errno`.
  static func last(_ call: StaticString) -> Self { Self(call, number: postern_errno()) }

  public static func == (left: Self, right: Self) -> Bool { left.number == right.number }

  public static var brokenPipe: Self { Self(EPIPE) }
  public static var connectionReset: Self { Self(ECONNRESET) }
  public static var fileExists: Self { Self(EEXIST) }
  public static var noSpace: Self { Self(ENOSPC) }
  public static var quotaExceeded: Self { Self(EDQUOT) }
  public static var fileTooLarge: Self { Self(EFBIG) }
  public static var inputOutput: Self { Self(EIO) }
  public static var noSuchFile: Self { Self(ENOENT) }
  static var functionNotImplemented: Self { Self(ENOSYS) }
  public static var invalidArgument: Self { Self(EINVAL) }
  static var notSocket: Self { Self(ENOTSOCK) }
  /// What is read is not what was written: file systems say this of a checksum, we of a file that we do not understand.
  public static var badMessage: Self { Self(EBADMSG) }
  /// A damaged file system.
  public static var needsCleaning: Self { Self(EUCLEAN) }
  public static var noSuchDevice: Self { Self(ENXIO) }
  public static var notSupported: Self { Self(EOPNOTSUPP) }
  public static var isDirectory: Self { Self(EISDIR) }
  public static var accessDenied: Self { Self(EACCES) }
  public static var notPermitted: Self { Self(EPERM) }
  public static var tooManyLinks: Self { Self(ELOOP) }
  public static var outOfMemory: Self { Self(ENOMEM) }
  public static var busy: Self { Self(EBUSY) }
  public static var wouldBlock: Self { Self(EAGAIN) }

  /// What strerror(3) says of the errno.
  public var description: String { unsafe String(cString: strerror(number)) }

  /// Whether what was read is not what was written. All other errors may pass.
  public var isCorrupt: Bool { self == .badMessage || self == .needsCleaning }

  /// Whether the disk or a quota is full, or the limit on the size of a file was reached.
  public var isNoSpace: Bool {
    self == .noSpace || self == .quotaExceeded || self == .fileTooLarge
  }
}

/// Calls `body` again as long as a signal interrupts it (EINTR). Throws any other error, as that of the call `name`.
func retrying<Result: FixedWidthInteger & SignedInteger>(
  _ name: StaticString, _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result = body()
    if result != -1 { return result }
    if postern_errno() != EINTR { throw .last(name) }
  }
}

/// Calls `body` once and throws its error. For calls that must not be repeated, such as close(2).
func once(_ name: StaticString, _ body: () -> CInt) throws(SystemError) {
  if body() == -1 { throw .last(name) }
}
