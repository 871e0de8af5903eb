// Where every login is right, a login gives no right, whatever else is configured: SMTP_AUTH_ANY of postern.env(5).

import SMTP
import TestSupport
import Testing

@Suite struct AnyLoginTests {
  /// No configuration has both a queue and SMTP_AUTH_ANY; if one had, nothing would be sent on.
  @Test func neverRelays() {
    var configuration = Configuration(hostname: Array(Transcript.hostname.utf8))
    configuration.acceptsAnyLogin = true
    configuration.relays = true
    configuration.offersDeliveryStatus = true
    configuration.domains = [Array("x.example".utf8)]
    var machine = Machine(configuration)
    machine.receive("EHLO x\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\nEHLO x\r\n".utf8)
    machine.receive(
      "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<b%y.example@x.example>\r\n"
        .utf8)
    #expect(machine.replies.contains("235 2.7.0 "))
    #expect(!machine.replies.contains("250-DSN"))
    #expect(
      machine.replies.split(separator: "\r\n").suffix(2).allSatisfy { $0.hasPrefix("550 5.7.1 ") })
  }

  /// A program of this machine does not log in.
  @Test func programsOfThisMachineRelay() {
    var configuration = Configuration(hostname: Array(Transcript.hostname.utf8))
    configuration.isSubmission = true
    configuration.relays = true
    configuration.domains = [Array("x.example".utf8)]
    var machine = Machine(configuration)
    machine.receive("EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n".utf8)
    #expect(!machine.replies.contains("AUTH"))
    #expect(machine.replies.hasSuffix("250 2.1.5 Recipient OK\r\n"))
  }
}
