// Fuzzes AUTH: the exchange, and base64 in it. A password that is accepted encodes to what was sent.

import SMTP

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBase64(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let response = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  guard !response.contains(where: { $0 == 10 || $0 == 13 }) else { return 0 }
  var configuration = Configuration(hostname: Array("x".utf8))
  configuration.hasAccounts = true
  var session = Session(configuration: configuration, isTLS: true)
  var output: [UInt8] = []
  let input = Array("EHLO x\r\nAUTH LOGIN eA==\r\n".utf8) + response + [13, 10]
  var position = 0
  _ = session.advance(input.span, &position, into: &output)
  guard let credentials = session.credentials else { return 0 }
  precondition(encode(credentials.password) == response)
  session.verified(.accepted, into: &output)
  return 0
}

private func encode(_ octets: [UInt8]) -> [UInt8] {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var encoded: [UInt8] = []
  for start in stride(from: 0, to: octets.count, by: 3) {
    let group = octets[start..<min(start + 3, octets.count)]
    var bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
    var text: [UInt8] = []
    for _ in 0..<4 {
      text.insert(alphabet[bits & 63], at: 0)
      bits >>= 6
    }
    for index in group.count + 1..<4 { text[index] = UInt8(ascii: "=") }
    encoded += text
  }
  return encoded
}
