// SIGTERM and what means the same, as something to wait for, and the signals that are errors of a call.

import CSystem

public enum Signals {
  /// Blocks SIGTERM, SIGHUP, SIGINT, SIGPIPE and SIGXFSZ, and gives a descriptor that can be read once one of the first
  /// three has come. What the caller of this program has ignored stays so: nohup(1) does that to SIGHUP, a shell to the
  /// SIGINT of what runs in its background.
  public static func block() throws(SystemError) -> FileDescriptor {
    var ends = sigset_t()
    unsafe sigemptyset(&ends)
    for signal in [SIGTERM, SIGHUP, SIGINT] where postern_is_ignored(signal) == 0 {
      unsafe sigaddset(&ends, signal)
    }
    var all = ends
    for signal in [SIGPIPE, SIGXFSZ] { unsafe sigaddset(&all, signal) }
    _ = try retrying("sigprocmask") { unsafe sigprocmask(SIG_BLOCK, &all, nil) }
    return FileDescriptor(try retrying("signalfd") { unsafe postern_signalfd(&ends) })
  }

  /// A file that becomes larger than the process may make one (RLIMIT_FSIZE) is an error of the call, EFBIG, and does
  /// not kill the process. Each program begins with this.
  public static func letFileSizeBeAnError() { postern_ignore(SIGXFSZ) }
}

extension FileDescriptor {
  /// The number, for what takes it as such.
  public var value: CInt { number }
}
