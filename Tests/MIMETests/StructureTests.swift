import MIME
import Testing

@Test func readsNothing() {
  let octets: [UInt8] = []
  #expect(Structure(octets.span).parts.count == 1)
}
