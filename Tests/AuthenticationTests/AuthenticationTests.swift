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
    #expect(PasswordHash.verify(Array("secret".utf8), against: hash))
    #expect(!PasswordHash.verify(Array("secre".utf8), against: hash))
    #expect(!PasswordHash.verify([], against: hash))
    let account = SingleAccount(login: "user", password: hash)
    #expect(account.verify(credentials("user", "secret")))
    #expect(!account.verify(credentials("user", hash)), "the hash is not the password")
    #expect(!account.isPlain && !SingleAccount(login: "user", password: "{CRYPT}" + hash).isPlain)
  }

  @Test(arguments: ["", "secret", "$", "$6$", "abcdefghijklm", "*", "!", "*0", "$6$!", "{PLAIN}x"])
  func notHashes(_ text: String) {
    #expect(!PasswordHash.isHash(text))
    #expect(!PasswordHash.verify(Array("secret".utf8), against: text))
    #expect(!PasswordHash.verify([], against: text))
  }

  @Test func plainAccount() throws {
    let account = SingleAccount(login: "us\u{e9}r", password: "s\u{e9}cret")
    #expect(account.isPlain)
    #expect(account.verify(credentials("us\u{e9}r", "s\u{e9}cret")))
    for (login, password) in [
      ("us\u{e9}r", "s\u{e9}cre"), ("us\u{e9}r", "s\u{e9}crets"), ("us\u{e9}r", ""),
      ("user", "s\u{e9}cret"), ("", "s\u{e9}cret"), ("USER", "SECRET"), ("", ""),
    ] {
      #expect(!account.verify(credentials(login, password)))
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
      """.utf8)
    let file = PasswordFile(path: path)
    #expect(try file.verify(credentials("first", "secret")))
    #expect(try file.verify(credentials("dovecot", "secret")))
    for login in [
      "#off", "plain", "locked", "empty", "nocolon", "ssha", "nobody", "", "firs", "# a comment",
    ] {
      #expect(try !file.verify(credentials(login, "secret")), "\(login)")
      #expect(try !file.verify(credentials(login, "")), "\(login)")
    }
    #expect(try !file.verify(credentials("first", "wrong")))
  }

  @Test func missingPasswordFile() throws {
    let credentials = credentials("a", "b")
    #expect(throws: VerifierError.self) {
      try PasswordFile(path: "/nonexistent").verify(credentials)
    }
  }

  /// An unknown login is compared with a hash too, so that it costs what a wrong password costs.
  @Test func unknownLoginIsHashed() throws {
    // A scheme that does not name itself cannot be measured by time here; count calls instead: with
    // a hash that takes long, both take long.
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

  /// The interface has 512 octets at most; of more a program might read a part.
  @Test(arguments: [(498, true), (499, false), (8000, false)])
  func longestForCheckPassword(_ count: Int, _ expected: Bool) throws {
    let password = String(repeating: "x", count: count)
    let verifier = CheckPassword(command: "/usr/bin/env", timeout: 10)
    #expect(try verifier.verify(credentials("a", password)) == expected)
  }

  /// A program by itself is given /bin/true to run.
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
