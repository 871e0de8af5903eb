// Answers of the DNS: whatever the octets are, reading them ends and traps nowhere, and what is read are names
// of hosts.

import DNS

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
  guard let records = records(in: input.span) else { return 0 }
  func check(_ name: [UInt8]) {
    precondition(name.count < 255)
    for octet in name {
      precondition(
        octet &- 97 < 26 || octet &- 48 < 10 || octet == 45 || octet == 46 || octet == 95)
    }
  }
  for record in records {
    check(record.owner)
    switch record.content {
    case .address(let address): precondition(address.count == 4 || address.count == 16)
    case .alias(let name): check(name)
    case .exchanger(_, let host): check(host)
    case .text(let text):
      precondition(text.count <= 65_535)
      _ = DMARCPolicy(text)
    }
    _ = MailExchangers(records, of: record.owner)
    _ = addresses(of: record.owner, in: records)
  }
  return 0
}
