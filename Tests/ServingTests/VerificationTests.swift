// AUTH and STARTTLS, outside of the session machine.

import Authentication
import Foundation
import POSIX
import Routing
import SMTP
import Serving
import TestSupport
import Testing

@Suite struct VerificationTests {
  private func place() -> Place {
    var place = Place.forSubmission
    place.service.session.isSubmission = false
    place.peer = Place().peer
    place.service.session.hasAccounts = true
    place.service.session.allowsInsecureAuthentication = true
    place.service.verifier = SingleAccount(
      login: "me", password: "pass", mailDirectory: place.mail.path
    ).map { .account($0) }
    place.service.senders = Senders(parsing: Array("me: me@x.example\n".utf8))
    return place
  }

  private func plain(_ login: String, _ password: String) -> String {
    "AUTH PLAIN " + Data("\0\(login)\0\(password)".utf8).base64EncodedString() + "\r\n"
  }

  /// Who has logged in may send anywhere, from its addresses.
  @Test func accepted() throws {
    let place = place()
    let outcome = try place.converse([
      "EHLO me\r\nNOOP\r\n" + plain("me", "pass"),
      "MAIL FROM:<other@x.example>\r\nMAIL FROM:<me@x.example>\r\nRCPT TO:<c@z.example>\r\nDATA\r\n",
      "x\r\n.\r\nQUIT\r\n",
    ])
    // Earlier replies do not wait for the verdict.
    #expect(outcome.reply(1).hasSuffix("\r\n250 2.0.0 OK\r\n"))
    #expect(outcome.reply(2) == "235 2.7.0 Authentication succeeded\r\n")
    #expect(
      outcome.reply(3).hasPrefix("553 5.7.1 This login may not use this sender address\r\n"))
    #expect(
      outcome.line(1)
        == "session=s event=authenticate result=accepted user=me mechanism=PLAIN peer=192.0.2.7")
    let id = try #require(place.queue.ids.first)
    #expect(place.queue.envelope(id).contains("login me"))
    let message = String(decoding: place.queue.message(id), as: UTF8.self)
    #expect(message.contains(" with ESMTPA id "))
  }

  @Test func denied() throws {
    let place = place()
    let start = Date()
    let outcome = try place.converse(["EHLO me\r\n" + plain("me", "wrong"), "QUIT\r\n"])
    #expect(outcome.reply(2) == "535 5.7.8 Authentication failed\r\n")
    // The delay is the price of a guess.
    #expect(Date().timeIntervalSince(start) >= 1)
    #expect(
      outcome.line(1)
        == "session=s event=authenticate result=denied user=me mechanism=PLAIN peer=192.0.2.7")
  }

  @Test func unavailable() throws {
    var place = place()
    place.service.verifier = .file(PasswordFile(path: place.scratch.path + "/none"))
    let outcome = try place.converse(["EHLO me\r\n" + plain("me", "pass"), "QUIT\r\n"])
    #expect(outcome.reply(2) == "454 4.7.0 Authentication not possible now\r\n")
    #expect(
      outcome.line(1).contains(" result=unavailable ") && outcome.line(1).contains(" reason="))
  }
}

@Suite struct StartTLSTests {
  private func place(_ configuration: String) -> Place {
    var place = Place()
    place.service.session.canStartTLS = true
    place.service.startTLS = configuration
    return place
  }

  /// The session goes on in clear text.
  @Test func impossible() throws {
    let outcome = try place("/nowhere/stunnel.conf").converse([
      "EHLO me\r\n", "STARTTLS\r\n", "QUIT\r\n",
    ])
    #expect(outcome.reply(2) == "454 4.7.0 TLS not available now\r\n")
    #expect(outcome.last == "221 2.0.0 Goodbye")
    #expect(outcome.line(1).hasSuffix(" configuration=/nowhere/stunnel.conf"))
  }

  /// After its reply the session is over. Here stunnel cannot be started, since there are no variables for it.
  @Test(.enabled(if: Command.exists("stunnel4"), "stunnel is not installed"))
  func handover() throws {
    let scratch = Scratch()
    let outcome = try place(scratch.file("stunnel.conf")).converse(["EHLO me\r\n", "STARTTLS\r\n"])
    #expect(outcome.last == "220 2.0.0 Ready to start TLS")
    #expect(outcome.status == .ioError)
    #expect(outcome.line(1).contains(" event=close reason=starttls "))
    #expect(outcome.line(2) == "session=s event=failure reason=\"stunnel: Invalid argument\"")
  }

  /// What the configuration of stunnel has, and why STARTTLS is not possible with it.
  @Test(
    .enabled(if: Command.exists("stunnel4"), "stunnel is not installed"),
    arguments: [
      ("cert = CERT\n", nil), ("key=CERT\r\n\tcert\t=\tCERT\n", nil), ("include = x\n", nil),
      ("cert = CERT\nkey = pkcs11:token\n", nil),
      ("cert = /none\n", "cert = /none: No such file or directory"),
      ("client = no\n", "no certificate (cert = FILE) in the configuration of stunnel"),
      ("", "no certificate (cert = FILE) in the configuration of stunnel"),
    ] as [(String, String?)])
  func check(configuration: String, reason: String?) throws {
    let scratch = Scratch()
    let text = configuration.replacing("CERT", with: scratch.file("cert.pem"))
    let target = try StartTLS(configuration: scratch.file("stunnel.conf", text.utf8))
    do throws(StartTLS.Impossibility) {
      try target.check()
      #expect(reason == nil)
    } catch {
      #expect(error.reason == reason)
    }
  }
}
