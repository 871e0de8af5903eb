// postern-passwd: makes and edits the password file that postern-smtpd reads (SMTP_PASSWD_FILE).

import Authentication
import Octets
import POSIX
import Program
import SMTP
import Settings

@main
struct Program {
  private static let synopsis = Synopsis(
    "postern-passwd", usage: ["FILE USER", "-d FILE USER", "-v FILE USER"],
    about: """
      Sets the password of USER in FILE, and makes the file if there is none.

      At a terminal the password is asked for, twice where it is set; else it is a line of standard
      input. It is hashed with yescrypt. Other hashes of crypt(5) may stand in the file as well, such as
      those of "openssl passwd -6" and "doveadm pw -s SHA512-CRYPT".
      """, takesWords: true,
    options: [
      Option("-d", "remove USER"),
      Option("-v", "ask for a password; exit status 0 if it is right, else 1"),
    ])

  static func main() {
    let line = synopsis.start()
    if line.request == .check { check(line) }
    guard line.words.count == 2 else { synopsis.end(UsageError("", "a file and a user expected")) }
    if line.has("-d"), line.has("-v") { synopsis.end(UsageError("-v", "-d is there already")) }
    let (file, user) = (line.words[0], [UInt8](line.words[1].utf8))
    // A colon ends a name in the file. A control character does not show, so such a name could look like another one.
    guard !user.isEmpty, user[0] != UInt8(ascii: "#"),
      user.allSatisfy({ $0 >= 32 && $0 != 127 && $0 != UInt8(ascii: ":") })
    else { fail(.usage, "a user's name has no colon and no control character, nor # in front") }
    do throws(SystemError) {
      if line.has("-d") {
        try delete(user, from: file)
      } else if line.has("-v") {
        verify(user, in: file)
      } else {
        try set(user, in: file)
      }
    } catch {
      fail(.ioError, "\(file): \(error.call): \(error)")
    }
  }

  /// Looks at the file that is named, or else at that of the configuration.
  private static func check(_ line: CommandLine) -> Never {
    if line.words.count > 1 { synopsis.end(UsageError(line.words[1], "not known")) }
    synopsis.check(line, mayBeUnreadable: !line.words.isEmpty) { source throws(SettingsError) in
      source.path("SMTP_PASSWD_FILE")
    } examining: { configured, findings in
      guard let file = line.words.first ?? configured else { return }
      do throws(VerifierError) {
        findings.note("accounts", try Verifier.file(PasswordFile(path: file)).check())
      } catch {
        if case .unavailable(let reason) = error { findings.complain("accounts", reason) }
      }
    }
  }

  private static func set(_ user: [UInt8], in file: String) throws(SystemError) {
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

  private static func delete(_ user: [UInt8], from file: String) throws(SystemError) {
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
    synopsis.complain(reason)
    Process.exit(status)
  }
}
