// A checkpassword program (https://cr.yp.to/checkpwd/interface.html). It reads `login NUL password
// NUL timestamp NUL` from descriptor 3. If the password is right, it runs the program in its arguments. If the password
// is wrong, it exits with 1. It exits with 2 if it was called incorrectly, and with 111 after a temporary failure.

import Octets
public import POSIX
public import SMTP

public struct CheckPassword {
  /// The interface allows at most so many octets.
  private static let longestInput = 512

  private let arguments: [String]
  /// Seconds that the program may take.
  private let timeout: Int

  /// `command` consists of words with spaces between. If it is one word, the program is told to run `/bin/true`, because
  /// only the exit status matters.
  public init(command: String, timeout: Int) {
    let words = command.split(separator: " ").map { String($0) }
    arguments = words.count == 1 ? words + ["/bin/true"] : words
    self.timeout = timeout
  }

  private var program: String { arguments[0] }

  /// Throws if there is no such program.
  func check() throws(VerifierError) {
    if !ChildProcess.isExecutable(program) {
      throw .unavailable(reason: "\(program): this is no program that can be executed")
    }
  }

  /// SIGTERM ends the program early. There is no limit on how many programs run at once, because most of them only wait
  /// for a database or a server, and need little memory.
  public func verify(
    _ credentials: Credentials, unless termination: Termination = .never
  ) throws(VerifierError) -> Bool {
    var input: [UInt8] = []
    input.reserveCapacity(credentials.login.count + credentials.password.count + 32)
    input += credentials.login + [0]
    input += credentials.password
    input += [0] + String(Clock.now().seconds).utf8 + [0]
    defer { input.wipe() }
    // A program that reads only this many octets would verify only a part of a longer password.
    guard input.count <= Self.longestInput else { return false }
    let status: ChildProcess.Status
    do throws(SystemError) {
      status = try ChildProcess.run(
        arguments, feeding: input, to: 3, until: Deadline(inSeconds: timeout), unless: termination)
    } catch {
      throw .unavailable(reason: "\(program): \(error)")
    }
    switch status {
    case .exited(0): return true
    case .exited(1): return false
    case .exited(let code): throw .unavailable(reason: "\(program): exit status \(code)")
    case .signalled(let number): throw .unavailable(reason: "\(program): signal \(number)")
    case .timedOut: throw .unavailable(reason: "\(program): no answer for \(timeout) seconds")
    case .terminated: throw .terminated
    }
  }
}
