// Errors of the C library. Calls that EINTR interrupts are repeated here and nowhere else.

import CSystem

/// An `errno` value.
public struct Errno: Error, Equatable, Sendable, CustomStringConvertible {
  public let rawValue: CInt

  public init(rawValue: CInt) { self.rawValue = rawValue }

  static var current: Errno { Errno(rawValue: postern_errno()) }

  public static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
  public static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
  public static var fileExists: Errno { Errno(rawValue: EEXIST) }
  public static var noSpace: Errno { Errno(rawValue: ENOSPC) }
  public static var quotaExceeded: Errno { Errno(rawValue: EDQUOT) }
  public static var fileTooLarge: Errno { Errno(rawValue: EFBIG) }
  public static var inputOutput: Errno { Errno(rawValue: EIO) }
  public static var noSuchFile: Errno { Errno(rawValue: ENOENT) }
  static var functionNotImplemented: Errno { Errno(rawValue: ENOSYS) }
  public static var invalidArgument: Errno { Errno(rawValue: EINVAL) }
  static var notSocket: Errno { Errno(rawValue: ENOTSOCK) }
  static var notSupported: Errno { Errno(rawValue: EOPNOTSUPP) }
  static var isDirectory: Errno { Errno(rawValue: EISDIR) }
  public static var accessDenied: Errno { Errno(rawValue: EACCES) }
  public static var tooManyLinks: Errno { Errno(rawValue: ELOOP) }
  public static var wouldBlock: Errno { Errno(rawValue: EAGAIN) }

  /// What strerror(3) says.
  public var description: String { unsafe String(cString: strerror(rawValue)) }
}

/// Calls `body` again as long as a signal interrupts it (EINTR). Throws any other error.
func retrying<Result: FixedWidthInteger & SignedInteger>(
  _ call: () -> Result
) throws(Errno) -> Result {
  while true {
    let result = call()
    if result != -1 { return result }
    if postern_errno() != EINTR { throw .current }
  }
}

/// Calls `body` once and throws its error. For calls that must not be repeated, such as close(2).
func once(_ call: () -> CInt) throws(Errno) {
  if call() == -1 { throw .current }
}
