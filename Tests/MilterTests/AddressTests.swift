// Where milters listen, as the configuration has it.

import Testing

@testable import Milter

@Suite("Addresses of milters")
struct AddressTests {
  @Test(
    "are read",
    arguments: [
      ("unix:/run/x", .socket(Array("/run/x".utf8)), .temporaryFailure),
      ("unix:/run/x?default=accept", .socket(Array("/run/x".utf8)), .accept),
      (
        "inet:127.0.0.1:8891?default=tempfail", .host(Array("127.0.0.1".utf8), port: 8891),
        .temporaryFailure
      ),
      ("inet:[::1]:1", .host(Array("::1".utf8), port: 1), .temporaryFailure),
      ("inet:filter:65535", .host(Array("filter".utf8), port: 65_535), .temporaryFailure),
    ] as [(String, MilterAddress.Place, MilterChain.Fallback)])
  func good(_ text: String, _ place: MilterAddress.Place, _ fallback: MilterChain.Fallback) {
    let address = MilterAddress(Array(text.utf8))
    #expect(address?.place == place && address?.fallback == fallback)
    #expect(address?.text == Array(text.utf8.prefix { $0 != 63 }))
  }

  @Test(
    "are refused",
    arguments: [
      "", "unix:", "unix:x", "inet:", "inet:x", "inet:x:", "inet::1", "inet:x:0", "inet:x:65536",
      "inet:x:-1",
      "inet:::1:25", "inet:x:25?", "inet:x:25?default=", "inet:x:25?default=reject",
      "inet:x:25?default=accept&x",
      "x", "?default=accept", "local:/x",
    ])
  func bad(_ text: String) { #expect(MilterAddress(Array(text.utf8)) == nil) }
}
