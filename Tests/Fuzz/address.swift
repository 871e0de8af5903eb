// Fuzzes addresses and parameters: one RCPT and one MAIL each. What is accepted must be found again in
// the envelope, and must be a path that is accepted again.

import SMTP

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAddress(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let path = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  guard !path.contains(10), !path.contains(13) else { return 0 }
  var configuration = Configuration(hostname: Array("x".utf8))
  configuration.offersDeliveryStatus = true
  guard let mailbox = recipient(path, configuration) else { return 0 }
  precondition(mailbox.octets.count <= 254)
  precondition(!mailbox.octets.contains { $0 < 32 || $0 == 127 })
  let again = recipient(Array("<".utf8) + mailbox.octets + Array(">".utf8), configuration)
  precondition(again == mailbox)
  return 0
}

private func recipient(_ path: [UInt8], _ configuration: Configuration) -> Mailbox? {
  var machine = Machine(configuration)
  machine.receive("EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:".utf8)
  machine.receive(path)
  machine.receive("\r\nBDAT 0 LAST\r\n".utf8)
  return machine.envelopes.first?.recipients.first?.mailbox
}
