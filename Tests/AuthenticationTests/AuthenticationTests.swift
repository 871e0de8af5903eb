// The three places where accounts are kept.

import Authentication
import Foundation
import POSIX
import SMTP
import TestSupport
import Testing

@Suite struct AuthenticationTests {
  private func credentials(_ login: String, _ password: String) -> Credentials {
    Credentials(mechanism: .plain, login: Array(login.utf8), password: Array(password.utf8))
  }

  @Test(arguments: ["$y$", "$2b$", "$6$", "$5$", "$gy$", "$7$"])
  func hashes(_ scheme: String) throws {
    let hash = try #require(PasswordHash.make(Array("secret".utf8), scheme: scheme, cost: 0))
    #expect(hash.hasPrefix(scheme))
    #expect(PasswordHash.isHash(hash))
    #expect(try PasswordHash.verify(Array("secret".utf8), against: hash))
    #expect(try !PasswordHash.verify(Array("secre".utf8), against: hash))
    #expect(try !PasswordHash.verify([], against: hash))
    let folder = Scratch()
    let account = try #require(Self.account("user", hash, in: folder))
    #expect(try account.verify(credentials("user", "secret")))
    #expect(try !account.verify(credentials("other", "secret")))
    #expect(try !account.verify(credentials("user", hash)), "the hash is not the password")
    let prefixed = try #require(Self.account("user", "{CRYPT}" + hash, in: folder))
    #expect(!account.isPlain && !prefixed.isPlain)
    #expect(try prefixed.verify(credentials("user", "secret")))
    // A hash whose end is missing is not taken as a password, and nobody could log in with it.
    for count in [1, 10, hash.utf8.count - 4] {
      #expect(Self.account("user", String(hash.dropLast(count)), in: folder) == nil)
      #expect(Self.account("user", "{CRYPT}" + hash.dropLast(count), in: folder) == nil)
    }
    #expect(Self.account("user", hash + "x", in: folder) == nil)
  }

  private static func account(
    _ login: String, _ password: String, in folder: Scratch
  ) -> SingleAccount? {
    SingleAccount(login: login, password: password, mailDirectory: folder.path)
  }

  /// A value that looks like a hash but cannot be verified is not taken as a password.
  @Test(arguments: [
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g", "{SSHA}c2VjcmV0", "{PLAIN}secret",
    "{ARGON2ID}$argon2id$v=19$m=65536$c2Fs$aGFz", "$6$", "$6$saltsalt$", "$6$saltsalt$abcdef",
    "{SHA512-CRYPT}$6$saltsalt$abcdef", "$y$j9T$abcdefghijklmnop", "$2b$05$abcdefghijklmnopqrstuu",
    "$x$", "{a}b",
  ])
  func looksLikeAHash(_ text: String) {
    #expect(Self.account("user", text, in: Scratch()) == nil)
  }

  /// A password may begin with the same characters as a hash.
  @Test(arguments: ["$", "$$", "$ecret", "$1", "{", "{}x", "{ }x", "{secret", "$se cret$", "s$6$x"])
  func plainPasswords(_ text: String) throws {
    let account = try #require(Self.account("user", text, in: Scratch()))
    #expect(account.isPlain)
    #expect(try account.verify(credentials("user", text)))
  }

  @Test(arguments: ["", "secret", "$", "$6$", "abcdefghijklm", "*", "!", "*0", "$6$!", "{PLAIN}x"])
  func notHashes(_ text: String) throws {
    #expect(!PasswordHash.isHash(text))
    #expect(try !PasswordHash.verify(Array("secret".utf8), against: text))
    #expect(try !PasswordHash.verify([], against: text))
  }

