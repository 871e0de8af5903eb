// Asks for a password.

import CSystem

public enum Terminal {
  /// Whether standard input is a terminal.
  public static var isInput: Bool { isatty(STDIN_FILENO) == 1 }

  /// Reads a line from standard input and returns it without its LF. If standard input is a terminal, prints `prompt` on
  /// standard error and hides what is typed. Nil at the end of the input, and for a line of more than 4096 octets.
  ///
  /// If a signal ends or stops the process (Ctrl-C, Ctrl-Z), the terminal is restored first. When a stopped process
  /// continues, it asks again.
  public static func readSecret(prompt: String) -> [UInt8]? {
    var settings = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else {
      return readLine(unless: .never).octets
    }
    // SIGTTOU and SIGTTIN are not blocked, so that they stop a process in the background before it changes the terminal.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP] {
      unsafe sigaddset(&signals, number)
    }
    while true {
      var before = sigset_t()
      unsafe sigprocmask(SIG_BLOCK, &signals, &before)
      // Unblocks the signals; one that has come takes effect here.
      defer { unsafe sigprocmask(SIG_SETMASK, &before, nil) }
      let arrival = FileDescriptor(unsafe postern_signalfd(&signals))
      var silent = settings
      silent.c_lflag &= ~tcflag_t(ECHO)
      unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
      FileDescriptor.print(prompt, to: STDERR_FILENO)
      let line = readLine(unless: Termination(arrival))
      unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
      FileDescriptor.print("\n", to: STDERR_FILENO)
      if !line.isInterrupted { return line.octets }
    }
  }

  /// Reads octet by octet, so that the following lines are left for the next reader.
  private static func readLine(
    unless termination: Termination
  ) -> (octets: [UInt8]?, isInterrupted: Bool) {
    var line: [UInt8] = []
    line.reserveCapacity(4097)
    var octet: UInt8 = 0
    while line.count <= 4096 {
      let event = try? termination.wait(for: STDIN_FILENO, until: Deadline(inSeconds: 3600))
      switch event {
      case .terminated: return (nil, true)
      case .timeout: continue
      case .ready, nil: break
      }
      guard let count = try? retrying("read", { unsafe read(STDIN_FILENO, &octet, 1) }) else {
        break
      }
      if count == 0 { return (line.isEmpty ? nil : line, false) }
      if octet == 10 { return (line, false) }
      line.append(octet)
    }
    return (nil, false)
  }
}
