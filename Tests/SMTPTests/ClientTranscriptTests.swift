// Every transcript of the client's, against the machine: whole, octet by octet, cut at every place, and with
// the message in pieces.

import SMTP
import TestSupport
import Testing

@Suite struct ClientTranscriptTests {
  @Test(arguments: ClientTranscript.all)
  func whole(_ transcript: ClientTranscript) {
    play(transcript, transcript.machine()) { [$0] }
  }

  @Test(arguments: ClientTranscript.all)
  func octetByOctet(_ transcript: ClientTranscript) {
    play(transcript, transcript.machine()) { $0.map { [$0] } }
  }

  /// What the server sends is cut in two at every place; in long transcripts at as many as time allows.
  @Test(arguments: ClientTranscript.all)
  func cutInTwo(_ transcript: ClientTranscript) {
    let count = transcript.server.count
    for cut in stride(from: 1, to: count, by: 1 + count * count / 1_000_000) {
      var start = 0
      let isRight = play(transcript, transcript.machine()) { octets in
        defer { start += octets.count }
        guard start..<start + octets.count ~= cut, cut > start else { return [octets] }
        return [Array(octets[..<(cut - start)]), Array(octets[(cut - start)...])]
      }
      if !isRight { return }
    }
  }

  /// The content comes in pieces of every size: without chunks what is sent is the same.
  @Test(arguments: ClientTranscript.all.filter { !$0.name.contains("chunk") })
  func contentInPieces(_ transcript: ClientTranscript) {
    for size in 1...20 {
      for knowsEnd in [false, true] {
        let machine = transcript.machine(pieceSize: size, knowsEnd: knowsEnd)
        guard play(transcript, machine, { [$0] }) else { return }
      }
    }
  }

  /// Plays a transcript, of which `cut` cuts each thing that the server says.
  @discardableResult
  private func play(
    _ transcript: ClientTranscript, _ start: ClientMachine, _ cut: ([UInt8]) -> [[UInt8]]
  ) -> Bool {
    var machine = start
    var expected: [UInt8] = []
    for step in transcript.steps {
      switch step {
      case .server(let octets): for piece in cut(octets) { machine.receive(piece) }
      case .client(let octets): expected += octets
      case .startTLS(let isVerified): machine.startTLS(isVerified: isVerified)
      case .fail(let verdict): machine.fail(verdict)
      }
      // The server answers what the client has written, and nothing else.
      if case .client = step, !transcript.isShared, machine.output != expected {
        #expect(text(machine.output) == text(expected))
        return false
      }
    }
    if transcript.isShared {
      #expect(text(machine.output).hasPrefix(text(expected)))
      return machine.output.starts(with: expected)
    }
    #expect(text(machine.output) == text(expected))
    if !transcript.verdicts.isEmpty { #expect(machine.verdicts == transcript.verdicts) }
    return machine.output == expected
  }

  private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }
}
