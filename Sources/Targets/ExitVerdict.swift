// What the end of a program means for the mail that it was given: sysexits(3), with the status codes of Postfix's pipe(8).
// Only a program that has said so refuses mail; all else may pass.

public import SMTP

extension ClientSession.Verdict {
  /// A program has ended with this exit status, and has printed `line` last.
  public static func exited(_ status: Int, _ line: [UInt8]) -> Self {
    if status == 0 {
      return Self(.delivered, .recipient, .init(2, 0, 0), line.isEmpty ? text("delivered") : line)
    }
    let (code, meaning) = meaning(of: status)
    return Self(
      code.category == 5 ? .refused : .deferred, .recipient, code,
      line.isEmpty ? text("\(meaning) (exit status \(status))") : line)
  }

  private static func meaning(of status: Int) -> (EnhancedStatusCode, String) {
    switch status {
    case 64: (.init(5, 3, 0), "command line usage error")
    case 65: (.init(5, 6, 0), "data format error")
    case 66: (.init(5, 3, 0), "cannot open input")
    case 67: (.init(5, 1, 1), "user unknown")
    case 68: (.init(5, 1, 2), "host name unknown")
    case 69: (.init(5, 3, 0), "service unavailable")
    case 70: (.init(5, 3, 0), "internal software error")
    case 71: (.init(4, 3, 0), "system resource problem")
    case 72: (.init(5, 3, 0), "critical OS file missing")
    case 73: (.init(5, 2, 0), "cannot create user output file")
    case 74: (.init(4, 3, 0), "input/output error")
    case 75: (.init(4, 3, 0), "temporary failure")
    case 76: (.init(5, 5, 0), "remote error in protocol")
    case 77: (.init(5, 7, 0), "permission denied")
    case 78: (.init(4, 3, 5), "local configuration error")
    default: (.init(4, 3, 0), "the program has failed")
    }
  }

  /// A program was killed.
  public static func signalled(_ signal: Int, _ line: [UInt8]) -> Self {
    let reason = text("the program was killed by signal \(signal)")
    return Self(
      .deferred, .recipient, .init(4, 3, 0), line.isEmpty ? reason : reason + text(": ") + line)
  }

  /// A program was ended, since it took too long.
  public static func overtime(seconds: Int) -> Self {
    Self(
      .deferred, .recipient, .init(4, 3, 0),
      text("the program has not ended within \(seconds) seconds"))
  }

  /// A program cannot be started, whatever the mail.
  public static func unstartable(_ reason: String) -> Self {
    Self(.deferred, .destination, .init(4, 3, 5), LastLine.printable(Array(reason.utf8)[...]))
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
}
