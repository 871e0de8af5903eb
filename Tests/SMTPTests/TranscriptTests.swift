// Every transcript, against the machine: whole, byte by byte, and cut at every place.

import SMTP
import TestSupport
import Testing

@Suite struct TranscriptTests {
  @Test(arguments: Transcript.all)
  func whole(_ transcript: Transcript) {
    var machine = Machine(transcript)
    machine.receive(transcript.client)
    #expect(machine.replies == transcript.server)
    #expect(machine.messages == transcript.messages)
  }

  @Test(arguments: Transcript.all)
  func octetByOctet(_ transcript: Transcript) {
    var machine = Machine(transcript)
    for octet in transcript.client { machine.receive([octet]) }
    #expect(machine.replies == transcript.server)
    #expect(machine.messages == transcript.messages)
  }

  /// In two at every place; in long transcripts at as many places as time allows.
  @Test(arguments: Transcript.all)
  func cutInTwo(_ transcript: Transcript) {
    let client = transcript.client
    for cut in stride(from: 1, to: client.count, by: 1 + client.count / 1000) {
      var machine = Machine(transcript)
      machine.receive(client[..<cut])
      machine.receive(client[cut...])
      guard machine.replies == transcript.server, machine.messages == transcript.messages else {
        #expect(machine.replies == transcript.server, "cut at \(cut)")
        #expect(machine.messages == transcript.messages, "cut at \(cut)")
        return
      }
    }
  }
}