  @Test func plainAccount() throws {
    let account = try #require(Self.account("us\u{e9}r", "s\u{e9}cret", in: Scratch()))
    #expect(account.isPlain)
    #expect(try account.verify(credentials("us\u{e9}r", "s\u{e9}cret")))
    for (login, password) in [
      ("us\u{e9}r", "s\u{e9}cre"), ("us\u{e9}r", "s\u{e9}crets"), ("us\u{e9}r", ""),
      ("user", "s\u{e9}cret"), ("", "s\u{e9}cret"), ("USER", "SECRET"), ("", ""),
    ] {
      #expect(try !account.verify(credentials(login, password)))
    }
  }

  @Test func passwordFile() throws {
    let hash = try #require(PasswordHash.make(Array("secret".utf8), scheme: "$5$", cost: 1000))
    let folder = Scratch()
    let path = folder.file(
      "passwd",
      """
      # a comment: with a colon
      #off:\(hash)
      plain:secret
      locked:!\(hash)
      empty:
      nocolon
      first:\(hash)
      dovecot:{SHA256-CRYPT}\(hash):1000:1000::/home/dovecot
      ssha:{SSHA}c2VjcmV0
      cut:\(hash.dropLast(3))
      """.utf8)
    let file = PasswordFile(path: path)
    #expect(try file.verify(credentials("first", "secret")))
    #expect(try file.verify(credentials("dovecot", "secret")))
    for login in [
      "#off", "plain", "locked", "empty", "nocolon", "ssha", "cut", "nobody", "", "firs",
      "# a comment",
    ] {
      #expect(try !file.verify(credentials(login, "secret")), "\(login)")
      #expect(try !file.verify(credentials(login, "")), "\(login)")
    }
    #expect(try !file.verify(credentials("first", "wrong")))
  }

  /// A login that contains a colon matches no line, although the colon and the hash follow the name in the file.
  @Test func loginWithAColon() throws {
    let hash = try #require(PasswordHash.make(Array("secret".utf8), scheme: "$5$", cost: 1000))
    let folder = Scratch()
    let file = PasswordFile(path: folder.file("passwd", "a:\(hash):\(hash)\nb:x:\(hash)\n".utf8))
    #expect(try file.verify(credentials("a", "secret")))
    for login in ["a:", "a:\(hash)", "b:x", ":", "a:\(hash):\(hash)"] {
      #expect(try !file.verify(credentials(login, "secret")), "\(login)")
    }
  }

  /// The lines of a file that was edited on Windows end in CR LF.
  @Test func lineEndsOfWindows() throws {
    let hash = try #require(PasswordHash.make(Array("secret".utf8), scheme: "$5$", cost: 1000))
    let folder = Scratch()
    let text = "first:\(hash)\r\nsecond:\(hash):1000\r\nlast:{CRYPT}\(hash)\r"
    let file = PasswordFile(path: folder.file("passwd", text.utf8))
    for login in ["first", "second", "last"] {
      #expect(try file.verify(credentials(login, "secret")), "\(login)")
      #expect(try !file.verify(credentials(login, "wrong")), "\(login)")
    }
    var entries = PasswordEntries(Array(text.utf8))
    entries.set(Array("first".utf8), hash: "new")
    entries.set(Array("second".utf8), hash: "new")
    let edited = String(decoding: entries.content, as: UTF8.self)
    #expect(edited.hasPrefix("first:new\r\nsecond:new:1000\r\nlast:"))
  }

