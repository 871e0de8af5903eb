// postern-passwd: makes and edits the password file that postern-smtpd reads (SMTP_PASSWD_FILE).

import Authentication
import POSIX
import SMTP

@main
struct Program {
  private enum Operation {
    case set
    case delete
    case verify
  }

  private static let help = """
    usage: postern-passwd FILE USER      sets the password of USER; makes FILE if there is none
           postern-passwd -d FILE USER   removes USER
           postern-passwd -v FILE USER   asks for a password; exit status 0 if it is right, else 1

    At a terminal the password is asked for, twice where it is set; else it is a line of standard
    input. It is hashed with yescrypt. Other hashes of crypt(5) may stand in the file as well, such as
    those of "openssl passwd -6" and "doveadm pw -s SHA512-CRYPT".

    """

  static func main() {
    var arguments = Array(Process.arguments.dropFirst())
    var operation = Operation.set
    switch arguments.first {
    case "-d": operation = .delete
    case "-v": operation = .verify
    case "--help":
      FileDescriptor.print(help, to: 1)
      return
    default: break
    }
    if operation != .set { arguments.removeFirst() }
    guard arguments.count == 2, !arguments[0].hasPrefix("-") else {
      FileDescriptor.print(help, to: 2)
      Process.exit(.usage)
    }
    let (file, user) = (arguments[0], [UInt8](arguments[1].utf8))
    // A colon ends a name in the file. A control character does not show, so such a name could look like another one.
    guard !user.isEmpty, user[0] != UInt8(ascii: "#"),
      user.allSatisfy({ $0 >= 32 && $0 != 127 && $0 != UInt8(ascii: ":") })
    else { fail(.usage, "a user's name has no colon and no control character, nor # in front") }
    do throws(FileReplacement.Failure) {
      switch operation {
      case .set: try set(user, in: file)
      case .delete: try delete(user, from: file)
      case .verify: verify(user, in: file)
      }
    } catch {
      fail(.ioError, "\(file): \(error.call): \(error.errno)")
    }
  }

  private static func set(_ user: [UInt8], in file: String) throws(FileReplacement.Failure) {
    var password = ask("New password: ")
    defer { password.wipe() }
    if Terminal.isInput {
      var again = ask("The same again: ")
      defer { again.wipe() }
      guard password == again else { fail(.failure, "these were not the same") }
    }
    guard let hash = PasswordHash.make(password) else { fail(.failure, "libcrypt made no hash") }
    try FileReplacement.edit(file, mode: 0o640) { content in
      var entries = PasswordEntries(content ?? [])
      entries.set(user, hash: hash)
      return entries.content
    }
  }

  private static func delete(_ user: [UInt8], from file: String) throws(FileReplacement.Failure) {
    var isFound = false
    try FileReplacement.edit(file, mode: 0o640) { content in
      var entries = PasswordEntries(content ?? [])
      isFound = entries.remove(user)
      return isFound ? entries.content : nil
    }
    if !isFound { fail(.failure, "no such user in \(file)") }
  }

  private static func verify(_ user: [UInt8], in file: String) {
    let credentials = Credentials(mechanism: .plain, login: user, password: ask("Password: "))
    do throws(VerifierError) {
      if try PasswordFile(path: file).verify(credentials) { return }
    } catch {
      switch error {
      case .unavailable(let reason): fail(.ioError, reason)
      case .terminated: break  // does not happen: SIGTERM kills this program
      }
    }
    fail(.failure, "the password is not right")
  }

  private static func ask(_ prompt: String) -> [UInt8] {
    guard let password = Terminal.readSecret(prompt: prompt),
      1...PasswordHash.longestPassword ~= password.count,
      password.allSatisfy({ $0 >= 32 && $0 != 127 })
    else { fail(.failure, "a password is a line of 1 to 511 octets without control characters") }
    return password
  }

  private static func fail(_ status: Process.ExitStatus, _ reason: String) -> Never {
    FileDescriptor.print("postern-passwd: \(reason)\n", to: 2)
    Process.exit(status)
  }
}
