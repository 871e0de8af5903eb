// Fuzzes what a milter sends: no octets of it reach a trap, what is found is the same however they come, and what its
// changes make of a header is a header.

import Milter

/// The frame that begins at `position`, or what there is of it.
private func frame(_ input: [UInt8], _ position: Int) -> [UInt8] {
  var size = 0
  for octet in input[position...].prefix(4) { size = size << 8 | Int(octet) }
  return Array(input[position...].prefix(4 + size))
}

/// What comes of it: each step as text. The octets come frame by frame, or one by one.
private func steps(_ input: [UInt8], byFrames: Bool) -> [String] {
  var chain = MilterChain([.temporaryFailure])
  var position = 0
  var steps: [String] = []
  var header = EditedHeader(Array("From: a\r\nSubject: b\r\n c\r\n".utf8))
  func play() {
    while true {
      do {
        switch try chain.next() {
        case .verdict(let verdict): return steps.append("\(verdict)")
        case .edit(let edit):
          steps.append("\(edit)")
          _ = header.apply(edit)
        case .exchange(let index):
          _ = chain.takeOutput(of: index)
          if position == input.count {
            chain.lose(index)
          } else {
            let piece = byFrames ? frame(input, position) : [input[position]]
            position += piece.count
            chain.receive(piece.span, from: index)
          }
        }
      } catch {
        steps.append(error.reason)
      }
    }
  }
  chain.begin()
  play()
  for event: Event in [
    .connect(.init(name: [65], address: .unknown)), .hello([65]), .mail([60, 62], parameters: []),
    .recipient([60, 62], parameters: []), .data, .endOfHeader, .body([65]), .end,
  ] {
    chain.send(event)
    play()
  }
  let octets = header.octets.above + header.octets.below
  precondition(EditedHeader(octets).size == octets.count)
  return steps
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMilter(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  precondition(steps(input, byFrames: true) == steps(input, byFrames: false))
  return 0
}
