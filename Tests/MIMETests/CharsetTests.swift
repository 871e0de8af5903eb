// Every character of every charset, against Python's codecs. charsets.py says where the WHATWG Encoding Standard
// differs from them.

import Foundation
import MIME
import TestSupport
import Testing

@Suite struct CharsetTests {
  private func script(_ path: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: path).path
  }

  @Test func charactersAreThoseOfPython() throws {
    let scratch = Scratch()
    let outcome = Command.run(
      ["/usr/bin/python3", script("charsets.py"), scratch.path], in: Scratch())
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
    let labels = files.filter { $0.hasSuffix(".utf8") }.map { String($0.dropLast(5)) }
    #expect(labels.count == 39)
    for label in labels {
      let octets = try content(scratch, label + ".octets")
      let expected = try content(scratch, label + ".utf8")
      var decoder = CharsetDecoder(try #require(Charset(label: Array(label.utf8)), "\(label)"))
      var decoded: [UInt8] = []
      decoder.decode(octets.span, into: &decoded)
      decoder.finish(into: &decoded)
      guard decoded != expected else { continue }
      let lines = zip(decoded.split(separator: 10), expected.split(separator: 10))
      let wrong = lines.first { $0 != $1 }.map { "\(string($0)) is to be \(string($1))" }
      Issue.record("\(label): \(wrong ?? "not as long")")
    }
  }

  /// The tables are those that tables.py makes.
  @Test func tables() throws {
    let scratch = Scratch()
    let folder = script("../../Sources/MIME/Charset")
    let outcome = Command.run(
      ["/usr/bin/python3", folder + "/tables.py", scratch.path], in: Scratch())
    #expect(outcome.status == 0, "\(outcome.errorText)")
    for name in ["SingleByteTables.swift", "MultibyteTables.swift"] {
      let made = try content(scratch, name)
      let stored = try Data(contentsOf: URL(filePath: folder + "/" + name))
      #expect(!made.isEmpty && made == [UInt8](stored), "run tables.py: \(name)")
    }
  }

  private func content(_ scratch: Scratch, _ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: scratch.path + "/" + name)))
  }
}
