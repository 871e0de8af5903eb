// Each bound, gone over ten times: the rest is left out or stays text, and the result says so. That time is
// linear the benchmark shows.

import MIME
import Testing

@Suite struct LimitsTests {
  @Test func depth() {
    var message = ""
    for level in 0..<10 * Limits.depth {
      message += "Content-Type: multipart/mixed; boundary=b\(level)\n\n--b\(level)\n"
    }
    let octets = stored(message + "\ntext\n")
    let structure = Structure(octets.span)
    #expect(structure.cut.contains(.depth))
    #expect(structure.parts.count == Limits.depth + 1)
    #expect(structure.parts.last?.kind == .textPlain)
  }

  @Test func parts() {
    let head = "Content-Type: multipart/mixed; boundary=b\n\n"
    let octets = stored(
      head + String(repeating: "--b\n\nx\n", count: 10 * Limits.parts) + "--b--\n")
    let structure = Structure(octets.span)
    #expect(structure.cut == .parts)
    #expect(structure.parts.count == Limits.parts)
    #expect(structure.parts.last?.body.count ?? 0 > 8 * 9 * Limits.parts)
  }

  @Test func header() {
    let many = stored(String(repeating: "X: y\n", count: 10 * Limits.fields) + "\ntext")
    #expect(Structure(many.span).cut == .header)
    #expect(outline(many) == [#"0 text/plain "text""#])
    let long = stored(
      "Subject: " + String(repeating: "x", count: 10 * Limits.header) + "\nTo: a@b\n\ntext")
    let message = Message(long.span)
    #expect(message.structure.cut == .header)
    #expect(message.subject.count == Limits.header - 9)
    #expect(message.to.addresses.isEmpty)
    #expect(string(message.text(in: long.span).utf8) == "text")
  }

  @Test func addresses() {
    let octets = stored("To: " + String(repeating: "a@b,", count: 10 * Limits.addresses) + "\n\n")
    let list = Message(octets.span).to
    #expect(list.addresses.count == Limits.addresses && list.isCut)
  }

  @Test(arguments: [
    "(", "((", "()", "\"", "<", ",", ":", ";", "=?u?q?", "=?u?b?=", "a@", "\\", "[@",
    "=?utf-8?b??= ",
  ])
  func hostileFields(_ piece: String) {
    let octets = stored("To: " + String(repeating: piece, count: 20_000) + "\n\n")
    let message = Message(octets.span)
    #expect(message.structure.parts.count == 1)
    #expect(message.to.addresses.count <= Limits.addresses)
  }

  /// What is decoded has never more octets than the pieces so far.
  @Test func uuencodeOfShortLines() {
    let octets = Array(("begin 644 x\n" + String(repeating: "_\n", count: 1000)).utf8)
    for step in [1, 2, 7, octets.count] {
      var decoder = TransferDecoder(.uuencode)
      var output: [UInt8] = []
      for start in stride(from: 0, to: octets.count, by: step) {
        let end = min(start + step, octets.count)
        decoder.decode(octets.span, start..<end, into: &output)
        #expect(output.count <= end)
      }
    }
  }

  @Test func text() {
    let octets = stored("\n" + String(repeating: "wörd ", count: 100))
    let text = Structure(octets.span).parts[0].text(in: octets.span, limit: 8)
    #expect(string(text.utf8) == "wörd w" && text.isCut)
  }
}
