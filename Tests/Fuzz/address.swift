// Fuzzes addresses and parameters: one RCPT and one MAIL each. What is accepted must be found again in
// the envelope, and must be a path that is accepted again. Domains are compared with one in UTF-8.

import SMTP

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAddress(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let path = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  guard !path.contains(10), !path.contains(13) else { return 0 }
  var configuration = Configuration(hostname: Array("x".utf8))
  configuration.offersDeliveryStatus = true
  configuration.isSubmission = true
  check(path) { envelope(from: Array("<>".utf8), to: $0, configuration)?.recipients.first?.mailbox }
  check(path) {
    switch envelope(from: $0, to: Array("<a@b>".utf8), configuration)?.reversePath {
    case .mailbox(let mailbox): mailbox
    case .null, nil: nil
    }
  }
  configuration.domains = [Array("xn--bcher-kva.example".utf8)]
  if let mailbox = envelope(from: Array("<>".utf8), to: path, configuration)?.recipients.first?
    .mailbox
  {
    precondition(mailbox.domain.isEmpty || 14...21 ~= mailbox.domain.count)
  }
  return 0
}

private func check(_ path: [UInt8], _ parse: ([UInt8]) -> Mailbox?) {
  guard let mailbox = parse(path) else { return }
  precondition(mailbox.octets.count <= 254)
  precondition(!mailbox.octets.contains { $0 < 32 || $0 == 127 })
  precondition(parse(Array("<".utf8) + mailbox.octets + Array(">".utf8)) == mailbox)
}

private func envelope(
  from sender: [UInt8], to recipient: [UInt8], _ configuration: Configuration
) -> Envelope? {
  var machine = Machine(configuration)
  machine.receive("EHLO x\r\nMAIL FROM:".utf8)
  machine.receive(sender)
  machine.receive(" SMTPUTF8\r\nRCPT TO:".utf8)
  machine.receive(recipient)
  machine.receive("\r\nBDAT 0 LAST\r\n".utf8)
  return machine.envelopes.first
}
