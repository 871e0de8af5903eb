// SIGTERM as something to wait for, and the signals that are errors of a call.

import CSystem

public enum Signals {
  /// Blocks SIGTERM, SIGPIPE and SIGXFSZ, and gives a descriptor that can be read once SIGTERM has come.
  public static func block() throws(Errno) -> FileDescriptor {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in [SIGTERM, SIGPIPE, SIGXFSZ] { unsafe sigaddset(&signals, signal) }
    _ = try retrying { unsafe sigprocmask(SIG_BLOCK, &signals, nil) }
    for signal in [SIGPIPE, SIGXFSZ] { unsafe sigdelset(&signals, signal) }
    return FileDescriptor(try retrying { unsafe postern_signalfd(&signals) })
  }
}

extension FileDescriptor {
  /// The number, for what takes it as such.
  public var value: CInt { number }
}