  /// At most four processes of a machine hash at once. A process that has waited too long reports that.
  @Test func placesForHashing() throws {
    let folder = Scratch()
    let path = folder.file("passwd", "a:b\n".utf8)
    let script = """
      import fcntl, os, struct, sys
      file = os.open(sys.argv[1], os.O_RDONLY)
      for slot in range(int(sys.argv[2])):
        lock = struct.pack('hhqqi4x', fcntl.F_RDLCK, os.SEEK_SET, (1 << 40) + slot, 1, 0)
        fcntl.fcntl(file, fcntl.F_SETLK, lock)
      os.close(1)
      sys.stdin.read()
      """
    func take(besides others: Int) throws -> FileDescriptor.SlotError? {
      let holder = Foundation.Process()
      let (input, output) = (Pipe(), Pipe())
      holder.executableURL = URL(filePath: try #require(Command.find("python3")))
      holder.arguments = ["-c", script, path, "\(others)"]
      holder.standardInput = input
      holder.standardOutput = output
      try holder.run()
      _ = try output.fileHandleForReading.readToEnd()
      defer {
        try? input.fileHandleForWriting.close()
        holder.waitUntilExit()
      }
      let file = try FileDescriptor.reading(path)
      do throws(FileDescriptor.SlotError) {
        try file.takeSlot(
          of: PasswordHash.limitAtOnce, until: Deadline(inSeconds: 1), unless: .never)
        return nil
      } catch {
        return error
      }
    }
    for others in [0, 3] { #expect(try take(besides: others) == nil) }
    guard case .timeout = try take(besides: 4) else {
      Issue.record("there was a fifth place")
      return
    }
  }

  @Test func missingPasswordFile() throws {
    let credentials = credentials("a", "b")
    #expect(throws: VerifierError.self) {
      try PasswordFile(path: "/nonexistent").verify(credentials)
    }
  }

  /// For an unknown login a hash is computed too, so that it takes as long as a wrong password.
  @Test func unknownLoginIsHashed() throws {
    // The hash is an expensive one. If the hash is computed in both cases, both take much CPU time.
    let hash = try #require(PasswordHash.make(Array("x".utf8), scheme: "$6$", cost: 200_000))
    let folder = Scratch()
    let file = PasswordFile(path: folder.file("passwd", "a:\(hash)\n".utf8))
    let (known, unknown) = (credentials("a", "b"), credentials("b", "b"))
    func cost(_ credentials: Credentials) throws -> clock_t {
      let start = clock()
      _ = try file.verify(credentials)
      return clock() - start
    }
    let ratio = try Double(cost(unknown)) / Double(max(1, cost(known)))
    #expect(0.3...3 ~= ratio)
  }

  @Test(arguments: [(0, true), (1, false)])
  func checkPassword(_ status: Int, _ expected: Bool) throws {
    let folder = Scratch()
    let program = folder.file(
      "check",
      "#!/bin/sh\ncat <&3 | tr '\\0' '|' >\(folder.path)/got\nenv >\(folder.path)/env\nexit \(status)\n"
        .utf8)
    let verifier = CheckPassword(command: "/bin/sh \(program)", timeout: 10)
    #expect(try verifier.verify(credentials("user", "secret")) == expected)
    let got = String(decoding: MailFolder(folder, ".").content("got"), as: UTF8.self)
    #expect(got.hasPrefix("user|secret|1"))
  }

  /// The interface allows at most 512 octets. A program might verify only a part of more.
  @Test(arguments: [(498, true), (499, false), (8000, false)])
  func longestForCheckPassword(_ count: Int, _ expected: Bool) throws {
    let password = String(repeating: "x", count: count)
    let verifier = CheckPassword(command: "/usr/bin/env", timeout: 10)
    #expect(try verifier.verify(credentials("a", password)) == expected)
  }

  /// A program without arguments is told to run /bin/true.
  @Test func checkPasswordRunsItsArgument() throws {
    let env = "/usr/bin/env"
    #expect(try CheckPassword(command: env, timeout: 10).verify(credentials("a", "b")))
    let failing = CheckPassword(command: env + " /bin/false", timeout: 10)
    #expect(try !failing.verify(credentials("a", "b")))
  }

  @Test(arguments: ["exit 111", "exit 2", "kill -9 $$", "sleep 30"])
  func checkPasswordCannotSay(_ script: String) throws {
    let folder = Scratch()
    let program = folder.file("check", "#!/bin/sh\n\(script)\n".utf8)
    let credentials = credentials("a", "b")
    #expect(throws: VerifierError.self) {
      try CheckPassword(command: "/bin/sh \(program)", timeout: 1).verify(credentials)
    }
    #expect(throws: VerifierError.self) {
      try CheckPassword(command: "/nonexistent", timeout: 1).verify(credentials)
    }
  }
}
