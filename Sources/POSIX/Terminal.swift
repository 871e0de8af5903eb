// Asking for a secret.

import CSystem

public enum Terminal {
  /// Whether standard input is a terminal.
  public static var isInput: Bool { isatty(STDIN_FILENO) == 1 }

  /// Reads a line from standard input, without its LF, and if that is a terminal asks on standard
  /// error and shows nothing of what is typed. Nil at the end of the input, and for a line of more
  /// than 4096 octets.
  public static func readSecret(prompt: String) -> [UInt8]? {
    var settings = termios()
    let isTerminal = unsafe tcgetattr(STDIN_FILENO, &settings) == 0
    if isTerminal {
      var silent = settings
      silent.c_lflag &= ~tcflag_t(ECHO)
      unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
      FileDescriptor.print(prompt, to: STDERR_FILENO)
    }
    defer {
      if isTerminal {
        unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        FileDescriptor.print("\n", to: STDERR_FILENO)
      }
    }
    // Octet by octet, so that the next line is left for whoever reads next.
    var line: [UInt8] = []
    line.reserveCapacity(4097)
    var octet: UInt8 = 0
    while line.count <= 4096 {
      guard let count = try? retrying({ unsafe read(STDIN_FILENO, &octet, 1) }) else { return nil }
      if count == 0 { return line.isEmpty ? nil : line }
      if octet == 10 { return line }
      line.append(octet)
    }
    return nil
  }
}
