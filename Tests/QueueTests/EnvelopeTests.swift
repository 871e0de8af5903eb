// What is written of a message can be read: whatever its sender has chosen.

import Jobs
import SMTP
import Testing

struct EnvelopeTests {
  @Test(
    "A sender that is taken can be a recipient",
    arguments: [
      "x..y@x.example", ".x@x.example", "x.@x.example", "..@x.example", "x@a_b.example",
      "x@x.example.", #""a > b"@x.example"#, #""a\" <b"@x.example"#,
      "j\u{fc}rgen@b\u{fc}cher.example",
      "x@[IPv6:::1]",
    ])
  func recipients(_ address: String) throws {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    var written = Job()
    written.recipients = [Job.Addressee(Recipient(mailbox: mailbox))]
    written.recipients[0].reversePath = .mailbox(mailbox)
    written.recipients[0].fields = Array("X-A: <\"\r\n".utf8)
    var job = Job()
    for line in written.octets.split(separator: 10).dropLast() { #expect(job.read(line) == .read) }
    #expect(job.recipients.first?.recipient.mailbox == mailbox)
    #expect(job.recipients.first?.reversePath == .mailbox(mailbox))
    #expect(job.recipients.first?.fields == written.recipients[0].fields)
  }

  @Test(
    "A dot at the end of a domain is none of a recipient",
    arguments: [
      ("x@x.example.", "x@x.example"), ("x@x.example", "x@x.example"),
      ("x.@[127.0.0.1]", "x.@[127.0.0.1]"),
      ("postmaster", "postmaster"),
    ])
  func finalDot(_ address: String, _ expected: String) throws {
    let mailbox = try #require(Mailbox(Array(address.utf8)))
    #expect(mailbox.withoutFinalDot.octets == Array(expected.utf8))
    #expect(mailbox.canonical == Array(expected.utf8))
  }

  @Test(
    "Quotes in ENVID and ORCPT are octets like others", arguments: [#"<"a"#, #"a"<b"#, "<", #"""#])
  func quotes(_ text: String) throws {
    var written = Job()
    written.deliveryStatus.envelopeID = Array(text.utf8)
    var status = Recipient.DeliveryStatus()
    status.notify = [.failure]
    status.originalRecipient = Array("x;\(text)".utf8)
    let mailbox = try #require(Mailbox(Array("you@x.example".utf8)))
    written.recipients = [Job.Addressee(Recipient(mailbox: mailbox, deliveryStatus: status))]
    written.recipients[0].reversePath = .null
    written.recipients[0].fields = [65]
    var job = Job()
    for line in written.octets.split(separator: 10).dropLast() { #expect(job.read(line) == .read) }
    #expect(job.deliveryStatus.envelopeID == written.deliveryStatus.envelopeID)
    #expect(job.recipients.first?.recipient.deliveryStatus == status)
    #expect(job.recipients.first?.reversePath == .null)
    #expect(job.recipients.first?.fields == [65])
  }
}
