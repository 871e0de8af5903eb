// A checkpassword program (https://cr.yp.to/checkpwd/interface.html): it reads `login NUL password
// NUL timestamp NUL` from descriptor 3 and runs the program that it is given, if the password is
// right; else it exits 1, or 2 if it was misused, or 111 if it cannot say now.

import POSIX
public import SMTP

public struct CheckPassword {
  /// Octets that the program is given at most, by the interface.
  private static let longestInput = 512

  private let arguments: [String]
  /// Seconds that the program may take.
  private let timeout: Int

  /// `command` is words with spaces between. If it is one word, the program is given `/bin/true` to
  /// run: all that is wanted of it is its exit status.
  public init(command: String, timeout: Int) {
    let words = command.split(separator: " ").map { String($0) }
    arguments = words.count == 1 ? words + ["/bin/true"] : words
    self.timeout = timeout
  }

  public func verify(_ credentials: Credentials) throws(VerifierError) -> Bool {
    var input: [UInt8] = []
    input.reserveCapacity(credentials.login.count + credentials.password.count + 32)
    input += credentials.login + [0]
    input += credentials.password
    input += [0] + String(Clock.now().seconds).utf8 + [0]
    defer { input.wipe() }
    // A program that reads no more would be asked about a part of a password.
    guard input.count <= Self.longestInput else { return false }
    let status: ChildProcess.Status
    do throws(Errno) {
      status = try ChildProcess.run(
        arguments, feeding: input, to: 3, without: ["SMTP_PASSWORD"],
        until: Deadline(inSeconds: timeout))
    } catch {
      throw VerifierError(reason: "\(arguments[0]): \(error)")
    }
    switch status {
    case .exited(0): return true
    case .exited(1): return false
    case .exited(let code): throw VerifierError(reason: "\(arguments[0]): exit status \(code)")
    case .signalled(let number): throw VerifierError(reason: "\(arguments[0]): signal \(number)")
    case .timedOut: throw VerifierError(reason: "\(arguments[0]): no answer for \(timeout) seconds")
    }
  }
}
